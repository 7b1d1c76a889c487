package signature

import (
	"fmt"
	"slices"
	"strings"
)

// entry is one row of the table of providers. To add a provider, add a row to one of the files providers_*.go; only
// what no [Scheme] can describe needs code.
type entry struct {
	name, title string

	schemes     []Scheme                         // a request passes when it satisfies one of them
	code        func(*Verifier, *Request) string // in place of schemes; returns why r is refused, or ""
	method      string                           // goes with code: becomes Result.Method
	readsSecret bool                             // code reads the secret itself from Authorization

	eventType, id place // where the event's type and the delivery's id are

	// handshake returns the reply to a handshake, or nil when r is none. verified reports whether r is signed. A reply
	// to an unsigned request must not reveal anything made with the secret (see zoomHandshake for the exception).
	handshake func(v *Verifier, r *Request, verified bool) *Response

	onGet string // why a GET that is no handshake is refused; "" for the general reason

	secret secretRule
	hint   string // what the secret is and where to find it
	setup  string // what to do at the provider
}

type secretRule int

const (
	required secretRule = iota
	later               // the provider creates it only after the receiver exists; without it nothing passes
	unused
)

// Provider describes a provider to a person.
type Provider struct {
	Name        string // the argument of [New]
	Title       string
	NeedsSecret bool   // New fails without a secret
	SecretHint  string // what the secret is and where to find it
	Setup       string // what to do at the provider; "this address" is the URL that receives its webhooks
}

// entries returns the table.
func entries() []entry {
	return slices.Concat(generic(), forges(), standards(), payments(), messaging(), business(), tools())
}

func find(name string) *entry {
	for _, e := range entries() {
		if e.name == name {
			return &e
		}
	}
	return nil
}

// Names returns the names of the providers, sorted.
func Names() []string {
	var names []string
	for _, e := range entries() {
		names = append(names, e.name)
	}
	slices.Sort(names)
	return names
}

// Lookup returns the description of the named provider and whether there is such a provider.
func Lookup(name string) (Provider, bool) {
	e := find(name)
	if e == nil {
		return Provider{}, false
	}
	return Provider{Name: e.name, Title: e.title, NeedsSecret: e.secret == required, SecretHint: e.hint,
		Setup: e.setup}, true
}

// merge returns the entry's schemes with the user's settings applied.
func (e *entry) merge(set Scheme) ([]Scheme, error) {
	switch {
	case e.name == "hmac":
		return []Scheme{set}, nil
	case e.name == "token" && set.Header != "":
		only := set.common()
		only.Header = set.Header
		only.Prefix = set.Prefix
		if set != only {
			return nil, fmt.Errorf("scheme of type token may hold header, prefix and statusOnFail only")
		}
		if !isToken(set.Header) {
			return nil, fmt.Errorf("scheme.header must be the name of a header")
		}
		return []Scheme{{Algorithm: plain, Header: set.Header, Prefix: set.Prefix}}, nil
	case set != set.common():
		return nil,
			fmt.Errorf("type %s has its own scheme: only url, tolerance, verifyToken and statusOnFail may be set; "+
				"take type hmac to describe another", e.name)
	}
	schemes := slices.Clone(e.schemes)
	for i := range schemes {
		if set.Tolerance != 0 {
			schemes[i].Tolerance = set.Tolerance
		}
	}
	return schemes, nil
}

// checkSecrets refuses secrets that the entry's code cannot use.
func (e *entry) checkSecrets(secrets []string) error {
	for _, s := range secrets {
		if e.method == "basic" && !strings.Contains(s, ":") {
			return fmt.Errorf("the secret of type %s must be user:password", e.name)
		}
	}
	return nil
}
