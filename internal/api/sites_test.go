package api_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// TestOtherSites holds that a page of another site changes nothing, where nothing but the browser says who asks: with a
// cookie, and without authentication.
func TestOtherSites(t *testing.T) {
	t.Parallel()
	foreign := []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}
	same := []string{"Origin", "http://hooks.test", "Sec-Fetch-Site", "same-origin"}
	event := `{"type":"a","data":1}`

	b := one(t, nil)
	project := b.project("shop", client.ProjectPatch{})
	events, cookie := "/api/projects/"+project+"/events", []string{"Cookie", "access_token=" + b.token}
	for _, c := range []struct {
		name, token, query string
		header             []string
		want               int
	}{
		{"cookie", "", "", append(cookie, foreign...), http.StatusForbidden},
		{"cookie and a parameter that ends in token", "", "?xtoken=1", append(cookie, foreign...),
			http.StatusForbidden},
		{"cookie and a parameter that holds token=", "", "?a=token=", append(cookie, foreign...), http.StatusForbidden},
		{"cookie and an empty token", "", "?token=", append(cookie, foreign...), http.StatusForbidden},
		{"cookie and a wrong token", "", "?token=wrong", append(cookie, foreign...), http.StatusUnauthorized},
		{"cookie from our own page", "", "", append(cookie, same...), http.StatusAccepted},
		{"token in the query", "", "?token=" + b.token, foreign, http.StatusAccepted},
		{"token with its name escaped", "", "?%74oken=" + b.token, foreign, http.StatusAccepted},
		{"token in the header", b.token, "", foreign, http.StatusAccepted},
	} {
		if status, _, body := b.do(c.token, http.MethodPost, events+c.query, event, c.header...); status != c.want {
			t.Errorf("%s: %d %s; want %d", c.name, status, body, c.want)
		}
	}
	for _, method := range []string{http.MethodPut, http.MethodDelete} {
		status, _, body := b.do("", method, "/api/projects/"+project+"/hooks/h", "{}", append(cookie, foreign...)...)
		if status != http.StatusForbidden {
			t.Errorf("%s of a hook: %d %s", method, status, body)
		}
	}
	for _, path := range []string{"/api/bins", "/api/bins/x/source"} {
		status, _, body := b.do("", http.MethodPost, path+"?key=1", "{}", append(cookie, foreign...)...)
		if status != http.StatusForbidden {
			t.Errorf("another site posts to %s: %d %s", path, status, body)
		}
	}
	r := httptest.NewRequest(http.MethodPost, "/?xtoken=1", nil)
	r.Header = http.Header{"Sec-Fetch-Site": {"cross-site"}, "Cookie": {"access_token=" + b.token}}
	if _, err := b.api.AuthorizePublish(r, "alice", "shop"); hookyard.CodeOf(err) != hookyard.Forbidden {
		t.Errorf("another site may publish by the relay: %v", err)
	}

	dev := one(t, func(o *options) { o.Dev, o.CreateOnUse = true, true })
	for _, query := range []string{"", "?xtoken=1", "?token=anything"} {
		if status, _, body := dev.do("", http.MethodPost, events+query, event,
			foreign...); status != http.StatusForbidden {
			t.Errorf("--dev with %q: %d %s", query, status, body)
		}
	}
	if status, _, body := dev.do("", http.MethodPost, events, event); status != http.StatusAccepted {
		t.Errorf("--dev, by a program: %d %s", status, body)
	}
}

// TestAuthorizePublishPaths: what is no name is no project, on either database.
func TestAuthorizePublishPaths(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bundle) {
		for _, p := range [][2]string{{"a\x00b", "p"}, {"a", "p\x00"}, {"\xff", "p"}, {"a", "\xc3\x28"}} {
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			r.Header.Set("Authorization", "Bearer "+b.token)
			if _, err := b.api.AuthorizePublish(r, p[0], p[1]); hookyard.CodeOf(err) != hookyard.NotFound {
				t.Errorf("%q: %v", p, err)
			}
		}
	})
}
