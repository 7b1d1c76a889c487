// Package storetest runs store tests on both databases, real ones.
package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/encoding"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/testenv"
)

// Each runs f on a fresh SQLite file and on a fresh PostgreSQL schema.
func Each(t *testing.T, f func(t *testing.T, db *store.DB)) {
	t.Helper()
	EachDSN(t, func(t *testing.T, dsn string) { f(t, Open(t, dsn)) })
}

// EachDSN is Each for tests that open the database themselves, perhaps twice.
func EachDSN(t *testing.T, f func(t *testing.T, dsn string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		f(t, SQLite(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		f(t, Postgres(t))
	})
}

// SQLite returns the path of a file that does not exist yet.
func SQLite(t testing.TB) string { return filepath.Join(t.TempDir(), "hookyard.db") }

// Postgres makes an empty schema, dropped when the test ends, and returns a URL whose connections use it.
func Postgres(t testing.TB) string {
	t.Helper()
	base := testenv.Postgres(t)
	db, err := sql.Open("pgx", base)
	if err != nil {
		t.Fatal(err)
	}
	name := "hookyard_test_" + hookyard.NewID("x")
	if _, err := db.Exec("create schema " + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, err := db.Exec("drop schema " + name + " cascade")
		if err != nil {
			t.Error(err)
		}
		_ = db.Close()
	})
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String()
}

// Open opens a database for a test and closes it when the test ends.
func Open(t testing.TB, dsn string) *store.DB {
	t.Helper()
	return OpenWith(t, dsn, store.Options{})
}

// OpenWith is Open with options; those that a test does not care for are filled.
func OpenWith(t testing.TB, dsn string, o store.Options) *store.DB {
	t.Helper()
	o.Key, o.Log = []byte("a key for tests only"), slog.New(slog.DiscardHandler)
	keys := [][]byte{o.Key}
	o.Keys = func() ([][]byte, error) { return keys, nil }
	o.ReplaceKey = func() error {
		keys = append([][]byte{[]byte("another key for tests")}, keys...)
		return nil
	}
	o.Decompress = encoding.NewDecoder(hookyard.DefaultLimits()).Plain
	if o.NodeName == "" {
		o.NodeName = "test"
	}
	db, err := store.Open(context.Background(), dsn, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// Project makes a project with hooks whose URLs are given, ids h1, h2 and so on.
func Project(t testing.TB, db *store.DB, owner, name string, urls ...string) *hookyard.Snapshot {
	t.Helper()
	ctx := context.Background()
	p := &hookyard.Project{Owner: owner, Name: name}
	var hooks []*hookyard.Hook
	for i, u := range urls {
		hooks = append(hooks, &hookyard.Hook{ID: fmt.Sprintf("h%d", i+1), URL: u, Events: hookyard.SelectAll(),
			Active: true})
	}
	if err := db.CreateProject(ctx, p, hooks); err != nil {
		t.Fatal(err)
	}
	snapshot, err := db.Snapshot(ctx, owner, name)
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}
