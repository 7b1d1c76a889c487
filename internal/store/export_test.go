package store

import (
	"context"
	"database/sql"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

// OpenOld makes a database with the schema as it was at a version, and returns its writing pool. Close gives it back.
func OpenOld(t *testing.T, dsn string, version int) (pool *sql.DB, closeAll func()) {
	t.Helper()
	names, err := fs.Glob(schemaFiles, "schema/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{}
	for _, name := range names[:version] {
		text, err := schemaFiles.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: text}
	}
	d := dialectOf(dsn)
	p, err := d.open(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.migrate(context.Background(), p.write, files); err != nil {
		t.Fatal(err)
	}
	return p.write, func() {
		if err := p.close(); err != nil && !strings.Contains(err.Error(), "closed") {
			t.Error(err)
		}
	}
}
