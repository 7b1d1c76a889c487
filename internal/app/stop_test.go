package app_test

import (
	"context"
	"database/sql"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/app"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// TestStopsInTime: a server ends soon after its grace also while a result waits for a database that is locked.
func TestStopsInTime(t *testing.T) {
	t.Parallel()
	dsn := storetest.SQLite(t)
	c := app.DefaultConfig()
	c.Listen, c.Data = "127.0.0.1:0", t.TempDir()
	c.Database, c.Dev = dsn, true
	c.Grace = time.Second
	a, err := app.New(t.Context(), c, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()

	arrived, locked := make(chan struct{}), make(chan struct{})
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-locked
	}))
	defer receiver.Close()
	guest := at(t, a, "")
	if _, err := guest.PutHook(t.Context(), "guest/shop", "h", client.HookPatch{URL: &receiver.URL,
		Events: &hookyard.Selector{All: true}}); err != nil {
		t.Fatal(err)
	}
	if _, err := guest.Publish(t.Context(), "guest/shop", client.Publication{Type: "a", Data: 1}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-arrived:
	case <-time.After(time.Minute):
		t.Fatal("nothing was sent")
	}
	db, err := sql.Open("sqlite", dsn+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	close(locked)
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the server does not stop while the database is locked")
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
}
