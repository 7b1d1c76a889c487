package app

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestForwardedFor(t *testing.T) {
	t.Parallel()
	proxies, err := parseProxies([]string{"10.0.0.0/8", "192.0.2.7", "2001:db8::/64", "::ffff:192.0.2.8"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, peer string
		header     []string
		want       string
	}{
		{"no proxy", "203.0.113.5:1234", nil, "203.0.113.5:1234"},
		{"a stranger's header", "203.0.113.5:1234", []string{"198.51.100.1"}, "203.0.113.5:1234"},
		{"one proxy", "10.1.2.3:99", []string{"203.0.113.5"}, "203.0.113.5:0"},
		{"what the client wrote before", "10.1.2.3:99", []string{"198.51.100.1, 203.0.113.5"}, "203.0.113.5:0"},
		{"a chain", "10.1.2.3:99", []string{"198.51.100.1, 203.0.113.5, 192.0.2.7"}, "203.0.113.5:0"},
		{"a chain in two headers", "10.1.2.3:99", []string{"198.51.100.1,203.0.113.5", "192.0.2.8"}, "203.0.113.5:0"},
		{"all are trusted", "10.1.2.3:99", []string{"10.9.9.9, 10.8.8.8"}, "10.9.9.9:0"},
		{"no header", "10.1.2.3:99", nil, "10.1.2.3:99"},
		{"malformed at once", "10.1.2.3:99", []string{"203.0.113.5, unknown"}, "10.1.2.3:99"},
		{"malformed further on", "10.1.2.3:99", []string{"203.0.113.5, x, 10.8.8.8"}, "10.8.8.8:0"},
		{"an empty entry", "10.1.2.3:99", []string{"203.0.113.5,"}, "10.1.2.3:99"},
		{"with a port", "10.1.2.3:99", []string{"203.0.113.5:4711"}, "203.0.113.5:0"},
		{"IPv6", "[2001:db8::1]:99", []string{"2001:db8:5::7"}, "[2001:db8:5::7]:0"},
		{"IPv6 with a port", "[2001:db8::1]:99", []string{"[2001:db8:5::7]:80"}, "[2001:db8:5::7]:0"},
		{"IPv4 in IPv6", "[::ffff:10.1.2.3]:99", []string{"::ffff:203.0.113.5"}, "203.0.113.5:0"},
		{"no address", "@", []string{"203.0.113.5"}, "@"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.peer
		if c.header != nil {
			r.Header["X-Forwarded-For"] = c.header
		}
		var got string
		trustProxies(proxies, http.HandlerFunc(func(_ http.ResponseWriter,
			r *http.Request) {
			got = r.RemoteAddr
		})).ServeHTTP(nil, r)
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestCleanPaths holds that senders are not redirected, and that pages are.
func TestCleanPaths(t *testing.T) {
	t.Parallel()
	h := cleanPaths(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.URL.EscapedPath()+"?"+r.URL.RawQuery)
	}))
	for _, c := range [][3]string{
		{"POST", "//in/shop/orders/github?a=1", "/in/shop/orders/github?a=1"},
		{"GET", "/in//shop/./orders/github/", "/in/shop/orders/github/?"},
		{"POST", "/in/shop/orders/github//a%2Fb", "/in/shop/orders/github/a%2Fb?"},
		{"POST", "//api/projects/shop/orders/events", "/api/projects/shop/orders/events?"},
		{"GET", "//shop/orders", "//shop/orders?"},
		{"GET", "/x//_webhook/register", "/x/_webhook/register?"},
		{"POST", "/in/../login", "/login?"},
	} {
		w := httptest.NewRecorder()
		target, query, _ := strings.Cut(c[1], "?")
		path, _ := url.PathUnescape(target)
		h.ServeHTTP(w, &http.Request{Method: c[0], URL: &url.URL{Path: path, RawPath: target, RawQuery: query}})
		if got := w.Body.String(); got != c[2] {
			t.Errorf("%s %s: %s, want %s", c[0], c[1], got, c[2])
		}
	}
}

// TestPrefix removes the path of --base-url from requests, and adds it to what pages redirect to and to their cookies,
// but not to what users let sources and bins answer.
func TestPrefix(t *testing.T) {
	t.Parallel()
	h := withPrefix("/base", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/next")
		w.Header()["Set-Cookie"] = []string{"a=1; Path=/; Secure", "b=1; Path=/x", "__Host-c=1; Path=/"}
		_, _ = io.WriteString(w, r.URL.Path)
	}))
	const below = "a=1; Path=/base; Secure|b=1; Path=/base/x|__Host-c=1; Path=/"
	const asIs = "a=1; Path=/; Secure|b=1; Path=/x|__Host-c=1; Path=/"
	for path, want := range map[string][3]string{
		"/base/in/a/b/c":                     {"/in/a/b/c", "/next", asIs},
		"/in/a/b/c":                          {"/in/a/b/c", "/next", asIs},
		"/base/binaaaaaaaaaaaaaaaa":          {"/binaaaaaaaaaaaaaaaa", "/next", asIs},
		"/base/x/_webhook/register":          {"/x/_webhook/register", "/next", asIs},
		"/base/shop/orders":                  {"/shop/orders", "/base/next", below},
		"/shop/orders":                       {"/shop/orders", "/base/next", below},
		"/baseline":                          {"/baseline", "/base/next", below},
		"/base/api/projects/shop/orders/x/y": {"/api/projects/shop/orders/x/y", "/base/next", below},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", path, nil))
		if got := [3]string{w.Body.String(), w.Header().Get("Location"),
			strings.Join(w.Header()["Set-Cookie"], "|")}; got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/base", nil))
	if to := w.Header().Get("Location"); w.Code != http.StatusFound || to != "/base/" {
		t.Errorf("/base: %d to %q", w.Code, to)
	}
}
