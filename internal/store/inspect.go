package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Inspection is what [Inspect] found out about a database.
type Inspection struct {
	Version string // such as "SQLite 3.54.1"; "" if the file does not exist
	Schema  int    // version of its schema; 0 if it has none
	Known   int    // newest version of the schema that this program knows
	InUse   bool   // another process serves the SQLite file
	Size    int64  // bytes that it takes

	Ahead   time.Duration   // how far its clock is ahead of this machine's; 0 on SQLite
	Commits []time.Duration // what transactions that write took, the shortest first
	Write   error           // why it cannot be written to, or nil
	Key     error           // why its secrets cannot be read with the keys of the options, or nil
}

// How many commits [Inspect] times, and for how long at most.
const (
	inspectCommits = 100
	inspectTime    = 3 * time.Second
)

// Inspect looks at the database at dsn and leaves it as it is: it creates no file, upgrades no schema and registers no
// node, so it can be called while servers use the database. Commits are timed where they do no harm: on SQLite in a
// file beside the database, on PostgreSQL with a message in its log that nothing reads. The error says that the
// database cannot be reached or read.
func Inspect(ctx context.Context, dsn string, o Options) (*Inspection, error) {
	all, err := steps()
	if err != nil {
		return nil, err
	}
	in := &Inspection{Known: all[len(all)-1].version}
	if !IsPostgres(dsn) {
		return in, in.sqlite(ctx, sqlitePath(dsn), &o)
	}
	if o.Connections == 0 {
		o.Connections = MinConnections
	}
	d := postgres()
	p, err := d.open(ctx, dsn, &o)
	if err != nil {
		return nil, err
	}
	defer func() { _ = p.close() }()
	before := time.Now()
	var theirs int64
	if err := p.write.QueryRowContext(ctx, "select "+d.now).Scan(&theirs); err != nil {
		return nil, err
	}
	in.Ahead = fromMicros(theirs).Sub(before.Add(time.Since(before) / 2).Round(0))
	if err := in.read(ctx, d, p.write, &o); err != nil {
		return nil, err
	}
	if in.Write = in.tryPostgres(ctx, p.write); in.Write == nil {
		in.Commits, in.Write = timeCommits(ctx, p.write, "select pg_logical_emit_message(true, 'hookyard', 'doctor')")
	}
	return in, nil
}

// sqlite inspects the file at path.
func (in *Inspection) sqlite(ctx context.Context, path string, o *Options) error {
	if _, err := os.Stat(path + ".lock"); err == nil { // or it would be made, by whoever runs this
		lock, err := lockFile(path)
		in.InUse = err != nil
		if err == nil {
			_ = lock.Close()
		}
	}
	_, err := os.Stat(path)
	if err == nil {
		err = in.sqliteFile(ctx, path, o)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s: %w", path, err)
	}
	in.Commits, in.Write = timeBeside(ctx, path)
	if f, err := os.OpenFile(path, os.O_RDWR, 0); err == nil {
		_ = f.Close()
	} else if !errors.Is(err, os.ErrNotExist) {
		in.Write = err
	}
	return nil
}

func (in *Inspection) sqliteFile(ctx context.Context, path string, o *Options) error {
	db, err := sql.Open("sqlite", sqliteURL(path)+"?_pragma=query_only(1)&_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	return in.read(ctx, sqlite(), db, o)
}

// read reads what the database says about itself.
func (in *Inspection) read(ctx context.Context, d *dialect, pool *sql.DB, o *Options) error {
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var tables int
	if err := tx.QueryRowContext(ctx, "select "+d.version+", ("+d.hasSchema+"), ("+d.size+")").Scan(&in.Version,
		&tables, &in.Size); err != nil {
		return err
	}
	if tables == 0 {
		return nil
	}
	if err := tx.QueryRowContext(ctx, "select coalesce(max(version), 0) from schema_version").
		Scan(&in.Schema); err != nil || in.Schema > in.Known {
		return err
	}
	db := &DB{dialect: d, seal: newSealer(append([][]byte{o.Key}, o.OldKeys...)...), newKey: o.NewKey}
	sealed, err := db.sealedValues(ctx, tx, in.Schema)
	if err != nil {
		return err
	}
	in.Key = db.opens(ctx, tx, in.Schema, sealed)
	return nil
}

// tryPostgres returns why tables cannot be changed or created, as an upgrade does.
func (in *Inspection) tryPostgres(ctx context.Context, pool *sql.DB) error {
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if in.Schema > 0 {
		if _, err := tx.ExecContext(ctx, "update counters set value = value where name = ''"); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, "create table hookyard_doctor (version bigint)")
	return err
}

// timeBeside times commits to a SQLite file of its own in the folder of path, or in the folder in which that is to be
// made.
func timeBeside(ctx context.Context, path string) (took []time.Duration, err error) {
	dir := filepath.Dir(path)
	for {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	beside, err := os.MkdirTemp(dir, ".hookyard-doctor-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(beside)) }()
	p, err := openSQLite(ctx, filepath.Join(beside, "commits.db"), nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.close()) }() // before its folder is removed
	if _, err := p.write.ExecContext(ctx, "create table commits (n integer)"); err != nil {
		return nil, err
	}
	return timeCommits(ctx, p.write, "insert into commits (n) values (1)")
}

// timeCommits runs a statement that writes in transactions of its own, and returns how long they took.
func timeCommits(ctx context.Context, pool *sql.DB, statement string) ([]time.Duration, error) {
	var took []time.Duration
	for begin := time.Now(); len(took) < inspectCommits && time.Since(begin) < inspectTime; {
		start := time.Now()
		if _, err := pool.ExecContext(ctx, statement); err != nil {
			return nil, err
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	return took, nil
}
