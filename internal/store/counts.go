package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"iter"
	"maps"
	"regexp"
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

// A row of counts of a period has the figures of a project and, after them, those of its hooks: key and figures of
// each. Most projects have few hooks, and of an event all rows are written again. Rows of all time are one for each
// hook, of which a project may have had any number. Rows of a hook for a period are of an earlier version of the
// program.

// figures are what a row of counts has, or is to have.
type figures struct {
	hookyard.Counts
	hooks map[int64]*hookyard.Counts // of a project, by key
}

// hook returns the figures of a hook to add to.
func (f *figures) hook(key int64) *hookyard.Counts {
	if f.hooks == nil {
		f.hooks = map[int64]*hookyard.Counts{}
	}
	if f.hooks[key] == nil {
		f.hooks[key] = &hookyard.Counts{}
	}
	return f.hooks[key]
}

// encode is the inverse of eachFigure.
func (f *figures) encode() []byte {
	b := appendCounts([]byte{}, &f.Counts)
	for _, key := range slices.Sorted(maps.Keys(f.hooks)) {
		b = appendCounts(binary.AppendUvarint(b, uint64(key)), f.hooks[key])
	}
	return b
}

// eachFigure calls f with the figures of a row: its own, for which hook is 0, and those of hooks.
func eachFigure(data []byte, f func(hook int64, c *hookyard.Counts)) error {
	r := countsReader{rest: data}
	for hook := int64(0); r.err == nil; hook = int64(r.uint()) {
		var c hookyard.Counts
		if r.addTo(&c); r.err == nil {
			f(hook, &c)
		}
		if len(r.rest) == 0 {
			break
		}
	}
	return r.err
}

// sums are figures to add to counts.
type sums map[countRow]*figures

