package store_test

import (
	"bytes"
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// backupOptions are those with which storetest opens databases.
func backupOptions() store.Options {
	return store.Options{Key: []byte("a key for tests only"), Version: "test", NodeName: "test",
		Log: slog.New(slog.DiscardHandler)}
}

// stored stores an event with an id, and returns its number.
func stored(t *testing.T, db *store.DB, s *hookyard.Snapshot, id string) int64 {
	t.Helper()
	receipt, err := db.Accept(t.Context(), publish(t, s, "order.created", id))
	if err != nil {
		t.Fatal(err)
	}
	return receipt.Seq
}

// backedUp makes a database with an event that a node has claimed, and a backup of it while it is open.
func backedUp(t *testing.T) (db *store.DB, file string, info store.BackupInfo) {
	t.Helper()
	path := storetest.SQLite(t)
	db = storetest.Open(t, path)
	s := storetest.Project(t, db, "acme", "shop", "http://127.0.0.1:9/a")
	stored(t, db, s, "one")
	work, err := db.Claim(t.Context(), s.Hook("h1").Key, time.Now().Add(time.Second), 10)
	if err != nil || len(work) != 1 {
		t.Fatalf("claimed %d, %v", len(work), err)
	}
	for _, hash := range [][]byte{{1}, {2}} {
		l := &hookyard.PortalLink{ProjectKey: s.Project.Key, Hash: hash, ExpiresAt: time.Now().Add(time.Hour)}
		if err := db.CreatePortalLink(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	session := &hookyard.PortalSession{ProjectKey: s.Project.Key, Hash: []byte{3}}
	if err := db.OpenPortal(t.Context(), []byte{1}, session, "test"); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "a backup")
	info, err = store.Backup(t.Context(), path, file, backupOptions())
	if err != nil {
		t.Fatal(err)
	}
	return db, file, info
}

// TestBackup makes a backup of a database in use and restores it.
func TestBackup(t *testing.T) {
	t.Parallel()
	db, file, info := backedUp(t)
	s, err := db.Snapshot(t.Context(), "acme", "shop")
	if err != nil {
		t.Fatal(err)
	}
	stored(t, db, s, "later")
	read, err := store.ReadBackup(t.Context(), file, backupOptions())
	if err != nil || read.SHA256 != info.SHA256 || len(read.Keys) != 1 ||
		read.Keys[0] != store.KeyFingerprint([]byte("a key for tests only")) {
		t.Errorf("ReadBackup = %+v, %v; want %+v", read, err, info)
	}
	if whole, err := os.ReadFile(file); err != nil || bytes.Contains(whole, []byte("a key for tests only")) {
		t.Errorf("the backup holds the key, or %v", err)
	}
	to := filepath.Join(t.TempDir(), "new", "hookyard.db")
	restore := func() error {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		_, err = store.Restore(t.Context(), f, to, backupOptions())
		return err
	}
	if err := restore(); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"portal_links", "portal_sessions"} {
		if n := rowsOf(t, file, table); n != 1 {
			t.Fatalf("the backup has %d %s", n, table)
		}
		if n := rowsOf(t, to, table); n != 0 {
			t.Errorf("%d %s were restored", n, table)
		}
	}
	if err := restore(); hookyard.CodeOf(err) != hookyard.Conflict || !strings.Contains(err.Error(), "overwrite") {
		t.Errorf("restoring over a database = %v", err)
	}
	again := storetest.Open(t, to)
	page, err := again.Events(t.Context(), hookyard.EventQuery{ProjectKey: s.Project.Key, Limit: 10})
	if err != nil || len(page.Events) != 1 {
		t.Fatalf("the restored database has %d events, %v; want the one of the backup", len(page.Events), err)
	}
	if work, err := again.Claim(t.Context(), s.Hook("h1").Key, time.Now().Add(time.Second), 10); err != nil ||
		len(work) != 1 {
		t.Errorf("of the restored database %d deliveries are claimed, %v; want that of the dead server", len(work),
			err)
	}
	if seq := stored(t, again, s, "new"); seq < 1<<20 {
		t.Errorf("the first event after restoring has number %d, which listeners may remember", seq)
	}
	log, err := again.Audit(t.Context(), hookyard.AuditQuery{Action: "database.restore", Limit: 1})
	if err != nil || len(log) != 1 || log[0].Key < 1<<20 {
		t.Errorf("the audit log says %+v, %v", log, err)
	}
	if err := restore(); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("restoring over a database in use = %v", err)
	}
}

