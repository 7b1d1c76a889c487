package egress

import (
	"io"
	"strconv"
	"strings"
)

// maxFramingLine is more than any chunk extension or trailer line that means something.
const maxFramingLine = 4 << 10

// body gives an answer's body in the pieces in which it is in the buffer.
type body struct {
	framing
	b       *reader
	left    int64 // of the content, or of the current chunk
	inChunk bool  // the line break after the current chunk is still to be read
}

func newBody(f framing, b *reader) *body { return &body{framing: f, b: b, left: f.length} }

// next returns the next piece, at most limit bytes long and valid until the next call, or io.EOF at the body's end.
func (d *body) next(limit int) ([]byte, error) {
	if d.chunked && d.left <= 0 {
		if err := d.nextChunk(); err != nil {
			return nil, err
		}
	}
	if d.left == 0 {
		return nil, io.EOF
	}
	if d.b.r == d.b.w {
		if err := d.b.fill(); err == io.EOF && !d.chunked && d.length < 0 {
			return nil, io.EOF
		} else if err != nil {
			return nil, unexpected(err)
		}
	}
	n := min(d.b.w-d.b.r, limit)
	if d.left > 0 {
		n = int(min(int64(n), d.left))
		d.left -= int64(n)
	}
	piece := d.b.buf[d.b.r : d.b.r+n]
	d.b.r += n
	return piece, nil
}

// nextChunk reads a chunk's size line, and after the last chunk the trailers, which it leaves out. It sets left, to 0
// at the body's end.
func (d *body) nextChunk() error {
	if d.inChunk {
		if l, err := d.b.line(1); err != nil || len(l) > 0 {
			return orBadChunk(err)
		}
		d.inChunk = false
	}
	l, err := d.b.line(maxFramingLine)
	if err != nil {
		return err
	}
	size, _, _ := strings.Cut(string(l), ";")
	n, err := strconv.ParseUint(strings.TrimRight(size, " \t"), 16, 63)
	if err != nil {
		return orBadChunk(nil)
	}
	d.left, d.inChunk = int64(n), n > 0
	for n == 0 {
		l, err := d.b.line(maxFramingLine)
		if err != nil || len(l) == 0 {
			return err
		}
	}
	return nil
}

func orBadChunk(err error) error {
	if err != nil {
		return err
	}
	return protocolError("the answer's chunks are malformed")
}

// readBody reads at most limit bytes. whole says that the body's end was read too, so that the connection can be used
// again; truncated, that there was more than limit. What comes beyond the limit is only looked at if it is there
// already: an endless body ends here, and is no error.
func readBody(d *body, limit int) (kept []byte, truncated, whole bool, err error) {
	for {
		// At the limit one byte more is asked for: only then is it known whether the body goes on.
		piece, err := d.next(max(limit-len(kept), 1))
		if err == io.EOF {
			return kept, false, true, nil
		}
		if err != nil {
			return kept, false, false, err
		}
		if len(kept) == limit {
			break
		}
		if kept == nil {
			kept = make([]byte, 0, sizeHint(d, len(piece), limit))
		}
		kept = append(kept, piece...)
	}
	d.b.src = nil
	for {
		if _, err := d.next(readerSize); err != nil {
			return kept, true, err == io.EOF && (d.chunked || d.length >= 0), nil
		}
	}
}

// sizeHint spares small bodies a second allocation without believing a Content-Length.
func sizeHint(d *body, have, limit int) int {
	if d.chunked || d.length < 0 {
		return have
	}
	return int(min(d.length, int64(limit), 4<<10))
}
