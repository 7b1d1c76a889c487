package store

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hookyard/hookyard"
)

// Accept stores an event and its deliveries, or fails and stores nothing: when it returns nil they are committed and
// survive a crash. An event whose DedupKey was seen before in its project and source is not stored again: the receipt
// names the earlier one, whose Duplicates grow. Many calls share a transaction, and each gets its own result. It fills
// r.Event.Seq.
//
// ctx bounds the wait for a place in a batch; once there, Accept waits for the commit whatever becomes of the caller,
// but not longer than ten seconds in all. The error is Unavailable when too much waits already, and when nothing could
// be stored in this time. Should the database then store it nevertheless, the event has a delivery to each hook, which
// is sent.
func (db *DB) Accept(ctx context.Context, r *hookyard.RoutedEvent) (hookyard.Receipt, error) {
	o := db.newAccept(r)
	if err := db.accepts.put(ctx, o); err != nil {
		return hookyard.Receipt{}, err
	}
	late := time.NewTimer(acceptWait)
	defer late.Stop()
	return db.await(ctx, o, late)
}

// AcceptAll is Accept for several events at once. Each has its own receipt and error; neither slice is nil.
func (db *DB) AcceptAll(ctx context.Context, all []*hookyard.RoutedEvent) ([]hookyard.Receipt, []error) {
	receipts, errs := make([]hookyard.Receipt, len(all)), make([]error, len(all))
	ops := make([]*acceptOp, len(all))
	for i, r := range all {
		ops[i] = db.newAccept(r)
		if errs[i] = db.accepts.put(ctx, ops[i]); errs[i] != nil {
			ops[i] = nil
		}
	}
	until := time.Now().Add(acceptWait)
	for i, o := range ops {
		if o == nil {
			continue
		}
		late := time.NewTimer(time.Until(until))
		receipts[i], errs[i] = db.await(ctx, o, late)
		late.Stop()
	}
	return receipts, errs
}

type acceptOp struct {
	routed  *hookyard.RoutedEvent
	values  []fieldValue // of the fields of routed
	receipt hookyard.Receipt
	header  []byte      // of the event, as it is stored
	done    chan error  // nil: it comes with a result, whose op is told
	left    atomic.Bool // the queue: it is to be run, or was abandoned
}

func (db *DB) newAccept(r *hookyard.RoutedEvent) *acceptOp {
	o := db.newMeta(r)
	o.done = make(chan error, 1)
	return o
}

// newMeta is newAccept for an event that comes with a result.
func (db *DB) newMeta(r *hookyard.RoutedEvent) *acceptOp {
	return &acceptOp{routed: r, values: db.fieldValues(r.Event, r.Fields.Fields)}
}

// cost counts what an op takes besides the body, too.
func (o *acceptOp) cost() (project, bytes int64) {
	return o.routed.Event.ProjectKey, o.routed.Event.Size + 512
}

func (o *acceptOp) take() bool { return !o.left.Swap(true) }

// await waits for the commit. An op that is still in the queue when ctx ends or it gets late is abandoned.
func (db *DB) await(ctx context.Context, o *acceptOp, late *time.Timer) (hookyard.Receipt, error) {
	select {
	case err := <-o.done:
		return o.receipt, err
	case <-late.C:
		if o.take() {
			return hookyard.Receipt{}, db.faults.unavailable(
				"the database is too slow: nothing was stored, try again later")
		}
		late.Reset(outcomeWait)
	case <-ctx.Done():
		if o.take() {
			return hookyard.Receipt{}, ctx.Err()
		}
	}
	select {
	case err := <-o.done:
		return o.receipt, err
	case <-late.C:
		return hookyard.Receipt{}, db.faults.unavailable("the database does not say whether the event is stored: " +
			"send it again, with the same id, so that it is not there twice")
	}
}

func (o *acceptOp) end(err error) { o.done <- err }

func (o *acceptOp) join(t *sharedTx) { t.accepts = append(t.accepts, o) }

