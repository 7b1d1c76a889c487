package hookyard

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
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

// IsSensitive reports whether a header holds a credential, judging by its name, so that its value is not shown
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

// shownHeaders are the headers whose values are shown although a hook's author chose them.
var shownHeaders = [...]string{"Accept", "Accept-Language", "Content-Type", "User-Agent"}

// IsShown reports whether the value of a header that a hook adds is shown. The names of the others say too little about
// whether their values are credentials.
func IsShown(name string) bool { return containsFold(shownHeaders[:], name) }

// MaskSent returns a copy of the header of an attempt as it is stored and shown: with [Masked] for the values of what
// the hook adds, of credentials, and of signatures, with which a reader could send the same body to the receiver.
func MaskSent(sent http.Header, h *Hook) http.Header {
	out := make(http.Header, len(sent))
	for name, values := range sent {
		_, added := h.Headers[name]
		if added && !IsShown(name) || IsSensitive(name) || isSignature(name) {
			values = []string{Masked}
		}
		out[name] = values
	}
	return out
}

// isSignature reports whether the name of a header has the word Signature.
func isSignature(name string) bool {
	return strings.Contains(name, "Signature") || strings.Contains(strings.ToLower(name), "signature")
}

// hopByHop are the fields that concern one connection or the framing of one message (RFC 9110, section 7.6.1, and
// Proxy-Connection, which clients send all the same).
var hopByHop = [...]string{"Connection", "Content-Length", "Keep-Alive", "Proxy-Connection", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade"}

// IsHopByHop reports whether a header concerns only the connection a message came by. It is not stored with an event,
// and not sent on.
func IsHopByHop(name string) bool { return containsFold(hopByHop[:], name) }

// clientFields are the fields beside the hop-by-hop ones that an HTTP client writes itself.
var clientFields = [...]string{"Expect", "Host", "Proxy-Authorization"}

// IsFraming reports whether an HTTP client writes the header itself, so that no request may bring one along: the
// hop-by-hop fields, Host, Expect and Proxy-Authorization.
func IsFraming(name string) bool { return IsHopByHop(name) || containsFold(clientFields[:], name) }

// ForwardedHeader returns a stored header as it can be sent on: without what the next client writes itself, and without
// Accept-Encoding, which says what the first sender could read. The values are shared with h.
func ForwardedHeader(h http.Header) http.Header {
	out := make(http.Header, len(h))
	for name, values := range h {
		if !IsFraming(name) && !strings.EqualFold(name, "Accept-Encoding") {
			out[name] = values
		}
	}
	return out
}

// containsFold is on the way of every header of every delivery: the lengths are compared first.
func containsFold(list []string, name string) bool {
	for _, s := range list {
		if len(s) == len(name) && strings.EqualFold(s, name) {
			return true
		}
	}
	return false
}

// Media types of the bodies that are looked into.
const (
	TypeJSON      = "application/json"
	TypeForm      = "application/x-www-form-urlencoded"
	TypeMultipart = "multipart/form-data"
)

// MediaType returns the media type of a Content-Type in lower case, without parameters.
func MediaType(contentType string) string {
	t, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(t))
}

// IsJSONType reports whether a Content-Type says that the body is JSON: application/json or any type that ends in
// +json.
func IsJSONType(contentType string) bool {
	t := MediaType(contentType)
	return t == TypeJSON || strings.HasSuffix(t, "+json")
}

// IsFormType reports whether a Content-Type says that the body is an URL-encoded form.
func IsFormType(contentType string) bool { return MediaType(contentType) == TypeForm }

// EncodeAttribute encodes a CloudEvents attribute as the value of a header (HTTP binding 1.0.2, 3.1.3.2): space, quote,
// percent and everything outside printable ASCII become %XX of their UTF-8 bytes.
func EncodeAttribute(s string) string {
	const hex = "0123456789ABCDEF"
	s = strings.ToValidUTF8(s, "\uFFFD")
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || c == '"' || c == '%' {
			b = append(b, '%', hex[c>>4], hex[c&15])
			continue
		}
		b = append(b, c)
	}
	return string(b)
}

// DecodeAttribute is the inverse of EncodeAttribute. It also accepts quoted strings, as the binding requires, and
// leaves a percent sign alone that begins no escape. It returns false if the result is not UTF-8.
func DecodeAttribute(s string) (string, bool) {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		s = strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(s[1 : len(s)-1])
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			c, _ := strconv.ParseUint(s[i+1:i+3], 16, 8) // two hex digits
			b = append(b, byte(c))
			i += 2
			continue
		}
		b = append(b, s[i])
	}
	return string(b), utf8.Valid(b)
}
