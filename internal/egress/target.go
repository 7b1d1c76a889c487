package egress

import (
	"encoding/base64"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// key identifies interchangeable connections. It holds the name and not the address, because an open connection was
// checked when it was dialed.
type key struct {
	host     string // lower-case ASCII without a trailing dot, or a canonical address
	port     string
	tls      bool
	insecure bool
}

// target is a parsed URL.
type target struct {
	key
	addr       netip.Addr // of a literal address, without zone
	hostHeader string
	uri        string // path and query
	auth       string // value of the Authorization header for the URL's user and password, or ""
}

// maxTargets bounds the cache of URLs.
const maxTargets = 4096

// target is parseTarget with a cache, because most URLs are those of hooks and repeat.
func (c *Client) target(raw string) (target, *Error) {
	if t, ok := c.targets.Load(raw); ok {
		return t.(target), nil
	}
	t, e := parseTarget(raw)
	if e == nil {
		if c.known.Add(1) > maxTargets {
			c.targets.Clear()
			c.known.Store(0)
		}
		c.targets.Store(raw, t)
	}
	return t, e
}

// parseTarget parses a URL. Errors do not quote it, because it may contain a password.
func parseTarget(raw string) (target, *Error) {
	u, err := url.Parse(raw)
	if err != nil {
		return target{}, blocked("the URL cannot be read; write it as https://host/path")
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return target{}, blocked("the URL's scheme is %q; only http and https can be sent to", u.Scheme)
	}
	var t target
	t.tls = u.Scheme == "https"
	if e := t.setHost(u.Hostname()); e != nil {
		return target{}, e
	}
	if e := t.setPort(u.Port()); e != nil {
		return target{}, e
	}
	t.uri = requestURI(u)
	if u.User != nil {
		password, _ := u.User.Password()
		t.auth = "Basic " + base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password))
	}
	return t, nil
}

// setHost sets the host to a literal address or a name. Some resolvers and proxies parse a name whose last label is a
// number as an IPv4 address (0177.0.0.1, 2130706433, 0x7f.1), so it is refused, as in the WHATWG URL standard.
func (t *target) setHost(host string) *Error {
	host = strings.TrimSuffix(host, ".")
	if a, err := netip.ParseAddr(host); err == nil {
		t.addr = a.WithZone("").Unmap()
		t.host = t.addr.String()
		return nil
	}
	name, ok := asciiHost(host)
	if !ok {
		return blocked("the URL has no valid host name; write it as https://host/path")
	}
	if isNumeric(name[strings.LastIndexByte(name, '.')+1:]) {
		return blocked("the URL's host %s is no valid IPv4 address; write it as four decimal numbers", name)
	}
	t.host = name
	return nil
}

// isNumeric reports whether a label is a number in one of the forms of inet_aton.
func isNumeric(label string) bool {
	if len(label) >= 2 && label[0] == '0' && label[1] == 'x' {
		return strings.Trim(label[2:], "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}

// setPort sets the port, "" for that of the scheme, and the value of the header Host.
func (t *target) setPort(port string) *Error {
	standard := "80"
	if t.tls {
		standard = "443"
	}
	if port == "" {
		port = standard
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return blocked("the URL's port is not a number from 1 to 65535")
	}
	if port[0] == '0' {
		port = strconv.FormatUint(n, 10)
	}
	t.port = port
	t.hostHeader = t.host
	if t.addr.Is6() {
		t.hostHeader = "[" + t.host + "]"
	}
	if port != standard {
		t.hostHeader += ":" + port
	}
	return nil
}

// requestURI returns path and query as the user wrote them, if possible. [url.URL.RequestURI] would decode %2F when
// another character of the path needs escaping.
func requestURI(u *url.URL) string {
	path := u.RawPath
	if path == "" {
		path = u.EscapedPath()
	}
	if path == "" {
		path = "/"
	}
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	return escapeRest(path)
}

// escapeRest percent-encodes bytes that must not appear in a request line. net/url does so in paths but not in queries.
func escapeRest(uri string) string {
	bad := func(c byte) bool { return c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>' }
	clean := true
	for i := range len(uri) {
		clean = clean && !bad(uri[i])
	}
	if clean {
		return uri
	}
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, len(uri)+16)
	for i := range len(uri) {
		c := uri[i]
		if bad(c) {
			b = append(b, '%', hex[c>>4], hex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}
