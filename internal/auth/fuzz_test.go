package auth

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/hookyard/hookyard"
)

// The credential of any request has a known kind and a bounded secret, or the error is Unauthenticated.
func FuzzCredential(f *testing.F) {
	f.Add("Bearer hky_abc", "", "")
	f.Add("Basic YW5uOnB3", "token=x", "hookyard_session=abc")
	f.Add("basic \t YW5uOnA6dw==", "a=%zz&token=1", "access_token=\"x\"")
	f.Add("", "token=%00&token", "hookyard_session=; access_token=y")
	f.Add("Bearer\u00a0x", "tok%65n=x", "=")
	f.Fuzz(func(t *testing.T, authorization, query, cookie string) {
		r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/", RawQuery: query}, Header: http.Header{}}
		if authorization != "" {
			r.Header["Authorization"] = []string{authorization}
		}
		if cookie != "" {
			r.Header["Cookie"] = []string{cookie}
		}
		c, err := credentialOf(r, SessionCookie)
		switch {
		case err != nil:
			if hookyard.CodeOf(err) != hookyard.Unauthenticated {
				t.Fatalf("%v is not Unauthenticated", err)
			}
		case c.kind == none:
			if authorization != "" || c.secret != "" || c.name != "" {
				t.Fatalf("%q was taken for nothing: %+v", authorization, c)
			}
		case len(c.secret) > maxSecret || len(c.name) > maxSecret:
			t.Fatalf("unbounded: %+v", c)
		case c.kind == basic && c.name == "", c.kind != basic && c.secret == "":
			t.Fatalf("empty: %+v", c)
		}
	})
}
