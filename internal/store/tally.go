package store

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/hookyard/hookyard"
)

// CountKey names the figures of a hook, or of a project if Hook is 0. The figures of a project include its hooks. Those
// of a bulk replay have its key below 0 in the place of a hook; they are kept of all time only, as are those of
// AllProjects.
type CountKey struct{ Project, Hook int64 }

// AllProjects is in the place of a project's key for the figures of all projects, deleted ones among them.
const AllProjects = -1

// tally collects what one transaction changes of the figures. The transaction that changes events, deliveries or
// attempts stores it with [DB.storeTally], so that the figures are exact at every moment. An insert is all that it
// costs: nodes do not wait for each other.
type tally struct {
	at   map[CountKey]int // indexes of rows
	rows []tallyRow
}

type tallyRow struct {
	key    CountKey
	counts hookyard.Counts
}

// of returns the figures to add to. They are valid until the next call.
func (t *tally) of(project, hook int64) *hookyard.Counts {
	key := CountKey{project, hook}
	if n := len(t.rows); n > 0 && t.rows[n-1].key == key {
		return &t.rows[n-1].counts
	}
	i, ok := t.at[key]
	if !ok {
		if t.at == nil {
			t.at = map[CountKey]int{}
		}
		i = len(t.rows)
		t.at[key] = i
		t.rows = append(t.rows, tallyRow{key: key})
	}
	return &t.rows[i].counts
}

func (t *tally) reset() {
	clear(t.at)
	t.rows = t.rows[:0]
}

// encode returns the rows: project, hook, and the figures in the form of [appendCounts].
func (t *tally) encode() []byte {
	var b []byte
	for i := range t.rows {
		b = binary.AppendUvarint(b, uint64(t.rows[i].key.Project))
		b = binary.AppendUvarint(b, uint64(t.rows[i].key.Hook))
		b = appendCounts(b, &t.rows[i].counts)
	}
	return b
}

// appendCounts adds the number of counters that are not 0, and for each its index and its value.
func appendCounts(b []byte, c *hookyard.Counts) []byte {
	n := 0
	for _, v := range c {
		if v != 0 {
			n++
		}
	}
	b = binary.AppendUvarint(b, uint64(n))
	for i, v := range c {
		if v != 0 {
			b = binary.AppendUvarint(b, uint64(i))
			b = binary.AppendVarint(b, v)
		}
	}
	return b
}

var errCounts = errors.New("the database has counts that this program cannot read")

// countsReader reads what encode and appendCounts wrote.
type countsReader struct {
	rest []byte
	err  error
}

func (r *countsReader) uint() uint64 {
	v, n := binary.Uvarint(r.rest)
	r.skip(n)
	return v
}

func (r *countsReader) int() int64 {
	v, n := binary.Varint(r.rest)
	r.skip(n)
	return v
}

func (r *countsReader) skip(n int) {
	if n <= 0 {
		r.rest, r.err = nil, errCounts
		return
	}
	r.rest = r.rest[n:]
}

// addTo adds the next figures to c. Counters of a newer program are left out.
func (r *countsReader) addTo(c *hookyard.Counts) {
	for n := r.uint(); n > 0 && r.err == nil; n-- {
		i, v := r.uint(), r.int()
		if i < uint64(len(c)) {
			c[i] += v
		}
	}
}

// eachCount calls f with each row of an encoded tally.
func eachCount(data []byte, f func(key CountKey, c *hookyard.Counts)) error {
	r := countsReader{rest: data}
	for len(r.rest) > 0 {
		var c hookyard.Counts
		key := CountKey{Project: int64(r.uint()), Hook: int64(r.uint())}
		if r.addTo(&c); r.err == nil {
			f(key, &c)
		}
	}
	return r.err
}

var countBatchesTable = newTable("count_batches", "node:i n:i at:i data:b")

// tallyValues returns the row of countBatchesTable for a tally.
func (db *DB) tallyValues(t *tally) []any {
	return []any{db.node, db.batches.Add(1), time.Now().UnixMicro(), t.encode()}
}

// storeTally stores what a transaction of its own changed.
func (db *DB) storeTally(ctx context.Context, c conn, t *tally) error {
	if len(t.rows) == 0 {
		return nil
	}
	_, err := c.ExecContext(ctx, "insert into count_batches (node, n, at, data) values ($1, $2, $3, $4)",
		db.tallyValues(t)...)
	return err
}

