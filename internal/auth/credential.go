package auth

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// The cookies and the query parameter that hold credentials.
const (
	SessionCookie = "hookyard_session"
	TokenCookie   = "access_token" // WebGME's name
	// WebGME's name; for readers that cannot set headers, such as EventSource in a browser
	TokenQuery = "token"
)

// maxSecret bounds what is hashed: longer than any password or token that could be right.
const maxSecret = 1000 // bytes

// kind says which of the ways a credential came by.
type kind int

const (
	none kind = iota
	basic
	bearer
	session
)

// credential is what a request gives as proof. It is not yet known to be right.
type credential struct {
	kind   kind
	name   string // of a user, for basic
	secret string
}

// credentialOf finds the credential of a request, or none. A malformed one is an error.
//
// The query parameter is taken with every method: unlike a cookie no browser adds it by itself, so another site's form
// cannot borrow it.
func credentialOf(r *http.Request) (credential, error) {
	if values := r.Header["Authorization"]; len(values) > 0 {
		return parseAuthorization(values)
	}
	if c, err := queryCredential(r.URL.RawQuery); err != nil || c.kind != none {
		return c, err
	}
	if len(r.Header["Cookie"]) == 0 {
		return credential{}, nil
	}
	// The session first: another program on the same host may have left an access_token of its own.
	if c, err := r.Cookie(SessionCookie); err == nil {
		out, err := tokenCredential(c.Value)
		out.kind = session
		return out, err
	}
	if c, err := r.Cookie(TokenCookie); err == nil {
		return tokenCredential(c.Value)
	}
	return credential{}, nil
}

// Explicit says whether r's credential, by which [Auth.Identify] goes, was put there by whoever made r: in the
// Authorization header or the query parameter token. A cookie is none, a browser adds it to another site's requests
// too; and with [Options.Dev] no credential is looked at, so that there this says nothing.
func Explicit(r *http.Request) bool {
	if len(r.Header["Authorization"]) > 0 {
		return true
	}
	c, err := queryCredential(r.URL.RawQuery)
	return err == nil && c.kind != none
}

// queryCredential finds the parameter token. It does not use url.ParseQuery, which drops what is malformed: a token
// that is would be taken for none.
func queryCredential(raw string) (out credential, err error) {
	for raw != "" {
		var part string
		part, raw, _ = strings.Cut(raw, "&")
		name, value, _ := strings.Cut(part, "=")
		if name, _ = url.QueryUnescape(name); name != TokenQuery {
			continue
		}
		if out.kind != none {
			return credential{}, unauthenticated("the query holds token more than once")
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return credential{}, unauthenticated("the token in the query is not well-formed")
		}
		if out, err = tokenCredential(value); err != nil {
			return credential{}, err
		}
	}
	return out, nil
}

// parseAuthorization reads the values of the Authorization header (RFC 9110, section 11.6.2).
func parseAuthorization(values []string) (credential, error) {
	if len(values) != 1 {
		return credential{}, unauthenticated("the Authorization header stands %d times; send one", len(values))
	}
	scheme, rest, _ := strings.Cut(strings.Trim(values[0], " \t"), " ")
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		return tokenCredential(strings.Trim(rest, " \t"))
	case strings.EqualFold(scheme, "Basic"):
		return basicCredential(strings.Trim(rest, " \t"))
	}
	return credential{},
		unauthenticated("the Authorization header must be Bearer TOKEN, or Basic with user and password")
}

func basicCredential(encoded string) (credential, error) {
	r := http.Request{Header: http.Header{"Authorization": {"Basic " + encoded}}}
	name, password, ok := r.BasicAuth()
	if !ok || name == "" || !utf8.ValidString(name) || len(name) > maxSecret || len(password) > maxSecret {
		return credential{}, unauthenticated("the Basic credential is not base64 of user:password")
	}
	return credential{kind: basic, name: name, secret: password}, nil
}

func tokenCredential(token string) (credential, error) {
	if token == "" || len(token) > maxSecret {
		return credential{}, unauthenticated("the token is empty or over %d bytes long", maxSecret)
	}
	return credential{kind: bearer, secret: token}, nil
}
