package store

import (
	"database/sql"
	"encoding/json"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/hookyard/hookyard"
)

// OpenOld creates a database of an older version, or upgrades one to it, and returns the pool that writes. The caller
// calls closeAll.
func OpenOld(t *testing.T, dsn string, version int) (pool *sql.DB, closeAll func()) {
	t.Helper()
	d := dialectOf(dsn)
	p, err := d.open(t.Context(), dsn, &Options{Connections: DefaultConnections})
	if err != nil {
		t.Fatal(err)
	}
	all, err := steps()
	if err != nil {
		t.Fatal(err)
	}
	all = slices.DeleteFunc(all, func(s step) bool { return s.version > version })
	db := &DB{pools: p, dialect: d, seal: newSealer([]byte("a key for tests only")), log: slog.New(slog.DiscardHandler)}
	if err := db.migrateBy(t.Context(), all); err != nil {
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

// StartKept forgets what is kept and counts it as an upgrade does.
func (db *DB) StartKept(t *testing.T) {
	t.Helper()
	tx, err := db.write.BeginTx(t.Context(), nil)
	if err == nil {
		_, err = tx.Exec("delete from counts")
	}
	if err == nil {
		err = db.startKept(t.Context(), tx)
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Checkpoint does what [DB.Run] does each second.
func (db *DB) Checkpoint(t *testing.T) {
	t.Helper()
	if err := db.checkpoint(t.Context()); err != nil {
		t.Error(err)
	}
}

// Pool returns connections that read the database.
func (db *DB) Pool() *sql.DB { return db.read.DB }

// FoldCounts folds what is not folded yet.
func (db *DB) FoldCounts(t *testing.T) {
	t.Helper()
	if err := db.foldCounts(t.Context()); err != nil {
		t.Error(err)
	}
}

// StoreRefusals stores the refused requests that are only counted.
func (db *DB) StoreRefusals(t *testing.T) {
	t.Helper()
	if err := db.storeRefusals(t.Context()); err != nil {
		t.Error(err)
	}
}

// ExpireCounts deletes the figures that are past their time.
func (db *DB) ExpireCounts(t *testing.T, now time.Time) {
	t.Helper()
	if err := db.expireCounts(t.Context(), now); err != nil {
		t.Error(err)
	}
}

// Lock names the lock of this node's session, as pg_locks has it.
func (db *DB) Lock() (class, object int64) { return db.notifier.lock, db.node }

// OnNotice has f called with the notices of PostgreSQL on connections that are opened from now on, until the test ends.
func OnNotice(t *testing.T, f func(message string)) {
	t.Helper()
	onNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { f(n.Message) }
	t.Cleanup(func() { onNotice = nil })
}

// FreeClaimed releases what dead nodes had claimed.
func (db *DB) FreeClaimed(t *testing.T) {
	t.Helper()
	if err := db.txPlain(t.Context(), func(c conn) error { return freeClaimed(t.Context(), c) }); err != nil {
		t.Error(err)
	}
}

// Analyze does what Run does about statistics, and reports whether there was nothing to do.
func (db *DB) Analyze(t *testing.T) (done bool) {
	t.Helper()
	if err := db.analyze(t.Context()); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := db.read.QueryRowContext(t.Context(), `select count(*) from pg_stat_user_tables
		where schemaname = current_schema() and n_live_tup > 10000 and last_analyze is null`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n == 0
}

// RotateSteps does the first steps of a rotation of the key.
func (db *DB) RotateSteps(t *testing.T, n int) {
	t.Helper()
	for range n {
		if err := db.followRotation(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := db.rotateStep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// Opens reports whether a value is sealed with a key.
func Opens(key, value []byte) bool { return newSealer(key).leads(value) }

// Blobs returns all values of all columns that hold bytes, by table and column.
func (db *DB) Blobs(t *testing.T) map[string][][]byte {
	t.Helper()
	names, err := fs.Glob(schemaFiles, "schema/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][][]byte{}
	for _, name := range names {
		text, err := schemaFiles.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		table := ""
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, "create table "); ok {
				table = strings.Fields(rest)[0]
			}
			words := strings.Fields(line)
			if len(words) < 2 || !strings.HasPrefix(words[1], "{blob}") {
				continue
			}
			rows, err := db.read.QueryContext(t.Context(), "select "+words[0]+" from "+table)
			if err != nil {
				t.Fatal(err)
			}
			values, err := collect(rows, func(row scanner) (v []byte, err error) {
				err = row.Scan(&v)
				return v, err
			})
			if err != nil {
				t.Fatal(err)
			}
			out[table+"."+words[0]] = values
		}
	}
	return out
}

// IsSealed reports whether a rotation of the key seals a column again.
func IsSealed(column string) bool {
	return slices.ContainsFunc(sealedColumns(), func(c sealedColumn) bool { return c.table+"."+c.column == column })
}

// Exec changes rows past the store.
func (db *DB) Exec(t *testing.T, query string, args ...any) {
	t.Helper()
	err := db.txPlain(t.Context(), func(c conn) error {
		_, err := c.ExecContext(t.Context(), query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Follow follows the changes of the configuration once, as Run does each second.
func (db *DB) Follow(t *testing.T) {
	t.Helper()
	if err := db.watchConfig(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// CacheAtMost bounds the cached projects and, of them, those that are not packed.
func (db *DB) CacheAtMost(packedBytes, readyBytes int) {
	db.snapshots.packedBytes, db.snapshots.readyBytes = packedBytes, readyBytes
}

// Cached returns how many projects are cached and how many of them are not packed.
func (db *DB) Cached() (all, ready int) {
	db.snapshots.mu.Lock()
	defer db.snapshots.mu.Unlock()
	return db.snapshots.all.list.Len(), db.snapshots.ready.list.Len()
}

// ReadDuring reads a snapshot and calls f after its rows were read and before it is cached.
func (db *DB) ReadDuring(t *testing.T, key int64, f func()) {
	t.Helper()
	r := db.snapshots.begin()
	defer db.snapshots.end(r)
	packed, err := db.pack(t.Context(), r, "key = $1", key)
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := db.unpack(packed)
	if err != nil {
		t.Fatal(err)
	}
	f()
	db.snapshots.remember(r, packed, snapshot)
}