// CountRefusal counts a request that is not stored as a refusal. The figures have it within a second, unless the
// process is killed before.
func (db *DB) CountRefusal(projectKey int64, code hookyard.Code) {
	db.refusalsMu.Lock()
	defer db.refusalsMu.Unlock()
	db.refusals.of(projectKey, 0).Refuse(code)
}

// storeRefusals stores what CountRefusal counted.
func (db *DB) storeRefusals(ctx context.Context) error {
	db.refusalsMu.Lock()
	counted := db.refusals
	db.refusals = tally{}
	db.refusalsMu.Unlock()
	if len(counted.rows) == 0 {
		return nil
	}
	err := db.txPlain(ctx, func(c conn) error { return db.storeTally(ctx, c, &counted) })
	if err != nil { // the next time
		db.refusalsMu.Lock()
		defer db.refusalsMu.Unlock()
		for i := range counted.rows {
			r := &counted.rows[i]
			db.refusals.of(r.key.Project, r.key.Hook).Add(&r.counts)
		}
	}
	return err
}

// storeTally stores what the batch changed.
func (t *sharedTx) storeTally(ctx context.Context) error {
	if len(t.tally.rows) == 0 {
		return nil
	}
	t.stmts.values = append(t.stmts.values[:0], t.db.tallyValues(&t.tally)...)
	return t.insert(ctx, countBatchesTable, t.stmts.values, false)
}

// countAccepts counts the events of a batch and their deliveries.
func (t *sharedTx) countAccepts(fresh []*acceptOp) {
	for _, o := range fresh {
		e := o.routed.Event
		c := t.tally.of(e.ProjectKey, 0)
		c[hookyard.CountEvents]++
		c[hookyard.CountBytes] += e.Size
		c[hookyard.CountKept] += e.Size + int64(len(o.header))
		for i := range o.routed.Deliveries {
			d := &o.routed.Deliveries[i]
			c := t.tally.of(d.ProjectKey, d.HookKey)
			if c.Open(1); d.State != hookyard.Pending {
				c.End(d.State, 1)
			}
		}
	}
}

// countFinishes counts the results of a batch. Those that this node had lost change no delivery.
func (t *sharedTx) countFinishes(ops []*finishOp) {
	for _, o := range ops {
		r := o.result
		c := t.tally.of(r.Work.Delivery.ProjectKey, r.Work.Delivery.HookKey)
		if r.Attempt != nil && !o.repeated {
			c.Attempt(r.Attempt)
			if !o.shadowed {
				c[hookyard.CountKept] += attemptBytes(r.Attempt)
			}
		}
		if !o.lost && r.Decision.State != hookyard.Pending {
			t.tally.ended(marksOf(&r.Work.Delivery), r.Decision.State)
		}
	}
}

// Expressions for the bytes that are counted as kept. They leave out what is encrypted, because another key may change
// its size.
const (
	eventKept   = "e.size + octet_length(e.header)"
	attemptKept = "coalesce(octet_length(a.request_body), 0) + octet_length(a.response_body)"
)

// attemptBytes is attemptKept of an attempt that is stored.
func attemptBytes(a *hookyard.Attempt) int64 { return int64(len(a.RequestBody) + len(a.ResponseBody)) }

// keptOf returns what events and their attempts take, by project.
func keptOf(ctx context.Context, c conn, seqs []any) (map[int64]int64, error) {
	return sumBytes(ctx, c, " where e.seq in ("+placeholders(len(seqs))+")", seqs...)
}

func sumBytes(ctx context.Context, c conn, where string, args ...any) (map[int64]int64, error) {
	kept := map[int64]int64{}
	for _, text := range []string{
		"select e.project_key, sum(" + eventKept + ") from events e" + where + " group by e.project_key",
		"select e.project_key, sum(" + attemptKept + ") from events e join attempts a on a.event_seq = e.seq" + where +
			" group by e.project_key",
	} {
		rows, err := c.QueryContext(ctx, text, args...)
		if err != nil {
			return nil, err
		}
		_, err = collect(rows, func(row scanner) (none struct{}, err error) {
			var project, bytes int64
			err = row.Scan(&project, &bytes)
			kept[project] += bytes
			return none, err
		})
		if err != nil {
			return nil, err
		}
	}
	return kept, nil
}

// sortedKeys returns the keys of a map in a fixed order.
func sortedKeys(m sums) []countRow {
	keys := make([]countRow, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, countRow.compare)
	return keys
}
