package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// TestInspect looks at a database that does not exist or is empty, at one in use, and with another key.
func TestInspect(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		inspect := func(o store.Options) *store.Inspection {
			t.Helper()
			in, err := store.Inspect(t.Context(), dsn, o)
			if err != nil {
				t.Fatal(err)
			}
			if in.Write != nil || len(in.Commits) == 0 || in.Ahead.Abs() > time.Second {
				t.Errorf("inspection %+v; want commits, and no clock that is wrong", in)
			}
			return in
		}
		right := store.Options{Key: []byte("a key for tests only")}
		if in := inspect(right); in.Schema != 0 || in.Known == 0 || in.Key != nil || in.InUse {
			t.Errorf("before the first start: %+v", in)
		}
		if files, _ := os.ReadDir(filepath.Dir(dsn)); !store.IsPostgres(dsn) && len(files) > 0 {
			t.Errorf("the inspection left %v", files)
		}
		db := storetest.Open(t, dsn)
		storetest.Project(t, db, "acme", "shop", "http://127.0.0.1:9/secret")
		in := inspect(right)
		if in.Schema != in.Known || in.Key != nil || in.Version == "" || in.Size == 0 ||
			in.InUse == store.IsPostgres(dsn) {
			t.Errorf("while a server runs: %+v", in)
		}
		if in := inspect(store.Options{Key: []byte("another key than that")}); in.Key == nil {
			t.Error("another key is taken for the right one")
		}
		create := func() ([]byte, error) { return nil, errors.New("a key was made") }
		if in := inspect(store.Options{NewKey: create}); in.Key == nil {
			t.Error("a missing key is not noticed")
		}
		if nodes, err := db.Nodes(t.Context()); err != nil || len(nodes) != 1 {
			t.Errorf("nodes %v, %v after the inspection; want one", nodes, err)
		}
	})
}

// TestInspectTellsWhyNot looks at databases that cannot be read or written.
func TestInspectTellsWhyNot(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		path := storetest.SQLite(t)
		if err := os.WriteFile(path, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
			t.Fatal(err)
		}
		if in, err := store.Inspect(t.Context(), path, store.Options{}); err == nil {
			t.Errorf("a text is a database: %+v", in)
		}
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		dsn := storetest.Postgres(t)
		storetest.Open(t, dsn)
		in, err := store.Inspect(t.Context(), dsn+"&default_transaction_read_only=on", store.Options{})
		if err != nil || in.Write == nil || !strings.Contains(in.Write.Error(), "read-only") {
			t.Errorf("a database that is read-only: %+v, %v", in, err)
		}
		if in, err := store.Inspect(t.Context(), "postgres://127.0.0.1:1/none", store.Options{}); err == nil {
			t.Errorf("nothing is a database: %+v", in)
		}
	})
}
