package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
)

// Finish keeps an attempt and what was decided from it, in one transaction shared with others: the delivery's state,
// the hook's health, and the events that tell of it. It returns [hookyard.ErrLost] as described there.
func (db *DB) Finish(ctx context.Context, r *hookyard.Result) error {
	done := make(chan error, 1)
	if err := db.FinishThen(ctx, r, func(err error) { done <- err }); err != nil {
		return err
	}
	return <-done
}

// FinishThen is Finish for those who do not wait: then is called once, from the committer, and must not block. It is
// not called when FinishThen itself fails.
func (db *DB) FinishThen(ctx context.Context, r *hookyard.Result, then func(error)) error {
	return db.ends.put(ctx, &endOp{result: r, then: then})
}

type endOp struct {
	result *hookyard.Result
	lost   bool
	then   func(error)
}

func (o *endOp) end(err error) {
	if err == nil && o.lost {
		err = hookyard.ErrLost
	}
	o.then(err)
}

var attemptsTable = newTable("attempts", `event_seq:i hook_key:i n:i started:i duration:i url:s request_header:b request_body:b
	request_size:i status:i response_header:b response_body:b truncated:t error:s kind:s remote:s timing:s`)

// endsTable has the columns by which deliveries are updated.
var endsTable = newTable("deliveries", "event_seq:i hook_key:i state:s reason:s due:i attempts:i tries:i updated:i")

