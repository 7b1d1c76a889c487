package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	sqlitedriver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

func sqlite() *dialect {
	return &dialect{
		name:        "sqlite",
		oneWriter:   true,
		oneProcess:  true,
		along:       "(project_key = %s and seq %s %s)",
		local:       true,
		checkpoints: true,
		begin:       "begin immediate",
		schema: strings.NewReplacer("{int}", "integer", "{text}", "text", "{blob}", "blob", "{bool}", "integer",
			"{key}", "integer primary key autoincrement", "{rows}", " strict", "{norowid}", " strict, without rowid"),
		size: "select page_count * page_size from pragma_page_count(), pragma_page_size()",
		now:  "cast(unixepoch('subsec') * 1000000 as integer)",
		used: `select (page_count - freelist_count) * page_size from pragma_page_count(), pragma_freelist_count(),
			pragma_page_size()`,
		bytesOf:   "length",
		hasSchema: "select count(*) from sqlite_master where name = 'schema_version'",
		version:   "'SQLite ' || sqlite_version()",
		lastKey:   "select coalesce((select seq from sqlite_sequence where name = '%s'), 0)",
		setLastKey: []string{"delete from sqlite_sequence where name = '%[1]s'",
			"insert into sqlite_sequence (name, seq) values ('%[1]s', %[2]d)"},
		open:        openSQLite,
		insert:      insertSQLite,
		compact:     compactSQLite,
		isDuplicate: isDuplicateSQLite,
		isLost:      func(error) bool { return false },
		isTransient: isTransientSQLite,
		isBusy:      isBusySQLite,
		isConflict:  func(error) bool { return false }, // there is one writer
	}
}

// openSQLite opens the file twice: a pool that only reads, and the writer. WAL lets them work side by side; FULL makes
// a commit survive a power cut. The WAL is checkpointed by [DB.Run] and not by the commit that fills it: one request
// would pay for all. When the WAL starts over, what a burst left of it beyond 64 MiB is
// given back.
func openSQLite(ctx context.Context, dsn string, _ *Options) (*pools, error) {
	path := sqlitePath(dsn)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	lock, err := lockFile(path)
	if err != nil {
		return nil, err
	}
	p := &pools{lock: lock}
	// SQLite would make the file readable for all; -wal and -shm take its mode.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	if err := f.Close(); err != nil {
		return nil, errors.Join(err, p.close())
	}
	if err := setPageSize(ctx, path); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), p.close())
	}
	base := sqliteURL(path) + "?_pragma=journal_mode(wal)" +
		"&_pragma=synchronous(full)&_pragma=foreign_keys(on)&_pragma=temp_store(memory)"
	// The group keeps one connection; solo transactions and checkpoints use the others. The group runs transactions in
	// turn, so they never wait for each other.
	if p.write, err = sql.Open("sqlite",
		base+"&_txlock=immediate&_pragma=wal_autocheckpoint(0)&_pragma=journal_size_limit(67108864)"+
			"&_pragma=cache_size(-8000)&_pragma=busy_timeout(1000)"); err != nil {
		return nil, errors.Join(err, p.close())
	}
	p.write.SetMaxOpenConns(3)
	p.write.SetMaxIdleConns(3)
	if err := p.write.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), p.close())
	}
	if p.read.DB, err = sql.Open("sqlite", fmt.Sprintf("%s&_pragma=query_only(1)&_pragma=cache_size(-1000)"+
		"&_pragma=busy_timeout(%d)", base, patience.Milliseconds())); err != nil {
		return nil, errors.Join(err, p.close())
	}
	p.read.prepared = &sync.Map{}
	p.read.SetMaxOpenConns(8)
	p.read.SetMaxIdleConns(4)
	return p, nil
}

// pageSize suits events of a kilobyte or two: fewer pages are written a commit than of the 4 KiB that SQLite has.
const pageSize = 8 << 10

// setPageSize gives a database that has nothing in it yet its size of pages, which the write-ahead log fixes: the
// driver would turn on the log first, whatever the order of the pragmas.
func setPageSize(ctx context.Context, path string) error {
	if info, err := os.Stat(path); err != nil || info.Size() > 0 {
		return err
	}
	db, err := sql.Open("sqlite", fmt.Sprintf("%s?_pragma=page_size(%d)", sqliteURL(path), pageSize))
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "pragma journal_mode = wal")
	return errors.Join(err, db.Close())
}

// sqlitePath returns the path in the name of a database, which may begin with "sqlite:".
func sqlitePath(dsn string) string { return strings.TrimPrefix(dsn, "sqlite:") }

// sqliteURL returns the name of a file as SQLite takes it, to which parameters can be added.
func sqliteURL(path string) string { return "file:" + (&url.URL{Path: path}).EscapedPath() }

// compactSQLite writes the file again. The copy is made in a file, not in memory: it is as large as the database.
func compactSQLite(ctx context.Context, db *sql.DB) error {
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	for _, text := range []string{"pragma temp_store = file", "vacuum", "pragma wal_checkpoint(truncate)",
		"pragma temp_store = memory"} {
		if _, err := c.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

func isDuplicateSQLite(err error) bool {
	var e *sqlitedriver.Error
	return errors.As(err, &e) && (e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE ||
		e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}

func isBusySQLite(err error) bool {
	var e *sqlitedriver.Error
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_BUSY
}

// isTransientSQLite takes only what the statement or its values can be to blame for as their fault.
func isTransientSQLite(err error) bool {
	var e *sqlitedriver.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE,
		sqlite3.SQLITE_ERROR,
		sqlite3.SQLITE_MISUSE:
		return false
	}
	return true
}

// chunks are the numbers of rows for which an insert is prepared: few enough to keep, close enough to what is left.
var chunks = [...]int{64, 16, 4, 1}

// insertSQLite inserts by statements of many rows, prepared once for each size: half the cost of row by row.
func insertSQLite(ctx context.Context, _ conn, r *rowSet) error {
	width := len(r.table.columns)
	for at := 0; at < len(r.values); {
		left := (len(r.values) - at) / width
		n := 1
		for _, c := range chunks {
			if c <= left {
				n = c
				break
			}
		}
		stmt, err := r.scratch.prepare(ctx, insertKey{r.table, n, r.ignore},
			func() string { return insertText(r.table, n, r.ignore) })
		if err != nil {
			return err
		}
		res, err := stmt.ExecContext(ctx, r.values[at:at+n*width]...)
		if err != nil {
			return fmt.Errorf("insert into %s: %w", r.table.name, err)
		}
		if r.ignore {
			affected, err := res.RowsAffected()
			if err != nil {
				return err
			}
			r.scratch.ignored += n - int(affected)
		}
		at += n * width
	}
	return nil
}

type insertKey struct {
	table  *table
	rows   int
	ignore bool
}

func insertText(t *table, rows int, ignore bool) string {
	one := "(" + strings.TrimSuffix(strings.Repeat("?, ", len(t.columns)), ", ") + ")"
	text := "insert into " + t.name + " (" + t.names() + ") values " +
		strings.TrimSuffix(strings.Repeat(one+", ", rows), ", ")
	if ignore {
		text += " on conflict do nothing"
	}
	return text
}
