// Package oidc implements sign-in with an OpenID Connect provider: the authorization code flow with PKCE, state and
// nonce (OpenID Connect Core 1.0, section 3.1; RFC 7636). It returns who signed in at the provider and whether the
// operator's rules admit them. It does not know hookyard's users.
package oidc

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/hookyard/hookyard"
)

// Options configure a [Provider]. Issuer, ClientID, RedirectURL and Allow are required.
type Options struct {
	Issuer       string
	ClientID     string
	ClientSecret string   // "" for a public client
	RedirectURL  string   // as registered with the provider
	Allow        []string // who may sign in: addresses, @example.com, group:NAME, or *
	Admins       []string // who is an administrator; empty means that hookyard's users decide
	GroupsClaim  string   // the claim that names a person's groups; "" is groups
}

// Provider is an OpenID Connect provider. It is safe for concurrent use. It is not contacted before the first sign-in,
// so that the server can start while the provider is down.
type Provider struct {
	o    Options
	http *http.Client

	mu    sync.Mutex // guards found
	found *discovery // nil until discovery has succeeded
}

// discovery is the configuration that the provider publishes.
type discovery struct {
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	oauth    oauth2.Config
}

const (
	requestTimeout     = 10 * time.Second // bounds each request to the provider
	defaultGroupsClaim = "groups"
)

// New returns a Provider. It fails if an option is missing or malformed. It does not connect.
func New(o Options) (*Provider, error) {
	u, err := url.Parse(o.Issuer)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("--oidc-issuer %q must be the provider's URL, such as https://accounts.example.com",
			o.Issuer)
	case o.ClientID == "":
		return nil, errors.New("--oidc-issuer needs --oidc-client-id: register hookyard with the provider, with the " +
			"redirect URL " + o.RedirectURL)
	case len(o.Allow) == 0:
		return nil, errors.New("--oidc-issuer needs --oidc-allow, which says who may sign in: addresses, " +
			"@example.com, group:NAME, or * for every user of the provider")
	}
	for _, rule := range slices.Concat(o.Allow, o.Admins) {
		if rule != "*" && (!strings.Contains(rule, "@") || rule == "@") && !strings.HasPrefix(rule, "group:") {
			return nil, fmt.Errorf("--oidc-allow and --oidc-admin take addresses, @example.com, group:NAME and *, "+
				"not %q", rule)
		}
	}
	o.GroupsClaim = cmp.Or(o.GroupsClaim, defaultGroupsClaim)
	return &Provider{o: o, http: &http.Client{Timeout: requestTimeout}}, nil
}

// Host returns the host of the issuer, the provider's name for people.
func (p *Provider) Host() string {
	u, err := url.Parse(p.o.Issuer)
	if err != nil {
		return p.o.Issuer
	}
	return u.Host
}

// discover returns the configuration of the provider. After the first success it is cached.
func (p *Provider) discover(ctx context.Context) (*discovery, error) {
	p.mu.Lock()
	found := p.found
	p.mu.Unlock() // not held during the request
	if found != nil {
		return found, nil
	}
	provider, err := oidc.NewProvider(p.client(ctx), p.o.Issuer)
	if err != nil {
		return nil, hookyard.Errorf(hookyard.Unavailable,
			"%s does not say how to sign in (%v). Try again later, or sign in with a password.", p.Host(), err)
	}
	var says struct {
		Scopes []string `json:"scopes_supported"`
	}
	if err := provider.Claims(&says); err != nil {
		return nil, hookyard.Errorf(hookyard.Unavailable, "what %s says of itself cannot be read: %v", p.Host(), err)
	}
	scopes := []string{oidc.ScopeOpenID, "profile", "email"}
	if slices.Contains(says.Scopes, "groups") { // others send groups if so configured
		scopes = append(scopes, "groups")
	}
	found = &discovery{
		provider: provider,
		verifier: provider.Verifier(&oidc.Config{ClientID: p.o.ClientID}),
		oauth: oauth2.Config{ClientID: p.o.ClientID, ClientSecret: p.o.ClientSecret, Endpoint: provider.Endpoint(),
			RedirectURL: p.o.RedirectURL, Scopes: scopes},
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.found = found
	return found, nil
}

// client returns a context that makes the library use our HTTP client.
func (p *Provider) client(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, p.http)
}

// Pending is an unfinished sign-in. The browser stores it. It is secret.
type Pending struct {
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"`
}

// Begin starts a sign-in. It returns the URL to redirect the browser to, and what [Provider.Finish] needs when the
// browser returns. The error is Unavailable if the provider does not respond.
func (p *Provider) Begin(ctx context.Context) (to string, pending Pending, err error) {
	d, err := p.discover(ctx)
	if err != nil {
		return "", pending, err
	}
	pending = Pending{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier()}
	return d.oauth.AuthCodeURL(pending.State, oidc.Nonce(pending.Nonce), oauth2.S256ChallengeOption(pending.Verifier)),
		pending, nil
}

// Person is the user who signed in, as described by the provider.
type Person struct {
	Subject string // issuer and subject, which identify a person permanently
	Name    string // a suggestion for a user name; chosen by the person and not unique
	Email   string // "" unless verified by the provider
	Admin   *bool  // whether the rules make them an administrator; nil if there are no rules
	Groups  []string
}

