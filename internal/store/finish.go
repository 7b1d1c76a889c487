package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
)

// Finish stores an attempt and what was decided from it, in one transaction shared with others: the delivery's state,
// the hook's health, and the events about them. It returns [hookyard.ErrLost] as described there; the attempt is stored
// all the same.
func (db *DB) Finish(ctx context.Context, r *hookyard.Result) error {
	done := make(chan error, 1)
	if err := db.FinishThen(ctx, r, func(err error) { done <- err }); err != nil {
		return err
	}
	return <-done
}

// FinishThen is Finish for callers that do not wait: then is called once, from the goroutine that commits, and must not
// block. It is not called when FinishThen itself fails.
func (db *DB) FinishThen(ctx context.Context, r *hookyard.Result, then func(error)) error {
	return db.finishes.put(ctx, &finishOp{result: r, then: then})
}

type finishOp struct {
	result   *hookyard.Result
	lost     bool
	shadowed bool   // another node has stored an attempt of that number
	repeated bool   // the attempt was stored before, by a commit that was not answered
	hook     string // id of the hook that it switched off, and the project's path before it
	then     func(error)
}

func (o *finishOp) end(err error) {
	if err == nil && o.lost && !o.repeated {
		err = hookyard.ErrLost
	}
	o.then(err)
}

func (o *finishOp) cost() (project, bytes int64) { return o.result.Work.Delivery.ProjectKey, 0 }

func (*finishOp) take() bool { return true }

func (o *finishOp) join(t *sharedTx) {
	o.hook = ""
	t.finishes = append(t.finishes, o)
	if o.result.Health != nil || o.result.HookOff != "" {
		t.lockHook(o.result.Work.Delivery.HookKey)
	}
	for _, r := range o.result.Meta {
		t.accepts = append(t.accepts, t.db.newMeta(r))
	}
}

var attemptsTable = newTable("attempts", `event_seq:i hook_key:i n:i started:i duration:i url:s request_header:b
	request_body:b request_size:i status:i response_header:b response_body:b truncated:t error:s kind:s
	remote:s timing:s method:s manual:t`)

// finishTable has the columns by which deliveries are updated.
var finishTable = newTable("deliveries", "event_seq:i hook_key:i state:s reason:s due:i attempts:i tries:i updated:i")

