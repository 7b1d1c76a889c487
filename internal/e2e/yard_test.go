package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/testenv"
)

// yard is one project of a server, seen through the API. Its methods fail the test if a request fails.
type yard struct {
	t       testing.TB
	s       *server
	c       *client.Client
	project string
}

// newYard creates a project on a server in dev mode.
func newYard(t testing.TB, s *server, name string) *yard {
	t.Helper()
	y := &yard{t: t, s: s, c: s.client(""), project: "guest/" + name}
	if _, _, err := y.c.PutProject(t.Context(), y.project, client.ProjectPatch{}); err != nil {
		t.Fatal(err)
	}
	return y
}

// ptr returns a pointer to v, for the fields of patches.
func ptr[T any](v T) *T { return &v }

// waits returns a schedule.
func waits(all ...time.Duration) *[]hookyard.Duration {
	out := make([]hookyard.Duration, len(all))
	for i, w := range all {
		out[i] = hookyard.Duration(w)
	}
	return &out
}

// often returns a schedule of n attempts: the first at once, the others after wait.
func often(n int, wait time.Duration) *[]hookyard.Duration {
	all := make([]time.Duration, n)
	for i := 1; i < n; i++ {
		all[i] = wait
	}
	return waits(all...)
}

// hook creates a hook. It selects all events unless set.Events is given.
func (y *yard) hook(id, url string, set client.HookPatch) client.Hook {
	y.t.Helper()
	set.URL = &url
	if set.Events == nil {
		set.Events = ptr(hookyard.SelectAll())
	}
	h, err := y.c.PutHook(y.t.Context(), y.project, id, set)
	if err != nil {
		y.t.Fatalf("hook %s: %v", id, err)
	}
	return h
}

func (y *yard) patch(id string, set client.HookPatch) client.Hook {
	y.t.Helper()
	h, err := y.c.PatchHook(y.t.Context(), y.project, id, set)
	if err != nil {
		y.t.Fatalf("hook %s: %v", id, err)
	}
	return h
}

// source creates a source and returns its URL.
func (y *yard) source(name, kind, secret string, set client.SourcePatch) string {
	y.t.Helper()
	set.Type = &kind
	if secret != "" {
		set.Secret = &secret
	}
	s, _, err := y.c.PutSource(y.t.Context(), y.project, name, set)
	if err != nil {
		y.t.Fatalf("source %s: %v", name, err)
	}
	return s.URL
}

// publish publishes one event and returns its id.
func (y *yard) publish(eventType, data string) string {
	y.t.Helper()
	r, err := y.c.Publish(y.t.Context(), y.project, client.Publication{Type: eventType, Data: json.RawMessage(data)})
	if err != nil {
		y.t.Fatalf("publish: %v", err)
	}
	return r.ID
}

// delivery returns the delivery of an event to a hook, with its attempts.
func (y *yard) delivery(event, hook string) client.Delivery {
	y.t.Helper()
	page, err := y.c.Deliveries(y.t.Context(), y.project, client.DeliveryQuery{Event: event, Hook: hook})
	if err != nil {
		y.t.Fatal(err)
	}
	if len(page.Deliveries) != 1 {
		y.t.Fatalf("%d deliveries of event %s to hook %s, want 1", len(page.Deliveries), event, hook)
	}
	d, err := y.c.Delivery(y.t.Context(), y.project, page.Deliveries[0].ID)
	if err != nil {
		y.t.Fatal(err)
	}
	return d
}

// ended waits until a delivery is in a state, and returns it.
func (y *yard) ended(event, hook string, want hookyard.State) client.Delivery {
	y.t.Helper()
	var d client.Delivery
	testenv.Until(y.t, "delivery to "+hook+" is "+string(want), func() bool {
		d = y.delivery(event, hook)
		if d.State != want && d.State != hookyard.Pending {
			y.t.Fatalf("delivery to %s is %s (%s), want %s", hook, d.State, d.Reason, want)
		}
		return d.State == want
	})
	return d
}

// attempted waits until a delivery has had n attempts, and returns it.
func (y *yard) attempted(event, hook string, n int) client.Delivery {
	y.t.Helper()
	var d client.Delivery
	testenv.Until(y.t, "attempts to "+hook, func() bool {
		d = y.delivery(event, hook)
		return d.Attempts >= n
	})
	return d
}

// events returns all events, newest first.
func (y *yard) events() []client.Event {
	y.t.Helper()
	var all []client.Event
	q := client.EventQuery{Page: client.Page{Limit: 500}}
	for {
		page, err := y.c.Events(y.t.Context(), y.project, q)
		if err != nil {
			y.t.Fatalf("the event log cannot be read: %v", err)
		}
		all = append(all, page.Events...)
		if page.Cursor == "" {
			return all
		}
		q.Cursor = page.Cursor
	}
}

// body returns an event's bytes.
func (y *yard) body(event string) []byte {
	y.t.Helper()
	rc, err := y.c.EventBody(y.t.Context(), y.project, event)
	if err != nil {
		y.t.Fatal(err)
	}
	defer func() { _ = rc.Close() }()
	b, err := io.ReadAll(rc)
	if err != nil {
		y.t.Fatal(err)
	}
	return b
}

// reply is an HTTP response.
type reply struct {
	status int
	header http.Header
	body   string
}

// id returns the event's id from a receipt.
func (r reply) id(t testing.TB) string {
	t.Helper()
	var receipt client.Receipt
	if err := json.Unmarshal([]byte(r.body), &receipt); err != nil || receipt.ID == "" {
		t.Fatalf("no receipt but %d %s", r.status, r.body)
	}
	return receipt.ID
}

// ask sends a request without the client package. header is a list of names and values.
func ask(t testing.TB, method, url string, body []byte, header ...string) reply {
	t.Helper()
	r, err := askContext(t.Context(), method, url, body, header...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func askContext(ctx context.Context, method, url string, body []byte, header ...string) (reply, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(b)}, err
}
