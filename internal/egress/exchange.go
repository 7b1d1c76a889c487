package egress

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// oneWrite is the body size up to which header and body go out in one write, from a copy. Such a write does not wait
// for the receiver: a socket takes this much at once. Larger bodies are written beside the reading, as a receiver may
// answer, and stop reading, before it has all.
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

// sending is the writing of the request. While done is open, err and at belong to the goroutine that writes.
type sending struct {
	done chan struct{} // nil when it was written at once
	err  error
	at   time.Time // of the last byte
}

// prepare refuses what cannot be sent, before anything is.
func (x *exchange) prepare() *Error {
	var e *Error
	if x.target, e = x.c.target(x.r.URL); e != nil {
		return e
	}
	x.target.insecure = x.target.tls && x.r.InsecureTLS
	if x.method = x.r.Method; x.method == "" {
		x.method = http.MethodPost
	}
	if !isToken(x.method) || x.method == http.MethodConnect {
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

// run makes the exchange on an idle connection, or else on a new one.
//
// An idle connection may be closed by the other side at any moment, also just when it is used. When it ends before the
// answer's first byte, the request is sent once more on a new connection. The receiver may have seen the first: that
// is within the promise of at least once, and it knows a repeat by its webhook-id.
func (x *exchange) run() (*Response, *Error) {
	if cn := x.c.pool.take(x.target.key, x.start); cn != nil {
		resp, e := x.on(cn)
		if e == nil || e.Kind != KindConnect {
			return resp, e
		}
	}
	cn, e := x.dial()
	if e != nil {
		return nil, e
	}
	return x.on(cn)
}

// on makes the exchange on cn, and keeps cn or closes it.
func (x *exchange) on(cn *conn) (*Response, *Error) {
	cn.read, cn.limit = 0, maxAnswerHeader
	_ = cn.raw.SetDeadline(x.deadline) // fails on a closed connection only, as the write then does
	stop := func() bool { return true }
	if x.ctx.Done() != nil {
		stop = context.AfterFunc(x.ctx, cn.interrupt)
	}
	b := x.c.reader(cn)
	x.send(cn)
	resp, keep, e := x.receive(cn, b)
	sent := x.sent(cn)
	calm := stop() // else interrupt may come at any time
	if resp != nil {
		resp.Timing = x.timing
		resp.Timing.Wait = max(cn.first.Sub(x.sending.at), 0)
	}
	if keep && sent && calm && e == nil {
		x.c.pool.put(cn, time.Now())
	} else {
		x.c.pool.drop(cn)
	}
	x.c.recycle(b)
	return resp, e
}

// send writes the request, or starts to. A failure shows in sent; the answer is read even then, because a receiver
// that refuses a request may answer and hang up.
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

// sent says whether the whole request was written. It ends a writing that is still under way: nobody reads the rest.
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

// receive reads the answer. keep says that the connection is ready for another exchange.
func (x *exchange) receive(cn *conn, b *reader) (resp *Response, keep bool, e *Error) {
	h, err := b.head()
	for err == nil && h.status < 200 {
		if h.status == http.StatusSwitchingProtocols {
			err = protocolError("the answer is 101, which was not asked for")
			break
		}
		h, err = b.head() // 100 and 103 announce the real one
	}
	if err != nil && cn.read == 0 {
		return nil, false, x.fail(KindConnect, "waiting for the answer", cn.remote, err)
	}
	if err != nil {
		return nil, false, x.fail(KindProtocol, "reading the answer's header", cn.remote, err)
	}
	resp = &Response{Status: h.status, Header: h.header, Remote: cn.remote}
	limit := max(x.r.MaxBody, 0)
	// Chunks of one byte cost six on the wire; more than that is no honest framing.
	cn.limit = 8*int64(limit) + maxAnswerHeader
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

func (c *Client) reader(cn *conn) *reader {
	b, ok := c.readers.Get().(*reader)
	if !ok {
		b = &reader{}
	}
	b.src, b.r, b.w = cn, 0, 0
	return b
}

// recycle keeps a buffer of usual size for another exchange.
func (c *Client) recycle(b *reader) {
	b.src = nil
	if len(b.buf) <= 4*readerSize {
		c.readers.Put(b)
	}
}

func (c *Client) writer() *[]byte {
	if buf, ok := c.writers.Get().(*[]byte); ok {
		return buf
	}
	return new([]byte)
}