// applyFinishes writes the results of a batch: deliveries, attempts and, where it changed, the hook.
func (t *sharedTx) applyFinishes(ctx context.Context) error {
	ops := t.finishes
	if len(ops) == 0 {
		return nil
	}
	if err := t.updateDeliveries(ctx, ops); err != nil {
		return err
	}
	if err := t.insertAttempts(ctx, ops); err != nil {
		return err
	}
	t.countFinishes(ops)
	newest := make(map[int64]*finishOp) // of several results for one hook, the last has its health
	for _, o := range ops {
		if o.result.Health != nil {
			newest[o.result.Work.Delivery.HookKey] = o
		}
	}
	for _, o := range ops {
		if newest[o.result.Work.Delivery.HookKey] == o {
			if err := t.updateHealth(ctx, o.result); err != nil {
				return err
			}
		}
		if o.result.HookOff != "" {
			if err := t.switchOff(ctx, o); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *sharedTx) updateDeliveries(ctx context.Context, ops []*finishOp) error {
	v := t.stmts.values[:0]
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
	t.stmts.values = v
	if t.db.dialect.local {
		return t.updateOneByOne(ctx, ops, v)
	}
	return t.updateTogether(ctx, ops, v)
}

// updateOneByOne suits SQLite, where a prepared statement costs no round trip.
func (t *sharedTx) updateOneByOne(ctx context.Context, ops []*finishOp, v []any) error {
	stmt, err := t.stmts.prepare(ctx, "updateOne", func() string {
		return "update deliveries set " + endAs("deliveries", "$3", "$4") + `, due = $5, node = 0, attempts = $6,
			tries = $7, updated = $8 where event_seq = $1 and hook_key = $2 and state = 'pending' and node = $9`
	})
	if err != nil {
		return err
	}
	width := len(finishTable.columns)
	for i, o := range ops {
		res, err := stmt.ExecContext(ctx, append(v[i*width:(i+1)*width:(i+1)*width], t.db.node)...)
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

// updateTogether suits PostgreSQL: one round trip for all.
func (t *sharedTx) updateTogether(ctx context.Context, ops []*finishOp, v []any) error {
	args := (&rowSet{table: finishTable, values: v}).arrays()
	rows, err := t.stmts.conn.QueryContext(ctx, "update deliveries d set "+endAs("d", "v.state", "v.reason")+`,
		due = v.due, node = 0, attempts = v.attempts, tries = v.tries, updated = v.updated
		from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
			$8::bigint[]) as v(event_seq, hook_key, state, reason, due, attempts, tries, updated)
		where d.event_seq = v.event_seq and d.hook_key = v.hook_key and `+pendingOf("d.", "$9")+`
		returning d.event_seq, d.hook_key`, append(args, t.db.node)...)
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

// insertAttempts stores the attempts, also those of deliveries that this node has lost: a request was made. When
// another node has stored an attempt of that number, its record stands.
func (t *sharedTx) insertAttempts(ctx context.Context, ops []*finishOp) error {
	v := t.stmts.values[:0]
	for _, o := range ops {
		if a := o.result.Attempt; a != nil && !o.lost {
			v = t.db.appendAttempt(v, a)
		}
	}
	t.stmts.values = v
	t.stmts.ignored = 0
	if len(v) > 0 {
		if err := t.insert(ctx, attemptsTable, v, true); err != nil {
			return err
		}
	}
	ignored := t.stmts.ignored > 0
	for _, o := range ops {
		o.repeated, o.shadowed = false, false
		if o.result.Attempt == nil {
			continue
		}
		left := ignored // or another one was left out
		if o.lost {
			if gone, err := t.isErased(ctx, o.result.Attempt.EventSeq); err != nil || gone {
				if err != nil {
					return err
				}
				continue
			}
			t.stmts.values = t.db.appendAttempt(t.stmts.values[:0], o.result.Attempt)
			t.stmts.ignored = 0
			if err := t.insert(ctx, attemptsTable, t.stmts.values, true); err != nil {
				return err
			}
			left = t.stmts.ignored > 0
		}
		if !left {
			continue
		}
		stored, err := t.isStored(ctx, o.result.Attempt)
		if err != nil {
			return err
		}
		o.repeated, o.shadowed = o.lost && stored, !stored
	}
	return nil
}

// isErased reports whether an event is gone although a delivery of it was claimed.
func (t *sharedTx) isErased(ctx context.Context, seq int64) (bool, error) {
	err := t.stmts.conn.QueryRowContext(ctx, "select seq from events where seq = $1"+t.db.dialect.forShare,
		seq).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return true, nil
	}
	return false, err
}

// isStored reports whether the stored attempt of that number is this one, and not another node's.
func (t *sharedTx) isStored(ctx context.Context, a *hookyard.Attempt) (bool, error) {
	var n int
	err := t.stmts.conn.QueryRowContext(ctx, `select count(*) from attempts where event_seq = $1 and hook_key = $2
		and n = $3 and started = $4 and duration = $5`, a.EventSeq, a.HookKey, int64(a.N), micros(a.StartedAt),
		a.Duration.Microseconds()).Scan(&n)
	return n > 0, err
}

// appendAttempt adds an attempt's row, in the order of attemptsTable.
func (db *DB) appendAttempt(v []any, a *hookyard.Attempt) []any {
	var body any
	if a.RequestBody != nil {
		body = a.RequestBody
	}
	return append(v, a.EventSeq, a.HookKey, int64(a.N), micros(a.StartedAt), a.Duration.Microseconds(),
		hookyard.URLOrigin(a.URL), db.seal.sealRequest(a.URL, a.RequestHeader), body, a.RequestSize, int64(a.Status),
		hookyard.EncodeHeader([]byte{}, a.ResponseHeader), notNil(a.ResponseBody), a.ResponseTruncated, a.Error,
		string(a.ErrorKind), a.Remote, encodeTiming(a.Timing),
		cmp.Or(a.Method, http.MethodPost), a.Manual)
}

func (t *sharedTx) updateHealth(ctx context.Context, r *hookyard.Result) error {
	text, err := encodeHealth(r.Health)
	if err != nil {
		return err
	}
	_, err = t.stmts.conn.ExecContext(ctx, "update hooks set health = $1 where key = $2", text, r.Work.Delivery.HookKey)
	return err
}

// switchOff switches a hook off and stores the event that says so. When many attempts were under way, on any node, the
// first result does this, and the others find the hook off.
func (t *sharedTx) switchOff(ctx context.Context, o *finishOp) error {
	r := o.result
	var id, project string
	err := t.stmts.conn.QueryRowContext(ctx, `update hooks set active = $1, off_reason = $2, revision = revision + 1,
		updated = $3 where key = $4 and active
		returning id, (select path from projects where projects.key = hooks.project_key)`, false, r.HookOff,
		micros(time.Now()), r.Work.Delivery.HookKey).Scan(&id, &project)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("switch hook off: %w", err)
	}
	o.hook = project + "/" + id
	if r.OffEvent != nil {
		t.accepts = append(t.accepts, t.db.newMeta(r.OffEvent))
	}
	c := ofProject(r.Work.Delivery.ProjectKey)
	t.changed = append(t.changed, c)
	if err := t.db.bump(ctx, t.stmts.conn, c); err != nil {
		return err
	}
	return t.db.audit(ctx, t.stmts.conn, r.Work.Delivery.ProjectKey, "hookyard", "hook.off", id, r.HookOff)
}

// logSwitchedOff logs the hooks that the batch switched off, after its commit.
func (t *sharedTx) logSwitchedOff() {
	for _, o := range t.finishes {
		if o.hook != "" {
			t.db.log.Warn("hook switched off", "hook", o.hook, "reason", o.result.HookOff)
		}
	}
}

// encodeTiming writes the four parts in µs, or "" when all are zero.
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
