package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
)

// countRow is the key of a row of counts.
type countRow struct {
	step int64 // in seconds; 0: all time
	key  CountKey
	at   int64
}

func (r countRow) compare(other countRow) int {
	return cmp.Or(cmp.Compare(r.step, other.step), cmp.Compare(r.key.Project, other.key.Project),
		cmp.Compare(r.key.Hook, other.key.Hook), cmp.Compare(r.at, other.at))
}

// periodStart is the start of the period of a step, in UTC, that contains a time in µs.
func periodStart(us int64, step time.Duration) int64 { return us - us%step.Microseconds() }

// foldRows is how many rows of count_batches one transaction folds, and foldKeys how many rows of counts one statement
// reads or writes.
const (
	foldRows = 500
	foldKeys = 200
)

// foldCounts adds the rows of count_batches to counts and deletes them. While another node does so it does nothing.
func (db *DB) foldCounts(ctx context.Context) error {
	for {
		n, err := db.foldSome(ctx)
		if err != nil || n < foldRows {
			return err
		}
	}
}

func (db *DB) foldSome(ctx context.Context) (n int, err error) {
	err = db.txPlain(ctx, func(c conn) error {
		n = 0
		var v int64
		err := c.QueryRowContext(ctx, "select value from counters where name = 'count_fold_all'"+
			db.dialect.skipLocked).Scan(&v)
		if err == sql.ErrNoRows {
			return nil // another node has it
		}
		if err != nil {
			return err
		}
		rows, err := c.QueryContext(ctx, fmt.Sprintf("select node, n, at, data from count_batches limit %d", foldRows))
		if err != nil {
			return err
		}
		type batch struct {
			node, n, at int64
			data        []byte
		}
		batches, err := collect(rows, func(row scanner) (b batch, err error) {
			err = row.Scan(&b.node, &b.n, &b.at, &b.data)
			return b, err
		})
		if err != nil || len(batches) == 0 {
			return err
		}
		sums := map[countRow]*hookyard.Counts{}
		var done []any
		for _, b := range batches {
			add := func(key CountKey, c *hookyard.Counts) { addBatch(sums, key, b.at, c) }
			if err := eachCount(b.data, add); err != nil {
				return err
			}
			done = append(done, b.node, b.n)
		}
		if err := addCounts(ctx, c, sums); err != nil {
			return err
		}
		n = len(batches)
		_, err = c.ExecContext(ctx, "delete from count_batches where (node, n) in (values "+tuples(n, 2)+")", done...)
		return err
	})
	return n, err
}

// addBatch adds the figures of a key to those of all periods that they are part of, to the project's, and to those of
// all projects.
func addBatch(sums map[countRow]*hookyard.Counts, key CountKey, at int64, c *hookyard.Counts) {
	add := func(row countRow) {
		if sums[row] == nil {
			sums[row] = &hookyard.Counts{}
		}
		sums[row].Add(c)
	}
	if key.Hook < 0 {
		add(countRow{key: key})
		return
	}
	add(countRow{key: CountKey{Project: AllProjects}})
	keys := []CountKey{key}
	if key.Hook != 0 {
		keys = append(keys, CountKey{Project: key.Project})
	}
	for _, k := range keys {
		add(countRow{key: k})
		for _, s := range hookyard.CountSteps {
			add(countRow{step: int64(s.Step / time.Second), key: k, at: periodStart(at, s.Step)})
		}
	}
}

// addCounts adds figures to rows of counts. The caller holds the lock of the fold, or migrates.
func addCounts(ctx context.Context, c conn, sums map[countRow]*hookyard.Counts) error {
	for keys := range slices.Chunk(sortedKeys(sums), foldKeys) {
		var args []any
		for _, k := range keys {
			args = append(args, k.step, k.key.Project, k.key.Hook, k.at)
		}
		rows, err := c.QueryContext(ctx, `select step, project_key, hook_key, at, data from counts
			where (step, project_key, hook_key, at) in (values `+tuples(len(keys), 4)+")", args...)
		if err != nil {
			return err
		}
		_, err = collect(rows, func(row scanner) (none struct{}, err error) {
			var k countRow
			var data []byte
			if err := row.Scan(&k.step, &k.key.Project, &k.key.Hook, &k.at, &data); err != nil {
				return none, err
			}
			r := countsReader{rest: data}
			r.addTo(sums[k])
			return none, r.err
		})
		if err != nil {
			return err
		}
		args = args[:0]
		var text strings.Builder
		text.WriteString("insert into counts (step, project_key, hook_key, at, data) values ")
		for i, k := range keys {
			if i > 0 {
				text.WriteString(", ")
			}
			text.WriteString("(" + placeholdersFrom(len(args)+1, 5) + ")")
			args = append(args, k.step, k.key.Project, k.key.Hook, k.at, appendCounts([]byte{}, sums[k]))
		}
		text.WriteString(" on conflict (step, project_key, hook_key, at) do update set data = excluded.data")
		if _, err := c.ExecContext(ctx, text.String(), args...); err != nil {
			return err
		}
	}
	return nil
}

