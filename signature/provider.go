package signature

import (
	"fmt"
	"slices"
	"strings"
)

// provider is one row of the table of source types. To add one, add a row to a file named providers_*.go; only what no
// [Scheme] describes needs code.
type provider struct {
	name, title string

	schemes   []Scheme                         // the request passes when one of them is fulfilled
	code      func(*Verifier, *Request) string // in place of schemes: gives the reason, or ""
	by        string                           // goes with code: what vouches for the sender
	plainCode bool                             // code reads the secret itself from Authorization

	types, id place // where the event's type and the delivery's id are

	// challenge answers a provider's handshake, or gives nil. ok says that the request is verified; a handshake that is
	// answered without must not hand out anything that the secret made (but see zoomChallenge).
	challenge func(v *Verifier, r *Request, ok bool) *Answer

	get string // the reason to give for a GET that is no handshake; "" when the general one will do

	secret secretRule
	hint   string // what the secret is and where it comes from
	setup  string // what to do at the provider
}

type secretRule int

const (
	required secretRule = iota
	later               // the provider makes it only after the source is there; without it nothing passes
	unused
)

// Info describes a source type for pages and documents.
type Info struct {
	Title       string
	NeedsSecret bool   // New fails without a secret
	Setup       string // what to do at the provider; "" when there is nothing to say
	SecretHint  string // what the secret is
}

// providers is the table.
func providers() []provider {
	return slices.Concat(generic(), forges(), standards(), payments(), talk(), business(), tools())
}

func find(name string) *provider {
	for _, p := range providers() {
		if p.name == name {
			return &p
		}
	}
	return nil
}

// Types lists the source types, sorted.
func Types() []string {
	var names []string
	for _, p := range providers() {
		names = append(names, p.name)
	}
	slices.Sort(names)
	return names
}

// Describe describes a source type; false when there is no such type.
func Describe(typ string) (Info, bool) {
	p := find(typ)
	if p == nil {
		return Info{}, false
	}
	return Info{Title: p.title, NeedsSecret: p.secret == required, Setup: p.setup, SecretHint: p.hint}, true
}

// settle joins the row's schemes and what the user set.
func (p *provider) settle(set Scheme) ([]Scheme, error) {
	switch {
	case p.name == "hmac":
		return []Scheme{set}, nil
	case p.name == "token" && set.Header != "":
		only := set.common()
		only.Header, only.Prefix = set.Header, set.Prefix
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
				"take type hmac to describe another", p.name)
	}
	schemes := slices.Clone(p.schemes)
	for i := range schemes {
		if set.Tolerance != 0 {
			schemes[i].Tolerance = set.Tolerance
		}
	}
	return schemes, nil
}

// checkSecrets refuses secrets that code cannot work with.
func (p *provider) checkSecrets(secrets []string) error {
	for _, s := range secrets {
		if p.by == "basic" && !strings.Contains(s, ":") {
			return fmt.Errorf("the secret of type %s must be user:password", p.name)
		}
	}
	return nil
}
