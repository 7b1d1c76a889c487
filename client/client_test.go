package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hookyard/hookyard"
)

func TestNew(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "localhost:8080", "ftp://x", "http://", "http://a b"} {
		if _, err := New(bad, ""); err == nil {
			t.Errorf("New(%q) returned a client", bad)
		}
	}
	if _, err := New("http://localhost:8080/", ""); err != nil {
		t.Error(err)
	}
}

// TestRequests checks what goes over the wire.
func TestRequests(t *testing.T) {
	t.Parallel()
	var got string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = r.Method + " " + r.RequestURI + " " + strings.TrimPrefix(r.Header.Get("If-Match")+" ", " ") +
			r.Header.Get("Authorization") + " " + string(body)
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusAccepted)
		}
		_, _ = io.WriteString(w, `{"id":"e"}`)
	}))
	t.Cleanup(s.Close)
	ctx := t.Context()
	c, err := New(s.URL+"/", "tok")
	if err != nil {
		t.Fatal(err)
	}
	basic, err := New(s.URL, "", WithPassword("u", "p"))
	if err != nil {
		t.Fatal(err)
	}
	const search = "hook=h&limit=5&path=data.a&since=2026-01-02T03%3A04%3A05Z&type=a.%2A&value="
	const patch = `{"active":false,"headers":{"X":null},"timeout":"1m30s"}`
	for want, do := range map[string]func() error{
		`GET /api/projects/o/p/hooks/a%2Fb%3F%20c Bearer tok `: func() error {
			_, err := c.Hook(ctx, "o/p", "a/b? c")
			return err
		},
		"PATCH /api/projects/o/p/hooks/h Bearer tok " + patch: func() error {
			_, err := c.PatchHook(ctx, "o/p", "h",
				HookPatch{Active: new(false), Headers: map[string]*string{"X": nil},
					Timeout: new(hookyard.Duration(90 * time.Second))})
			return err
		},
		`POST /api/projects/o/p/events Basic dTpw {"type":"t","data":"<&>"}`: func() error {
			_, err := basic.Publish(ctx, "o/p", Publication{Type: "t", Data: []byte(`"<&>"`)})
			return err
		},
		`POST /api/projects/o/p/events Bearer tok {"type":"t","data":{"at":"<now>"}}`: func() error {
			_, err := c.Publish(ctx, "o/p", Publication{Type: "t", Data: map[string]string{"at": "<now>"}})
			return err
		},
		`DELETE /api/projects/o/p/hooks/h "3" Bearer tok `: func() error {
			_, _ = c.At(3).DeleteHook(ctx, "o/p", "h") // the response is that of another route
			return nil
		},
		"GET /api/projects/o/p/events?" + search + " Bearer tok ": func() error {
			_, err := c.Events(ctx, "o/p", EventQuery{Page: Page{Limit: 5}, Type: "a.*", Hook: "h", Path: "data.a",
				Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)})
			return err
		},
		`POST /api/projects/o/p/events/e/replay Bearer tok {"hooks":["a","b"]}`: func() error {
			_, err := c.ReplayEvent(ctx, "o/p", "e", "a", "b")
			return err
		},
	} {
		if err := do(); err != nil {
			t.Errorf("%s: %v", want, err)
		}
		if got != want {
			t.Errorf("sent %s\nwant %s", got, want)
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		body   string
		header string
		want   Error
	}{
		{404, `{"message":"Not found","documentation_url":"","error":"no such hook [h]","code":"not_found"}`, "",
			Error{Status: 404, Message: "Not found", Detail: "no such hook [h]", Code: "not_found"}},
		{503, `{"message":"busy","error":"busy","code":"unavailable"}`, "2",
			Error{Status: 503, Message: "busy", Detail: "busy", Code: "unavailable", RetryAfter: 2 * time.Second}},
		{502, "<html>\x1bBad gateway</html>", "",
			Error{Status: 502, Message: "the server answered 502 Bad Gateway: <html>\uFFFDBad gateway</html>"}},
		{500, "", "soon", Error{Status: 500, Message: "the server answered 500 Internal Server Error"}},
		{302, "", "", Error{Status: 302, Message: "the server answered 302 Found"}},
		{429, "slow down", "", Error{Status: 429, Message: "the server answered 429 Too Many Requests: slow down"}},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", c.header)
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		}))
		client, err := New(s.URL, "", WithRetries(0))
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.User(t.Context())
		s.Close()
		var got *Error
		if !errors.As(err, &got) {
			t.Errorf("%d: %v is not an *Error", c.status, err)
			continue
		}
		if diff := cmp.Diff(c.want, *got); diff != "" {
			t.Errorf("%d (-want +got):\n%s", c.status, diff)
		}
		if StatusOf(err) != c.status || errors.Is(err, hookyard.ErrNotFound) != (c.status == 404) ||
			errors.Is(err, hookyard.ErrTooMany) != (c.status == 429) {
			t.Errorf("%d: StatusOf or errors.Is is wrong", c.status)
		}
	}
	c, err := New("http://127.0.0.1:1", "", WithRetries(0))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.User(t.Context()); err == nil || StatusOf(err) != 0 ||
		!strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("no server: %v", err)
	}
}

