package signature

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Request is a received webhook, the input of [Verifier.Verify]. The zero value of each field is valid; what a
// provider signs must be set for its signature to match.
type Request struct {
	Method string
	URL    string // absolute and public, as the sender called it: some providers sign it
	Header http.Header
	Body   []byte    // the bytes as received, without their Content-Encoding
	Sent   []byte    // the bytes with their Content-Encoding, or nil; a signature over either verifies
	Now    time.Time // the time of receipt, which timestamps are compared with; zero means time.Now
}

// Result describes a verified request.
type Result struct {
	// Method is what verified the request, such as "github hmac-sha256" or "token". It is empty when nothing did: for
	// the provider none, and for handshakes that are answered without proof.
	Method     string
	EventType  string // as the provider names it; empty when the provider names none
	DeliveryID string // the provider's own id, the same on every retry; empty when there is none
	// Response, when not nil, is the reply to a handshake. Write it and do not treat the request as an event.
	Response *Response
}

// Response is the reply that a provider's handshake expects.
type Response struct {
	StatusCode int
	Header     map[string]string
	Body       []byte
}

// Write writes the response to w. It keeps the header fields of w that the response does not set.
func (r *Response) Write(w http.ResponseWriter) error {
	for name, value := range r.Header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(r.StatusCode)
	_, err := w.Write(r.Body)
	return err
}

// Error is why [Verifier.Verify] refused a request.
type Error struct {
	Reason     string // what is wrong, for the person who set the sender up; never contains a secret
	StatusCode int    // to refuse the request with: 401, or what [Scheme.StatusOnFail] says
}

// Error returns the reason.
func (e *Error) Error() string { return e.Reason }

// Verifier verifies the requests of one sender. It is safe for concurrent use.
type Verifier struct {
	provider *entry
	secrets  []string
	digests  [][32]byte // of secrets, for comparing tokens
	rules    []*rule
	code     func(*Verifier, *Request) string // in place of rules
	method   string                           // goes with code
	scheme   Scheme                           // as given to New
}

// New returns a verifier for the named provider, which must be one of [Names].
//
// A request passes when one of the secrets verifies it. Empty secrets are ignored. Without any, New fails, except for
// the provider none and for providers that hand out the secret only after they have called the receiver; a verifier of
// the latter refuses everything but handshakes.
//
// The scheme may be nil. For the provider hmac it describes the signature and is required. For token it may name the
// Header and Prefix. For every other provider, only URL, Tolerance, VerifyToken and StatusOnFail may be set.
//
// The error says what is wrong in words for the person who chose provider, secrets and scheme. When the scheme is
// wrong, it begins with "scheme." and the JSON name of the field.
func New(provider string, secrets []string, scheme *Scheme) (*Verifier, error) {
	e := find(provider)
	if e == nil {
		return nil, fmt.Errorf("unknown source type %q: it must be one of %s", provider, strings.Join(Names(), ", "))
	}
	v := &Verifier{provider: e}
	if scheme != nil {
		v.scheme = *scheme
	}
	if err := v.scheme.check(); err != nil {
		return nil, err
	}
	for _, s := range secrets {
		if s != "" {
			v.secrets = append(v.secrets, s)
			v.digests = append(v.digests, digest(s))
		}
	}
	if e.secret == required && len(v.secrets) == 0 {
		return nil, fmt.Errorf("a source of type %s needs a secret: %s", e.name, e.hint)
	}
	schemes, err := e.merge(v.scheme)
	if err != nil {
		return nil, err
	}
	if err := v.compile(schemes); err != nil {
		return nil, err
	}
	return v, nil
}

// compile turns schemes into rules. Some providers have secrets of two kinds, each for a scheme of its own: a rule
// without a key is dropped, but when secrets are given at least one rule must remain.
func (v *Verifier) compile(schemes []Scheme) error {
	if len(schemes) == 0 {
		v.code = v.provider.code
		v.method = v.provider.method
		return v.provider.checkSecrets(v.secrets)
	}
	for _, s := range schemes {
		r, err := newRule(v.provider.name, s, v.secrets)
		if err != nil {
			return err
		}
		if len(r.keys) > 0 {
			v.rules = append(v.rules, r)
		}
	}
	if len(v.rules) == 0 && len(v.secrets) > 0 {
		return fmt.Errorf("no secret of this source can verify type %s: %s", v.provider.name, v.provider.hint)
	}
	return nil
}

