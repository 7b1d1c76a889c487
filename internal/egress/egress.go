// Package egress is the only dialer to addresses that users typed: guarded, capped and timed.
//
// A [Client] runs an HTTP/1.1 exchange in the caller's goroutine, without the two goroutines that net/http keeps for
// each connection: at thousands of small requests per second those are most of the cost. It can do so because the body
// of a request is always in memory and the body of a response is always truncated at a limit.
//
// The guard stands between resolving a name and dialing. It checks every address of the name against the IANA
// special-purpose registries, and the client dials a checked address and not the name, which could resolve to a private
// address the second time. The client never follows redirects, never decompresses content, and ignores the proxy of the
// environment unless told to use it.
//
// Beside the standard library it imports only the root package and the encoding of international host names.
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

// Defaults for zero values in [Options] and [Request].
const (
	defaultTimeout     = 15 * time.Second
	defaultDialTimeout = 10 * time.Second
	defaultTLSTimeout  = 10 * time.Second
	defaultIdlePerHost = 128
	defaultIdle        = 1024
	idleTimeout        = 60 * time.Second
	maxResponseHeader  = 64 << 10
)

// Options configure a [Client]. The zero value is safe.
type Options struct {
	// Allow lists exceptions from the guard (--allow-target): an address, a CIDR range, a host name, or *.suffix for
	// every name below suffix. A name is allowed with any address that it resolves to.
	Allow []string
	// Proxy is "" for none, "env" for HTTP_PROXY, HTTPS_PROXY and NO_PROXY, or an http:// URL. The proxy resolves names
	// and must filter them; literal addresses are still checked here.
	Proxy     string
	UserAgent string         // default for requests without one
	RootCAs   *x509.CertPool // nil means the system's
	Resolver  *net.Resolver  // nil means the system's

	MaxIdlePerHost int           // idle connections to one host and port; 0 means 128, negative none
	MaxIdle        int           // idle connections in all; 0 means 1024, negative none
	DialTimeout    time.Duration // for lookup and connecting, within the request's timeout; 0 means 10 s
	TLSTimeout     time.Duration // for the handshake, within the request's timeout; 0 means 10 s
}

// Client sends requests. It is safe for concurrent use.
type Client struct {
	targets sync.Map     // of URL to target, a cache
	known   atomic.Int32 // entries in targets

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

// New returns a client. The error names the wrong entry of Allow, or the proxy.
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
		dialer:      net.Dialer{KeepAlive: -1}, // the pool closes idle connections after a minute
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

// Close closes idle connections and aborts exchanges in flight, whose errors then match [ErrClosed]. Later calls of
// [Client.Do] fail the same way. Close may be called more than once.
func (c *Client) Close() {
	c.end(ErrClosed)
	c.pool.close()
}

// Request is one request to send. [Client.Do] does not modify it and keeps no reference to it.
type Request struct {
	Method string // "" means POST
	URL    string // http or https; user:password@ becomes an Authorization header unless Header has one
	// Header is sent sorted by name, with the given capitalization. Host, Content-Length, Transfer-Encoding, Connection
	// and the other hop-by-hop headers in it are ignored: the client does the framing.
	Header      http.Header
	Body        []byte
	Timeout     time.Duration // for the exchange, from lookup to the last byte of the response; 0 means 15 s
	MaxBody     int           // bytes of the response's body to return
	InsecureTLS bool          // accept any certificate
}

// Response is the receiver's response.
type Response struct {
	Status    int
	Header    http.Header   // names in canonical form; control characters in values are replaced by spaces
	Body      []byte        // at most MaxBody bytes; Content-Encoding is not decoded
	Truncated bool          // the body was longer than Body
	Remote    string        // address and port that were dialed
	Duration  time.Duration // of the whole exchange
	Timing    Timing
}

// Timing breaks down the duration of an exchange. What did not happen, because the connection was reused, is zero.
type Timing struct {
	DNS     time.Duration
	Connect time.Duration
	TLS     time.Duration
	Wait    time.Duration // from writing the last byte of the request to reading the first byte of the response
}

// Do sends r and returns the response, whatever its status. The error is always an [*Error]. After an error that
// occurred behind the header of the response, the response is not nil and holds what was read.
//
// The exchange ends as soon as ctx does.
func (c *Client) Do(ctx context.Context, r *Request) (*Response, error) {
	x := exchange{c: c, ctx: ctx, r: r, start: time.Now()}
	// Every request is checked, including one for an idle connection: refusals must not depend on the pool.
	if e := x.prepare(); e != nil {
		return nil, e
	}
	resp, e := x.run()
	if resp != nil {
		resp.Duration = time.Since(x.start)
	}
	if e != nil { // a nil *Error in an error would not be nil
		return resp, e
	}
	return resp, nil
}

// CheckURL returns the error, of kind [KindBlocked], with which [Client.Do] would refuse the URL before any DNS lookup:
// when it is not http or https, or when its host is a literal address or a form of localhost that the guard refuses.
// Use it to report such an error when a URL is saved.
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
