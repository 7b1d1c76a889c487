package app_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/app"
)

// TestKeyFile starts on one folder with the key's file as people keep it, and without it.
func TestKeyFile(t *testing.T) {
	t.Parallel()
	c := app.DefaultConfig()
	c.Listen, c.Data = "127.0.0.1:0", t.TempDir()
	start := func() error {
		a, err := app.New(t.Context(), c, "test", slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		ended, stop := context.WithCancel(t.Context())
		stop()
		return a.Run(ended)
	}
	a, stop := run(t, c)
	token, err := os.ReadFile(filepath.Join(c.Data, "admin-token"))
	if err != nil {
		t.Fatal(err)
	}
	url := "https://example.com/secret"
	admin := at(t, a, strings.TrimSpace(string(token)))
	if _, _, err := admin.PutProject(t.Context(), "admin/shop", client.ProjectPatch{}); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.CreateHook(t.Context(), "admin/shop", "h", client.HookPatch{URL: &url}); err != nil {
		t.Fatal(err)
	}
	stop()
	file := filepath.Join(c.Data, "secret.key")
	key, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(key) + "\n", "\r\n " + string(key) + "\t\r\n", "\ufeff" + string(key)} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := start(); err != nil {
			t.Errorf("with the key as %q: %v", text, err)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := start(); err == nil || !strings.Contains(err.Error(), "--secret-key-file") {
		t.Errorf("without the key: %v; want it refused", err)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("another key was made: %v", err)
	}
	if err := os.WriteFile(file, []byte("not the key that was used\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := start(); err == nil || !strings.Contains(err.Error(), "another key") {
		t.Errorf("with another key: %v; want it refused", err)
	}
}
