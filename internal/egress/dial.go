package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"time"
)

// maxAddresses is how many addresses of a name are tried.
const maxAddresses = 8

// dial opens a connection to the target, through its proxy if there is one, and performs the TLS handshake.
func (x *exchange) dial() (*conn, *Error) {
	ctx, cancel := context.WithDeadline(x.ctx, x.deadline)
	defer cancel()
	defer context.AfterFunc(x.c.life, cancel)()

	proxy, e := x.c.proxyFor(&x.target)
	if e != nil {
		return nil, e
	}
	raw, e := x.connect(ctx, proxy)
	if e != nil {
		return nil, e
	}
	cn := &conn{key: x.target.key, nc: raw, raw: raw, remote: raw.RemoteAddr().String()}
	if !x.c.pool.add(cn) {
		cn.hangUp()
		return nil, x.fail(KindConnect, "connecting", cn.remote, ErrClosed)
	}
	if proxy != nil {
		e = x.throughProxy(ctx, cn, proxy)
	}
	if e == nil && x.target.tls {
		e = x.handshake(ctx, cn)
	}
	if e != nil {
		x.c.pool.drop(cn)
		return nil, e
	}
	return cn, nil
}

// connect opens the transport, to the operator's proxy or to a checked address.
func (x *exchange) connect(ctx context.Context, proxy *url.URL) (net.Conn, *Error) {
	ctx, cancel := context.WithTimeout(ctx, x.c.dialTimeout)
	defer cancel()
	if proxy != nil {
		start := time.Now()
		raw, err := x.c.dialer.DialContext(ctx, "tcp", proxy.Host)
		x.timing.Connect = time.Since(start)
		if err != nil {
			return nil, x.fail(KindConnect, "connecting to the proxy", proxy.Host, err)
		}
		return raw, nil
	}
	addrs, e := x.resolve(ctx)
	if e != nil {
		return nil, e
	}
	return x.connectAny(ctx, addrs)
}

// resolve returns the addresses that may be dialed. The caller must dial these and not the name, which could resolve to
// another address the next time.
func (x *exchange) resolve(ctx context.Context) ([]netip.Addr, *Error) {
	t := &x.target
	if t.addr.IsValid() { // prepare has checked it
		return []netip.Addr{t.addr}, nil
	}
	start := time.Now()
	addrs, err := x.c.resolver.LookupNetIP(ctx, "ip", t.host)
	x.timing.DNS = time.Since(start)
	if err != nil {
		return nil, x.lookupError(ctx, err)
	}
	return x.c.guard.choose(t, addrs)
}

// lookupError returns the Error for a failed lookup.
func (x *exchange) lookupError(ctx context.Context, err error) *Error {
	var d *net.DNSError
	if ctx.Err() != nil || !errors.As(err, &d) {
		return x.fail(KindDNS, "looking up "+x.target.host, "", err)
	}
	// Not by fail: a name server that does not answer is not the limit of the exchange.
	why := d.Err
	if d.IsTimeout {
		why = "no name server answered"
	}
	return &Error{Kind: KindDNS, Message: "looking up " + x.target.host + " failed: " + why, Err: err}
}

// connectAny dials the addresses in order. Each gets an equal share of the remaining time.
func (x *exchange) connectAny(ctx context.Context, addrs []netip.Addr) (net.Conn, *Error) {
	start := time.Now()
	defer func() { x.timing.Connect = time.Since(start) }()
	addrs = addrs[:min(len(addrs), maxAddresses)]
	var first *Error
	for i, a := range addrs {
		a = a.WithZone("").Unmap()
		remote := net.JoinHostPort(a.String(), x.target.port)
		deadline, _ := ctx.Deadline()
		one, cancel := context.WithTimeout(ctx, time.Until(deadline)/time.Duration(len(addrs)-i))
		raw, err := x.c.dialer.DialContext(one, "tcp", remote)
		cancel()
		if err == nil {
			return raw, nil
		}
		if first == nil {
			first = x.fail(KindConnect, "connecting to "+remote, remote, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, first
}

// handshake performs the TLS handshake on cn. The certificate must be for the host of the URL, not for its address.
func (x *exchange) handshake(ctx context.Context, cn *conn) *Error {
	ctx, cancel := context.WithTimeout(ctx, x.c.tlsTimeout)
	defer cancel()
	start := time.Now()
	config := x.c.tls.Clone()
	config.ServerName = x.target.host
	config.InsecureSkipVerify = x.target.insecure
	_ = cn.raw.SetDeadline(time.Time{}) // ctx has the deadline
	tc := tls.Client(cn.raw, config)
	err := tc.HandshakeContext(ctx)
	x.timing.TLS = time.Since(start)
	if err != nil {
		return x.fail(KindTLS, "the TLS handshake with "+x.target.host, cn.remote, err)
	}
	cn.nc = tc
	return nil
}

// limit returns the time limit for a step that fails with the given kind.
func (x *exchange) limit(kind string) string {
	d := x.deadline.Sub(x.start)
	switch kind {
	case KindDNS, KindConnect:
		d = min(d, x.c.dialTimeout)
	case KindTLS:
		d = min(d, x.c.tlsTimeout)
	}
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + " s"
}