// keepEnds writes the results of a batch: deliveries, attempts and, where it changed, the hook.
func (c *committer) keepEnds(ctx context.Context, ops []*endOp) error {
	if len(ops) == 0 {
		return nil
	}
	if err := c.endDeliveries(ctx, ops); err != nil {
		return err
	}
	if err := c.insertAttempts(ctx, ops); err != nil {
		return err
	}
	newest := make(map[int64]*endOp) // of each hook's health, the last counts
	for _, o := range ops {
		if o.result.Health != nil {
			newest[o.result.Work.Delivery.HookKey] = o
		}
	}
	for _, o := range ops {
		if newest[o.result.Work.Delivery.HookKey] == o {
			if err := c.keepHealth(ctx, o.result); err != nil {
				return err
			}
		}
		if o.result.HookOff != "" {
			if err := c.switchOff(ctx, o.result); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *committer) endDeliveries(ctx context.Context, ops []*endOp) error {
	v := c.stmts.values[:0]
	for _, o := range ops {
		r := o.result
		d, made := &r.Work.Delivery, 0
		updated := time.Now()
		if r.Attempt != nil {
			made, updated = 1, r.Attempt.StartedAt.Add(r.Attempt.Duration)
		}
		v = append(v, d.EventSeq, d.HookKey, string(r.Decision.State), r.Decision.Reason, micros(r.Decision.Due),
			int64(d.Attempts+made), int64(d.Tries+made), micros(updated))
	}
	c.stmts.values = v
	if c.db.dialect.writers == 1 {
		return c.endOneByOne(ctx, ops, v)
	}
	return c.endTogether(ctx, ops, v)
}

const endOne = `update deliveries set state = $3, reason = $4, due = $5, node = 0, attempts = $6, tries = $7, updated = $8
	where event_seq = $1 and hook_key = $2 and state = 'pending' and node = $9`

// endOneByOne suits SQLite, where a prepared statement costs no round trip.
func (c *committer) endOneByOne(ctx context.Context, ops []*endOp, v []any) error {
	width := len(endsTable.columns)
	for i, o := range ops {
		res, err := c.stmts.exec(ctx, endOne, append(v[i*width:(i+1)*width:(i+1)*width], c.db.node)...)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return err
		}
		o.lost = n == 0
	}
	return nil
}

// endTogether suits PostgreSQL: one round trip for all. The conditions on state and node are written so that no index
// fits them: on a table without statistics the planner takes the index of what is pending for a good way in, and walks
// all of it for every row.
func (c *committer) endTogether(ctx context.Context, ops []*endOp, v []any) error {
	args := (&rowSet{table: endsTable, values: v}).arrays()
	rows, err := c.stmts.conn.QueryContext(ctx, `update deliveries d set state = v.state, reason = v.reason, due = v.due, node = 0,
		attempts = v.attempts, tries = v.tries, updated = v.updated
		from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
			as v(event_seq, hook_key, state, reason, due, attempts, tries, updated)
		where d.event_seq = v.event_seq and d.hook_key = v.hook_key and d.state || '' = 'pending' and d.node + 0 = $9
		returning d.event_seq, d.hook_key`, append(args, c.db.node)...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	type pair struct{ event, hook int64 }
	kept := make(map[pair]bool, len(ops))
	for rows.Next() {
		var p pair
		if err := rows.Scan(&p.event, &p.hook); err != nil {
			return err
		}
		kept[p] = true
	}
	for _, o := range ops {
		d := &o.result.Work.Delivery
		o.lost = !kept[pair{d.EventSeq, d.HookKey}]
	}
	return rows.Err()
}

// insertAttempts keeps attempts, also of deliveries that were lost meanwhile: a request was made. When another node has
// made the attempt of that number, its record stands.
func (c *committer) insertAttempts(ctx context.Context, ops []*endOp) error {
	v := c.stmts.values[:0]
	for _, o := range ops {
		a := o.result.Attempt
		if a == nil {
			continue
		}
		v = c.db.appendAttempt(v, a)
	}
	c.stmts.values = v
	if len(v) == 0 {
		return nil
	}
	return c.insert(ctx, attemptsTable, v, true)
}

// appendAttempt adds an attempt's row, in the order of attemptsTable.
func (db *DB) appendAttempt(v []any, a *hookyard.Attempt) []any {
	var body any
	if a.RequestBody != nil {
		body = a.RequestBody
	}
	return append(v, a.EventSeq, a.HookKey, int64(a.N), micros(a.StartedAt), a.Duration.Microseconds(), origin(a.URL),
		db.seal.sealRequest(a.URL, a.RequestHeader), body, a.RequestSize, int64(a.Status),
		hookyard.EncodeHeader([]byte{}, a.ResponseHeader), notNil(a.ResponseBody), a.ResponseTruncated, a.Error,
		string(a.ErrorKind), a.Remote, encodeTiming(a.Timing))
}

func (c *committer) keepHealth(ctx context.Context, r *hookyard.Result) error {
	text, err := encodeHealth(r.Health)
	if err != nil {
		return err
	}
	_, err = c.stmts.exec(ctx, "update hooks set health = $1 where key = $2", text, r.Work.Delivery.HookKey)
	return err
}

func (c *committer) switchOff(ctx context.Context, r *hookyard.Result) error {
	now := micros(time.Now())
	_, err := c.stmts.conn.ExecContext(ctx, `update hooks set active = $1, off_reason = $2, revision = revision + 1, updated = $3
		where key = $4 and active`, false, r.HookOff, now, r.Work.Delivery.HookKey)
	if err != nil {
		return fmt.Errorf("switch hook off: %w", err)
	}
	if err := c.db.bump(ctx, c.stmts.conn); err != nil {
		return err
	}
	return audit(ctx, c.stmts.conn, r.Work.Delivery.ProjectKey, "hookyard", "hook.off", r.Work.Delivery.HookID,
		r.HookOff)
}

// encodeTiming writes the four parts in µs, or "" when there is nothing to tell.
func encodeTiming(t hookyard.Timing) string {
	if t == (hookyard.Timing{}) {
		return ""
	}
	b := make([]byte, 0, 32)
	for i, d := range []time.Duration{t.DNS, t.Connect, t.TLS, t.Wait} {
		if i > 0 {
			b = append(b, '/')
		}
		b = strconv.AppendInt(b, d.Microseconds(), 10)
	}
	return string(b)
}

func decodeTiming(s string) hookyard.Timing {
	var t hookyard.Timing
	into := []*time.Duration{&t.DNS, &t.Connect, &t.TLS, &t.Wait}
	for i, part := range strings.SplitN(s, "/", len(into)) {
		us, _ := strconv.ParseInt(part, 10, 64)
		*into[i] = time.Duration(us) * time.Microsecond
	}
	return t
}
