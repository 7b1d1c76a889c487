package store

import (
	"context"

	"github.com/hookyard/hookyard"
)

// Accept keeps an event and its deliveries, or fails and keeps nothing: when it returns nil they are committed and
// survive a crash. An event whose DedupKey was seen before in its project and source is not kept again; the receipt
// then names the earlier one. Many calls share a transaction, and each gets its own result. It fills r.Event.Seq.
//
// ctx bounds the wait for a place in a batch; once there, Accept waits for the commit whatever becomes of the caller.
func (db *DB) Accept(ctx context.Context, r *hookyard.RoutedEvent) (hookyard.Receipt, error) {
	o := &acceptOp{routed: r, done: make(chan error, 1)}
	if err := db.accepts.put(ctx, o); err != nil {
		return hookyard.Receipt{}, err
	}
	err := <-o.done
	return o.receipt, err
}

// AcceptAll is Accept for several events at once; they share a transaction with others, but not their fate: each has
// its own error. Neither slice is nil.
func (db *DB) AcceptAll(ctx context.Context, all []*hookyard.RoutedEvent) ([]hookyard.Receipt, []error) {
	receipts, errs := make([]hookyard.Receipt, len(all)), make([]error, len(all))
	ops := make([]*acceptOp, len(all))
	for i, r := range all {
		ops[i] = &acceptOp{routed: r, done: make(chan error, 1)}
		if errs[i] = db.accepts.put(ctx, ops[i]); errs[i] != nil {
			ops[i] = nil
		}
	}
	for i, o := range ops {
		if o == nil {
			continue
		}
		errs[i] = <-o.done
		receipts[i] = o.receipt
	}
	return receipts, errs
}

type acceptOp struct {
	routed  *hookyard.RoutedEvent
	receipt hookyard.Receipt
	meta    bool // comes with a result: nobody waits for it
	done    chan error
}

func (o *acceptOp) end(err error) { o.done <- err }

var (
	eventsTable = newTable("events", `seq:i id:s project_key:i source:s type:s time:i method:s target:s remote:s verified:s
		header:b content_type:s data_offset:i size:i body:b`)
	deliveriesTable = newTable("deliveries", `event_seq:i hook_key:i project_key:i state:s reason:s due:i node:i attempts:i
		tries:i updated:i place:i`)
	seenTable = newTable("seen", "project_key:i source:s dedup:s event_id:s time:i")
)

// keepAccepts writes the events of a batch: duplicates' guards, then the numbers, then events and deliveries.
func (c *committer) keepAccepts(ctx context.Context, ops []*acceptOp) error {
	if len(ops) == 0 {
		return nil
	}
	fresh, repeats, err := c.guard(ctx, ops)
	if err != nil {
		return err
	}
	if len(fresh) > 0 {
		last, err := c.drawSeq(ctx, len(fresh))
		if err != nil {
			return err
		}
		for i, o := range fresh {
			o.routed.Event.Seq = last - int64(len(fresh)-1-i)
		}
		if err := c.insertEvents(ctx, fresh); err != nil {
			return err
		}
		if err := c.insertDeliveries(ctx, fresh); err != nil {
			return err
		}
	}
	for _, o := range repeats {
		if err := c.recall(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// guard sorts out the events that came before. It writes first and looks only when a row was left out, so that two
// nodes cannot both find nothing.
func (c *committer) guard(ctx context.Context, ops []*acceptOp) (fresh, repeats []*acceptOp, err error) {
	v := c.stmts.values[:0]
	for _, o := range ops {
		o.receipt = hookyard.Receipt{ID: o.routed.Event.ID, Deliveries: len(o.routed.Deliveries)}
		if e := o.routed.Event; e.DedupKey != "" {
			v = append(v, e.ProjectKey, e.Source, e.DedupKey, e.ID, micros(e.Time))
		}
	}
	c.stmts.values = v
	if len(v) == 0 {
		return ops, nil, nil
	}
	c.stmts.ignored = 0
	if err := c.insert(ctx, seenTable, v, true); err != nil {
		return nil, nil, err
	}
	if c.stmts.ignored == 0 {
		return ops, nil, nil
	}
	for _, o := range ops {
		e := o.routed.Event
		if e.DedupKey == "" {
			fresh = append(fresh, o)
			continue
		}
		var id string
		err := c.stmts.conn.QueryRowContext(ctx,
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

// drawSeq takes the next n numbers and returns the last of them. The row stays locked until the commit, on every node:
// numbers are committed in the order in which they were drawn.
func (c *committer) drawSeq(ctx context.Context, n int) (int64, error) {
	stmt, err := c.stmts.prepare(ctx, "drawSeq", func() string {
		return "update counters set value = value + $1 where name = 'event_seq' returning value"
	})
	if err != nil {
		return 0, err
	}
	var last int64
	return last, stmt.QueryRowContext(ctx, n).Scan(&last)
}

func (c *committer) insertEvents(ctx context.Context, ops []*acceptOp) error {
	v := c.stmts.values[:0]
	for _, o := range ops {
		e := o.routed.Event
		o.receipt.Seq = e.Seq
		v = append(v, e.Seq, e.ID, e.ProjectKey, e.Source, e.Type, micros(e.Time), e.Method, e.Target, e.Remote,
			e.Verified,
			hookyard.EncodeHeader([]byte{}, e.Header), e.ContentType, int64(e.DataOffset), e.Size, notNil(e.Body))
	}
	c.stmts.values = v
	return c.insert(ctx, eventsTable, v, false)
}

func (c *committer) insertDeliveries(ctx context.Context, ops []*acceptOp) error {
	v := c.stmts.values[:0]
	for _, o := range ops {
		for i := range o.routed.Deliveries {
			d := &o.routed.Deliveries[i]
			d.EventSeq = o.routed.Event.Seq
			node := int64(0)
			if d.InMemory {
				node = c.db.node
			}
			v = append(v, d.EventSeq, d.HookKey, d.ProjectKey, string(d.State), d.Reason, micros(d.Due), node,
				int64(0), int64(0), micros(d.UpdatedAt), placeOf(d.Hook, d.EventSeq))
		}
	}
	c.stmts.values = v
	if len(v) == 0 {
		return nil
	}
	return c.insert(ctx, deliveriesTable, v, false)
}

// recall fills the receipt of a repeat from the event that came first.
func (c *committer) recall(ctx context.Context, o *acceptOp) error {
	return c.stmts.conn.QueryRowContext(ctx, `select coalesce(max(e.seq), 0), count(d.hook_key) from events e
		left join deliveries d on d.event_seq = e.seq where e.id = $1`, o.receipt.ID).Scan(&o.receipt.Seq, &o.receipt.Deliveries)
}

func (c *committer) insert(ctx context.Context, t *table, values []any, ignore bool) error {
	return c.db.dialect.insert(ctx, c.stmts.conn, &rowSet{table: t, values: values, ignore: ignore, scratch: &c.stmts})
}

// notNil makes an empty body an empty blob: null means that the bytes are gone.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
