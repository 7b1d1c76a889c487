package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/api"
	"github.com/hookyard/hookyard/internal/auth"
)

// TestDeletedProjectTells holds that hooks hear of the end of their project before it comes (at WebGME they do not).
func TestDeletedProjectTells(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bundle) {
		ctx := t.Context()
		url, got := receiver(t, http.StatusOK)
		for _, end := range []func(p string) error{
			func(p string) error { return b.alice.DeleteProject(ctx, p) },
			func(p string) error { _, err := b.admin.TransferProject(ctx, p, "bob"); return err },
		} {
			p := b.project("gme", client.ProjectPatch{Preset: new("webgme")})
			b.hook(p, "h", url)
			if err := end(p); err != nil {
				t.Fatal(err)
			}
			if r := wait(t, got); !strings.Contains(r.Body, `"event":"PROJECT_DELETED","projectId":"alice+gme"`) {
				t.Errorf("the hook got %s", r.Body)
			}
			_, err := b.alice.Project(ctx, p)
			wantStatus(t, err, http.StatusNotFound, "no such project alice/gme")
			audit, err := b.admin.ServerAudit(ctx, client.AuditQuery{Page: client.Page{Limit: 1}})
			if err != nil || len(audit.Audit) != 1 || audit.Audit[0].Action != "project.delete" ||
				audit.Audit[0].Subject != "alice/gme" {
				t.Errorf("the server's audit log begins with %+v, %v: want the end of alice/gme", audit.Audit, err)
			}
		}
		if h, err := b.bob.Hook(ctx, "bob/gme", "h"); err != nil || !h.Active {
			t.Errorf("the hook of the transferred project: %+v, %v", h, err)
		}
	})
}

