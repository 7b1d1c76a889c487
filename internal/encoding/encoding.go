// Package encoding decompresses bodies in the content encodings of HTTP that are accepted, within limits of size, ratio
// and memory.
package encoding

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/semaphore"

	"github.com/hookyard/hookyard"
)

// Bounds on what is decompressed.
const (
	maxRatio  = 100     // of the decompressed bytes to the compressed ones read so far, beyond the first freeBytes
	freeBytes = 1 << 20 // that a body may have decompressed whatever its ratio
	// A zstd frame says how much of what it decompresses to must stay in memory. This is the most that it may say in a
	// content encoding (RFC 9659).
	maxWindow = 8 << 20
	maxOpen   = 4 // bodies that are decompressed at the same time
)

// accepted are the encodings that are accepted, by name.
var accepted = []string{"gzip", "deflate", "zstd"}

// IsAccepted reports whether bodies in an encoding, in lower case, are accepted.
func IsAccepted(encoding string) bool { return slices.Contains(accepted, encoding) }

// Of returns the Content-Encoding of a request, or "" if its body is not compressed. It fails with Unsupported for an
// encoding that is not accepted, and for several.
func Of(h http.Header) (string, error) {
	encoding := hookyard.ContentEncoding(h)
	switch {
	case encoding == "" || IsAccepted(encoding):
		return encoding, nil
	case strings.Contains(encoding, ","):
		return "", hookyard.Errorf(hookyard.Unsupported, "Content-Encoding %s is not accepted: "+
			"compress the body once, in gzip, deflate or zstd, or not at all", hookyard.Clean(encoding, 50))
	}
	return "", hookyard.Errorf(hookyard.Unsupported, "Content-Encoding %s is not accepted: "+
		"send the body uncompressed, or in gzip, deflate or zstd", hookyard.Clean(encoding, 50))
}

// Decoder decompresses bodies. It is safe for concurrent use.
type Decoder struct {
	body int64 // most bytes of a body decompressed
	look int64 // most bytes of one that is looked into
	open *semaphore.Weighted
}

// NewDecoder returns a Decoder for bodies of at most limits.Body bytes decompressed, of which those of at most
// limits.Decode are looked into.
func NewDecoder(limits hookyard.Limits) *Decoder {
	return &Decoder{body: limits.Body, look: limits.Decode, open: semaphore.NewWeighted(maxOpen)}
}

// For returns what decompresses bodies in one encoding. It is safe for concurrent use.
func (d *Decoder) For(encoding string) Encoded { return Encoded{d, encoding} }

// Encoded decompresses bodies in one encoding.
type Encoded struct {
	d        *Decoder
	encoding string
}

// Size returns the length of a body decompressed, without keeping it. compressed must not wait for a sender. It fails
// with Invalid for a body that is not in its encoding, with TooLarge for one beyond the limits, and with the errors of
// compressed and ctx.
func (e Encoded) Size(ctx context.Context, compressed io.Reader) (int64, error) {
	return e.d.copy(ctx, e.encoding, io.Discard, compressed)
}

// Read returns a body decompressed. size is what Size returned for it.
func (e Encoded) Read(ctx context.Context, compressed io.Reader, size int64) ([]byte, error) {
	plain := bytes.NewBuffer(make([]byte, 0, size))
	_, err := e.d.copy(ctx, e.encoding, plain, compressed)
	return plain.Bytes(), err
}

// IsLookedInto reports whether a body of that many bytes decompressed is looked into.
func (d *Decoder) IsLookedInto(size int64) bool { return size <= d.look }

// Plain decompresses a body that is looked into. See [hookyard.Decompress] for the contract.
func (d *Decoder) Plain(encoding string, body []byte) ([]byte, bool) {
	if !IsAccepted(encoding) {
		return nil, false
	}
	var plain bytes.Buffer
	_, err := d.copy(context.Background(), encoding, limited{&plain, d.look}, bytes.NewReader(body))
	return plain.Bytes(), err == nil
}

// limited fails instead of writing more than room bytes.
type limited struct {
	b    *bytes.Buffer
	room int64
}

func (l limited) Write(p []byte) (int, error) {
	if int64(l.b.Len()+len(p)) > l.room {
		return 0, hookyard.ErrTooLarge
	}
	return l.b.Write(p)
}

// copy writes a body decompressed, and returns its length.
func (d *Decoder) copy(ctx context.Context, encoding string, to io.Writer, compressed io.Reader) (int64, error) {
	if err := d.open.Acquire(ctx, 1); err != nil {
		return 0, err
	}
	defer d.open.Release(1)
	from := &counted{r: compressed}
	r, err := open(encoding, from)
	if err != nil {
		return 0, from.fault(encoding, err)
	}
	defer func() { _ = r.Close() }() // it was read to its end, or is given up
	var size int64
	buffer := make([]byte, 32<<10)
	for {
		n, err := r.Read(buffer)
		size += int64(n)
		switch {
		case size > d.body:
			return size, hookyard.Errorf(hookyard.TooLarge, "body is larger than %d bytes decompressed "+
				"(setting: --max-body)", d.body)
		case size > max(freeBytes, maxRatio*from.n):
			return size, hookyard.Errorf(hookyard.TooLarge, "body is more than %d times as large decompressed as "+
				"compressed: send it uncompressed", maxRatio)
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return size, err
		}
		if err == io.EOF {
			return size, nil
		}
		if err != nil {
			return size, from.fault(encoding, err)
		}
	}
}

func open(encoding string, r io.Reader) (io.ReadCloser, error) {
	switch encoding {
	case "gzip":
		return gzip.NewReader(r)
	case "deflate":
		return zlib.NewReader(r)
	case "zstd":
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow),
			zstd.WithDecodeBuffersBelow(0))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return nil, errors.ErrUnsupported
}

// counted counts the bytes read, and keeps the error that is not the end.
type counted struct {
	r   io.Reader
	n   int64
	err error
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

// fault returns what the sender needs to know of an error of decompression.
func (c *counted) fault(encoding string, err error) error {
	switch {
	case c.err != nil:
		return c.err
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return hookyard.Errorf(hookyard.TooLarge, "the body was compressed with a zstd window of more than %d bytes: "+
			"compress it with a smaller one", maxWindow)
	}
	return hookyard.Errorf(hookyard.Invalid, "the body is not in its Content-Encoding, %s", encoding)
}