// TestStrangers has another program answer. No change may seem to succeed.
func TestStrangers(t *testing.T) {
	t.Parallel()
	var answer http.HandlerFunc
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r) }))
	t.Cleanup(s.Close)
	ctx := t.Context()
	plain, err := New(s.URL, "tok", WithRetries(0))
	if err != nil {
		t.Fatal(err)
	}
	own, err := New(s.URL, "tok", WithHTTPClient(&http.Client{}))
	if err != nil {
		t.Fatal(err)
	}
	body := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, text)
		}
	}
	for name, h := range map[string]http.HandlerFunc{
		"301": http.RedirectHandler("/new", http.StatusMovedPermanently).ServeHTTP,
		"302": http.RedirectHandler("/new", http.StatusFound).ServeHTTP,
		"303": http.RedirectHandler("/new", http.StatusSeeOther).ServeHTTP, "307": http.RedirectHandler("/new",
			http.StatusTemporaryRedirect).ServeHTTP,
		"308": http.RedirectHandler("/new", http.StatusPermanentRedirect).ServeHTTP,
		"200": body(200, `{"id":"e"}`), "empty": body(202, ""), "no id": body(202, "{}"), "page": body(200, "<html>"),
		"list": body(202, "[]"),
	} {
		answer = func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/new" { // as a server that never got the body
				_, _ = io.WriteString(w, "{}")
				return
			}
			h(w, r)
		}
		for _, c := range []*Client{plain, own} {
			_, err := c.Publish(ctx, "o/p", Publication{Type: "t"})
			_, batchErr := c.PublishAll(ctx, "o/p", []Publication{{Type: "t"}})
			deleted := c.DeleteProject(ctx, "o/p")
			if err == nil || batchErr == nil || deleted == nil {
				t.Errorf("%s: publish %v, batch %v, delete %v", name, err, batchErr, deleted)
			}
			var e *Error
			if h != nil && strings.HasPrefix(name, "30") && (!errors.As(err, &e) || e.Location != s.URL+"/new" ||
				!strings.Contains(err.Error(), s.URL+"/new")) {
				t.Errorf("%s does not name its Location: %v", name, err)
			}
			if _, err := c.Info(ctx); err == nil {
				t.Errorf("%s: the stranger passes for a server", name)
			}
		}
	}
	answer = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/new" {
			_, _ = io.WriteString(w, `{"name":"hookyard"}`)
			return
		}
		http.Redirect(w, r, "/new", http.StatusFound)
	}
	if _, err := plain.Info(ctx); err != nil {
		t.Errorf("a read does not follow a redirect: %v", err)
	}
}

// TestNamesAreChecked sends nothing for a project or id that would name another resource.
func TestNamesAreChecked(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("sent %s %s", r.Method, r.RequestURI)
	}))
	t.Cleanup(s.Close)
	c, err := New(s.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, project := range []string{"", "shop", "shop/", "/orders", "a/b/c", "../users", "shop/.."} {
		if _, err := c.Publish(t.Context(), project, Publication{}); !errors.Is(err, hookyard.ErrInvalid) {
			t.Errorf("project %q: %v", project, err)
		}
	}
	for _, id := range []string{"", ".", ".."} {
		if _, err := c.DeleteHook(t.Context(), "shop/orders", id); !errors.Is(err, hookyard.ErrInvalid) {
			t.Errorf("hook %q: %v", id, err)
		}
	}
}

// TestPutHookChanges creates a hook that exists.
func TestPutHookChanges(t *testing.T) {
	t.Parallel()
	var got []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Method)
		if r.Method == http.MethodPut {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"error":"hook already exists [h]","code":"conflict"}`)
			return
		}
		_, _ = io.WriteString(w, `{"id":"h"}`)
	}))
	t.Cleanup(s.Close)
	c, err := New(s.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	if h, err := c.PutHook(t.Context(), "o/p", "h", HookPatch{}); err != nil || h.ID != "h" ||
		strings.Join(got, " ") != "PUT PATCH" {
		t.Errorf("%v after %v: %v", h, got, err)
	}
	if _, err := c.CreateHook(t.Context(), "o/p", "h", HookPatch{}); !errors.Is(err, hookyard.ErrConflict) {
		t.Errorf("created a hook that exists: %v", err)
	}
}

// TestDefaultTimeout checks that a silent server does not block forever.
func TestDefaultTimeout(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(s.Close)
	c, err := New(s.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	if c.timeout != DefaultTimeout || c.http.Transport.(*http.Transport).ResponseHeaderTimeout != DefaultTimeout {
		t.Error("a client has no timeout by default")
	}
	c.timeout = 10 * time.Millisecond
	if _, err := c.User(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a silent server: %v", err)
	}
}
