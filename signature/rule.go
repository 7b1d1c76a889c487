package signature

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxSignatures bounds how many signatures of one request are tried: an unverified sender chooses their number, and
// ed25519 takes some 50 µs each. Genuine senders use one for each secret of a rotation.
const maxSignatures = 16

// rule is a compiled scheme.
type rule struct {
	Scheme
	method  string   // becomes Result.Method
	keys    [][]byte // HMAC keys, ed25519 public keys, or digests of plain secrets
	hash    func() hash.Hash
	content []part
}

// part is a piece of the signed content: the name of a placeholder, or literal text.
type part struct{ name, text string }

// newRule compiles a scheme. With key encoding standard it takes the secrets of its own kind and leaves the others to
// another rule.
func newRule(typ string, s Scheme, secrets []string) (*rule, error) {
	if s.Algorithm == plain {
		return plainRule(typ, s, secrets), nil
	}
	if err := s.complete(); err != nil {
		return nil, err
	}
	content, err := parseContent(s.Content)
	if err != nil {
		return nil, err
	}
	r := &rule{Scheme: s, method: typ + " " + s.Algorithm, content: content, hash: sha256.New}
	switch s.Algorithm {
	case sha1Hmac:
		r.hash = sha1.New
	case sha512Hmac:
		r.hash = sha512.New
	}
	for _, secret := range secrets {
		key, err := s.decodeKey(secret)
		if err != nil {
			return nil, err
		}
		if len(key) > 0 {
			r.keys = append(r.keys, key)
		}
	}
	return r, nil
}

// plainRule compiles a scheme whose header holds the secret itself.
func plainRule(typ string, s Scheme, secrets []string) *rule {
	r := &rule{Scheme: s, method: typ + " token"}
	if typ == "token" {
		r.method = typ
	}
	for _, secret := range secrets {
		d := digest(secret)
		r.keys = append(r.keys, d[:])
	}
	return r
}

// decodeKey returns the key of a secret, or nil when the secret is of a kind for another rule.
func (s *Scheme) decodeKey(secret string) ([]byte, error) {
	if s.KeyEncoding == standard {
		return standardKey(secret, s.Algorithm == ed)
	}
	secret = strings.TrimPrefix(secret, s.KeyPrefix)
	key := []byte(secret)
	var err error
	switch {
	case s.Algorithm == ed && strings.HasPrefix(secret, publicPrefix):
		return publicKey(secret)
	case s.KeyEncoding == "base64":
		key, err = decode64(secret)
	case s.KeyEncoding == "hex":
		key, err = hex.DecodeString(secret)
	}
	if err != nil || len(key) == 0 {
		return nil, fmt.Errorf("the secret is not %s after its prefix, if it has one: see scheme.keyEncoding "+
			"and scheme.keyPrefix", s.KeyEncoding)
	}
	if s.Algorithm == ed && len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("the secret is %d bytes long when decoded, but an ed25519 public key has %d", len(key),
			ed25519.PublicKeySize)
	}
	return key, nil
}

// parseContent parses a template such as "v0:{ts}:{raw}".
func parseContent(content string) ([]part, error) {
	var parts []part
	for rest := content; rest != ""; {
		text, after, open := strings.Cut(rest, "{")
		if text != "" {
			parts = append(parts, part{text: text})
		}
		if !open {
			break
		}
		name, next, closed := strings.Cut(after, "}")
		switch name {
		case "raw", "ts", "id", "url", "uri", "method":
		default:
			closed = false
		}
		if !closed {
			return nil, fmt.Errorf("scheme.content holds something other than {raw}, {ts}, {id}, {url}, {uri}, " +
				"{method} in braces")
		}
		parts = append(parts, part{name: name})
		rest = next
	}
	return parts, nil
}

// proof is what a request carries for a rule: decoded signatures, and the timestamp and id that they cover.
type proof struct {
	signatures [][]byte
	ts, id     string
}

