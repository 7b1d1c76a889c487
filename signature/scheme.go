package signature

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Scheme describes how a sender signs: what, with which key, and where it puts the signature. For the provider hmac it
// is the whole description; with other providers only a few fields may be set, see [New]. The zero value of a field
// stands for its default.
//
// The JSON form has the same fields in camel case; [ParseScheme] reads it.
type Scheme struct {
	Algorithm string `json:"algorithm,omitempty"` // hmac-sha256 (default), hmac-sha1, hmac-sha512 or ed25519
	Header    string `json:"header,omitempty"`    // holds the signature; required for hmac
	// of the header: raw, prefix, pairs (t=1,v1=ab) or list (v1,ab v1,cd); default raw, or prefix if Prefix is set
	Grammar   string `json:"grammar,omitempty"`
	Prefix    string `json:"prefix,omitempty"`    // grammar prefix: precedes the signature, for example sha256=
	Separator string `json:"separator,omitempty"` // grammar pairs: "," (default) or ";"
	// grammars pairs and list: name of the signature, for example v1; optional for a list
	Key      string `json:"key,omitempty"`
	Encoding string `json:"encoding,omitempty"` // of the signature: hex (default) or base64
	// of the secret: raw (default: its bytes), base64, hex, or standard (Standard Webhooks)
	KeyEncoding string `json:"keyEncoding,omitempty"`
	KeyPrefix   string `json:"keyPrefix,omitempty"` // removed from the secret before it is decoded

	// The signed content: literal text and the placeholders {raw} (the body), {ts} (the timestamp), {id}, {url}, {uri}
	// (the URL as HubSpot decodes it) and {method}. Default {raw}, which it must contain.
	Content string `json:"content,omitempty"`

	IDHeader        string `json:"idHeader,omitempty"`        // holds {id}
	TimestampHeader string `json:"timestampHeader,omitempty"` // holds {ts}
	TimestampKey    string `json:"timestampKey,omitempty"`    // grammar pairs: name of {ts}, for example t
	// dotted path of the timestamp in a JSON body, for senders that put it there
	TimestampField string `json:"timestampField,omitempty"`
	TimestampUnit  string `json:"timestampUnit,omitempty"` // s (default), ms or iso (RFC 3339)
	// how far the timestamp may be from the time of receipt, in either direction; default 5 minutes
	Tolerance Tolerance `json:"tolerance,omitempty"`

	// the URL registered with the sender, for senders that sign it when a proxy rewrites it; replaces Request.URL but
	// for the query
	URL          string `json:"url,omitempty"`
	VerifyToken  string `json:"verifyToken,omitempty"`  // meta: the verify token entered at the provider
	StatusOnFail int    `json:"statusOnFail,omitempty"` // becomes Error.StatusCode: 400 to 499; default 401
}

// Algorithms and encodings. Users cannot choose plain; the provider token stands for it.
const (
	sha1Hmac   = "hmac-sha1"
	sha256Hmac = "hmac-sha256"
	sha512Hmac = "hmac-sha512"
	ed         = "ed25519"
	plain      = "plain"
	standard   = "standard"
)

// Tolerance is how far a timestamp may be from the time of receipt. A negative tolerance disables the check. Zero is
// the provider's default. In JSON it is a duration such as "5m" of at most 168h, a number of seconds, or "off".
type Tolerance time.Duration

const (
	defaultTolerance = Tolerance(5 * time.Minute)
	minute           = Tolerance(time.Minute)
	maxTolerance     = Tolerance(7 * 24 * time.Hour)
	unchecked        = Tolerance(-1)
)

var errTolerance = errors.New(
	`scheme.tolerance must be a duration such as "5m" of at most 168h, a number of seconds, or "off"`)

// MarshalJSON encodes t as a duration such as "5m", or as "off".
func (t Tolerance) MarshalJSON() ([]byte, error) {
	if t < 0 {
		return []byte(`"off"`), nil
	}
	return json.Marshal(inWords(time.Duration(t)))
}

