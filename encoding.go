package hookyard

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"strings"
)

// Bounds on compressed bodies.
const (
	maxRatio = 100     // of a body to its compressed form, beyond the first maxPlain bytes
	maxPlain = 1 << 20 // bytes of a compressed body that is looked into
)

// Encoding returns the Content-Encoding of the body in lower case, or "" if the body is not compressed.
func (e *Event) Encoding() string { return encodingOf(e.Header.Get("Content-Encoding")) }

func encodingOf(value string) string {
	value = strings.ToLower(strings.TrimSpace(value))
	if value == "identity" {
		return ""
	}
	return value
}

// Plain returns the body without its Content-Encoding, or the body as it is if it is not compressed, cannot be
// decompressed or has more than 1 MiB decompressed. The slice must not be modified.
func (e *Event) Plain() []byte {
	if e.plain != nil {
		return e.plain
	}
	encoding := e.Encoding()
	if encoding == "" || len(e.Body) == 0 || e.DataOffset > 0 {
		return e.Body
	}
	r, err := decompressor(encoding, e.Body)
	if err != nil {
		return e.Body
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxPlain+1))
	if err != nil || len(plain) > maxPlain {
		return e.Body
	}
	return plain
}

// KeepPlain decompresses the body once for all later calls of Plain. Call it before the event is shared.
func (e *Event) KeepPlain() {
	if e.Encoding() != "" {
		e.plain = e.Plain()
	}
}

// CheckEncoding returns an error unless a body of this Content-Encoding can be stored: Unsupported for encodings other
// than gzip and deflate, Invalid for a body that is not in its encoding, and TooLarge for one that has more than limit
// bytes, or more than a hundred times its own, decompressed.
func CheckEncoding(contentEncoding string, body []byte, limit int64) error {
	encoding := encodingOf(contentEncoding)
	if encoding == "" {
		return nil
	}
	if encoding != "gzip" && encoding != "deflate" {
		return Errorf(Unsupported, "Content-Encoding %s is not accepted: send the body uncompressed, or in gzip "+
			"or deflate", Clean(encoding, 50))
	}
	if len(body) == 0 {
		return nil
	}
	r, err := decompressor(encoding, body)
	broken := Errorf(Invalid, "the body is not in its Content-Encoding, %s", encoding)
	if err != nil {
		return broken
	}
	most := min(limit, max(maxPlain, maxRatio*int64(len(body))))
	size, err := io.Copy(io.Discard, io.LimitReader(r, most+1))
	switch {
	case size > limit:
		return Errorf(TooLarge, "body is larger than %d bytes decompressed (setting: --max-body)", limit)
	case size > most:
		return Errorf(TooLarge, "body is more than %d times as large decompressed as compressed", maxRatio)
	case err != nil:
		return broken
	}
	return nil
}

func decompressor(encoding string, body []byte) (io.Reader, error) {
	switch encoding {
	case "gzip":
		return gzip.NewReader(bytes.NewReader(body))
	case "deflate":
		return zlib.NewReader(bytes.NewReader(body))
	}
	return nil, ErrUnsupported
}