// verify returns "" when r is signed with one of the keys, and otherwise why it is not. address is the URL to verify
// for.
func (u *rule) verify(r *Request, address string) string {
	value, reason := single(r.Header, u.Header)
	if reason != "" {
		return reason
	}
	if u.Algorithm == plain {
		return u.verifyPlain(value)
	}
	p, reason := u.read(value)
	if reason == "" {
		reason = u.readStamp(r, &p)
	}
	if reason != "" {
		return reason
	}
	for _, key := range u.keys {
		if u.matches(key, r, address, p) {
			return ""
		}
	}
	reason = "signature in " + u.Header + " does not match: the secret differs, or the body was changed on the way"
	if strings.Contains(u.Content, "{ur") {
		noQuery, _, _ := strings.Cut(address, "?")
		reason += "; the sender signs its address too and it must be exactly " + noQuery +
			" and the query (behind a proxy, set scheme.url)"
	}
	return reason
}

// verifyPlain compares the secret in a header with the keys.
func (u *rule) verifyPlain(value string) string {
	if u.Prefix != "" {
		if len(value) < len(u.Prefix) || !strings.EqualFold(value[:len(u.Prefix)], u.Prefix) {
			return fmt.Sprintf("header %s does not begin with %q", u.Header, u.Prefix)
		}
		value = strings.TrimSpace(value[len(u.Prefix):])
	}
	d := digest(value)
	for _, key := range u.keys {
		if subtle.ConstantTimeCompare(d[:], key) == 1 {
			return ""
		}
	}
	return "the secret in header " + u.Header + " is not this source's"
}

// readStamp reads the id and the timestamp of r into p and checks the timestamp.
func (u *rule) readStamp(r *Request, p *proof) (reason string) {
	if u.IDHeader != "" {
		if p.id, reason = single(r.Header, u.IDHeader); reason != "" {
			return reason
		}
	}
	switch {
	case u.TimestampHeader != "":
		if p.ts, reason = single(r.Header, u.TimestampHeader); reason != "" {
			return reason
		}
	case u.TimestampField != "":
		p.ts = field(r.Body, u.TimestampField)
	case u.TimestampKey == "":
		return ""
	}
	if u.Tolerance < 0 {
		return ""
	}
	return u.checkAge(p.ts, r.Now)
}

// checkAge refuses a timestamp that is further from now, in either direction, than the tolerance.
func (u *rule) checkAge(text string, now time.Time) string {
	if text == "" {
		return "the timestamp is missing"
	}
	at, ok := parseTime(text, u.TimestampUnit)
	if !ok {
		return fmt.Sprintf("the timestamp is not in the unit %q that this source expects", u.TimestampUnit)
	}
	most := time.Duration(u.Tolerance)
	// Times are compared and not subtracted: a Duration overflows at 292 years.
	if at.Before(now.Add(-most)) {
		return fmt.Sprintf("the timestamp is %s old, at most %s is allowed: an old request sent again, "+
			"clocks that differ, or a unit other than %q", inWords(now.Sub(at).Round(time.Second)),
			inWords(most), u.TimestampUnit)
	}
	if at.After(now.Add(most)) {
		return fmt.Sprintf("the timestamp is %s in the future, at most %s is allowed: clocks that differ, "+
			"or a unit other than %q", inWords(at.Sub(now).Round(time.Second)), inWords(most), u.TimestampUnit)
	}
	return ""
}