// rowsOf counts the rows of a table in a file of SQLite.
func rowsOf(t *testing.T, path, table string) (n int) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&immutable=1")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.QueryRowContext(t.Context(), "select count(*) from "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestBackupIsChecked restores backups with which something is wrong, and holds that nothing is left of them.
func TestBackupIsChecked(t *testing.T) {
	t.Parallel()
	db, file, info := backedUp(t)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(whole)
	damaged[len(damaged)/2] ^= 1
	otherKey := backupOptions()
	otherKey.Key = []byte("another key than that")
	withOld := otherKey
	withOld.OldKeys = [][]byte{[]byte("a key for tests only")}
	for _, c := range []struct {
		name string
		data []byte
		o    store.Options
		want string
	}{
		{"empty", nil, backupOptions(), "no backup"},
		{"short", whole[:10], backupOptions(), "no backup"},
		{"cut", whole[:len(whole)-1], backupOptions(), "no backup"},
		{"without its end", whole[:info.Size], backupOptions(), "no backup"},
		{"without its middle", append(bytes.Clone(whole[:8192]), whole[info.Size:]...), backupOptions(), "checksum"},
		{"damaged", damaged, backupOptions(), "checksum"},
		{"of another key", whole, otherKey, info.Keys[0]},
		{"of an old key", whole, withOld, ""},
	} {
		dir := t.TempDir()
		_, err := store.Restore(t.Context(), bytes.NewReader(c.data), filepath.Join(dir, "hookyard.db"), c.o)
		if c.want == "" && err == nil {
			continue
		}
		if c.want == "" || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("a backup %s: %v; want %q", c.name, err, c.want)
		}
		left, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil || len(left) != 1 { // the lock
			t.Errorf("a backup %s left %v, %v", c.name, left, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Backup(t.Context(), file, filepath.Join(t.TempDir(), "b"), otherKey); err == nil {
		t.Error("a backup was made with a key that is not the database's")
	}
	if _, err := store.Backup(t.Context(), "missing.db", filepath.Join(t.TempDir(), "b"), backupOptions()); err == nil {
		t.Error("a backup was made of a missing database")
	}
}

// TestBackupOfRotation holds that a backup names both keys while the key is being changed.
func TestBackupOfRotation(t *testing.T) {
	t.Parallel()
	path := storetest.SQLite(t)
	o := backupOptions()
	next := []byte("the next key of them all")
	keys := [][]byte{o.Key}
	o.Keys = func() ([][]byte, error) { return keys, nil }
	o.ReplaceKey = func() error { keys = [][]byte{next, o.Key}; return nil }
	db, err := store.Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.RotateKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.OldKeys = [][]byte{next}
	info, err := store.Backup(t.Context(), path, filepath.Join(t.TempDir(), "b"), o)
	if err != nil || len(info.Keys) != 2 || info.Keys[1] != store.KeyFingerprint(next) {
		t.Errorf("the backup names the keys %v, %v; want the present one and the next", info.Keys, err)
	}
}

// TestRestored holds that a PostgreSQL database is prepared only while no server uses it.
func TestRestored(t *testing.T) {
	t.Parallel()
	dsn := storetest.Postgres(t)
	if err := store.Restored(t.Context(), dsn, backupOptions()); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("preparing an empty database = %v", err)
	}
	db := storetest.Open(t, dsn)
	s := storetest.Project(t, db, "acme", "shop", "http://127.0.0.1:9/a")
	if err := store.Restored(t.Context(), dsn, backupOptions()); hookyard.CodeOf(err) != hookyard.Conflict {
		t.Errorf("preparing a database in use = %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	o := backupOptions()
	o.Key = []byte("another key than that")
	if err := store.Restored(t.Context(), dsn, o); err == nil || !strings.Contains(err.Error(), "another key") {
		t.Errorf("preparing a database with another key = %v", err)
	}
	if err := store.Restored(t.Context(), dsn, backupOptions()); err != nil {
		t.Fatal(err)
	}
	again := storetest.Open(t, dsn)
	if seq := stored(t, again, s, "new"); seq < 1<<20 {
		t.Errorf("the first event after restoring has number %d, which listeners may remember", seq)
	}
}