// Finish completes a sign-in with the query of the URL to which the provider redirected the browser. The error is
// Unauthenticated if the query proves nothing, Forbidden if the operator's rules do not admit the person, and
// Unavailable if the provider does not respond.
func (p *Provider) Finish(ctx context.Context, pending Pending, query url.Values) (*Person, error) {
	if pending.State == "" || !hmac.Equal([]byte(query.Get("state")), []byte(pending.State)) {
		return nil, hookyard.Errorf(hookyard.Unauthenticated,
			"This sign-in was not begun in this browser, or took over ten minutes. Try again.")
	}
	if code := query.Get("error"); code != "" {
		return nil, hookyard.Errorf(hookyard.Unauthenticated, "%s did not let you sign in: %s", p.Host(),
			hookyard.Clean(strings.TrimSpace(code+" "+query.Get("error_description")), 300))
	}
	d, err := p.discover(ctx)
	if err != nil {
		return nil, err
	}
	token, err := d.oauth.Exchange(p.client(ctx), query.Get("code"), oauth2.VerifierOption(pending.Verifier))
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused) && refused.Response.StatusCode < http.StatusInternalServerError:
		return nil, hookyard.Errorf(hookyard.Unauthenticated, "%s refused the sign-in: %s", p.Host(),
			hookyard.Clean(refused.ErrorCode+" "+refused.ErrorDescription, 300))
	case err != nil:
		return nil, hookyard.Errorf(hookyard.Unavailable,
			"%s does not answer. Try again later, or sign in with a password.", p.Host())
	}
	claims, err := p.claims(ctx, d, token, pending.Nonce)
	if err != nil {
		return nil, err
	}
	return p.admit(claims)
}

// claims are the claims used from an ID token and from userinfo.
type claims struct {
	Subject  string `json:"sub"`
	Username string `json:"preferred_username"`
	Name     string `json:"name"`
	Email    string `json:"email"`
	Verified any    `json:"email_verified"` // true, or from some providers "true"
	Groups   names  `json:"-"`              // in a claim that the operator names
}

// names is an array in JSON, or from some providers a single string.
type names []string

// UnmarshalJSON decodes an array or a string.
func (n *names) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*n = names{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(n))
}

// claims verifies the ID token and returns its claims, completed from userinfo.
func (p *Provider) claims(ctx context.Context, d *discovery, token *oauth2.Token, nonce string) (*claims, error) {
	raw, _ := token.Extra("id_token").(string)
	id, err := d.verifier.Verify(p.client(ctx), raw)
	if err != nil || !hmac.Equal([]byte(id.Nonce), []byte(nonce)) {
		return nil, hookyard.Errorf(hookyard.Unauthenticated, "what %s sent does not prove who you are. Try again.",
			p.Host())
	}
	c := &claims{}
	if err := p.decode(id, c); err != nil {
		return nil, hookyard.Errorf(hookyard.Unauthenticated, "what %s says of you cannot be read: %v", p.Host(), err)
	}
	if c.Email == "" || c.Groups == nil { // some providers return them only from userinfo
		if info, err := d.provider.UserInfo(p.client(ctx), oauth2.StaticTokenSource(token)); err == nil &&
			info.Subject == id.Subject {
			more := *c
			if p.decode(info, &more) == nil {
				c = &more
			}
		}
	}
	c.Subject = id.Issuer + " " + id.Subject
	return c, nil
}

// decode adds the claims of an ID token or of userinfo to c.
func (p *Provider) decode(from interface{ Claims(any) error }, c *claims) error {
	if err := from.Claims(c); err != nil {
		return err
	}
	var all map[string]json.RawMessage
	if err := from.Claims(&all); err != nil {
		return err
	}
	if groups, ok := all[p.o.GroupsClaim]; ok {
		if err := json.Unmarshal(groups, &c.Groups); err != nil {
			return fmt.Errorf("the claim %s is no list of names (setting: --oidc-groups-claim)", p.o.GroupsClaim)
		}
	}
	return nil
}

// admit applies the operator's rules.
func (p *Provider) admit(c *claims) (*Person, error) {
	name := nameOf(c)
	if c.Verified != true && c.Verified != "true" {
		c.Email = "" // users of some providers can enter any address in their profile
	}
	if !matches(p.o.Allow, c) {
		who := c.Email
		if who == "" {
			who = "You"
		}
		return nil, hookyard.Errorf(hookyard.Forbidden,
			"%s may not sign in here. Ask an administrator (setting: --oidc-allow).", who)
	}
	out := &Person{Subject: c.Subject, Name: name, Email: c.Email, Groups: c.Groups}
	if len(p.o.Admins) > 0 {
		admin := matches(p.o.Admins, c)
		out.Admin = &admin
	}
	return out, nil
}

// matches reports whether one of the rules matches the claims.
func matches(rules []string, c *claims) bool {
	email := strings.ToLower(c.Email)
	return slices.ContainsFunc(rules, func(rule string) bool {
		group, isGroup := strings.CutPrefix(rule, "group:")
		switch rule = strings.ToLower(rule); {
		case isGroup:
			return slices.Contains(c.Groups, group)
		case rule == "*":
			return true
		case strings.HasPrefix(rule, "@"):
			return strings.HasSuffix(email, rule)
		}
		return email == rule
	})
}

// nameOf derives a user name from the claims.
func nameOf(c *claims) string {
	for _, s := range []string{c.Username, c.Email, c.Name} {
		local, _, _ := strings.Cut(s, "@")
		name := strings.Trim(strings.Map(func(r rune) rune {
			switch {
			case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
				return r
			}
			return '-'
		}, local), ".-")
		if name != "" && !strings.EqualFold(name, "guest") { // the name of callers who are not signed in
			return name[:min(len(name), 90)]
		}
	}
	return "user"
}
