package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
)

// moveTable is a table and how far a [Move] has copied it.
type moveTable struct {
	table
	key   []int // columns of the primary key, by their index
	keyed bool  // the database gives the keys

	total    int64    // rows of the source
	place    []string // key of the last row that was copied; nil: none was
	copied   int64
	sum      rowSum
	complete bool
}

// notMoved are the tables whose content belongs to a database and its servers.
var notMoved = []string{"schema_version", "moves", "nodes", "sqlite_sequence"}

// moveTables returns the tables of the schema. They are read from an empty SQLite database in memory: the text of the
// schema is the same for both databases.
func moveTables(ctx context.Context) ([]moveTable, error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1) // each connection has a database of its own
	all, err := steps()
	if err != nil {
		return nil, err
	}
	types := strings.NewReplacer("{int}", "i", "{text}", "s", "{blob}", "b", "{bool}", "t", "{key}", "k primary key",
		"{rows}", "", "{norowid}", "")
	for _, s := range all {
		if _, err := db.ExecContext(ctx, types.Replace(s.sql)); err != nil {
			return nil, fmt.Errorf("schema %d: %w", s.version, err)
		}
	}
	rows, err := db.QueryContext(ctx, `select t.name, c.name, c.type, c.pk
		from sqlite_master t, pragma_table_info(t.name) c where t.type = 'table' order by t.name, c.cid`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var tables []moveTable
	for rows.Next() {
		var name, col, kind string
		var key int
		if err := rows.Scan(&name, &col, &kind, &key); err != nil {
			return nil, err
		}
		if slices.Contains(notMoved, name) {
			continue
		}
		if len(tables) == 0 || tables[len(tables)-1].name != name {
			tables = append(tables, moveTable{table: table{name: name}})
		}
		tables[len(tables)-1].add(col, kind, key)
	}
	return tables, rows.Err()
}

// add adds a column. key is its place in the primary key, from 1 on, or 0.
func (t *moveTable) add(name, kind string, key int) {
	if kind == "k" {
		kind, t.keyed = "i", true
	}
	t.columns = append(t.columns, column{name, kind[0]})
	if key > 0 {
		for len(t.key) < key {
			t.key = append(t.key, 0)
		}
		t.key[key-1] = len(t.columns) - 1
	}
}

// page returns the query for at most limit rows after a place, in the order of the key, and its arguments.
func (t *moveTable) page(place []string, limit int) (query string, args []any, err error) {
	keys := make([]string, len(t.key))
	for i, c := range t.key {
		keys[i] = t.columns[c].name
	}
	by := strings.Join(keys, ", ")
	query = "select " + t.names() + " from " + t.name
	if place != nil {
		if len(place) != len(t.key) {
			return "", nil, fmt.Errorf("the place in %s has %d values, its key %d", t.name, len(place), len(t.key))
		}
		for i, c := range t.key {
			value, err := parseKey(t.columns[c].kind, place[i])
			if err != nil {
				return "", nil, err
			}
			args = append(args, value)
		}
		query += " where (" + by + ") > (" + placeholders(len(args)) + ")"
	}
	return query + fmt.Sprintf(" order by %s limit %d", by, limit), args, nil
}

// placeOf returns the key of a row.
func (t *moveTable) placeOf(row []any) []string {
	place := make([]string, len(t.key))
	for i, c := range t.key {
		switch v := row[c].(type) {
		case []byte:
			place[i] = hex.EncodeToString(v)
		default:
			place[i] = fmt.Sprint(v)
		}
	}
	return place
}

// parseKey is the inverse of what placeOf does to a value.
func parseKey(kind byte, text string) (any, error) {
	switch kind {
	case 'i':
		return strconv.ParseInt(text, 10, 64)
	case 'b':
		b, err := hex.DecodeString(text)
		return notNil(b), err
	}
	return text, nil
}

// each calls f with the rows that a query returns, one after another, until f returns false.
func (t *moveTable) each(ctx context.Context, c conn, query string, args []any, f func(row []any) bool) error {
	rows, err := c.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		row, into := make([]any, len(t.columns)), make([]any, len(t.columns))
		for i, c := range t.columns {
			switch c.kind {
			case 'i':
				into[i] = new(int64)
			case 's':
				into[i] = new(string)
			case 't':
				into[i] = new(bool)
			default:
				into[i] = new(any) // tells an empty blob from null
			}
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for i := range into {
			switch v := into[i].(type) {
			case *int64:
				row[i] = *v
			case *string:
				row[i] = *v
			case *bool:
				row[i] = *v
			case *any:
				if b, ok := (*v).([]byte); ok {
					row[i] = notNil(b)
				}
			}
		}
		if !f(row) {
			break
		}
	}
	return rows.Err()
}

// sizeOf is about how many bytes a row takes.
func sizeOf(row []any) (n int) {
	for _, v := range row {
		switch v := v.(type) {
		case string:
			n += len(v)
		case []byte:
			n += len(v)
		}
		n += 8
	}
	return n
}

// rowSum is a checksum of rows, whatever their order.
type rowSum [2]uint64

