package egress

import (
	"io"
	"strconv"
	"strings"
)

// maxFramingLine bounds chunk sizes with their extensions, and trailers. Meaningful ones are shorter.
const maxFramingLine = 4 << 10

// body reads the body of a response piece by piece from the buffer.
type body struct {
	framing
	b       *reader
	left    int64 // of the content, or of the current chunk
	inChunk bool  // the line break after the current chunk has not been read
}

func newBody(f framing, b *reader) *body { return &body{framing: f, b: b, left: f.length} }

// next returns the next piece, at most limit bytes long and valid until the next call, or io.EOF at the end of the
// body.
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

// nextChunk reads the size of the next chunk and, after the last chunk, skips the trailers. It sets left, to 0 at the
// end of the body.
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

// orBadChunk returns err, or the error for malformed chunks if err is nil.
func orBadChunk(err error) error {
	if err != nil {
		return err
	}
	return protocolError("the answer's chunks are malformed")
}

// readBody reads at most limit bytes. truncated reports whether there was more. whole reports whether the end of the
// body was read, so that the connection can be used again. Beyond the limit, readBody only examines what is in the
// buffer: an endless body is truncated and not an error.
func readBody(d *body, limit int) (kept []byte, truncated, whole bool, err error) {
	for {
		// At the limit, one more byte shows whether the body continues.
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

// sizeHint returns the initial capacity for a body: enough for small ones, without trusting a Content-Length.
func sizeHint(d *body, have, limit int) int {
	if d.chunked || d.length < 0 {
		return have
	}
	return int(min(d.length, int64(limit), 4<<10))
}
