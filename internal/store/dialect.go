package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// dialect is all that differs between the databases.
type dialect struct {
	name        string
	oneWriter   bool              // one transaction may write at a time: all go through one group
	oneProcess  bool              // no other process has the database open: there is one node
	local       bool              // a statement costs no round trip
	checkpoints bool              // the write-ahead log is to be copied back by [DB.Run]
	begin       string            // begins a transaction that writes
	limitIdle   string            // bounds the pauses in a transaction, as begin does, or ""
	schema      *strings.Replacer // types of the schema's text
	skipLocked  string            // ends a select that takes rows
	forUpdate   string            // ends a select that locks a row
	lockTables  string            // waits until the tables of events can be written; "" if no one can lock them alone
	forShare    string            // ends a select that keeps a row from going
	migrateLock string            // taken in the migrating transaction
	size        string            // query for the bytes the database takes
	now         string            // expression for the time, in µs, by the clock that all nodes share
	unlocked    string            // condition on a row of nodes that its lock, of the class %s, is free; "" on SQLite
	bytesOf     string            // function: bytes that a value takes in the database
	used        string            // query for the bytes in use
	usedIsBound bool              // used counts the space of deleted rows, too
	outdated    string            // query for the tables whose statistics are to be made anew; "" if it needs none
	along       string            // see [dialect.eventsOf]
	hasSchema   string            // query for how many tables have the name schema_version
	version     string            // expression that says which database it is
	lastKey     string            // query for the last key that the table %s has given to a row, or 0
	setLastKey  []string          // statements that make the table %[1]s go on after %[2]d, which is not 0
	open        func(ctx context.Context, dsn string, o *Options) (*pools, error)
	insert      func(ctx context.Context, c conn, t *rowSet) error
	compact     func(ctx context.Context, db *sql.DB) error // leave nothing of deleted rows in the file; nil: it cannot
	isDuplicate func(err error) bool
	isLost      func(err error) bool // the connection is gone: nothing is wrong with the rows
	isTransient func(err error) bool // the database cannot do it now, whatever the rows: disk full, read only, too busy
	isBusy      func(err error) bool // another process has locked the database
	isConflict  func(err error) bool // another transaction stood in the way, and trying again may help
}

// eventsOf is the condition on events to be of a project, and to have a seq that compares with another by op; seq and
// project are parameters. With the order "project_key, seq" or its reverse it walks along the index on both. PostgreSQL
// gets pairs: given the project as a constant, it takes the index on seq alone for as good, and walks past the events
// of all other projects. SQLite compares pairs slowly.
func (d *dialect) eventsOf(project, op, seq string) string {
	return fmt.Sprintf(d.along, project, op, seq)
}

// conn is a transaction, or whatever runs statements.
type conn interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// IsPostgres reports whether dsn is a URL of PostgreSQL; otherwise it is the path of a SQLite file.
func IsPostgres(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

func dialectOf(dsn string) *dialect {
	if IsPostgres(dsn) {
		return postgres()
	}
	return sqlite()
}

// column is a column of a bulk insert: its name and what it holds, 'i' integer, 's' text, 'b' blob, 't' boolean.
type column struct {
	name string
	kind byte
}

// rowSet is rows to insert into one table, values row by row.
type rowSet struct {
	table   *table
	values  []any
	ignore  bool // leave rows out that exist already
	scratch *statements
}

// table is a table as far as bulk inserts need it.
type table struct {
	name    string
	columns []column
}

func (t *table) names() string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return strings.Join(names, ", ")
}

// bulkUpdate updates many rows of a table in one statement.
type bulkUpdate struct {
	table string
	keys  []string // integers
	set   *table   // its columns are set
}

// text returns the statement for n rows. Its parameters are the keys and then the columns, row by row.
func (u bulkUpdate) text(d *dialect, n int) string {
	types := map[byte]string{'i': "bigint", 's': "text", 'b': "{blob}"}
	var columns []column
	var where, set []string
	for _, key := range u.keys {
		columns = append(columns, column{key, 'i'})
		where = append(where, u.table+"."+key+" = v."+key)
	}
	for _, c := range u.set.columns {
		columns = append(columns, c)
		set = append(set, c.name+" = v."+c.name)
	}
	rows, at := make([]string, n), 0
	for i := range rows {
		values := make([]string, len(columns))
		for j, c := range columns {
			at++
			values[j] = fmt.Sprintf("cast($%d as %s)", at, types[c.kind])
		}
		rows[i] = "(" + strings.Join(values, ", ") + ")"
	}
	return d.schema.Replace("with v (" + (&table{columns: columns}).names() + ") as (values " +
		strings.Join(rows, ", ") + ") update " + u.table + " set " + strings.Join(set, ", ") + " from v where " +
		strings.Join(where, " and "))
}

func newTable(name, columns string) *table {
	t := &table{name: name}
	for _, c := range strings.Fields(columns) {
		n, kind, _ := strings.Cut(c, ":")
		t.columns = append(t.columns, column{name: n, kind: kind[0]})
	}
	return t
}