func (s *rowSum) add(row []any) {
	h := sha256.New()
	var head [9]byte
	put := func(kind byte, n uint64, rest []byte) {
		head[0] = kind
		binary.BigEndian.PutUint64(head[1:], n)
		_, _ = h.Write(head[:])
		_, _ = h.Write(rest)
	}
	for _, v := range row {
		switch v := v.(type) {
		case nil:
			put('n', 0, nil)
		case int64:
			put('i', uint64(v), nil)
		case bool:
			n := uint64(0)
			if v {
				n = 1
			}
			put('t', n, nil)
		case string:
			put('s', uint64(len(v)), []byte(v))
		case []byte:
			put('b', uint64(len(v)), v)
		}
	}
	sum := h.Sum(nil)
	s[0] += binary.BigEndian.Uint64(sum)
	s[1] += binary.BigEndian.Uint64(sum[8:])
}

func (s *rowSum) String() string { return fmt.Sprintf("%016x%016x", s[0], s[1]) }

func (s *rowSum) parse(text string) error {
	_, err := fmt.Sscanf(text, "%16x%16x", &s[0], &s[1])
	return err
}

// copyTable copies what is missing of a table.
func (m *mover) copyTable(ctx context.Context, t *moveTable) error {
	for !t.complete {
		query, args, err := t.page(t.place, moveRows)
		if err != nil {
			return err
		}
		var values []any
		n, size := 0, 0
		next := *t
		if err := t.each(ctx, m.read, query, args, func(row []any) bool {
			values = append(values, row...)
			next.sum.add(row)
			next.place = t.placeOf(row)
			n++
			size += sizeOf(row)
			return size < moveBytes
		}); err != nil {
			return err
		}
		next.copied += int64(n)
		next.complete = n == 0
		if err := m.inTx(ctx, func() error { return m.store(ctx, &next, values) }); err != nil {
			return err
		}
		*t = next
		if err := m.flush(ctx, size); err != nil {
			return err
		}
		m.step(t, n, false)
	}
	if t.copied != t.total {
		return fmt.Errorf("of %d rows %d were copied", t.total, t.copied)
	}
	return nil
}

// store inserts rows and how far t is with them.
func (m *mover) store(ctx context.Context, t *moveTable, values []any) error {
	if err := m.target.dialect.insert(ctx, m.write.conn,
		&rowSet{table: &t.table, values: values, scratch: &m.write}); err != nil {
		return err
	}
	place, err := json.Marshal(t.place)
	if err != nil {
		return err
	}
	_, err = m.write.conn.ExecContext(ctx, `insert into moves (name, place, copied, checksum, complete)
		values ($1, $2, $3, $4, $5) on conflict (name) do update set place = excluded.place, copied = excluded.copied,
		checksum = excluded.checksum, complete = excluded.complete`,
		t.name, string(place), t.copied, t.sum.String(), t.complete)
	return err
}

// flush notes that bytes were written. Now and then, SQLite's log is copied back: no server is there to do it.
func (m *mover) flush(ctx context.Context, size int) error {
	if m.unflushed += size; !m.target.dialect.checkpoints || m.unflushed < 8*moveBytes {
		return nil
	}
	m.unflushed = 0
	_, err := m.write.conn.ExecContext(ctx, "pragma wal_checkpoint(truncate)")
	return err
}

// compare reads a table of the target and compares it with what was read of the source.
func (m *mover) compare(ctx context.Context, t *moveTable) error {
	var there moveTable
	last := 0
	err := t.each(ctx, m.write.conn, "select "+t.names()+" from "+t.name, nil, func(row []any) bool {
		there.sum.add(row)
		there.copied++
		if there.copied%moveRows == 0 {
			m.step(t, moveRows, true)
			last = int(there.copied)
		}
		return true
	})
	if err != nil {
		return fmt.Errorf("compare %s: %w", t.name, err)
	}
	m.step(t, int(there.copied)-last, true)
	if there.copied != t.copied || there.sum != t.sum {
		return fmt.Errorf("the table %s is not the same in both databases: %s with the checksum %s in the source, %s "+
			"with %s in the target; empty the target and begin again", t.name, hookyard.Count(int(t.copied), "row"),
			t.sum.String(), hookyard.Count(int(there.copied), "row"), there.sum.String())
	}
	return nil
}

// finish makes the target a database that servers can start on. No row of it is claimed by a node, and it gives no key
// that the source has given.
func (m *mover) finish(ctx context.Context) error {
	err := m.inTx(ctx, func() error {
		c := m.write.conn
		for _, name := range m.keyedTables() {
			last, err := m.source.lastKey(ctx, m.read, name)
			if err == nil && last > 0 {
				err = m.target.setLastKey(ctx, c, name, last)
			}
			if err != nil {
				return err
			}
		}
		if err := freeClaimed(ctx, c); err != nil {
			return err
		}
		if _, err := c.ExecContext(ctx, `insert into audit (time, project_key, actor, action, subject, detail)
			values ($1, 0, $2, 'database.migrate', 'database', $3)`, time.Now().UnixMicro(), hookyard.Actor(ctx),
			m.source.dialect.name+" → "+m.target.dialect.name); err != nil {
			return err
		}
		_, err := c.ExecContext(ctx, "delete from moves")
		return err
	})
	if err != nil {
		return err
	}
	if m.target.dialect.checkpoints {
		return m.flush(ctx, 8*moveBytes)
	}
	_, err = m.write.conn.ExecContext(ctx, "analyze")
	return errors.Join(err, ctx.Err())
}

// keyedTables returns the tables whose keys the database gives.
func (m *mover) keyedTables() []string {
	names := []string{"nodes"}
	for i := range m.tables {
		if m.tables[i].keyed {
			names = append(names, m.tables[i].name)
		}
	}
	return names
}
