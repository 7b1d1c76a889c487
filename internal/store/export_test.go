package store

import (
	"database/sql"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/hookyard/hookyard"
)

// OpenOld makes a database with the schema as it was at a version, and returns its writing pool. Close gives it back.
func OpenOld(t *testing.T, dsn string, version int) (pool *sql.DB, closeAll func()) {
	t.Helper()
	d := dialectOf(dsn)
	p, err := d.open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	all, err := steps()
	if err != nil {
		t.Fatal(err)
	}
	all = slices.DeleteFunc(all, func(s step) bool { return s.version > version })
	if err := (&DB{pools: p, dialect: d}).migrateBy(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	return p.write, func() {
		if err := p.close(); err != nil && !strings.Contains(err.Error(), "closed") {
			t.Error(err)
		}
	}
}

// StoredHook returns what is stored of a hook: its settings, and the JSON that is sealed.
func StoredHook(h *hookyard.Hook) (settings, secrets any) { return storeHook(h) }

// StoredSource is StoredHook for a source.
func StoredSource(s *hookyard.Source) (settings, secrets any) { return storeSource(s) }

// StoredProject is StoredHook for a project.
func StoredProject(p *hookyard.Project) (settings, secrets any) {
	return storeProject(p), json.RawMessage("null")
}

// Pool returns connections that read the database.
func (db *DB) Pool() *sql.DB { return db.read }
