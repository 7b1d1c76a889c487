package auth

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// The cookies and the query parameter for credentials.
const (
	// SessionCookie ends the name of the cookie of a session, see [CookieName].
	SessionCookie = "hookyard_session"
	DeviceCookie  = "hookyard_device" // likewise; see [NewDevice]
	TokenCookie   = "access_token"    // WebGME's name
	// WebGME's name; for clients that cannot set headers, such as EventSource in a browser
	TokenQuery = "token"
)

// CookieName returns the name of a cookie, such as [SessionCookie], on a server with that base URL. With https it
// begins with __Host-, so that browsers take it from this host only, over TLS, and no other host of the domain can set
// it. That needs the path /, so there is no prefix below a base URL with a path.
func CookieName(baseURL, name string) string {
	u, err := url.Parse(baseURL)
	if err != nil || u.Scheme != "https" || strings.Trim(u.Path, "/") != "" {
		return name
	}
	return "__Host-" + name
}

// maxSecret bounds what is hashed. Valid passwords and tokens are shorter.
const maxSecret = 1000 // bytes

// kind is the kind of a credential.
type kind int

const (
	none kind = iota
	basic
	bearer
	session
)

// credential is the credential of a request, not yet verified.
type credential struct {
	kind   kind
	name   string // of a user, for basic
	secret string
}

// credentialOf returns the credential of a request. Its kind is none if there is none. A malformed one is an error.
// sessionCookie is the name of the cookie of a session.
//
// The query parameter is accepted with every method. Unlike a cookie, browsers do not add it to the requests of other
// sites.
func credentialOf(r *http.Request, sessionCookie string) (credential, error) {
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
	if c, err := r.Cookie(sessionCookie); err == nil {
		out, err := tokenCredential(c.Value)
		out.kind = session
		return out, err
	}
	if c, err := r.Cookie(TokenCookie); err == nil {
		return tokenCredential(c.Value)
	}
	return credential{}, nil
}

// Explicit reports whether the credential that [Auth.Identify] uses is one that the sender of r must know: the header
// Authorization or the query parameter token. A cookie is not, because a browser adds it to requests that other sites
// make. With [Options.Dev], Identify uses no credential and the result is meaningless.
func Explicit(r *http.Request) bool {
	if len(r.Header["Authorization"]) > 0 {
		return true
	}
	c, err := queryCredential(r.URL.RawQuery)
	return err == nil && c.kind != none
}

// queryCredential returns the credential in the parameter token. It does not use url.ParseQuery, which drops malformed
// parameters: a malformed token must be an error.
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

// parseAuthorization parses the values of the header Authorization (RFC 9110, section 11.6.2).
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