func (s sums) of(row countRow) *figures {
	if s[row] == nil {
		s[row] = &figures{}
	}
	return s[row]
}

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
	err = db.tx(ctx, func(c *limitedTx) error {
		n = 0
		var v int64
		err := c.QueryRowContext(ctx, "select value from counters where name = 'count_fold_hooks'"+
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
		all := sums{}
		var done []any
		for _, b := range batches {
			add := func(key CountKey, c *hookyard.Counts) { all.addBatch(key, b.at, c) }
			if err := eachCount(b.data, add); err != nil {
				return err
			}
			done = append(done, b.node, b.n)
		}
		if err := db.addCounts(ctx, c, all); err != nil {
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
func (s sums) addBatch(key CountKey, at int64, c *hookyard.Counts) {
	s.of(countRow{key: key}).Add(c)
	if key.Hook < 0 {
		return
	}
	s.of(countRow{key: CountKey{Project: AllProjects}}).Add(c)
	project := CountKey{Project: key.Project}
	if key.Hook != 0 {
		s.of(countRow{key: project}).Add(c)
	}
	for _, step := range hookyard.CountSteps {
		row := s.of(countRow{step: int64(step.Step / time.Second), key: project, at: periodStart(at, step.Step)})
		if row.Add(c); key.Hook != 0 {
			row.hook(key.Hook).Add(c)
		}
	}
}

// preparer is a transaction.
type preparer interface {
	conn
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// addCounts adds figures to rows of counts. The caller holds the lock of the fold, or migrates.
func (db *DB) addCounts(ctx context.Context, tx preparer, all sums) error {
	do := &repeated{db: db, tx: tx}
	defer do.close()
	for keys := range do.chunks(sortedKeys(all)) {
		var args []any
		for _, k := range keys {
			args = append(args, k.step, k.key.Project, k.key.Hook, k.at)
		}
		rows, err := do.query(ctx, "select step, project_key, hook_key, at, data from counts "+
			"where (step, project_key, hook_key, at) in (values "+tuples(len(keys), 4)+")", args)
		if err != nil {
			return err
		}
		_, err = collect(rows, func(row scanner) (none struct{}, err error) {
			var k countRow
			var data []byte
			if err := row.Scan(&k.step, &k.key.Project, &k.key.Hook, &k.at, &data); err != nil {
				return none, err
			}
			f := all[k]
			return none, eachFigure(data, func(hook int64, c *hookyard.Counts) {
				if hook == 0 {
					f.Add(c)
				} else {
					f.hook(hook).Add(c)
				}
			})
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
			args = append(args, k.step, k.key.Project, k.key.Hook, k.at, all[k].encode())
		}
		text.WriteString(" on conflict (step, project_key, hook_key, at) do update set data = excluded.data")
		if err := do.exec(ctx, text.String(), args); err != nil {
			return err
		}
	}
	return nil
}

// repeated runs statements for many rows in a transaction. On SQLite, where reading the text of one takes longer than
// doing it, they have few sizes and are prepared.
type repeated struct {
	db    *DB
	tx    preparer
	stmts map[string]*sql.Stmt
}

// chunks splits keys into those of one statement each.
func (r *repeated) chunks(keys []countRow) iter.Seq[[]countRow] {
	if !r.db.dialect.local {
		return slices.Chunk(keys, foldKeys)
	}
	return func(yield func([]countRow) bool) {
		for len(keys) > 0 {
			n := chunks[slices.IndexFunc(chunks[:], func(n int) bool { return n <= len(keys) })]
			if !yield(keys[:n]) {
				return
			}
			keys = keys[n:]
		}
	}
}

var parameter = regexp.MustCompile(`\$\d+`)

// prepared returns a statement whose parameters follow each other in the text. They have no numbers in it: SQLite looks
// each number up among all others.
func (r *repeated) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	if stmt := r.stmts[text]; stmt != nil {
		return stmt, nil
	}
	stmt, err := r.tx.PrepareContext(ctx, parameter.ReplaceAllLiteralString(text, "?"))
	if err != nil {
		return nil, err
	}
	if r.stmts == nil {
		r.stmts = map[string]*sql.Stmt{}
	}
	r.stmts[text] = stmt
	return stmt, nil
}

func (r *repeated) query(ctx context.Context, text string, args []any) (*sql.Rows, error) {
	if !r.db.dialect.local {
		return r.tx.QueryContext(ctx, text, args...)
	}
	stmt, err := r.prepared(ctx, text)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

func (r *repeated) exec(ctx context.Context, text string, args []any) error {
	if !r.db.dialect.local {
		_, err := r.tx.ExecContext(ctx, text, args...)
		return err
	}
	stmt, err := r.prepared(ctx, text)
	if err == nil {
		_, err = stmt.ExecContext(ctx, args...)
	}
	return err
}

func (r *repeated) close() {
	for _, stmt := range r.stmts {
		_ = stmt.Close()
	}
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
	all := sums{}
	_, err = collect(rows, func(row scanner) (none struct{}, err error) {
		var key CountKey
		var c hookyard.Counts
		if err := row.Scan(&key.Project, &key.Hook, &c[hookyard.CountWaiting]); err != nil {
			return none, err
		}
		for _, k := range []CountKey{key, {Project: key.Project}} {
			all.of(countRow{key: k}).Add(&c)
		}
		return none, nil
	})
	if err != nil {
		return err
	}
	return db.addCounts(ctx, tx, all)
}

// startKept counts, once, the bytes that are kept of each project.
func (db *DB) startKept(ctx context.Context, tx *sql.Tx) error {
	kept, err := sumBytes(ctx, tx, "")
	if err != nil {
		return err
	}
	all := sums{}
	for project, bytes := range kept {
		all.of(countRow{key: CountKey{Project: project}}).Counts[hookyard.CountKept] = bytes
	}
	return db.addCounts(ctx, tx, all)
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
	return db.addCounts(ctx, tx, sums{{key: CountKey{Project: AllProjects}}: {Counts: all}})
}

// expireKeys is how many projects and hooks one transaction of expireCounts is about.
const expireKeys = 200

// expireText deletes the rows of a step that are older than a time, of the projects and hooks from one to another.
const expireText = `delete from counts where (step, project_key, hook_key, at) in (
	select c.step, c.project_key, c.hook_key, c.at from counts k
		join counts c on c.step = $1 and c.project_key = k.project_key and c.hook_key = k.hook_key and c.at < $2
	where k.step = 0 and k.hook_key >= 0 and (k.project_key, k.hook_key) >= ($3, $4)
		and (k.project_key, k.hook_key) <= ($5, $6))`

// expireCounts deletes figures that are past their time, and those of projects deleted a day ago: until then the
// dispatcher still cancels deliveries.
func (db *DB) expireCounts(ctx context.Context, now time.Time) error {
	for last := (CountKey{Project: -1}); ; {
		keys, err := db.countKeys(ctx, last)
		if err != nil {
			return err
		}
		if len(keys) == 0 {
			break
		}
		first := keys[0]
		last = keys[len(keys)-1]
		err = db.txPlain(ctx, func(c conn) error {
			for _, s := range hookyard.CountSteps {
				if _, err := c.ExecContext(ctx, expireText, int64(s.Step/time.Second), micros(now.Add(-s.Keep)),
					first.Project, first.Hook, last.Project, last.Hook); err != nil {
					return err
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

// countKeys returns the next keys of projects and hooks after one that have figures.
func (db *DB) countKeys(ctx context.Context, after CountKey) ([]CountKey, error) {
	rows, err := db.read.QueryContext(ctx, `select project_key, hook_key from counts where step = 0 and hook_key >= 0
		and (project_key, hook_key) > ($1, $2) order by project_key, hook_key limit $3`, after.Project, after.Hook,
		expireKeys)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(row scanner) (k CountKey, err error) {
		err = row.Scan(&k.Project, &k.Hook)
		return k, err
	})
}

func stepSeconds() []int64 {
	var out []int64
	for _, s := range hookyard.CountSteps {
		out = append(out, int64(s.Step/time.Second))
	}
	return out
}
