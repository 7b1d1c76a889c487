// Package egress is the only dialer to addresses that users typed: guarded, capped and timed.
//
// A [Client] makes one HTTP/1.1 exchange at a time on a connection and does it in the caller's goroutine, without the
// two goroutines per connection of net/http: at thousands of small requests a second those are most of the cost. What
// makes that possible is that a request's body is always in memory and an answer's body is always cut at a limit.
//
// The guard sits between the name's resolution and the dial: every address a name resolves to is held against the
// IANA special-purpose registries, and the checked address itself is dialled, so that a name cannot be private the
// second time it is asked for. Redirects are never followed, content is never decompressed, the environment's proxy
// is ignored unless asked for.
//
// The package imports the standard library only.
package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// What a zero value in [Options] or [Request] means.
const (
	defaultTimeout     = 15 * time.Second
	defaultDialTimeout = 10 * time.Second
	defaultTLSTimeout  = 10 * time.Second
	defaultIdlePerHost = 128
	defaultIdle        = 1024
	idleTimeout        = 60 * time.Second
	maxAnswerHeader    = 64 << 10
)

// Options configure a [Client]. The zero value is the safe default.
type Options struct {
	// Allow lists what may be dialled although the guard would refuse it (--allow-target): an address, a CIDR range,
	// a host name, or *.suffix for every name below suffix. A name allows whatever address it resolves to.
	Allow []string
	// Proxy is "" for none (the environment is ignored), "env" for HTTP_PROXY, HTTPS_PROXY and NO_PROXY, or an
	// http:// URL. The proxy resolves names and must do the filtering; literal addresses are still refused here.
	Proxy     string
	UserAgent string         // sent unless the request has its own
	RootCAs   *x509.CertPool // nil means the system's
	Resolver  *net.Resolver  // nil means the system's

	MaxIdlePerHost int           // idle connections kept to one host and port; 0 means 128, less than 0 none
	MaxIdle        int           // idle connections kept in all; 0 means 1024, less than 0 none
	DialTimeout    time.Duration // for lookup and connecting, within the request's timeout; 0 means 10 s
	TLSTimeout     time.Duration // for the handshake, within the request's timeout; 0 means 10 s
}

// Client sends requests. It is safe for concurrent use.
type Client struct {
	targets sync.Map // URL -> target, read before
	known   atomic.Int32

	userAgent   string
	guard       guard
	proxy       func(*http.Request) (*url.URL, error) // nil means none
	dialer      net.Dialer
	resolver    *net.Resolver
	tls         *tls.Config // cloned for each dial
	dialTimeout time.Duration
	tlsTimeout  time.Duration

	life context.Context // ends with Close
	end  context.CancelCauseFunc
	pool pool

	readers sync.Pool // *reader: an idle connection holds no buffer
	writers sync.Pool // *[]byte
}

// New makes a client. Its error names the entry of Allow, or the proxy, that is wrong.
func New(o Options) (*Client, error) {
	g, err := newGuard(o.Allow)
	if err != nil {
		return nil, err
	}
	proxy, err := proxyFunc(o.Proxy)
	if err != nil {
		return nil, err
	}
	c := &Client{
		userAgent:   o.UserAgent,
		guard:       g,
		proxy:       proxy,
		dialer:      net.Dialer{KeepAlive: -1}, // idle connections end after a minute anyway
		resolver:    net.DefaultResolver,
		dialTimeout: orDefault(o.DialTimeout, defaultDialTimeout),
		tlsTimeout:  orDefault(o.TLSTimeout, defaultTLSTimeout),
		tls: &tls.Config{
			RootCAs:            o.RootCAs,
			MinVersion:         tls.VersionTLS12,
			NextProtos:         []string{"http/1.1"},
			ClientSessionCache: tls.NewLRUClientSessionCache(256),
		},
	}
	if o.Resolver != nil {
		c.resolver = o.Resolver
	}
	c.pool.perHost = orDefault(o.MaxIdlePerHost, defaultIdlePerHost)
	c.pool.max = orDefault(o.MaxIdle, defaultIdle)
	c.life, c.end = context.WithCancelCause(context.Background())
	return c, nil
}

func orDefault[T int | time.Duration](v, otherwise T) T {
	if v == 0 {
		return otherwise
	}
	return v
}

// Close closes idle connections and ends exchanges under way, whose errors then match [ErrClosed]. Later calls of
// [Client.Do] fail the same way. Close may be called more than once.
func (c *Client) Close() {
	c.end(ErrClosed)
	c.pool.close()
}

// Request is one request to send. It is only read, and not kept after [Client.Do] returns.
type Request struct {
	Method string // "" means POST
	URL    string // http or https; user:password@ becomes an Authorization header unless Header has one
	// Header is sent as given, capitalisation kept, sorted by name. Framing is not the caller's: Host, Content-Length,
	// Transfer-Encoding, Connection and the other hop-by-hop names in it are left out.
	Header      http.Header
	Body        []byte
	Timeout     time.Duration // of the whole exchange, from lookup to the answer's last byte; 0 means 15 s
	MaxBody     int           // bytes kept of the answer's body
	InsecureTLS bool          // take any certificate
}

// Response is what the receiver answered.
type Response struct {
	Status    int
	Header    http.Header   // names in canonical form; control characters in values are replaced by spaces
	Body      []byte        // at most MaxBody bytes, still encoded as Content-Encoding says
	Truncated bool          // the body was longer than Body
	Remote    string        // address and port that were dialled
	Duration  time.Duration // of the whole exchange
	Timing    Timing
}

// Timing splits the duration of an exchange; parts that did not happen (a reused connection) are zero.
type Timing struct {
	DNS     time.Duration
	Connect time.Duration
	TLS     time.Duration
	Wait    time.Duration // from the request's last byte written to the answer's first byte read
}

// Do sends r and reads the answer, whatever its status. The error is always an [*Error]. When it came about after the
// answer's header, the response is not nil either and holds what was read.
//
// When ctx ends, the exchange ends at once.
func (c *Client) Do(ctx context.Context, r *Request) (*Response, error) {
	x := exchange{c: c, ctx: ctx, r: r, start: time.Now()}
	// All checks also for a pooled connection: what is refused must be refused the same way every time.
	if e := x.prepare(); e != nil {
		return nil, e
	}
	resp, e := x.run()
	if resp != nil {
		resp.Duration = time.Since(x.start)
	}
	if e != nil { // not just "return resp, e": a nil *Error in an error is not nil
		return resp, e
	}
	return resp, nil
}

// CheckURL refuses what [Client.Do] would refuse without asking the DNS: a URL that is not http or https, a literal
// address or a spelling of localhost that the guard does not let through. It is for saying so when a URL is saved,
// with the same text. The error is an [*Error] of kind [KindBlocked].
func (c *Client) CheckURL(_ context.Context, rawURL string) error {
	t, e := parseTarget(rawURL)
	if e == nil {
		e = c.guard.checkTarget(&t)
	}
	if e != nil {
		return e
	}
	return nil
}
