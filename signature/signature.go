// Package signature verifies what comes in and signs what goes out. It works on raw bytes, compares in constant time
// and knows each provider as a row of a table: most rows are a [Scheme] and nothing else.
//
// The package imports the standard library only and does no I/O.
package signature

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Request is what a sender sent.
type Request struct {
	Method string
	URL    string // absolute and public, as the sender saw it: some providers sign it
	Header http.Header
	Body   []byte    // exactly as it came
	Now    time.Time // when it came; zero means now
}

// Answer is what a challenge wants to hear.
type Answer struct {
	Status int
	Header map[string]string
	Body   []byte
}

// Verdict is what is known of a request.
type Verdict struct {
	OK bool // the sender is who it should be, or the request is a challenge that Answer settles
	// what vouches for the sender, such as "github hmac-sha256"; "" when nothing does; shown to people
	By         string
	Reason     string  // when not OK: what is wrong, in words a person can act on; never secret material
	Status     int     // when not OK: the HTTP status to refuse with
	EventType  string  // as the provider names it; "" when it does not, or when not OK
	DeliveryID string  // the provider's own id, the same on every retry; "" when it has none, or when not OK
	Answer     *Answer // when not nil: reply this and store nothing
}

// Verifier verifies the requests of one source. It is safe for concurrent use.
type Verifier struct {
	p       *provider
	secrets []string
	digests [][32]byte // of secrets, for plain comparisons
	rules   []*rule
	code    func(*Verifier, *Request) string // in place of rules, for what no scheme describes
	by      string                           // goes with code
	set     Scheme
}

// New makes the verifier of a source of the given type. A type other than token and hmac has its scheme already; of the
// given one it takes url, tolerance, verifyToken and statusOnFail only. Empty secrets are left out. Errors say what is
// wrong in words for the person who made the source; those about the scheme begin with "scheme." and the field.
func New(typ string, secrets []string, scheme json.RawMessage) (*Verifier, error) {
	p := find(typ)
	if p == nil {
		return nil, fmt.Errorf("unknown source type %q: it must be one of %s", typ, strings.Join(Types(), ", "))
	}
	set, err := decodeScheme(scheme)
	if err != nil {
		return nil, err
	}
	v := &Verifier{p: p, set: set}
	for _, s := range secrets {
		if s != "" {
			v.secrets = append(v.secrets, s)
			v.digests = append(v.digests, digest(s))
		}
	}
	if p.secret == required && len(v.secrets) == 0 {
		return nil, fmt.Errorf("a source of type %s needs a secret: %s", p.name, p.hint)
	}
	schemes, err := p.settle(v.set)
	if err != nil {
		return nil, err
	}
	if err := v.compile(schemes); err != nil {
		return nil, err
	}
	return v, nil
}

// compile makes the rules that the secrets allow. Some types take secrets of two kinds, so a rule without a key is
// left out, but a secret that fits no rule is an error.
func (v *Verifier) compile(schemes []Scheme) error {
	if len(schemes) == 0 {
		v.code, v.by = v.p.code, v.p.by
		return v.p.checkSecrets(v.secrets)
	}
	for _, s := range schemes {
		r, err := newRule(v.p.name, s, v.secrets)
		if err != nil {
			return err
		}
		if len(r.keys) > 0 {
			v.rules = append(v.rules, r)
		}
	}
	if len(v.rules) == 0 && len(v.secrets) > 0 {
		return fmt.Errorf("no secret of this source can verify type %s: %s", v.p.name, v.p.hint)
	}
	return nil
}

// Verify says whether r comes from who it should, what it is, and what a challenge wants to hear. It reads r only.
func (v *Verifier) Verify(r *Request) Verdict {
	if a := consent(r); a != nil {
		return Verdict{OK: true, Answer: a}
	}
	if r.Now.IsZero() {
		c := *r
		c.Now = time.Now()
		r = &c
	}
	by, reason := v.check(r)
	if v.p.challenge != nil {
		if a := v.p.challenge(v, r, reason == ""); a != nil {
			return Verdict{OK: true, By: by, Answer: a}
		}
	}
	if reason != "" {
		if r.Method == http.MethodGet && v.p.get != "" {
			reason = v.p.get
		}
		return Verdict{Reason: reason, Status: v.status()}
	}
	return Verdict{OK: true, By: by, EventType: v.p.types.of(r), DeliveryID: v.p.id.of(r)}
}

// check gives what vouches for the sender, or the reason why nothing does.
func (v *Verifier) check(r *Request) (by, reason string) {
	if v.p.secret == unused {
		return "", ""
	}
	if len(v.secrets) == 0 {
		return "", "this source has no secret to verify with: " + v.p.hint
	}
	if v.code != nil {
		if reason = v.code(v, r); reason != "" {
			return "", reason
		}
		return v.by, ""
	}
	first, missing := "", []string{}
	for _, rule := range v.rules {
		if !has(r.Header, rule.Header) {
			missing = append(missing, rule.Header)
			continue
		}
		why := rule.verify(r, v.url(r))
		if why == "" {
			return rule.by, ""
		}
		if first == "" {
			first = why
		}
	}
	if first == "" {
		first = fmt.Sprintf("header %s is missing: is the secret set at the sender, and is this the right source type?",
			strings.Join(slices.Compact(missing), " or "))
	}
	return "", first
}

// unsigned says whether r has none of the headers that could prove its sender.
func (v *Verifier) unsigned(r *Request) bool {
	for _, rule := range v.rules {
		if has(r.Header, rule.Header) {
			return false
		}
	}
	return true
}

// url is the address that the sender signed. A registered one replaces what a proxy may have changed, but not the
// query, which can differ from request to request.
func (v *Verifier) url(r *Request) string {
	if v.set.URL == "" {
		return r.URL
	}
	if _, q, ok := strings.Cut(r.URL, "?"); ok && !strings.Contains(v.set.URL, "?") {
		return v.set.URL + "?" + q
	}
	return v.set.URL
}

func (v *Verifier) status() int {
	if v.set.StatusOnFail != 0 {
		return v.set.StatusOnFail
	}
	return http.StatusUnauthorized
}

// Credentials lists the headers, in canonical form, and the parameters of the query in which this source's senders put
// a secret itself and not a proof of it: their values must not be stored or shown.
func (v *Verifier) Credentials() (headers, params []string) {
	if v.code != nil && v.p.plainCode {
		headers = append(headers, "Authorization")
	}
	if v.code != nil && v.p.name == "token" {
		params = tokenParams()
	}
	for _, r := range v.rules {
		if r.Algorithm == plain {
			headers = append(headers, http.CanonicalHeaderKey(r.Header))
		}
	}
	return headers, params
}

// VerifyStandard verifies a request by Standard Webhooks 1.0: what a receiver of hookyard's deliveries needs. It gives
// nil or an error that says what is wrong. Secrets are whsec_…, whpk_… or any other text.
func VerifyStandard(secrets []string, h http.Header, body []byte, now time.Time) error {
	v, err := New("standard-webhooks", secrets, nil)
	if err != nil {
		return err
	}
	if d := v.Verify(&Request{Method: http.MethodPost, Header: h, Body: body, Now: now}); !d.OK {
		return fmt.Errorf("webhook not verified: %s", d.Reason)
	}
	return nil
}