var (
	eventsTable = newTable("events", `seq:i id:s project_key:i source:s type:s time:i method:s target:s remote:s
		verified:s header:b trace:s content_type:s data_offset:i size:i channels:s uid:s body:b`)
	deliveriesTable = newTable("deliveries", `event_seq:i hook_key:i project_key:i state:s reason:s due:i node:i
		attempts:i tries:i updated:i place:i`)
	seenTable = newTable("seen", "project_key:i source:s dedup:s event_id:s time:i")
)

// applyAccepts writes the events of a batch: the rows by which duplicates are found, then the numbers, then events and
// deliveries.
func (t *sharedTx) applyAccepts(ctx context.Context) error {
	if len(t.accepts) == 0 {
		return nil
	}
	fresh, repeats, err := t.guard(ctx, t.accepts)
	if err != nil {
		return err
	}
	if len(fresh) > 0 {
		last, fields, err := t.drawSeq(ctx, len(fresh))
		if err != nil {
			return err
		}
		for i, o := range fresh {
			o.routed.Event.Seq = last - int64(len(fresh)-1-i)
		}
		if err := t.insertEvents(ctx, fresh); err != nil {
			return err
		}
		if err := t.insertDeliveries(ctx, fresh); err != nil {
			return err
		}
		if err := t.insertFields(ctx, fresh, fields); err != nil {
			return err
		}
		t.countAccepts(fresh)
	}
	slices.SortFunc(repeats, func(a, b *acceptOp) int { // all nodes lock rows in this order
		x, y := a.routed.Event, b.routed.Event
		return cmp.Or(cmp.Compare(x.ProjectKey, y.ProjectKey), cmp.Compare(x.Source, y.Source),
			cmp.Compare(x.DedupKey, y.DedupKey))
	})
	for _, o := range repeats {
		t.tally.of(o.routed.Event.ProjectKey, 0)[hookyard.CountRepeated]++
		if err := t.recall(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// guard separates the events that came before. It inserts first and looks only when a row was left out, so that two
// nodes cannot both find nothing.
func (t *sharedTx) guard(ctx context.Context, ops []*acceptOp) (fresh, repeats []*acceptOp, err error) {
	v := t.stmts.values[:0]
	for _, o := range ops {
		o.receipt = hookyard.Receipt{ID: o.routed.Event.ID, Deliveries: len(o.routed.Deliveries)}
		if e := o.routed.Event; e.DedupKey != "" {
			v = append(v, e.ProjectKey, e.Source, e.DedupKey, e.ID, micros(e.Time))
		}
	}
	t.stmts.values = v
	if len(v) == 0 {
		return ops, nil, nil
	}
	t.stmts.ignored = 0
	if err := t.insert(ctx, seenTable, v, true); err != nil {
		return nil, nil, err
	}
	if t.stmts.ignored == 0 {
		return ops, nil, nil
	}
	for _, o := range ops {
		e := o.routed.Event
		if e.DedupKey == "" {
			fresh = append(fresh, o)
			continue
		}
		var id string
		err := t.stmts.conn.QueryRowContext(ctx,
			"select event_id from seen where project_key = $1 and source = $2 and dedup = $3",
			e.ProjectKey, e.Source, e.DedupKey).Scan(&id)
		if err != nil {
			return nil, nil, err
		}
		if id == e.ID {
			fresh = append(fresh, o)
			continue
		}
		o.receipt = hookyard.Receipt{ID: id, Duplicate: true}
		repeats = append(repeats, o)
	}
	return fresh, repeats, nil
}

// drawSeq draws the next n numbers and returns the last of them, and the version of the search fields. The row stays
// locked until the commit, on every node: numbers are committed in the order in which they were drawn, and until then
// no field changes.
func (t *sharedTx) drawSeq(ctx context.Context, n int) (last, fields int64, err error) {
	err = t.stmts.conn.QueryRowContext(ctx, "update counters set value = value + $1 where name = 'event_seq' "+
		"returning value, fields", n).Scan(&last, &fields)
	return last, fields, err
}

func (t *sharedTx) insertEvents(ctx context.Context, ops []*acceptOp) error {
	v := t.stmts.values[:0]
	for _, o := range ops {
		e := o.routed.Event
		o.receipt.Seq = e.Seq
		o.header = hookyard.EncodeHeader([]byte{}, e.Header)
		v = append(v, e.Seq, e.ID, e.ProjectKey, e.Source, e.Type, micros(e.Time), e.Method, e.Target, e.Remote,
			e.Verified, o.header, e.Trace.String(), e.ContentType,
			int64(e.DataOffset), e.Size, strings.Join(e.Channels, ","), e.UID, notNil(e.Body))
	}
	t.stmts.values = v
	return t.insert(ctx, eventsTable, v, false)
}

func (t *sharedTx) insertDeliveries(ctx context.Context, ops []*acceptOp) error {
	v := t.stmts.values[:0]
	for _, o := range ops {
		for i := range o.routed.Deliveries {
			d := &o.routed.Deliveries[i]
			d.EventSeq = o.routed.Event.Seq
			node := int64(0)
			if d.InMemory {
				node = t.db.node
			}
			v = append(v, d.EventSeq, d.HookKey, d.ProjectKey, string(d.State), d.Reason, micros(d.Due), node,
				int64(0), int64(0), micros(d.UpdatedAt), placeOf(d.Hook, d.EventSeq))
		}
	}
	t.stmts.values = v
	if len(v) == 0 {
		return nil
	}
	return t.insert(ctx, deliveriesTable, v, false)
}

// recall records that an event came again, and fills the receipt of the duplicate from the event that came first.
func (t *sharedTx) recall(ctx context.Context, o *acceptOp) error {
	e := o.routed.Event
	if _, err := t.stmts.conn.ExecContext(ctx, `update seen set times = times + 1, last = $1
		where project_key = $2 and source = $3 and dedup = $4`, micros(e.Time), e.ProjectKey, e.Source,
		e.DedupKey); err != nil {
		return err
	}
	return t.stmts.conn.QueryRowContext(ctx, `select coalesce(max(e.seq), 0), count(d.hook_key) from events e
		left join deliveries d on d.event_seq = e.seq where e.id = $1`, o.receipt.ID).Scan(
		&o.receipt.Seq, &o.receipt.Deliveries)
}

// notNil makes an empty body an empty blob: null means that the bytes were pruned.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// endCommitted ends the ops that stored an event although the connection broke before the answer to the commit. Ids of
// events are unique, so an event with the id of an op is its event. What cannot be looked up now stays in the batch.
func (t *sharedTx) endCommitted(batch []op) []op {
	stored, err := t.storedEvents(batch)
	if err != nil || len(stored) == 0 {
		return batch
	}
	var accepts []*acceptOp
	left := batch[:0]
	for _, o := range batch {
		a, ok := o.(*acceptOp)
		if !ok || stored[a.routed.Event.ID] == 0 {
			left = append(left, o)
			continue
		}
		seq := stored[a.routed.Event.ID]
		a.routed.Event.Seq, a.receipt.Seq = seq, seq
		for i := range a.routed.Deliveries {
			a.routed.Deliveries[i].EventSeq = seq
		}
		accepts = append(accepts, a)
	}
	t.wakeReaders(accepts)
	for _, a := range accepts {
		a.end(nil)
	}
	return left
}

// storedEvents returns the seqs of the events of a batch that are in the database, by id.
func (t *sharedTx) storedEvents(batch []op) (map[string]int64, error) {
	var ids []any
	for _, o := range batch {
		if a, ok := o.(*acceptOp); ok {
			ids = append(ids, a.routed.Event.ID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookWait)
	defer cancel()
	rows, err := t.db.read.QueryContext(ctx, "select id, seq from events where id in ("+placeholders(len(ids))+")",
		ids...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	stored := map[string]int64{}
	for rows.Next() {
		var id string
		var seq int64
		if err := rows.Scan(&id, &seq); err != nil {
			return nil, err
		}
		stored[id] = seq
	}
	return stored, rows.Err()
}