// Verify verifies r. The error is an [*Error] when r is not what the sender signed, and nil when it is or when r is a
// handshake, which Result.Response then answers. Verify does not change r and keeps no reference to it.
func (v *Verifier) Verify(r *Request) (Result, error) {
	if response := consent(r); response != nil {
		return Result{Response: response}, nil
	}
	if r.Now.IsZero() {
		c := *r
		c.Now = time.Now()
		r = &c
	}
	method, reason := v.check(r)
	if reason != "" && r.Sent != nil {
		c := *r
		c.Body = r.Sent
		if by, why := v.check(&c); why == "" {
			method, reason = by, ""
		}
	}
	if v.provider.handshake != nil {
		if response := v.provider.handshake(v, r, reason == ""); response != nil {
			return Result{Method: method, Response: response}, nil
		}
	}
	if reason != "" {
		if r.Method == http.MethodGet && v.provider.onGet != "" {
			reason = v.provider.onGet
		}
		return Result{}, &Error{Reason: reason, StatusCode: v.statusOnFail()}
	}
	return Result{Method: method, EventType: v.provider.eventType.find(r), DeliveryID: v.provider.id.find(r)}, nil
}

// check returns what verified r, or the reason why nothing did.
func (v *Verifier) check(r *Request) (method, reason string) {
	if v.provider.secret == unused {
		return "", ""
	}
	if len(v.secrets) == 0 {
		return "", "this source has no secret to verify with: " + v.provider.hint
	}
	if v.code != nil {
		if reason = v.code(v, r); reason != "" {
			return "", reason
		}
		return v.method, ""
	}
	var missing []string
	for _, rule := range v.rules {
		if !has(r.Header, rule.Header) {
			missing = append(missing, rule.Header)
			continue
		}
		why := rule.verify(r, v.url(r))
		if why == "" {
			return rule.method, ""
		}
		if reason == "" {
			reason = why
		}
	}
	if reason == "" {
		reason = fmt.Sprintf("header %s is missing: is the secret set at the sender, and is this the right source "+
			"type?", strings.Join(slices.Compact(missing), " or "))
	}
	return "", reason
}

// unsigned reports whether r lacks every header that could hold a signature.
func (v *Verifier) unsigned(r *Request) bool {
	for _, rule := range v.rules {
		if has(r.Header, rule.Header) {
			return false
		}
	}
	return true
}

// url returns the URL that the sender signed. Scheme.URL replaces what a proxy may have rewritten, but not the query,
// which can differ between requests.
func (v *Verifier) url(r *Request) string {
	if v.scheme.URL == "" {
		return r.URL
	}
	if _, q, ok := strings.Cut(r.URL, "?"); ok && !strings.Contains(v.scheme.URL, "?") {
		return v.scheme.URL + "?" + q
	}
	return v.scheme.URL
}

func (v *Verifier) statusOnFail() int {
	if v.scheme.StatusOnFail != 0 {
		return v.scheme.StatusOnFail
	}
	return http.StatusUnauthorized
}

// Credentials lists the headers, in canonical form, and the query parameters in which the sender puts the secret
// itself rather than a signature. Do not store or log their values.
func (v *Verifier) Credentials() (headers, params []string) {
	if v.code != nil && v.provider.readsSecret {
		headers = append(headers, "Authorization")
	}
	if v.code != nil && v.provider.name == "token" {
		params = tokenParams()
	}
	for _, r := range v.rules {
		if r.Algorithm == plain {
			headers = append(headers, http.CanonicalHeaderKey(r.Header))
		}
	}
	return headers, params
}

// VerifyStandard verifies a request by Standard Webhooks 1.0, as hookyard and many others sign. It accepts each of the
// secrets: whsec_… and any other text for HMAC-SHA256, whpk_… for ed25519. The timestamp must be within five minutes of
// now. A nil error means that the request is genuine.
func VerifyStandard(secrets []string, h http.Header, body []byte, now time.Time) error {
	v, err := New("standard-webhooks", secrets, nil)
	if err != nil {
		return err
	}
	if _, err := v.Verify(&Request{Method: http.MethodPost, Header: h, Body: body, Now: now}); err != nil {
		return fmt.Errorf("webhook not verified: %w", err)
	}
	return nil
}
