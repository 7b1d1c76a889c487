package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookyard/hookyard"
)

// answers is a server without a network: it gives the responses in turn, the last one for ever, and an error of the
// connection for status 0.
type answers struct {
	statuses []int
	after    string // Retry-After of errors
	keys     []string
	times    []time.Duration
	start    time.Time
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	if a.start.IsZero() {
		a.start = time.Now()
	}
	a.times = append(a.times, time.Since(a.start))
	a.keys = append(a.keys, r.Header.Get("Idempotency-Key"))
	status := a.statuses[0]
	if len(a.statuses) > 1 {
		a.statuses = a.statuses[1:]
	}
	if status == 0 {
		return nil, errors.New("connection refused")
	}
	w := httptest.NewRecorder()
	if status/100 != 2 && a.after != "" {
		w.Header().Set("Retry-After", a.after)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"id":"evt_1"}`)
	return w.Result(), nil
}

// TestRetries counts the tries of reads, publications and other changes, in virtual time.
func TestRetries(t *testing.T) {
	t.Parallel()
	read := func(ctx context.Context, c *Client) error { _, err := c.Event(ctx, "o/p", "e"); return err }
	publish := func(ctx context.Context, c *Client) error {
		_, err := c.Publish(ctx, "o/p", Publication{Type: "t", Data: 1})
		return err
	}
	change := func(ctx context.Context, c *Client) error {
		_, err := c.PatchHook(ctx, "o/p", "h", HookPatch{})
		return err
	}
	wrong := func(ctx context.Context, c *Client) error { _, err := c.Event(ctx, "op", "e"); return err }
	for _, c := range []struct {
		name     string
		do       func(context.Context, *Client) error
		statuses []int
		after    string
		options  []Option
		tries    int
		ok       bool
	}{
		{"a read after no connection", read, []int{0, 503, 200}, "", nil, 3, true},
		{"a read that fails for ever", read, []int{503}, "", nil, 4, false},
		{"a read that is refused", read, []int{404}, "", nil, 1, false},
		{"a read, without retries", read, []int{0}, "", []Option{WithRetries(0)}, 1, false},
		{"a read of no project", wrong, []int{200}, "", nil, 0, false},
		{"a publication after no connection", publish, []int{0, 502, 202}, "", nil, 3, true},
		{"a change after no connection", change, []int{0, 200}, "", nil, 1, false},
		{"a change after 503", change, []int{503, 200}, "", nil, 1, false},
		{"a change after 429", change, []int{429, 200}, "7", nil, 2, true},
		{"a wait that is too long", read, []int{429, 200}, "3600", nil, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &answers{statuses: c.statuses, after: c.after}
				cl, err := New("http://x", "", append(c.options, WithHTTPClient(&http.Client{Transport: a}))...)
				if err != nil {
					t.Fatal(err)
				}
				err = c.do(t.Context(), cl)
				if (err == nil) != c.ok || len(a.times) != c.tries {
					t.Errorf("%v after %d tries; want success %t after %d", err, len(a.times), c.ok, c.tries)
				}
				if c.after == "7" && a.times[1] < 7*time.Second {
					t.Errorf("the second try came after %s; the server asked for 7 s", a.times[1])
				}
				for _, key := range a.keys {
					if key != a.keys[0] {
						t.Errorf("the key changes: %q", a.keys)
					}
				}
			})
		})
	}
}

// TestPublicationsHaveKeys by themselves, another each time.
func TestPublicationsHaveKeys(t *testing.T) {
	t.Parallel()
	a := &answers{statuses: []int{202}}
	c, err := New("http://x", "", WithHTTPClient(&http.Client{Transport: a}))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := c.Publish(t.Context(), "o/p", Publication{Type: "t", Data: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if a.keys[0] == "" || a.keys[0] == a.keys[1] {
		t.Errorf("keys %q", a.keys)
	}
}

// TestErrorsByStatus compares the statuses that a program acts on.
func TestErrorsByStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]error{401: hookyard.ErrUnauthenticated, 403: hookyard.ErrForbidden,
		404: hookyard.ErrNotFound, 410: hookyard.ErrGone, 413: hookyard.ErrTooLarge, 429: hookyard.ErrTooMany} {
		c, err := New("http://x", "", WithRetries(0),
			WithHTTPClient(&http.Client{Transport: &answers{statuses: []int{status}}}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Event(t.Context(), "o/p", "e"); !errors.Is(err, want) || StatusOf(err) != status {
			t.Errorf("%d: %v is not %v", status, err, want)
		}
	}
}

// TestAll reads three pages and stops where the loop does.
func TestAll(t *testing.T) {
	t.Parallel()
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cursor := r.URL.Query().Get("cursor")
		asked = append(asked, cursor)
		switch cursor {
		case "":
			_, _ = io.WriteString(w, `{"events":[{"id":"1"},{"id":"2"}],"cursor":"a"}`)
		case "a":
			_, _ = io.WriteString(w, `{"events":[],"cursor":"b","cut":true}`)
		case "b":
			_, _ = io.WriteString(w, `{"events":[{"id":"3"}]}`)
		default:
			http.Error(w, `{"code":"invalid","error":"cursor"}`, http.StatusBadRequest)
		}
	}))
	t.Cleanup(s.Close)
	c, err := New(s.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	var ids string
	for e, err := range c.AllEvents(t.Context(), "o/p", EventQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		ids += e.ID
	}
	if ids != "123" || fmt.Sprint(asked) != "[ a b]" {
		t.Errorf("events %s from the cursors %q", ids, asked)
	}
	asked = nil
	for range c.AllEvents(t.Context(), "o/p", EventQuery{}) {
		break
	}
	if len(asked) != 1 {
		t.Errorf("%d pages were read for one event", len(asked))
	}
	q := EventQuery{}
	q.Cursor = "wrong"
	for _, err := range c.AllEvents(t.Context(), "o/p", q) {
		if !errors.Is(err, hookyard.ErrInvalid) {
			t.Errorf("error %v", err)
		}
	}
}
