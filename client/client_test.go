package client

import (
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
		got = r.Method + " " + r.RequestURI + " " + r.Header.Get("Authorization") + " " + string(body)
		_, _ = io.WriteString(w, "{}")
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
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", c.header)
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		}))
		client, err := New(s.URL, "")
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
		if StatusOf(err) != c.status || errors.Is(err, hookyard.ErrNotFound) != (c.status == 404) {
			t.Errorf("%d: StatusOf or errors.Is is wrong", c.status)
		}
	}
	c, err := New("http://127.0.0.1:1", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.User(t.Context()); err == nil || StatusOf(err) != 0 ||
		!strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("no server: %v", err)
	}
}
