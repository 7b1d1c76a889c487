package store_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hookyard/hookyard/internal/store/storetest"
)

// TestFilesAreTheirOwners holds that nobody else on the machine reads what is kept.
func TestFilesAreTheirOwners(t *testing.T) {
	t.Parallel()
	path := storetest.SQLite(t)
	storetest.Project(t, storetest.Open(t, path), "acme", "shop")
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) < 3 {
		t.Fatalf("the database is in %v, %v; want it, its -wal and its -shm", files, err)
	}
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want mode 0600", name, info.Mode(), err)
		}
	}
}

// TestPageSize: a new database has pages of the size that suits events, and keeps it.
func TestPageSize(t *testing.T) {
	t.Parallel()
	path := storetest.SQLite(t)
	for range 2 {
		db := storetest.Open(t, path)
		var size int
		if err := db.Pool().QueryRow("pragma page_size").Scan(&size); err != nil || size != 8<<10 {
			t.Errorf("pages have %d bytes, %v", size, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
