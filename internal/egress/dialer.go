package egress

import (
	"context"
	"net"
	"time"
)

// Dial opens a TCP connection to "host:port" for protocols other than HTTP. As in [Client.Do], a name is resolved once,
// every address is checked by the guard, and a checked address is dialed. Dial does not use the proxy. The caller must
// close the connection. The error is always an [*Error].
func (c *Client) Dial(ctx context.Context, addr string) (net.Conn, error) {
	x := exchange{c: c, ctx: ctx, start: time.Now()}
	x.deadline = x.start.Add(c.dialTimeout)
	if d, ok := ctx.Deadline(); ok && d.Before(x.deadline) {
		x.deadline = d
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, blocked("the address is not host:port")
	}
	e := x.target.setHost(host)
	if e == nil {
		e = x.target.setPort(port)
	}
	if e == nil {
		e = c.guard.checkTarget(&x.target)
	}
	if e != nil {
		return nil, e
	}
	ctx, cancel := context.WithDeadline(ctx, x.deadline)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()
	addrs, e := x.resolve(ctx)
	if e != nil {
		return nil, e
	}
	conn, e := x.connectAny(ctx, addrs)
	if e != nil {
		return nil, e
	}
	return conn, nil
}
