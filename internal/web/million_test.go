package web_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
)

// TestMillion holds pages to 30 ms, 99 times of 100, with a million events stored. It takes minutes and is run where
// HOOKYARD_MILLION is set.
func TestMillion(t *testing.T) {
	if os.Getenv("HOOKYARD_MILLION") == "" {
		t.Skip("set HOOKYARD_MILLION=1 to time pages over a million events")
	}
	dir := t.TempDir()
	x := fillMillion(t, dir)
	s, _ := startIn(t, dir, true)
	for name, path := range addresses(x) {
		var took []time.Duration
		for i := range 60 {
			began := time.Now()
			a := s.get(path)
			if took = append(took, time.Since(began)); a.StatusCode != http.StatusOK && i == 0 && name != "not-found" && name != "login" {
				t.Errorf("%s: status %d", path, a.StatusCode)
			}
		}
		first := took[0]
		slices.Sort(took)
		t.Logf("%-14s first %8s  half %8s  p99 %8s", name, first.Round(100*time.Microsecond), took[30].Round(100*time.Microsecond), took[59].Round(100*time.Microsecond))
		if p99 := took[58]; p99 > 30*time.Millisecond {
			t.Errorf("%s takes %s", path, p99)
		}
	}
}

// fillMillion stores a million events of acme/shop, each owed to one of its hooks.
func fillMillion(t *testing.T, dir string) shop {
	t.Helper()
	ctx := context.Background()
	db, err := store.Open(ctx, filepath.Join(dir, "hookyard.db"), store.Options{Key: key(t, dir), NodeName: "fill", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var hooks []*hookyard.Hook
	for _, id := range []string{"billing", "warehouse", "accounting"} {
		hooks = append(hooks, &hookyard.Hook{ID: id, URL: "http://127.0.0.1:9/", Events: hookyard.SelectAll()})
	}
	p := &hookyard.Project{Owner: "acme", Name: "shop"}
	if err := db.CreateProject(ctx, p, hooks); err != nil {
		t.Fatal(err)
	}
	if _, err := db.PutSource(ctx, &hookyard.Source{ProjectKey: p.Key, Name: "github", Type: "none", Active: true}); err != nil {
		t.Fatal(err)
	}
	types := []string{"order.created", "order.paid", "invoice.paid"}
	body := `{"type":"x","timestamp":"2026-01-01T00:00:00Z","data":{"n":%d,"pad":"` + strings.Repeat("ann ", 100) + `"}}`
	began := time.Now().Add(-30 * 24 * time.Hour)
	x := shop{bin: "/bins"}
	for i := 0; i < 1_000_000; i += 1000 {
		var all []*hookyard.Acceptance
		for k := range 1000 {
			e := hookyard.NewEvent("github", types[(i+k)%3], fmt.Appendf(nil, body, i+k), began.Add(time.Duration(i+k)*30*24*time.Hour/1_000_000))
			e.ProjectKey = p.Key
			d := hookyard.Owe(e, hooks[k%3])
			d.State, d.Due, d.Reason = hookyard.Skipped, time.Time{}, "filled"
			all = append(all, &hookyard.Acceptance{Event: e, Deliveries: []hookyard.Delivery{d}, Taken: []bool{false}, Ordered: []bool{false}})
			x.event, x.failing = e.ID, hookyard.DeliveryID(e.ID, hooks[k%3].Key)
		}
		if _, errs := db.AcceptAll(ctx, all); errs[0] != nil {
			t.Fatal(errs[0])
		}
	}
	return x
}

// key makes the key that the server will find in its folder.
func key(t *testing.T, dir string) []byte {
	t.Helper()
	k := []byte("a key for tests only, of some length")
	if err := os.WriteFile(filepath.Join(dir, "secret.key"), k, 0o600); err != nil {
		t.Fatal(err)
	}
	return k
}
