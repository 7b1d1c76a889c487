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
	"github.com/hookyard/hookyard/internal/testenv"
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

// TestLostKey takes the key's file away from a server that runs. A new key cannot be made of nothing, but one that is
// put in its place can follow: what was sealed before opens with it.
func TestLostKey(t *testing.T) {
	t.Parallel()
	c := app.DefaultConfig()
	c.Listen, c.Data = "127.0.0.1:0", t.TempDir()
	a, stop := run(t, c)
	token, err := os.ReadFile(filepath.Join(c.Data, "admin-token"))
	if err != nil {
		t.Fatal(err)
	}
	admin, url := at(t, a, strings.TrimSpace(string(token))), "https://example.com/secret"
	if _, _, err := admin.PutProject(t.Context(), "admin/shop", client.ProjectPatch{}); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.CreateHook(t.Context(), "admin/shop", "h", client.HookPatch{URL: &url}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(c.Data, "secret.key")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if r, err := admin.RotateKey(t.Context()); err == nil || !strings.Contains(err.Error(), "is missing") {
		t.Fatalf("without the key's file the key is rotated: %+v, error %v", r, err)
	}
	if err := os.WriteFile(file, []byte("a key that is new and long enough"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.RotateKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	testenv.Until(t, "the key is rotated", func() bool {
		r, err := admin.KeyRotation(t.Context())
		return err == nil && !r.EndedAt.IsZero()
	})
	stop()
	a, stop = run(t, c)
	defer stop()
	admin = at(t, a, strings.TrimSpace(string(token)))
	if h, err := admin.Hook(t.Context(), "admin/shop", "h"); err != nil || h.URL != url {
		t.Errorf("with the new key the hook is %+v, error %v", h, err)
	}
}
