package app_test

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hookyard/hookyard/internal/app"
)

// TestSecureHeaders asks every face for something, found or refused: the response has the headers of OWASP's list. With
// https, it says that this host has TLS, and the cookie of a session is bound to it.
func TestSecureHeaders(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"", "https://hooks.example.com", "https://example.com/hooks"} {
		t.Run(base, func(t *testing.T) {
			t.Parallel()
			data := t.TempDir()
			a := start(t, func(c *app.Config) { c.BaseURL, c.Data = base, data })
			addr := "http://" + a.Addr()
			token, err := os.ReadFile(filepath.Join(data, "admin-token"))
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{"/", "/login", "/users", "/nothing", "/assets/none", "/favicon.ico",
				"/robots.txt",
				"/setup?token=x", "/bins", "/docs/api", "/api", "/api/openapi.json", "/api/users", "/api/nothing",
				"/api/projects/a/b/stream", "/in/a/b/c", "/smee/a/b", "/x/_webhook/signal", "/bin_none", "/healthz",
				"/readyz", "/metrics"} {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, addr+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				if path == "/api/users" || path == "/users" {
					r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
				}
				resp, err := http.DefaultTransport.RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				for _, name := range []string{"X-Content-Type-Options", "X-Frame-Options", "Content-Security-Policy",
					"Referrer-Policy", "Cross-Origin-Opener-Policy", "Permissions-Policy"} {
					if resp.Header.Get(name) == "" {
						t.Errorf("GET %s (%s) has no %s", path, resp.Status, name)
					}
				}
				if got := resp.Header.Get("Strict-Transport-Security") != ""; got != (base != "") {
					t.Errorf("GET %s says that it has TLS: %t", path, got)
				}
			}
			checkSessionCookie(t, a, base)
		})
	}
}

// checkBound holds that a cookie is bound to the host as tightly as the server's URL permits.
func checkBound(t *testing.T, cookie *http.Cookie, base string) {
	t.Helper()
	bound := base == "https://hooks.example.com"
	wrong := bound && (cookie.Path != "/" || cookie.Domain != "")
	if wrong || strings.HasPrefix(cookie.Name, "__Host-") != bound || cookie.Secure != (base != "") ||
		!cookie.HttpOnly {
		t.Errorf("the cookie is %v", cookie)
	}
}

// checkSessionCookie signs in by the link of the first start.
func checkSessionCookie(t *testing.T, a *app.App, base string) {
	t.Helper()
	addr := "http://" + a.Addr()
	link, err := url.Parse(a.SetupLink())
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"token": {link.Query().Get("token")}, "password": {"correct horse"},
		"again": {"correct horse"}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, addr+"/setup",
		strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	var cookie *http.Cookie
	for _, c := range resp.Cookies() {
		if strings.HasSuffix(c.Name, "hookyard_session") {
			cookie = c
		}
	}
	if cookie == nil {
		t.Fatalf("%s sets no cookie of a session", resp.Status)
	}
	checkBound(t, cookie, base)
	resp, err = http.Post(addr+"/login/passkey/options", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if found := resp.Cookies(); (len(found) == 1) != (base != "") {
		t.Errorf("with base %q a sign-in with a passkey is answered with %s and cookies %v", base, resp.Status, found)
	} else if base != "" {
		checkBound(t, found[0], base)
	}
	for name, want := range map[string]int{cookie.Name: http.StatusOK, "other": http.StatusUnauthorized} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, addr+"/api/user", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.AddCookie(&http.Cookie{Name: name, Value: cookie.Value})
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("with cookie %s: %s, want %d", name, resp.Status, want)
		}
	}
}