// TestNetBeansOff holds NetBeans' rule: what its policy switched off only a changed URL switches on.
func TestNetBeansOff(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bundle) {
		ctx := t.Context()
		p := b.project("nb", client.ProjectPatch{Preset: new("netbeans")})
		b.hook(p, "h", "http://127.0.0.1:1/")
		off := func() {
			snapshot, err := b.db.Snapshot(ctx, "alice", "nb")
			if err != nil {
				t.Fatal(err)
			}
			_, err = b.db.UpdateHook(ctx, snapshot.Project.Key, "h", 0, "hook.off", func(h *hookyard.Hook) error {
				h.Active, h.OffReason = false, "10 connections failed in a row"
				h.Health.Failures = 10
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		off()
		_, err := b.alice.PatchHook(ctx, p, "h", client.HookPatch{Active: new(true)})
		wantStatus(t, err, http.StatusBadRequest, "only a changed url")
		_, err = b.alice.PatchHook(ctx, p, "h", client.HookPatch{URL: new("http://127.0.0.1:1/"), Active: new(true)})
		wantStatus(t, err, http.StatusBadRequest, "only a changed url")
		_, err = b.alice.EnableHook(ctx, p, "h")
		wantStatus(t, err, http.StatusBadRequest, "only a changed url")
		if h, err := b.alice.PatchHook(ctx, p, "h",
			client.HookPatch{Active: new(false), Description: new("x")}); err != nil || h.OffReason == "" {
			t.Errorf("hook %+v, %v: want the reason kept", h, err)
		}
		h, err := b.alice.PatchHook(ctx, p, "h", client.HookPatch{URL: new("http://127.0.0.1:2/")})
		if err != nil || !h.Active || h.OffReason != "" || h.Health.Failures != 0 {
			t.Errorf("hook with a new URL %+v, %v: want it on, with a clean record", h, err)
		}
		off()
		h, err = b.alice.PatchHook(ctx, p, "h", client.HookPatch{URL: new("http://127.0.0.1:3/"), Active: new(false)})
		if err != nil || h.Active {
			t.Errorf("hook %+v, %v: want it off, as asked for", h, err)
		}
	})
}

// TestSwitchedOff holds that a person overrules the other policies.
func TestSwitchedOff(t *testing.T) {
	t.Parallel()
	b := one(t, nil)
	ctx := t.Context()
	p := b.project("p", client.ProjectPatch{})
	url, got := receiver(t, http.StatusGone)
	b.hook(p, "h", url)
	if _, err := b.alice.Publish(ctx, p, client.Publication{Type: "a", Data: json.RawMessage("1")}); err != nil {
		t.Fatal(err)
	}
	wait(t, got)
	until(t, "switched off by 410", func() bool {
		h, err := b.alice.Hook(ctx, p, "h")
		return err == nil && !h.Active && h.OffReason != ""
	})
	h, err := b.alice.PatchHook(ctx, p, "h", client.HookPatch{Active: new(true)})
	if err != nil || !h.Active || h.OffReason != "" || h.Health != (hookyard.Health{}) {
		t.Errorf("hook %+v, %v: want it on, with a clean record", h, err)
	}
}

func TestDefaultHooks(t *testing.T) {
	t.Parallel()
	b := one(t, func(o *options) {
		o.DefaultHooks = []hookyard.Hook{{ID: "central", URL: "http://127.0.0.1:1/", Events: hookyard.SelectAll(),
			Active: true}}
	})
	for _, name := range []string{"one", "two"} {
		hooks, err := b.alice.Hooks(t.Context(), b.project(name, client.ProjectPatch{}))
		if err != nil || len(hooks) != 1 || hooks["central"].URL == "" {
			t.Errorf("hooks of a new project %+v, %v: want the default one", hooks, err)
		}
	}
	const p = "alice/one"
	if _, err := b.alice.DeleteHook(t.Context(), p, "central"); err != nil {
		t.Fatal(err)
	}
	b.hook(p, "own", "http://127.0.0.1:1/")
	if hooks, err := b.alice.DefaultHooks(t.Context(), p); err != nil || len(hooks) != 1 || hooks["central"].URL == "" {
		t.Errorf("default hooks %+v, %v", hooks, err)
	}
	for range 2 { // a second time changes nothing
		if hooks, err := b.alice.AddDefaultHooks(t.Context(), p); err != nil || len(hooks) != 2 ||
			hooks["central"].URL == "" {
			t.Errorf("hooks after adding the default ones %+v, %v", hooks, err)
		}
	}
}

// TestPages walks lists page by page and misses nothing.
func TestPages(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bundle) {
		ctx := t.Context()
		for _, name := range []string{"a", "B", "c", "d", "e"} {
			b.project(name, client.ProjectPatch{})
		}
		p := "alice/a"
		b.hook(p, "h1", "http://127.0.0.1:1/")
		b.hook(p, "h2", "http://127.0.0.1:1/")
		for range 5 {
			if _, err := b.alice.Publish(ctx, p,
				client.Publication{Type: "t", Data: json.RawMessage("{}")}); err != nil {
				t.Fatal(err)
			}
		}
		walk := func(what string, want int, page func(client.Page) (ids []string, next string, err error)) {
			seen := map[string]bool{}
			for at := (client.Page{Limit: 2}); ; {
				ids, next, err := page(at)
				if err != nil || len(ids) > 2 {
					t.Fatalf("%s: %v, %v", what, ids, err)
				}
				for _, id := range ids {
					if seen[id] {
						t.Errorf("%s: %s twice", what, id)
					}
					seen[id] = true
				}
				if at.Cursor = next; next == "" {
					break
				}
			}
			if len(seen) != want {
				t.Errorf("%s: %d, want %d", what, len(seen), want)
			}
		}
		walk("projects", 5, func(at client.Page) (ids []string, next string, err error) {
			l, err := b.alice.Projects(ctx, at)
			for _, q := range l.Projects {
				ids = append(ids, q.ID)
			}
			return ids, l.Cursor, err
		})
		walk("events", 5, func(at client.Page) (ids []string, next string, err error) {
			l, err := b.alice.Events(ctx, p, client.EventQuery{Page: at})
			for _, e := range l.Events {
				ids = append(ids, e.ID)
			}
			return ids, l.Cursor, err
		})
		walk("deliveries", 10, func(at client.Page) (ids []string, next string, err error) {
			l, err := b.alice.Deliveries(ctx, p, client.DeliveryQuery{Page: at})
			for _, d := range l.Deliveries {
				ids = append(ids, d.ID)
			}
			return ids, l.Cursor, err
		})
		walk("audit", 3, func(at client.Page) (ids []string, next string, err error) {
			l, err := b.alice.Audit(ctx, p, client.AuditQuery{Page: at})
			for _, e := range l.Audit {
				ids = append(ids, e.Action+e.Subject)
			}
			return ids, l.Cursor, err
		})
	})
}

