package hookyard

import (
	"net/http"
	"strings"
)

// Decompress returns a body without its Content-Encoding, as [Event.Encoding] names it. ok is false for a body that
// cannot be decompressed or has more bytes decompressed than are looked into. It is safe for concurrent use.
type Decompress func(encoding string, body []byte) (plain []byte, ok bool)

// ContentEncoding returns the Content-Encoding of a header in lower case: "" if there is none, and several with ", "
// between them, in the order in which they were applied.
func ContentEncoding(h http.Header) string {
	var all []string
	for _, value := range h["Content-Encoding"] {
		for one := range strings.SplitSeq(value, ",") {
			switch one = strings.ToLower(strings.TrimSpace(one)); one {
			case "", "identity":
			case "x-gzip": // means the same (RFC 9110, 8.4.1.3)
				all = append(all, "gzip")
			default:
				all = append(all, one)
			}
		}
	}
	return strings.Join(all, ", ")
}

// Encoding returns the [ContentEncoding] of the body, or "" if the body is not compressed.
func (e *Event) Encoding() string {
	if len(e.Header["Content-Encoding"]) == 0 {
		return ""
	}
	return ContentEncoding(e.Header)
}

// Plain returns the body without its Content-Encoding. It is the body as it is if it is not compressed, if Decompress
// is nil, or if it cannot be decompressed within the limit of what is looked into. The slice must not be modified.
func (e *Event) Plain() []byte {
	if e.plain != nil {
		return e.plain
	}
	unpacked, _ := e.Unpacked()
	if unpacked.plain != nil {
		return unpacked.plain
	}
	return e.Body
}

// Sent returns the body if it is compressed, and nil if it is not.
func (e *Event) Sent() []byte {
	if e.Encoding() == "" {
		return nil
	}
	return e.Body
}

// SetPlain holds the decompressed body for the calls of Plain; nil releases it. The event must not be shared yet.
func (e *Event) SetPlain(plain []byte) { e.plain = plain }

// Unpacked returns the event, or a copy that holds the body decompressed if it is compressed. ok is false if it is
// and Plain cannot decompress it.
func (e *Event) Unpacked() (unpacked *Event, ok bool) {
	if e.plain != nil || len(e.Body) == 0 || e.DataOffset > 0 || e.Encoding() == "" {
		return e, true
	}
	if e.Decompress == nil {
		return e, false
	}
	plain, ok := e.Decompress(e.Encoding(), e.Body)
	if !ok {
		return e, false
	}
	with := *e
	with.plain = plain
	return &with, true
}

// DecodeSize returns how many bytes there may be to decode where limit bytes of a body are looked into: the body's, or
// limit if it is compressed.
func (e *Event) DecodeSize(limit int64) int64 {
	if e.Encoding() != "" && e.DataOffset == 0 {
		return limit
	}
	return int64(len(e.Body))
}
