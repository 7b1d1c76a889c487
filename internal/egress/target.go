package egress

import (
	"encoding/base64"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// key says which connections are alike. The name, not the address, is in it: an open connection was checked when it
// was dialled.
type key struct {
	host     string // lower case ASCII, without a dot at the end, or an address in its canonical form
	port     string
	tls      bool
	insecure bool
}

// target is a URL taken apart.
type target struct {
	key
	addr       netip.Addr // of a literal address, without zone
	hostHeader string
	uri        string // path and query
	auth       string // value of the Authorization header for the URL's user and password, or ""
}

// maxTargets bounds what is remembered of URLs.
const maxTargets = 4096

// target is parseTarget for URLs that come again and again, as hooks' do.
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

// parseTarget reads a URL. Messages do not quote the URL: it may hold a password.
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

// setHost takes a literal address or a name. A name whose last label is a number would be read as an IPv4 address by
// some resolvers and proxies (0177.0.0.1, 2130706433, 0x7f.1), so it is refused as the WHATWG URL standard does.
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

// isNumeric says whether a label is a number in one of the forms of inet_aton.
func isNumeric(label string) bool {
	if len(label) >= 2 && label[0] == '0' && label[1] == 'x' {
		return strings.Trim(label[2:], "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}

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

// requestURI is the path and query as typed, where they can be sent so. [url.URL.RequestURI] would take %2F for a slash
// when another character of the path has to be escaped.
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

// escapeRest percent-encodes what must not stand in a request line. net/url does it for the path, not for the query.
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
