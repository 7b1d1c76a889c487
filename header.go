package hookyard

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
)

// EncodeHeader writes a header as it stands on the wire, one "Name: value" a line, sorted by name: the form in which
// headers are stored, readable with any database tool and cheaper than JSON. It appends to b.
func EncodeHeader(b []byte, h http.Header) []byte {
	var room [24]string
	names := room[:0]
	for n := range h {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		for _, v := range h[n] {
			b = append(b, n...)
			b = append(b, ": "...)
			b = append(b, v...) // net/http lets no line breaks in
			b = append(b, '\n')
		}
	}
	return b
}

// DecodeHeader reads what [EncodeHeader] wrote; what it cannot read it leaves out.
func DecodeHeader(b []byte) http.Header {
	h := http.Header{}
	for line := range bytes.Lines(b) {
		name, value, ok := strings.Cut(strings.TrimSuffix(string(line), "\n"), ": ")
		if ok {
			h[name] = append(h[name], value)
		}
	}
	return h
}

// sensitive are headers that hold credentials: kept out of stored events and masked in stored attempts.
var sensitive = []string{"Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "X-Gitlab-Token", "X-Api-Key",
	"X-Telegram-Bot-Api-Secret-Token", "Dg-Token"}

// IsSensitive says whether a header's value must not be shown.
func IsSensitive(name string) bool {
	name = http.CanonicalHeaderKey(name)
	return slices.Contains(sensitive, name)
}

// MaskHeader returns a copy of h with the values of sensitive headers, and of the named ones, replaced by ***.
func MaskHeader(h http.Header, also ...string) http.Header {
	out := make(http.Header, len(h))
	for n, v := range h {
		if IsSensitive(n) || slices.Contains(also, n) {
			v = []string{Masked}
		}
		out[n] = v
	}
	return out
}