// inWords formats d without zero minutes and seconds at the end, as hookyard.Duration does. This package imports
// nothing but the standard library.
func inWords(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// UnmarshalJSON decodes a duration such as "5m", a number of seconds, or "off".
func (t *Tolerance) UnmarshalJSON(b []byte) error {
	var (
		text    string
		seconds float64
		d       time.Duration
		err     error
	)
	switch {
	case json.Unmarshal(b, &text) == nil && text == "off":
		*t = unchecked
		return nil
	case json.Unmarshal(b, &text) == nil:
		if d, err = time.ParseDuration(text); err != nil {
			return errTolerance
		}
	case json.Unmarshal(b, &seconds) == nil && seconds < 1e9:
		d = time.Duration(seconds * float64(time.Second))
	}
	if d <= 0 || Tolerance(d) > maxTolerance {
		return errTolerance
	}
	*t = Tolerance(d)
	return nil
}

// ParseScheme parses the JSON of a scheme. An empty text and null are the empty scheme. An unknown field is an error,
// because a misspelt setting must not silently weaken verification. Errors begin with "scheme" and name the field.
// [New] checks that the fields go together.
func ParseScheme(data []byte) (*Scheme, error) {
	var s Scheme
	if data = bytes.TrimSpace(data); len(data) == 0 || string(data) == "null" {
		return &s, nil
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		if strings.HasPrefix(err.Error(), "scheme.") {
			return nil, err
		}
		return nil, fmt.Errorf("scheme: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("scheme: there is text after its JSON object")
	}
	return &s, nil
}

// check refuses values that are wrong for every provider.
func (s *Scheme) check() error {
	if s.Algorithm == plain {
		return fmt.Errorf("scheme.algorithm must not be plain: take type token for a secret that is sent as it is")
	}
	if s.StatusOnFail != 0 && (s.StatusOnFail < 400 || s.StatusOnFail > 499) {
		return fmt.Errorf("scheme.statusOnFail must be between 400 and 499, not %d", s.StatusOnFail)
	}
	if s.Tolerance > maxTolerance {
		return errTolerance
	}
	if s.URL == "" {
		return nil
	}
	if u, err := url.Parse(s.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("scheme.url must be an absolute http or https address")
	}
	return nil
}

// common returns s with only the fields that may be set for every provider.
func (s Scheme) common() Scheme {
	return Scheme{URL: s.URL, Tolerance: s.Tolerance, VerifyToken: s.VerifyToken, StatusOnFail: s.StatusOnFail}
}

// complete sets defaults and refuses values that are not allowed.
func (s *Scheme) complete() error {
	fill(&s.Algorithm, sha256Hmac)
	fill(&s.Encoding, "hex")
	fill(&s.KeyEncoding, "raw")
	fill(&s.Content, "{raw}")
	fill(&s.TimestampUnit, "s")
	if s.Prefix != "" {
		fill(&s.Grammar, "prefix")
	}
	fill(&s.Grammar, "raw")
	if s.Grammar == "pairs" {
		fill(&s.Separator, ",")
	}
	if s.Tolerance == 0 {
		s.Tolerance = defaultTolerance
	}
	for _, c := range []struct{ field, value, allowed string }{
		{"algorithm", s.Algorithm, "hmac-sha256 hmac-sha1 hmac-sha512 ed25519"},
		{"grammar", s.Grammar, "raw prefix pairs list"},
		{"encoding", s.Encoding, "hex base64"},
		{"keyEncoding", s.KeyEncoding, "raw base64 hex standard"},
		{"timestampUnit", s.TimestampUnit, "s ms iso"},
	} {
		if !slices.Contains(strings.Fields(c.allowed), c.value) {
			return fmt.Errorf("scheme.%s is %q: it must be one of %s", c.field, c.value,
				strings.ReplaceAll(c.allowed, " ", ", "))
		}
	}
	for _, f := range []struct{ field, name string }{
		{"header", s.Header}, {"idHeader", s.IDHeader}, {"timestampHeader", s.TimestampHeader},
	} {
		if f.name != "" && !isToken(f.name) {
			return fmt.Errorf("scheme.%s must be the name of a header", f.field)
		}
	}
	return s.consistent()
}

// consistent refuses fields that contradict each other.
func (s *Scheme) consistent() error {
	pairs := s.Grammar == "pairs"
	switch {
	case s.Header == "":
		return fmt.Errorf("scheme.header is missing: name the header that holds the signature")
	case s.Algorithm == ed && s.KeyEncoding == "raw":
		return fmt.Errorf("scheme.keyEncoding must be hex, base64 or standard for ed25519: the secret is a public key")
	case s.Grammar == "prefix" && s.Prefix == "":
		return fmt.Errorf("scheme.prefix is missing: grammar prefix needs one, for example sha256=")
	case s.Grammar != "prefix" && s.Prefix != "":
		return fmt.Errorf("scheme.prefix goes with grammar prefix, not with %s", s.Grammar)
	case pairs && s.Key == "":
		return fmt.Errorf("scheme.key is missing: grammar pairs needs the name of the signature, for example v1")
	case !pairs && s.Grammar != "list" && s.Key != "":
		return fmt.Errorf("scheme.key goes with grammar pairs or list, not with %s", s.Grammar)
	case pairs && s.Separator != "," && s.Separator != ";":
		return fmt.Errorf("scheme.separator must be , or ;")
	case !pairs && s.Separator != "":
		return fmt.Errorf("scheme.separator goes with grammar pairs, not with %s", s.Grammar)
	case !pairs && s.TimestampKey != "":
		return fmt.Errorf("scheme.timestampKey goes with grammar pairs, not with %s", s.Grammar)
	case count(s.TimestampHeader, s.TimestampKey, s.TimestampField) > 1:
		return fmt.Errorf("scheme.timestampHeader, timestampKey and timestampField exclude each other")
	case !strings.Contains(s.Content, "{raw}"):
		return fmt.Errorf("scheme.content must hold {raw}: a signature that does not cover the body proves nothing")
	case strings.Contains(s.Content, "{ts}") && s.TimestampHeader == "" && s.TimestampKey == "":
		return fmt.Errorf("scheme.content holds {ts}: say where it is in scheme.timestampHeader or scheme.timestampKey")
	case strings.Contains(s.Content, "{id}") && s.IDHeader == "":
		return fmt.Errorf("scheme.content holds {id}: say where it is in scheme.idHeader")
	}
	return nil
}

// fill sets *s if it is empty.
func fill(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

// count returns how many of the values are not empty.
func count(values ...string) (n int) {
	for _, v := range values {
		if v != "" {
			n++
		}
	}
	return n
}

// isToken reports whether s is a token of RFC 9110, as names of headers are.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?={}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}
