package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/hookyard/hookyard"
)

// Bounds on the rows that [Move] copies in one transaction.
const (
	moveRows  = 2000
	moveBytes = 8 << 20 // unless one row is larger
)

// movesVersion is the version of the schema from which there is the table moves.
const movesVersion = 38

// errMoving keeps a server from starting on a part of its data.
var errMoving = errors.New("the content of another database is being copied into this one, and that is not complete: " +
	"run hookyard migrate again, with the same databases, and start the server when it has ended")

// MoveProgress says how far a [Move] is.
type MoveProgress struct {
	Table       string
	Comparing   bool  // all is copied, and is being read again
	Done, Total int64 // rows of all tables, which are read twice: when they are copied and when they are compared
	Left        time.Duration
}

// Moved is the result of a [Move].
type Moved struct {
	Tables []MovedTable  `json:"tables"`
	Rows   int64         `json:"rows"`
	Took   time.Duration `json:"-"` // without earlier, interrupted runs
}

// MovedTable is a table that is the same in both databases.
type MovedTable struct {
	Name     string `json:"name"`
	Rows     int64  `json:"rows"`
	Checksum string `json:"checksum"` // of the content of all rows, whatever their order
}

// Move copies the content of one database, a SQLite file or a PostgreSQL schema, into another one, which must be
// empty, and compares both. It calls report after each step. After an error or a crash it continues where it was, if it
// is called with the same databases. Until it has ended, no server starts on the target.
//
// It fails with [hookyard.Conflict] if a server uses the source, if one has used it since an interrupted Move, and if
// the target has data.
func Move(ctx context.Context, from, to string, report func(MoveProgress)) (result Moved, err error) {
	m := &mover{began: time.Now(), report: report}
	if m.tables, err = moveTables(ctx); err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	if err := m.openSource(ctx, from); err != nil {
		return result, fmt.Errorf("source: %w", err)
	}
	if err := m.openTarget(ctx, to); err != nil {
		return result, fmt.Errorf("target: %w", err)
	}
	if err := m.count(ctx); err != nil {
		return result, fmt.Errorf("source: %w", err)
	}
	for i := range m.tables {
		if err := m.copyTable(ctx, &m.tables[i]); err != nil {
			return result, fmt.Errorf("copy %s: %w", m.tables[i].name, err)
		}
	}
	for i := range m.tables {
		if err := m.compare(ctx, &m.tables[i]); err != nil {
			return result, err
		}
		t := &m.tables[i]
		result.Tables = append(result.Tables, MovedTable{t.name, t.copied, t.sum.String()})
		result.Rows += t.copied
	}
	if err := m.finish(ctx); err != nil {
		return result, fmt.Errorf("target: %w", err)
	}
	result.Took = time.Since(m.began)
	return result, nil
}

// mover is a Move under way.
type mover struct {
	tables   []moveTable
	version  int // of the schema
	source   *DB
	read     conn // of the source, all of one moment
	end      func() error
	target   *DB
	write    statements // of the target
	identity string     // of the source as it is

	report      func(MoveProgress)
	began       time.Time
	done, total int64 // rows
	before      int64 // of done, by earlier runs
	unflushed   int   // bytes written to SQLite since the last checkpoint
}

func (m *mover) close() error {
	var errs []error
	m.write.drop()
	if m.end != nil {
		errs = append(errs, m.end())
	}
	for _, db := range []*DB{m.source, m.target} {
		if db != nil {
			errs = append(errs, db.close())
		}
	}
	return errors.Join(errs...)
}

// openPlain opens a database without a node.
func openPlain(ctx context.Context, dsn string) (*DB, error) {
	d := dialectOf(dsn)
	p, err := d.open(ctx, dsn, &Options{Connections: MinConnections})
	if err != nil {
		return nil, err
	}
	db := &DB{pools: p, dialect: d, seal: newSealer(), log: slog.New(slog.DiscardHandler)}
	if err := db.openNotifier(ctx); err != nil {
		return nil, errors.Join(err, db.close())
	}
	return db, nil
}

