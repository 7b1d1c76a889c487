package dispatch_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/dispatch"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// TestReadyTellsOfAStall has a delivery that is due and a dispatcher that does not run.
func TestReadyTellsOfAStall(t *testing.T) {
	t.Parallel()
	path := storetest.SQLite(t)
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		db, err := store.Open(ctx, path, store.Options{NodeName: "test", Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		d := dispatch.New(dispatch.Options{Hooks: db, Deliveries: db, Nodes: db, Log: slog.New(slog.DiscardHandler),
			Limits: hookyard.Limits{Timeout: 2 * time.Minute}})
		snapshot := storetest.Project(t, db, "acme", "shop", "http://a.example/")
		e, err := hookyard.Publish(hookyard.Publication{Type: "a", Data: []byte("1")}, time.Now(),
			hookyard.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		e.ProjectKey = snapshot.Project.Key
		if _, err := db.Accept(ctx, hookyard.Route(e, snapshot, nil)); err != nil {
			t.Fatal(err)
		}
		if err := d.Ready(ctx); err != nil {
			t.Errorf("at once: %v", err)
		}
		time.Sleep(2 * time.Minute) // an attempt may take as long
		if err := d.Ready(ctx); err != nil {
			t.Errorf("after two minutes: %v", err)
		}
		time.Sleep(2 * time.Minute)
		if err := d.Ready(ctx); err == nil || !strings.Contains(err.Error(), "stopped moving") {
			t.Errorf("after four minutes: %v; want to be told that deliveries have stopped moving", err)
		}
	})
}