// busy is an ingest that cannot keep anything now.
type busy struct{ api.Ingest }

func (busy) Accept(context.Context, *hookyard.Snapshot, *hookyard.Event) (hookyard.Receipt, error) {
	return hookyard.Receipt{}, hookyard.Errorf(hookyard.Unavailable, "the database is busy")
}

func TestErrors(t *testing.T) {
	t.Parallel()
	b := one(t, func(o *options) { o.Limits.Body = 100 })
	p := b.project("p", client.ProjectPatch{})
	big := strings.Repeat("x", 200)
	for _, c := range []struct {
		method, path, body string
		status             int
		part               string
	}{
		{"POST", "/api/projects/" + p + "/events", `{"type":"a","data":"` + big + `"}`, 413, "--max-body"},
		{"PUT", "/api/projects/" + p + "/hooks/h", `{"url":"http://example.com","template":"` +
			strings.Repeat("x", 1<<20) + `"}`, 413, "larger than 1048576"},
		{"PUT", "/api/projects/" + p + "/hooks/h", `{"url":"http://example.com/` + strings.Repeat("x", 2000) + `"}`,
			400, "--max-url"},
		{"PUT", "/api/projects/" + p + "/hooks/h", `{"url":"http://example.com","secret":"` + strings.Repeat("x", 300) +
			`"}`, 400, "--max-secret"},
		{"PUT", "/api/projects/" + p + "/hooks/h", `{"url":"http://example.com","description":"` +
			strings.Repeat("x", 1001) + `"}`, 400, "--max-description"},
		{"PUT", "/api/projects/" + p + "/hooks/h", strings.Repeat("[", 100), 400, "nested deeper"},
		{"PUT", "/api/projects/" + p + "/hooks/h", "{\"url\":\"http://example.com/\xff\"}", 400, "UTF-8"},
		{"PUT", "/api/projects/" + p + "/hooks/h", `{"url":"http://example.com","description":"a\u0000b"}`, 400,
			"control"},
		{"GET", "/api/projects//p/hooks", "", 404, "nothing at"},
		{"GET", "/api/projects/alice/../hooks", "", 404, "nothing at"},
		{"GET", "/api/nothing", "", 404, "nothing at"},
		{"GET", "/api/projects/alice/p/events?limit=1&limit=2", "", 400, "2 times"},
		{"GET", "/api/projects/alice/p/events?a=%zz", "", 400, "query cannot be read"},
		{"BREW", "/api/projects", "", 405, "not possible"},
		{"GET", "/api/user?token=wrong", "", 401, "not valid"},
	} {
		token := b.token
		if strings.Contains(c.path, "token=") {
			token = ""
		}
		status, h, body := b.do(token, c.method, c.path, c.body)
		var e client.Error
		if err := json.Unmarshal([]byte(body), &e); err != nil || !strings.Contains(body, `"documentation_url":""`) {
			t.Errorf("%s %s: not an error in our shape: %s", c.method, c.path, body)
		}
		if status != c.status || !strings.Contains(e.Detail, c.part) ||
			h.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%s %.60s: %d %s, want %d and %q", c.method, c.path, status, body, c.status, c.part)
		}
	}
}

