package app_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/app"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

// auditReceiver records the events that come to its URL.
type auditReceiver struct {
	t   *testing.T
	url string

	mu     sync.Mutex
	bodies []string
	gone   bool // answer so
}

func newAuditReceiver(t *testing.T) *auditReceiver {
	a := &auditReceiver{t: t}
	srv := httptest.NewServer(a)
	t.Cleanup(srv.Close)
	a.url = srv.URL
	return a
}

func (a *auditReceiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		a.t.Error(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bodies = append(a.bodies, string(b))
	if a.gone {
		w.WriteHeader(http.StatusGone)
	}
}

// has reports whether there is an event about what admin did. It checks all of them.
func (a *auditReceiver) has(action, subject string) (found bool) {
	a.t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	seen := map[int64]bool{}
	for _, b := range a.bodies {
		var e struct {
			Type string
			Data hookyard.AuditEntry
		}
		if err := json.Unmarshal([]byte(b), &e); err != nil || e.Type != "hookyard.audit" ||
			strings.Contains(b, "hush") {
			a.t.Errorf("an event is %s, %v", b, err)
		}
		if seen[e.Data.Key] {
			a.t.Errorf("an entry came twice: %s", b)
		}
		seen[e.Data.Key] = true
		found = found || e.Data.Action == action && e.Data.Subject == subject && e.Data.Actor == "admin"
	}
	return found
}

// TestAuditEvents makes changes, some before the project for their events exists and before a restart. Each entry of
// every audit log arrives once at the project's hook, without secrets. What the delivery of such an event causes does
// not make another.
func TestAuditEvents(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, auditEvents)
}

func auditEvents(t *testing.T, dsn string) {
	receiver := newAuditReceiver(t)
	c := app.DefaultConfig()
	c.Listen, c.Database = "127.0.0.1:0", dsn
	c.Data, c.AuditProject = t.TempDir(), "admin/audit"
	c.AllowTargets = []string{"127.0.0.1"}
	ctx := t.Context()
	var admin *client.Client
	begin := func() func() {
		a, stop := run(t, c)
		token, err := os.ReadFile(filepath.Join(c.Data, "admin-token"))
		if err != nil {
			t.Fatal(err)
		}
		admin = at(t, a, strings.TrimSpace(string(token)))
		return stop
	}
	project := func(path string) {
		t.Helper()
		if _, _, err := admin.PutProject(ctx, path, client.ProjectPatch{}); err != nil {
			t.Fatal(err)
		}
	}
	change := func(id string) {
		t.Helper()
		secret, url := "hush-hush-"+id, "http://user:hush@127.0.0.1:9/hush?hush=1"
		_, err := admin.PutHook(ctx, "admin/shop", id, client.HookPatch{URL: &url, Secret: &secret})
		if err != nil {
			t.Fatal(err)
		}
	}
	stop := begin()
	project("admin/shop")
	change("first")
	stop()
	defer begin()()
	project("admin/audit")
	_, err := admin.PutHook(ctx, "admin/audit", "siem", client.HookPatch{URL: &receiver.url,
		Events: &hookyard.Selector{Names: []string{"hookyard.audit"}}})
	if err != nil {
		t.Fatal(err)
	}
	change("second")
	testenv.Until(t, "the change arrives", func() bool { return receiver.has("hook.create", "second") })
	events, err := admin.Events(ctx, "admin/audit", client.EventQuery{Type: "hookyard.audit"})
	if err != nil {
		t.Fatal(err)
	}
	listed, err := admin.ServerAudit(ctx, client.AuditQuery{All: true, Page: client.Page{Limit: 100}})
	if err != nil || len(events.Events) != len(listed.Audit) {
		t.Errorf("%d events of %d entries: %+v, %v", len(events.Events), len(listed.Audit), listed.Audit, err)
	}
	receiver.mu.Lock()
	receiver.gone = true
	receiver.mu.Unlock()
	change("third")
	testenv.Until(t, "the hook is off", func() bool {
		page, err := admin.Audit(ctx, "admin/audit", client.AuditQuery{Action: "hook.off"})
		return err == nil && len(page.Audit) == 1 && page.Audit[0].Subject == "siem"
	})
	change("fourth") // when it is an event, what was before it would be, too
	testenv.Until(t, "later changes are events", func() bool {
		page, err := admin.Events(ctx, "admin/audit", client.EventQuery{Text: "fourth"})
		return err == nil && len(page.Events) == 1
	})
	page, err := admin.Events(ctx, "admin/audit", client.EventQuery{Text: "hook.off"})
	if err != nil || len(page.Events) != 0 {
		t.Errorf("switching the hook off made %+v, %v", page.Events, err)
	}
}