// tuples returns n tuples of width parameters that are integers.
func tuples(n, width int) string {
	var b strings.Builder
	for i := range n * width {
		switch {
		case i == 0:
			b.WriteString("(")
		case i%width == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "cast($%d as bigint)", i+1)
	}
	return b.String() + ")"
}

// startCounts begins the figures of a database that had none: what waits is counted once, and what happened before is
// not known.
func (db *DB) startCounts(ctx context.Context, tx *sql.Tx) error {
	if _, err := tx.ExecContext(ctx, "update counters set value = $1 where name = 'count_since'",
		time.Now().UnixMicro()); err != nil {
		return err
	}
	rows, err := tx.QueryContext(ctx, `select h.project_key, p.hook_key, p.n from hooks h
		join (select hook_key, count(*) n from deliveries where state = 'pending' group by hook_key) p
		on p.hook_key = h.key`)
	if err != nil {
		return err
	}
	sums := map[countRow]*hookyard.Counts{}
	_, err = collect(rows, func(row scanner) (none struct{}, err error) {
		var key CountKey
		var c hookyard.Counts
		if err := row.Scan(&key.Project, &key.Hook, &c[hookyard.CountWaiting]); err != nil {
			return none, err
		}
		for _, k := range []CountKey{key, {Project: key.Project}} {
			if sums[countRow{key: k}] == nil {
				sums[countRow{key: k}] = &hookyard.Counts{}
			}
			sums[countRow{key: k}].Add(&c)
		}
		return none, nil
	})
	if err != nil {
		return err
	}
	return addCounts(ctx, tx, sums)
}

// startKept counts, once, the bytes that are kept of each project.
func (db *DB) startKept(ctx context.Context, tx *sql.Tx) error {
	kept, err := sumBytes(ctx, tx, "")
	if err != nil {
		return err
	}
	sums := map[countRow]*hookyard.Counts{}
	for project, bytes := range kept {
		sums[countRow{key: CountKey{Project: project}}] = &hookyard.Counts{hookyard.CountKept: bytes}
	}
	return addCounts(ctx, tx, sums)
}

// startAllCounts begins the figures of all projects with those of each. A node of an earlier version does not add to
// them, so it must not fold any more: the row that it would lock has another name now.
func (db *DB) startAllCounts(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "update counters set name = 'count_fold_all' where name = 'count_fold'")
	if err != nil {
		return err
	}
	rows, err := tx.QueryContext(ctx, "select data from counts where step = 0 and hook_key = 0")
	if err != nil {
		return err
	}
	var all hookyard.Counts
	_, err = collect(rows, func(row scanner) (none struct{}, err error) {
		var data []byte
		if err := row.Scan(&data); err != nil {
			return none, err
		}
		r := countsReader{rest: data}
		r.addTo(&all)
		return none, r.err
	})
	if err != nil {
		return err
	}
	return addCounts(ctx, tx, map[countRow]*hookyard.Counts{{key: CountKey{Project: AllProjects}}: &all})
}

// expireKeys is how many projects and hooks one transaction of expireCounts is about.
const expireKeys = 200

// expireCounts deletes figures that are past their time, and those of projects deleted a day ago: until then the
// dispatcher still cancels deliveries.
func (db *DB) expireCounts(ctx context.Context, now time.Time) error {
	rows, err := db.read.QueryContext(ctx, "select project_key, hook_key from counts where step = 0 and hook_key >= 0")
	if err != nil {
		return err
	}
	keys, err := collect(rows, func(row scanner) (k CountKey, err error) {
		err = row.Scan(&k.Project, &k.Hook)
		return k, err
	})
	if err != nil {
		return err
	}
	for some := range slices.Chunk(keys, expireKeys) {
		err := db.txPlain(ctx, func(c conn) error {
			for _, k := range some {
				for _, s := range hookyard.CountSteps {
					if _, err := c.ExecContext(ctx, `delete from counts where step = $1 and project_key = $2
						and hook_key = $3 and at < $4`, int64(s.Step/time.Second), k.Project, k.Hook,
						micros(now.Add(-s.Keep))); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	gone, err := db.keys(ctx, `select key from projects p where deleted <> 0 and deleted < $1
		and exists (select 1 from counts c where c.step = 0 and c.project_key = p.key and c.hook_key = 0)`,
		micros(now.Add(-24*time.Hour)))
	if err != nil {
		return err
	}
	for _, key := range gone {
		err := db.txPlain(ctx, func(c conn) error {
			for _, s := range append([]int64{0}, stepSeconds()...) {
				if _, err := c.ExecContext(ctx, "delete from counts where step = $1 and project_key = $2", s,
					key); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func stepSeconds() []int64 {
	var out []int64
	for _, s := range hookyard.CountSteps {
		out = append(out, int64(s.Step/time.Second))
	}
	return out
}