func TestUnavailable(t *testing.T) {
	t.Parallel()
	b := one(t, nil)
	p := b.project("p", client.ProjectPatch{})
	a, err := api.New(api.Options{Control: b.ctl, Ingest: busy{realIngest(b)}, Auth: auth.New(b.db, auth.Options{}),
		Limits: hookyard.DefaultLimits()})
	if err != nil {
		t.Fatal(err)
	}
	b.url = listen(t, a)
	_, err = b.client(b.token).Publish(t.Context(), p, client.Publication{Type: "a", Data: json.RawMessage("1")})
	var e *client.Error
	if !errors.As(err, &e) || e.Status != http.StatusServiceUnavailable || e.RetryAfter != time.Second ||
		!errors.Is(err, hookyard.ErrUnavailable) {
		t.Errorf("error %+v, want 503 and Retry-After: 1", e)
	}
}

// TestRepeats holds that a key or an id stands for one event: who uses it for another is told, and not that it was
// kept.
func TestRepeats(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bundle) {
		p := b.project("p", client.ProjectPatch{})
		publish := func(key, body string) (int, string) {
			t.Helper()
			r, err := http.NewRequest(http.MethodPost, b.url+"/api/projects/"+p+"/events", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+b.token)
			r.Header.Set("Content-Type", "application/json")
			if key != "" {
				r.Header.Set("Idempotency-Key", key)
			}
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			text, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			return resp.StatusCode, string(text)
		}
		for _, c := range []struct {
			key, body string
			status    int
			want      string
		}{
			{"k", `{"type":"a","data":{"n":1}}`, 202, `"deliveries":0}`},
			{"k", `{"type":"a","data":{"n":1}}`, 202, `"duplicate":true`},
			{"k", `{"type":"a","data":{"n":2}}`, 409, "this Idempotency-Key was used for another event, evt_"},
			{"k", `{"type":"b","data":{"n":1}}`, 409, "Idempotency-Key"},
			{"", `{"id":"7","type":"a","data":{"n":1}}`, 202, `"deliveries":0}`},
			{"", `{"id":"7","type":"a","data":{"n":1}}`, 202, `"duplicate":true`},
			{"", `{"id":"7","type":"a","data":{"n":2}}`, 409, "this id was used for another event"},
			{"l", `[{"type":"a","data":1},{"type":"a","data":2}]`, 202, `"deliveries":0`},
			{"l", `[{"type":"a","data":1},{"type":"a","data":3}]`, 202,
				`this Idempotency-Key was used for another event`},
		} {
			if status, text := publish(c.key, c.body); status != c.status || !strings.Contains(text, c.want) {
				t.Errorf("key %q, %s: %d %s; want %d and %s", c.key, c.body, status, text, c.status, c.want)
			}
		}
	})
}

// TestIfNoneMatch creates a project and a source, once.
func TestIfNoneMatch(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bundle) {
		ctx := t.Context()
		put := func(c *client.Client) error {
			_, created, err := c.PutProject(ctx, "alice/fresh", client.ProjectPatch{})
			_, made, err2 := c.PutSource(ctx, "alice/fresh", "in", client.SourcePatch{Type: new("none")})
			if err == nil && err2 == nil && (!created || !made) {
				t.Error("it is not said to be created")
			}
			return errors.Join(err, err2)
		}
		if err := put(b.alice.IfAbsent()); err != nil {
			t.Fatal(err)
		}
		err := put(b.alice.IfAbsent())
		if !errors.Is(err, hookyard.ErrConflict) || strings.Count(err.Error(), "exists already") != 2 {
			t.Errorf("the second time: %v; want two conflicts", err)
		}
		for header, want := range map[string]int{"*": http.StatusPreconditionFailed, `"1"`: http.StatusBadRequest} {
			r, err := http.NewRequestWithContext(ctx, http.MethodPut, b.url+"/api/projects/alice/fresh",
				strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+b.token)
			r.Header.Set("If-None-Match", header)
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			if _ = resp.Body.Close(); resp.StatusCode != want {
				t.Errorf("If-None-Match: %s: status %d, want %d", header, resp.StatusCode, want)
			}
		}
	})
}

