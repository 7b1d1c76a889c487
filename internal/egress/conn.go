package egress

import (
	"io"
	"net"
	"time"
)

// quietTime is how long a connection may have been idle and still be used without a check. Servers keep idle
// connections open for seconds.
const quietTime = time.Second

// conn is a connection with its state. During an exchange it belongs to the goroutine of the exchange; while idle, to
// the pool.
type conn struct {
	key
	nc     net.Conn // TLS or plain, to write to and read from
	raw    net.Conn // the transport below
	remote string
	// absolute and proxyAuth are for a connection to a proxy without a tunnel: request lines hold the whole URL.
	absolute  bool
	proxyAuth string

	read  int64 // bytes read in this exchange
	limit int64 // bytes that may still be read
	first time.Time

	idleSince    time.Time // guarded by the pool, like older and newer
	older, newer *conn
}

// Read counts and limits the bytes read.
func (cn *conn) Read(b []byte) (int, error) {
	if cn.limit <= 0 {
		return 0, errLimit
	}
	if int64(len(b)) > cn.limit {
		b = b[:cn.limit]
	}
	n, err := cn.nc.Read(b)
	if n > 0 {
		if cn.read == 0 {
			cn.first = time.Now()
		}
		cn.read += int64(n)
		cn.limit -= int64(n)
	}
	return n, err
}

const (
	errLimit = protocolError("the answer is larger than can be read")
	errCut   = protocolError("the answer's rest is not there yet")
)

// reader is a buffer over a connection. It is not safe for concurrent use.
type reader struct {
	src  io.Reader // nil: only the buffer may be used, and fill fails with errCut
	buf  []byte
	r, w int // buf[r:w] is unread
}

const readerSize = 4 << 10

// fill reads once into the buffer. A source that repeatedly returns nothing is an error.
func (b *reader) fill() error {
	if b.src == nil {
		return errCut
	}
	if b.r > 0 {
		b.w = copy(b.buf, b.buf[b.r:b.w])
		b.r = 0
	}
	if b.w == len(b.buf) {
		grown := make([]byte, max(readerSize, 2*len(b.buf)))
		copy(grown, b.buf[:b.w])
		b.buf = grown
	}
	for range 100 {
		n, err := b.src.Read(b.buf[b.w:])
		b.w += n
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// line returns the next line without its line break, valid until the next call.
func (b *reader) line(limit int) ([]byte, error) {
	seen := 0
	for {
		for i := b.r + seen; i < b.w; i++ {
			if b.buf[i] != '\n' {
				continue
			}
			l := b.buf[b.r:i]
			b.r = i + 1
			if n := len(l); n > 0 && l[n-1] == '\r' {
				l = l[:n-1]
			}
			return l, nil
		}
		seen = b.w - b.r
		if seen > limit {
			return nil, protocolError("a line of the answer's body framing is too long")
		}
		if err := b.fill(); err != nil {
			return nil, unexpected(err)
		}
	}
}

// unexpected turns io.EOF into io.ErrUnexpectedEOF.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// interrupt aborts reads and writes. It is safe for concurrent use.
func (cn *conn) interrupt() { _ = cn.raw.SetDeadline(time.Unix(1, 0)) }

// hangUp closes the transport without a TLS alert, whose write can block for seconds. HTTP's framing already marks the
// end of the exchange.
func (cn *conn) hangUp() { _ = cn.raw.Close() }
