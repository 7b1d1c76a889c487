package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/hookyard/hookyard"
)

// What a restored database skips, so that nobody takes something new for what came after the backup and is lost:
// listeners remember numbers of events, and exports of the audit log its keys. A database that is restored from one
// backup twice skips more the second time.
const (
	skippedSeqs  = 1 << 20
	skippedRate  = 4096 // more events a second since the newest one in the backup
	skippedAudit = 1 << 20
)

// Restore writes the database of the backup that r returns into the SQLite file at path, which must not exist yet. It
// checks the backup first, as [ReadBackup] does. In the database, the server that made the backup is gone, all users
// are signed out, unused one-time links are void, and the numbers of new events are above all that listeners may
// remember. After an error or a crash the file does not exist, and Restore can be called again.
func Restore(ctx context.Context, r io.Reader, path string, o Options) (info BackupInfo, err error) {
	path = sqlitePath(path)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return info, err
	}
	lock, err := lockFile(path)
	if err != nil {
		return info, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	for _, name := range []string{path, path + "-wal"} {
		if _, err := os.Lstat(name); !errors.Is(err, os.ErrNotExist) {
			return info, hookyard.Errorf(hookyard.Conflict, "%s exists, and restore does not overwrite a database: "+
				"move it away, with the files beside it whose names begin like it, or restore to another folder", name)
		}
	}
	temp := path + ".restoring"
	defer func() {
		if removed := os.Remove(temp); !errors.Is(removed, os.ErrNotExist) {
			err = errors.Join(err, removed)
		}
	}()
	if err := writeFile(temp, r); err != nil {
		return info, err
	}
	if info, err = ReadBackup(ctx, temp, o); err != nil {
		return info, err
	}
	if err := os.Truncate(temp, info.Size); err != nil {
		return info, err
	}
	if err := restoredFile(ctx, temp, &info); err != nil {
		return info, err
	}
	if err := syncPath(temp, os.O_RDWR); err != nil {
		return info, err
	}
	if err := os.Rename(temp, path); err != nil {
		return info, err
	}
	_ = syncPath(filepath.Dir(path), os.O_RDONLY) // not every system can
	return info, nil
}

// writeFile writes all of r into a file that only this user can read.
func writeFile(name string, r io.Reader) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

// syncPath makes what was written to a file, or into a folder, survive a power cut.
func syncPath(name string, flag int) error {
	f, err := os.OpenFile(name, flag, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func restoredFile(ctx context.Context, path string, info *BackupInfo) error {
	pool, err := sql.Open("sqlite", sqliteURL(path)+"?_txlock=immediate&_pragma=synchronous(full)")
	if err != nil {
		return err
	}
	db := &DB{pools: &pools{write: pool, read: reader{DB: pool}}, dialect: sqlite(), log: slog.New(slog.DiscardHandler)}
	err = db.restored(ctx, info.Schema, "of "+info.Created.Format(time.RFC3339))
	return errors.Join(err, pool.Close())
}

// Restored does to a PostgreSQL database that was restored by other means, such as pg_restore, what [Restore] does to
// one of its own. It fails with [hookyard.Conflict] while a server uses the database, or if a key that its secrets are
// sealed with is missing.
func Restored(ctx context.Context, dsn string, o Options) error {
	in, err := Inspect(ctx, dsn, o)
	switch {
	case err != nil:
		return err
	case in.Schema == 0:
		return hookyard.Errorf(hookyard.Conflict, "the database is empty: restore it by pg_restore first")
	case in.Schema > in.Known:
		return hookyard.Errorf(hookyard.Conflict, "the database has schema version %d and this program knows up to "+
			"%d: use the newer program", in.Schema, in.Known)
	case in.Key != nil:
		return in.Key
	}
	db, err := openPlain(ctx, dsn)
	if err != nil {
		return err
	}
	return errors.Join(db.restored(ctx, in.Schema, "by other means"), db.close())
}

// restored changes a database that was just restored. schema is the version of its schema; how is for the audit log.
func (db *DB) restored(ctx context.Context, schema int, how string) error {
	tx, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	if !db.dialect.oneProcess {
		if err := db.unused(ctx, tx); err != nil {
			return err
		}
	}
	var newest int64
	if err := tx.QueryRowContext(ctx, "select coalesce((select time from events order by seq desc limit 1), 0)").
		Scan(&newest); err != nil {
		return err
	}
	skipped := skippedSeqs + skippedRate*max(0, int64(time.Since(fromMicros(newest))/time.Second))
	_, err = tx.ExecContext(ctx, "update counters set value = value + $1 where name = 'event_seq'", skipped)
	if err != nil {
		return err
	}
	for _, one := range notRestored() {
		if schema < one.since {
			continue
		}
		if _, err := tx.ExecContext(ctx, "delete from "+one.table); err != nil {
			return err
		}
	}
	if err := freeClaimed(ctx, tx); err != nil {
		return err
	}
	last, err := db.lastKey(ctx, tx, "audit")
	if err != nil {
		return err
	}
	if err := db.setLastKey(ctx, tx, "audit", last+skippedAudit); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `insert into audit (time, project_key, actor, action, subject, detail)
		values ($1, 0, $2, 'database.restore', 'backup', $3)`, time.Now().UnixMicro(), hookyard.Actor(ctx),
		how); err != nil {
		return err
	}
	return tx.Commit()
}

// passing is a table of what does not outlive a restore, since a version of the schema.
type passing struct {
	table string
	since int
}

// notRestored returns the tables of what was ended or used up, or may have been, since the backup.
func notRestored() []passing {
	return []passing{{"nodes", 0}, {"sessions", 0}, {"links", 14}, {"portal_links", 37}, {"portal_sessions", 37}}
}

// unused fails if a server on PostgreSQL uses the database. The row of one that was killed stays until it was silent
// for some time, unless its lock shows that it has ended.
func (db *DB) unused(ctx context.Context, c conn) error {
	var name string
	ended := "session = 1 and " + fmt.Sprintf(db.dialect.unlocked, "$2")
	err := c.QueryRowContext(ctx, "select name from nodes where seen > "+db.dialect.now+" - $1 and not ("+ended+
		") limit 1", deadAfter.Microseconds(), db.notifier.lock).Scan(&name)
	if err == nil {
		return hookyard.Errorf(hookyard.Conflict, "the server %s uses the database: stop it first; if it was killed, "+
			"wait for %s", name, hookyard.FormatDuration(deadAfter))
	}
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

// lastKey returns the last key that a table with keys of its own has given to a row, or 0.
func (db *DB) lastKey(ctx context.Context, c conn, table string) (last int64, err error) {
	err = c.QueryRowContext(ctx, fmt.Sprintf(db.dialect.lastKey, table)).Scan(&last)
	return last, err
}

// setLastKey makes a table go on with the key after last.
func (db *DB) setLastKey(ctx context.Context, c conn, table string, last int64) error {
	for _, text := range db.dialect.setLastKey {
		if _, err := c.ExecContext(ctx, fmt.Sprintf(text, table, last)); err != nil {
			return err
		}
	}
	return nil
}