// TestManyChanges has many change a project and a source at once: of those that name a revision one is taken, and of
// those that name none all are, none undoing another's.
func TestManyChanges(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bundle) {
		p := b.project("p", client.ProjectPatch{})
		if _, _, err := b.alice.PutSource(t.Context(), p, "in", client.SourcePatch{Type: new("none")}); err != nil {
			t.Fatal(err)
		}
		patch := func(path, ifMatch, body string) int {
			r, err := http.NewRequest(http.MethodPatch, b.url+"/api/projects/"+p+path, strings.NewReader(body))
			if err != nil {
				t.Error(err)
				return 0
			}
			r.Header.Set("Authorization", "Bearer "+b.token)
			if ifMatch != "" {
				r.Header.Set("If-Match", ifMatch)
			}
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Error(err)
				return 0
			}
			_ = resp.Body.Close()
			return resp.StatusCode
		}
		for _, path := range []string{"", "/sources/in"} {
			var wait sync.WaitGroup
			var taken, refused atomic.Int32
			for range 12 {
				wait.Go(func() {
					switch status := patch(path, `"1"`, `{"description":"x"}`); status {
					case http.StatusOK:
						taken.Add(1)
					case http.StatusPreconditionFailed, http.StatusConflict:
						refused.Add(1)
					default:
						t.Errorf("%q: status %d", path, status)
					}
				})
			}
			wait.Wait()
			if taken.Load() != 1 || refused.Load() != 11 {
				t.Errorf("%q: %d of 12 changes of revision 1 were taken, %d refused; want 1 and 11", path, taken.Load(),
					refused.Load())
			}
		}
		var wait sync.WaitGroup
		for _, body := range []string{`{"description":"all"}`, `{"public":true}`, `{"retention":"1h"}`} {
			wait.Go(func() {
				if status := patch("", "", body); status != http.StatusOK {
					t.Errorf("%s: status %d", body, status)
				}
			})
		}
		wait.Wait()
		got, err := b.alice.Project(t.Context(), p)
		if err != nil || got.Description != "all" || !got.Public || got.Retention != hookyard.Duration(time.Hour) {
			t.Errorf("three changes at once left %+v, %v", got, err)
		}
	})
}

// TestWhatIsWrongIsSaid holds that what was typed wrong is said in words, with where and what to write.
func TestWhatIsWrongIsSaid(t *testing.T) {
	t.Parallel()
	b := one(t, nil)
	p := b.project("p", client.ProjectPatch{})
	for _, c := range []struct{ path, body, want string }{
		{"/events", `{"type":`, "a value is missing at byte 9"},
		{"/replays", `{"since":"soon"}`, "since must be a time such as"},
		{"/replays", `{"since":"1d","until":"1w"}`, "until must be after since"},
		{"/replays", `{"since":7}`, "since: must be a string"},
	} {
		status, _, body := b.do(b.token, http.MethodPost, "/api/projects/"+p+c.path, c.body)
		if status != http.StatusBadRequest || !strings.Contains(body, c.want) {
			t.Errorf("POST %s %s: %d %s, want %q", c.path, c.body, status, body, c.want)
		}
	}
	if status, _, body := b.do(b.token, http.MethodPost, "/api/projects/"+p+"/replays",
		`{"since":"1d"}`); status != http.StatusAccepted {
		t.Errorf("a replay of the last day: %d %s", status, body)
	}
}
