package egress

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/hookyard/hookyard"
)

// oneWrite is the size up to which a body is copied behind the header and sent in one write. A socket buffers this
// much, so the write does not wait for the receiver. A larger body is written concurrently with reading, because a
// receiver may respond, and stop reading, before it has received everything.
const oneWrite = 32 << 10

// exchange is one call of Do.
type exchange struct {
	c        *Client
	ctx      context.Context
	r        *Request
	method   string
	target   target
	start    time.Time
	deadline time.Time
	timing   Timing
	sending  sending
}

// sending is the state of writing the request. Until done is closed, err and at belong to the writing goroutine.
type sending struct {
	done chan struct{} // nil if the request was sent in one write
	err  error
	at   time.Time // of the last byte
}

// prepare parses and checks the request.
func (x *exchange) prepare() *Error {
	var e *Error
	if x.target, e = x.c.target(x.r.URL); e != nil {
		return e
	}
	x.target.insecure = x.target.tls && x.r.InsecureTLS
	if x.method = x.r.Method; x.method == "" {
		x.method = http.MethodPost
	}
	if !hookyard.IsToken(x.method) || x.method == http.MethodConnect {
		return blocked("the method %q cannot be sent", x.method)
	}
	if e := checkHeader(x.r.Header); e != nil {
		return e
	}
	x.deadline = x.start.Add(orDefault(max(x.r.Timeout, 0), defaultTimeout))
	if d, ok := x.ctx.Deadline(); ok && d.Before(x.deadline) {
		x.deadline = d
	}
	if e := x.c.guard.checkTarget(&x.target); e != nil {
		return e
	}
	if err := errors.Join(x.ctx.Err(), x.c.life.Err()); err != nil {
		return x.fail(KindCanceled, "sending", "", err)
	}
	return nil
}

// run performs the exchange on an idle connection, or on a new one if there is none.
//
// The receiver may close an idle connection at any moment. If the connection ends before the first byte of the
// response, run sends the request once more on a new connection. The receiver may have processed the first: delivery is
// at least once, and the webhook-id identifies the repeat.
func (x *exchange) run() (*Response, *Error) {
	if cn := x.c.pool.take(x.target.key, x.start); cn != nil {
		resp, e := x.perform(cn)
		if e == nil || e.Kind != KindConnect {
			return resp, e
		}
	}
	cn, e := x.dial()
	if e != nil {
		return nil, e
	}
	return x.perform(cn)
}

// perform performs the exchange on cn and then returns cn to the pool or closes it.
func (x *exchange) perform(cn *conn) (*Response, *Error) {
	cn.read, cn.limit = 0, maxResponseHeader
	_ = cn.raw.SetDeadline(x.deadline) // fails only on a closed connection, and then the write fails too
	stop := func() bool { return true }
	if x.ctx.Done() != nil {
		stop = context.AfterFunc(x.ctx, cn.interrupt)
	}
	b := x.c.reader(cn)
	x.send(cn)
	resp, keep, e := x.receive(cn, b)
	sent := x.sent(cn)
	uninterrupted := stop() // otherwise interrupt may still be called
	if resp != nil {
		resp.Timing = x.timing
		resp.Timing.Wait = max(cn.first.Sub(x.sending.at), 0)
	}
	if keep && sent && uninterrupted && e == nil {
		x.c.pool.put(cn, time.Now())
	} else {
		x.c.pool.drop(cn)
	}
	x.c.recycle(b)
	return resp, e
}

// send writes the request, or starts writing it. It does not return an error, because a receiver that refuses a request
// may respond and close the connection: the response is read anyway, and sent reports the failure.
func (x *exchange) send(cn *conn) {
	x.sending = sending{}
	buf := x.c.writer()
	*buf = x.appendHeader((*buf)[:0], cn)
	if len(x.r.Body) <= oneWrite {
		*buf = append(*buf, x.r.Body...)
		_, x.sending.err = cn.nc.Write(*buf)
		x.sending.at = time.Now()
		x.c.writers.Put(buf)
		return
	}
	done := make(chan struct{})
	x.sending.done = done
	go func() {
		defer close(done)
		parts := net.Buffers{*buf, x.r.Body}
		_, x.sending.err = parts.WriteTo(cn.nc)
		x.sending.at = time.Now()
		x.c.writers.Put(buf)
	}()
}

// sent reports whether the whole request was written. It aborts a write that is still in progress: the receiver does
// not read the rest.
func (x *exchange) sent(cn *conn) bool {
	if x.sending.done == nil {
		return x.sending.err == nil
	}
	select {
	case <-x.sending.done:
		return x.sending.err == nil
	default:
		cn.hangUp()
		<-x.sending.done
		return false
	}
}

// receive reads the response. keep reports whether the connection is ready for another exchange.
func (x *exchange) receive(cn *conn, b *reader) (resp *Response, keep bool, e *Error) {
	h, err := b.head()
	for err == nil && h.status < 200 {
		if h.status == http.StatusSwitchingProtocols {
			err = protocolError("the answer is 101, which was not asked for")
			break
		}
		h, err = b.head() // 100 and 103 precede the final response
	}
	if err != nil && cn.read == 0 {
		return nil, false, x.fail(KindConnect, "waiting for the answer", cn.remote, err)
	}
	if err != nil {
		return nil, false, x.fail(KindProtocol, "reading the answer's header", cn.remote, err)
	}
	resp = &Response{Status: h.status, Header: h.header, Remote: cn.remote}
	limit := max(x.r.MaxBody, 0)
	// A chunk of one byte takes six on the wire. A receiver that needs more is misbehaving.
	cn.limit = 8*int64(limit) + maxResponseHeader
	f, err := h.framing(x.method)
	whole := false
	if err == nil {
		resp.Body, resp.Truncated, whole, err = readBody(newBody(f, b), limit)
	}
	if err != nil {
		return resp, false, x.fail(KindProtocol, "reading the answer's body", cn.remote, err)
	}
	return resp, whole && f.keepAlive && b.r == b.w, nil
}

// reader returns a buffer over cn.
func (c *Client) reader(cn *conn) *reader {
	b, ok := c.readers.Get().(*reader)
	if !ok {
		b = &reader{}
	}
	b.src = cn
	b.r, b.w = 0, 0
	return b
}

// recycle returns a buffer to the pool, unless it has grown too large.
func (c *Client) recycle(b *reader) {
	b.src = nil
	if len(b.buf) <= 4*readerSize {
		c.readers.Put(b)
	}
}

// writer returns a buffer to write a request into.
func (c *Client) writer() *[]byte {
	if buf, ok := c.writers.Get().(*[]byte); ok {
		return buf
	}
	return new([]byte)
}
