package app_test

import (
	"context"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/hookyard/hookyard/internal/app"
	"github.com/hookyard/hookyard/internal/testenv"
)

// TestDrain holds that a server that is to stop fails readyz first, and serves on for --drain.
func TestDrain(t *testing.T) {
	t.Parallel()
	c := app.DefaultConfig()
	c.Listen, c.Data = "127.0.0.1:0", t.TempDir()
	c.Drain = time.Second
	a, err := app.New(t.Context(), c, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	is := func(path string, status int) bool { return get(t, "http://"+a.Addr()+path).StatusCode == status }
	testenv.Until(t, "the server is ready", func() bool { return is("/readyz", http.StatusOK) })
	began := time.Now()
	cancel()
	testenv.Until(t, "readyz fails", func() bool { return is("/readyz", http.StatusServiceUnavailable) })
	if !is("/api", http.StatusOK) {
		t.Error("the server does not serve on")
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took < c.Drain {
		t.Errorf("the server stopped after %s, want %s at least", took, c.Drain)
	}
}
