package hookyard

import (
	"net/url"
	"regexp"
	"strings"
)

// MaskURL returns a URL as it may be shown, logged or stored: its user and password become ***. Of a URL that cannot be
// parsed only the scheme is left, because where its password ends is unknown. Text that is no URL is returned as it is.
func MaskURL(raw string) string {
	before, userinfo, after := splitUserinfo(raw)
	if userinfo == "" {
		return before + after
	}
	return before + Masked + after
}

// dsnPassword is the password in a connection string of keywords and values (PostgreSQL, libpq, section 34.1.1.1).
var dsnPassword = regexp.MustCompile(`(?i)((?:^|\s)(?:ssl)?password\s*=\s*)('(?:[^'\\]|\\.)*'?|\S+)`)

// MaskPassword is [MaskURL] for an operator's own settings: the user stays, the password becomes ***, and so does a
// credential in the query, where PostgreSQL's URLs may have one, or in a connection string of keywords and values.
func MaskPassword(raw string) string {
	raw = dsnPassword.ReplaceAllString(raw, "${1}"+Masked)
	before, userinfo, after := splitUserinfo(raw)
	if user, _, found := strings.Cut(userinfo, ":"); found {
		userinfo = user + ":" + Masked
	}
	before, after = maskQuery(before), maskQuery(after)
	return before + userinfo + after
}

// MaskCredentials is [MaskURL] that also replaces what the query has of credentials, by the names of its parameters.
func MaskCredentials(raw string) string { return maskQuery(MaskURL(raw)) }

// URLOrigin returns the scheme and host of a URL, for where the rest must not be read: the path of a chat's URL is a
// credential. *** stands for the user and password, and for the path and query.
func URLOrigin(raw string) string {
	scheme, rest, ok := strings.Cut(MaskURL(raw), "://")
	if !ok {
		return Masked
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 && i+1 < len(rest) {
		rest = rest[:i] + "/" + Masked
	}
	return scheme + "://" + rest
}

// splitUserinfo splits a URL around its user and password. userinfo is "" when there is none. Of a URL that cannot be
// parsed and could hold one, before is the scheme followed by *** and the rest is "".
func splitUserinfo(raw string) (before, userinfo, after string) {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok || strings.IndexByte(rest, '@') < 0 {
		return raw, "", ""
	}
	if _, err := url.Parse(raw); err != nil {
		return scheme + "://" + Masked, "", ""
	}
	authority := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority = rest[:end]
	}
	at := strings.LastIndexByte(authority, '@')
	if at < 0 {
		return raw, "", ""
	}
	return scheme + "://", rest[:at], rest[at:]
}

// credentialParam matches the names of parameters in queries whose values are credentials.
var credentialParam = regexp.MustCompile(`(?i)(password|passwd|pwd|secret|token|signature|(api|access)[_-]?key)$|` +
	`^(auth|code|key|sig)$`)

// isCredentialParam reports whether a parameter of a query, escaped as it is there, holds a credential.
func isCredentialParam(name string) bool {
	plain, err := url.QueryUnescape(name)
	return err == nil && credentialParam.MatchString(plain)
}

// maskQuery replaces the values of credentials in the query of a URL, or of the end of one.
func maskQuery(s string) string {
	path, query, ok := strings.Cut(s, "?")
	if !ok {
		return s
	}
	query, fragment, hasFragment := strings.Cut(query, "#")
	params := strings.Split(query, "&")
	for i, param := range params {
		if name, value, _ := strings.Cut(param, "="); value != "" && isCredentialParam(name) {
			params[i] = name + "=" + Masked
		}
	}
	out := path + "?" + strings.Join(params, "&")
	if hasFragment {
		out += "#" + fragment
	}
	return out
}
