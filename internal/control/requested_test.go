package control_test

import (
	"errors"
	"testing"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
	"github.com/hookyard/hookyard/internal/control"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// TestRequestedHooks are checked as the hooks of callers are, and made only where the project allows it.
func TestRequestedHooks(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	p := &hookyard.Project{Owner: "alice", Name: "p"}
	if err := db.CreateProject(t.Context(), p, nil); err != nil {
		t.Fatal(err)
	}
	c, err := control.New(control.Options{Store: db, Ingest: engines{}, Dispatcher: engines{},
		Auth: auth.New(db, auth.Options{}), Targets: engines{}, Limits: hookyard.DefaultLimits(),
		Origins: []string{"https://hooks.example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	s := &hookyard.Source{ProjectKey: p.Key, Name: "queue"}
	request := func(url string) error { return c.CreateRequestedHook(t.Context(), s, "requested-1", url) }
	if err := request("https://example.com/"); !errors.Is(err, hookyard.ErrForbidden) {
		t.Errorf("without allowRequests: %v", err)
	}
	p.AllowRequests = true
	if err := db.UpdateProject(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]error{"https://hooks.example.com/in/alice/p/x": hookyard.ErrInvalid,
		"javascript:alert(1)": hookyard.ErrInvalid} {
		if err := request(url); !errors.Is(err, want) {
			t.Errorf("%s: %v; want %v", url, err, want)
		}
	}
	if err := request("https://example.com/"); err != nil {
		t.Error(err)
	}
	if err := request("https://example.com/"); !errors.Is(err, hookyard.ErrConflict) {
		t.Errorf("the second time: %v", err)
	}
	entries, err := db.Audit(t.Context(), hookyard.AuditQuery{ProjectKey: p.Key, Limit: 10})
	if err != nil || len(entries) == 0 || entries[0].Actor != "source queue" || entries[0].Subject != "requested-1" {
		t.Errorf("audit %+v, %v", entries, err)
	}
}