// parseTime parses a timestamp in the given unit and reports whether it is one.
func parseTime(text, unit string) (time.Time, bool) {
	if unit == "iso" {
		t, err := time.Parse(time.RFC3339Nano, text)
		return t, err == nil
	}
	if strings.Trim(text, "0123456789") != "" { // a sign would be part of what is signed
		return time.Time{}, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > 1<<50 { // larger values overflow time.Time
		return time.Time{}, false
	}
	if unit == "ms" {
		return time.UnixMilli(n), true
	}
	if n > 1<<36 { // after the year 4147, so most likely milliseconds
		return time.Time{}, false
	}
	return time.Unix(n, 0), true
}

// matches reports whether one of p's signatures is that of key for r.
func (u *rule) matches(key []byte, r *Request, address string, p proof) bool {
	if u.Algorithm == ed {
		var b bytes.Buffer
		b.Grow(len(r.Body) + 256)
		u.write(&b, r, address, p)
		for _, s := range p.signatures {
			if ed25519.Verify(key, b.Bytes(), s) {
				return true
			}
		}
		return false
	}
	mac := hmac.New(u.hash, key)
	u.write(mac, r, address, p)
	sum := mac.Sum(nil)
	for _, s := range p.signatures {
		if hmac.Equal(sum, s) {
			return true
		}
	}
	return false
}

// write writes the signed content to w, a hash or a buffer, whose writes cannot fail.
func (u *rule) write(w io.Writer, r *Request, address string, p proof) {
	for _, part := range u.content {
		switch part.name {
		case "raw":
			w.Write(r.Body)
		case "ts":
			io.WriteString(w, p.ts)
		case "id":
			io.WriteString(w, p.id)
		case "url":
			io.WriteString(w, address)
		case "uri":
			io.WriteString(w, hubspotURI(address))
		case "method":
			io.WriteString(w, r.Method)
		default:
			io.WriteString(w, part.text)
		}
	}
}

// read parses the value of the signature header by the scheme's grammar. The reason says why it cannot.
func (u *rule) read(value string) (p proof, reason string) {
	found := 0
	add := func(text string) {
		found++
		if s, err := u.decode(strings.TrimSpace(text)); err == nil && len(s) > 0 {
			p.signatures = append(p.signatures, s)
		}
	}
	switch u.Grammar {
	case "raw":
		add(value)
	case "prefix":
		text, ok := strings.CutPrefix(value, u.Prefix)
		if !ok {
			return p, fmt.Sprintf("header %s does not begin with %q", u.Header, u.Prefix)
		}
		add(text)
	case "pairs":
		for item := range strings.SplitSeq(value, u.Separator) {
			k, v, _ := strings.Cut(strings.TrimSpace(item), "=")
			switch {
			case k == u.Key:
				add(v)
			case k == u.TimestampKey && k != "":
				if p.ts != "" && p.ts != v {
					return p, "header " + u.Header + " holds two timestamps"
				}
				p.ts = v
			}
		}
	case "list":
		for item := range strings.FieldsSeq(value) {
			version, v, ok := strings.Cut(item, ",")
			switch {
			case u.Key == "":
				add(item)
			case ok && version == u.Key:
				add(v)
			}
		}
	}
	switch {
	case found > maxSignatures:
		return p, fmt.Sprintf("header %s holds %d signatures, at most %d are tried", u.Header, found, maxSignatures)
	case found == 0:
		return p, fmt.Sprintf("header %s holds no signature %s", u.Header, u.Key)
	case len(p.signatures) == 0:
		return p, fmt.Sprintf("the signature in header %s is not %s", u.Header, u.Encoding)
	}
	return p, ""
}

// decode decodes one signature.
func (u *rule) decode(s string) ([]byte, error) {
	if u.Encoding == "hex" {
		return hex.DecodeString(s)
	}
	return decode64(s)
}

// decode64 decodes base64 with or without padding, which some senders and users leave out.
func decode64(s string) ([]byte, error) {
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "="))
}

// digest makes secrets equally long, so that the time of a comparison does not depend on their length.
func digest(s string) [32]byte { return sha256.Sum256([]byte(s)) }

// has reports whether h has the named header.
func has(h http.Header, name string) bool { return len(h[http.CanonicalHeaderKey(name)]) > 0 }

// single returns the value of a header that must be present exactly once. With two, the value verified here need not be
// the one that other code uses.
func single(h http.Header, name string) (value, reason string) {
	values := h[http.CanonicalHeaderKey(name)]
	switch {
	case len(values) > 1:
		return "", fmt.Sprintf("header %s is present %d times, and only one can be right", name, len(values))
	case len(values) == 0 || values[0] == "":
		return "", fmt.Sprintf("header %s is missing or empty", name)
	}
	return strings.TrimSpace(values[0]), ""
}