// openUnchanged opens a SQLite file that no server uses, to read it.
func openUnchanged(path string) (*DB, error) {
	if _, err := os.Stat(path); err != nil { // or an empty one would be created
		return nil, err
	}
	lock, err := lockFile(path)
	if err != nil {
		return nil, err
	}
	pool, err := sql.Open("sqlite", sqliteURL(path)+"?_pragma=query_only(1)&_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return &DB{pools: &pools{read: reader{DB: pool}, lock: lock}, dialect: sqlite()}, nil
}

// openSource opens the source, so that no server can start on it, and checks that it can be copied.
func (m *mover) openSource(ctx context.Context, dsn string) (err error) {
	moment := &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	if IsPostgres(dsn) {
		m.source, err = openPlain(ctx, dsn)
	} else {
		moment = nil // SQLite has no other level
		m.source, err = openUnchanged(sqlitePath(dsn))
	}
	if err != nil {
		return err
	}
	tx, err := m.source.read.BeginTx(ctx, moment)
	if err != nil {
		return err
	}
	m.read, m.end = tx, tx.Rollback
	if m.source.dialect.migrateLock != "" {
		if _, err := tx.ExecContext(ctx, m.source.dialect.migrateLock); err != nil {
			return err
		}
	}
	has, err := m.source.schemaVersion(ctx, tx)
	if err != nil {
		return err
	}
	all, err := steps()
	if err != nil {
		return err
	}
	m.version = all[len(all)-1].version
	switch known := m.version; {
	case has == 0:
		return hookyard.Errorf(hookyard.Conflict, "it is not a database of hookyard")
	case has > known:
		return hookyard.Errorf(hookyard.Conflict, "its schema has version %d and this program knows up to %d: use the "+
			"newer program", has, known)
	case has < known:
		return hookyard.Errorf(hookyard.Conflict, "its schema has version %d and this program's is %d: start and stop "+
			"this hookyard on it once, which upgrades it", has, known)
	}
	if !m.source.dialect.oneProcess {
		if err := m.source.unused(ctx, tx); err != nil {
			return err
		}
	}
	var moves int
	if err := tx.QueryRowContext(ctx, "select count(*) from moves").Scan(&moves); err != nil || moves > 0 {
		return errors.Join(err, errMoving)
	}
	m.identity, err = m.identify(ctx)
	return err
}

// schemaVersion returns the version of the schema, or 0 if there is none.
func (db *DB) schemaVersion(ctx context.Context, c conn) (version int, err error) {
	var tables int
	if err := c.QueryRowContext(ctx, db.dialect.hasSchema).Scan(&tables); err != nil || tables == 0 {
		return 0, err
	}
	err = c.QueryRowContext(ctx, "select coalesce(max(version), 0) from schema_version").Scan(&version)
	return version, err
}

// identify returns what tells the source, and that no server has used it since.
func (m *mover) identify(ctx context.Context) (string, error) {
	sum := sha256.New()
	var check []byte
	if err := m.read.QueryRowContext(ctx, "select value from key_check").Scan(&check); err != nil {
		return "", err
	}
	_, _ = sum.Write(check)
	last, err := m.source.lastKey(ctx, m.read, "nodes")
	if err != nil {
		return "", err
	}
	var events, config int64
	if err := m.read.QueryRowContext(ctx, `select (select value from counters where name = 'event_seq'),
		(select value from counters where name = 'config_version')`).Scan(&events, &config); err != nil {
		return "", err
	}
	_, _ = fmt.Fprint(sum, last, events, config)
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// openTarget opens the target and makes its tables, or reads how far an earlier run got.
func (m *mover) openTarget(ctx context.Context, dsn string) (err error) {
	if m.target, err = openPlain(ctx, dsn); err != nil {
		return err
	}
	version, err := m.target.schemaVersion(ctx, m.target.write)
	if err != nil {
		return err
	}
	if version == 0 {
		if err := m.target.migrate(ctx); err != nil {
			return err
		}
	} else if version != m.version {
		return hookyard.Errorf(hookyard.Conflict, "it is not empty, and its schema is of another version of hookyard")
	}
	if err := m.write.open(ctx, m.target.write); err != nil {
		return err
	}
	var identity string
	err = m.write.conn.QueryRowContext(ctx, "select place from moves where name = ''").Scan(&identity)
	if errors.Is(err, sql.ErrNoRows) {
		return m.begin(ctx)
	}
	if err == nil && identity != m.identity {
		return hookyard.Errorf(hookyard.Conflict, "a part of another database is in it, or of this one before a "+
			"server ran on it again: empty it and begin again")
	}
	if err != nil {
		return err
	}
	return m.resume(ctx)
}

// filledAtFirst are the tables that have rows in a database on which no server has been started yet.
var filledAtFirst = []string{"counters", "counts", "key_check"}

// begin makes the target one that is being copied into, if it is empty.
func (m *mover) begin(ctx context.Context) error {
	for i := range m.tables {
		t := &m.tables[i]
		var rows int
		if err := m.write.conn.QueryRowContext(ctx, "select count(*) from (select 1 from "+t.name+" limit 1) t").
			Scan(&rows); err != nil {
			return err
		}
		if rows > 0 && !slices.Contains(filledAtFirst, t.name) {
			return hookyard.Errorf(hookyard.Conflict, "it has data (in %s), and nothing is overwritten: create an "+
				"empty database, on which no server has been started", t.name)
		}
	}
	return m.inTx(ctx, func() error {
		for _, name := range filledAtFirst {
			if _, err := m.write.conn.ExecContext(ctx, "delete from "+name); err != nil {
				return err
			}
		}
		_, err := m.write.conn.ExecContext(ctx, `insert into moves (name, place, copied, checksum, complete)
			values ('', $1, 0, '', $2)`, m.identity, false)
		return err
	})
}

// resume reads how far each table is.
func (m *mover) resume(ctx context.Context) error {
	for i := range m.tables {
		t := &m.tables[i]
		var place, sum string
		err := m.write.conn.QueryRowContext(ctx, "select place, copied, checksum, complete from moves where name = $1",
			t.name).Scan(&place, &t.copied, &sum, &t.complete)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err == nil {
			err = errors.Join(json.Unmarshal([]byte(place), &t.place), t.sum.parse(sum))
		}
		if err != nil {
			return fmt.Errorf("read how far %s is: %w", t.name, err)
		}
		m.done += t.copied
	}
	m.before = m.done
	return nil
}

// inTx runs f in a transaction of the target.
func (m *mover) inTx(ctx context.Context, f func() error) error {
	if _, err := m.write.conn.ExecContext(ctx, m.target.dialect.begin); err != nil {
		return err
	}
	err := f()
	if err == nil {
		_, err = m.write.conn.ExecContext(ctx, "commit")
	}
	if err != nil {
		_, rollback := m.write.conn.ExecContext(context.WithoutCancel(ctx), "rollback")
		err = errors.Join(err, rollback)
	}
	return err
}

// count counts the rows of the source.
func (m *mover) count(ctx context.Context) error {
	for i := range m.tables {
		t := &m.tables[i]
		if err := m.read.QueryRowContext(ctx, "select count(*) from "+t.name).Scan(&t.total); err != nil {
			return err
		}
		m.total += 2 * t.total
	}
	return nil
}

// step reports that n rows more are done.
func (m *mover) step(t *moveTable, n int, comparing bool) {
	m.done += int64(n)
	p := MoveProgress{Table: t.name, Comparing: comparing, Done: m.done, Total: m.total}
	if now := m.done - m.before; now > 0 {
		p.Left = time.Duration(float64(time.Since(m.began)) / float64(now) * float64(m.total-m.done))
	}
	m.report(p)
}
