package signature

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Scheme is how a sender proves itself: what it signs, with what, and where it puts the result. Its JSON is the setting
// of a source of type hmac; other types take a few fields of it, see [New].
type Scheme struct {
	Algorithm string `json:"algorithm,omitempty"` // hmac-sha256 (default), hmac-sha1, hmac-sha512 or ed25519
	Header    string `json:"header,omitempty"`    // holds the signature; required for type hmac
	// raw, prefix, pairs (t=1,v1=ab) or list (v1,ab v1,cd); default raw, or prefix if one is given
	Grammar   string `json:"grammar,omitempty"`
	Prefix    string `json:"prefix,omitempty"`    // grammar prefix: stands before the signature, e.g. sha256=
	Separator string `json:"separator,omitempty"` // grammar pairs: "," (default) or ";"
	// grammars pairs and list: name of the signature, e.g. v1; a list may do without
	Key      string `json:"key,omitempty"`
	Encoding string `json:"encoding,omitempty"` // of the signature: hex (default) or base64
	// of the secret: raw (default: its bytes), base64, hex, or standard (Standard Webhooks)
	KeyEncoding string `json:"keyEncoding,omitempty"`
	KeyPrefix   string `json:"keyPrefix,omitempty"` // taken off the secret before it is decoded

	// what is signed, of {raw} {ts} {id} {url} {uri} {method} and text; default {raw}
	Content string `json:"content,omitempty"`

	IDHeader        string `json:"idHeader,omitempty"`        // holds {id}
	TimestampHeader string `json:"timestampHeader,omitempty"` // holds {ts}
	TimestampKey    string `json:"timestampKey,omitempty"`    // grammar pairs: name of {ts}, e.g. t
	// path of the timestamp in a JSON body, for senders that sign it there
	TimestampField string `json:"timestampField,omitempty"`
	TimestampUnit  string `json:"timestampUnit,omitempty"` // s (default), ms or iso (RFC 3339)
	// how far off the timestamp may be, both ways; default 5m; "off" does not check
	Tolerance Tolerance `json:"tolerance,omitempty"`

	// the address as registered with the sender, when it signs the address and a proxy hides it
	URL          string `json:"url,omitempty"`
	VerifyToken  string `json:"verifyToken,omitempty"`  // meta: the "verify token" typed in at the provider
	StatusOnFail int    `json:"statusOnFail,omitempty"` // 400 to 499; default 401
}

// Algorithms and encodings, as written in JSON. plain is not a choice of users: type token stands for it.
const (
	sha1Hmac   = "hmac-sha1"
	sha256Hmac = "hmac-sha256"
	sha512Hmac = "hmac-sha512"
	ed         = "ed25519"
	plain      = "plain"
	standard   = "standard"
)

// Tolerance is how far off a timestamp may be: in JSON a duration such as "5m", a number of seconds, or "off".
// Negative means that the timestamp is not checked.
type Tolerance time.Duration

const (
	defaultTolerance = Tolerance(5 * time.Minute)
	minute           = Tolerance(time.Minute)
	maxTolerance     = Tolerance(7 * 24 * time.Hour)
	unchecked        = Tolerance(-1)
)

// MarshalJSON writes "5m0s" or "off".
func (t Tolerance) MarshalJSON() ([]byte, error) {
	if t < 0 {
		return []byte(`"off"`), nil
	}
	return json.Marshal(time.Duration(t).String())
}

// UnmarshalJSON reads "5m", 300 or "off".
func (t *Tolerance) UnmarshalJSON(b []byte) error {
	wrong := fmt.Errorf(
		`scheme.tolerance must be a duration such as "5m" of at most 168h, a number of seconds, or "off"`)
	var text string
	var seconds float64
	d := time.Duration(0)
	switch err := error(nil); {
	case json.Unmarshal(b, &text) == nil && text == "off":
		*t = unchecked
		return nil
	case json.Unmarshal(b, &text) == nil:
		if d, err = time.ParseDuration(text); err != nil {
			return wrong
		}
	case json.Unmarshal(b, &seconds) == nil && seconds < 1e9:
		d = time.Duration(seconds * float64(time.Second))
	}
	if d <= 0 || Tolerance(d) > maxTolerance {
		return wrong
	}
	*t = Tolerance(d)
	return nil
}

// decodeScheme reads the JSON of a scheme; none is an empty scheme. Fields it does not know are errors, as a misspelt
// setting must not weaken the check in silence.
func decodeScheme(b json.RawMessage) (Scheme, error) {
	var s Scheme
	if b = bytes.TrimSpace(b); len(b) == 0 || string(b) == "null" {
		return s, nil
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		if strings.HasPrefix(err.Error(), "scheme.") {
			return s, err
		}
		return s, fmt.Errorf("scheme: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); err != io.EOF {
		return s, fmt.Errorf("scheme: there is text after its JSON object")
	}
	if s.Algorithm == plain {
		return s, fmt.Errorf("scheme.algorithm must not be plain: take type token for a secret that is sent as it is")
	}
	if s.StatusOnFail != 0 && (s.StatusOnFail < 400 || s.StatusOnFail > 499) {
		return s, fmt.Errorf("scheme.statusOnFail must be between 400 and 499, not %d", s.StatusOnFail)
	}
	if u, err := url.Parse(s.URL); s.URL != "" &&
		(err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return s, fmt.Errorf("scheme.url must be an absolute http or https address")
	}
	return s, nil
}

// common leaves the fields that every type may set.
func (s Scheme) common() Scheme {
	return Scheme{URL: s.URL, Tolerance: s.Tolerance, VerifyToken: s.VerifyToken, StatusOnFail: s.StatusOnFail}
}

// complete fills the defaults in and refuses what cannot work.
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

func fill(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

func count(values ...string) (n int) {
	for _, v := range values {
		if v != "" {
			n++
		}
	}
	return n
}

func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?={}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}
