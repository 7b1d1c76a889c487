package hookyard

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
)

// EncodeHeader appends h to b in the form in which headers are stored: a line "Name: value" for each value, sorted by
// name. It is readable in any database tool and cheaper than JSON.
func EncodeHeader(b []byte, h http.Header) []byte {
	var buf [24]string
	names := buf[:0]
	for n := range h {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		for _, v := range h[n] {
			b = append(b, n...)
			b = append(b, ": "...)
			b = append(b, v...) // without line breaks: net/http refuses them
			b = append(b, '\n')
		}
	}
	return b
}

// DecodeHeader is the inverse of [EncodeHeader]. It skips malformed lines.
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

// credentialWords end the names of headers that hold credentials, such as X-Gitlab-Token.
var credentialWords = []string{"Token", "Secret", "Password", "Authorization", "Auth", "Apikey", "Credential",
	"Credentials", "Cookie"}

// keyWords stand before Key in such names. Other keys name things: Idempotency-Key, X-Event-Key.
var keyWords = []string{"Api", "Access", "Auth", "Functions", "Private", "Secret", "Subscription"}

// IsSensitive reports whether a header holds a credential, as far as its name tells, so that its value is not shown
// and not stored with an event or an attempt.
func IsSensitive(name string) bool {
	rest, last := cutLastWord(name)
	if strings.EqualFold(last, "Key") {
		_, before := cutLastWord(rest)
		return isOneOf(keyWords, before)
	}
	return isOneOf(credentialWords, last)
}

// cutLastWord splits a header's name before its last word.
func cutLastWord(name string) (rest, last string) {
	i := strings.LastIndexByte(name, '-')
	return name[:max(i, 0)], name[i+1:]
}

func isOneOf(words []string, s string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, s) })
}

// MaskHeader returns a copy of h with the values of sensitive headers, and of those in also, replaced by [Masked].
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
