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

const deliveryColumns = `d.event_seq, d.hook_key, d.project_key, e.id, e.type, e.time, h.id, d.state, d.reason, d.due, d.attempts, d.tries, d.updated
	from deliveries d join events e on e.seq = d.event_seq join hooks h on h.key = d.hook_key`

func scanDelivery(row interface{ Scan(...any) error }) (hookyard.Delivery, error) {
	var d hookyard.Delivery
	var at, due, updated int64
	err := row.Scan(&d.EventSeq, &d.HookKey, &d.ProjectKey, &d.EventID, &d.EventType, &at, &d.HookID, &d.State, &d.Reason, &due,
		&d.Attempts, &d.Tries, &updated)
	d.EventTime, d.UpdatedAt = fromMicros(at), fromMicros(updated)
	d.ID = hookyard.DeliveryID(d.EventID, d.HookKey)
	if d.State == hookyard.Pending && due > 1e15 { // else the hook is ordered and its due is no time
		d.Due = fromMicros(due)
	}
	return d, err
}

// Delivery returns a delivery by its id, or [hookyard.ErrNotFound].
func (db *DB) Delivery(ctx context.Context, projectKey int64, id string) (hookyard.Delivery, error) {
	event, hook, ok := hookyard.ParseDeliveryID(id)
	if !ok {
		return hookyard.Delivery{}, hookyard.ErrNotFound
	}
	d, err := scanDelivery(db.read.QueryRowContext(ctx, "select "+deliveryColumns+
		" where e.id = $1 and d.hook_key = $2 and d.project_key = $3", event, hook, projectKey))
	return d, db.translate(err)
}

// Deliveries lists deliveries, of the newest event first. next is the Before of the following page, or "".
func (db *DB) Deliveries(ctx context.Context, q hookyard.DeliveryQuery) (list []hookyard.Delivery, next string, err error) {
	where, args := []string{"d.project_key = $1"}, []any{q.ProjectKey}
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	if q.HookKey != 0 {
		where = append(where, "d.hook_key = "+arg(q.HookKey))
	}
	if q.EventSeq != 0 {
		where = append(where, "d.event_seq = "+arg(q.EventSeq))
	} else {
		// Listing by project walks the project's events, which are indexed in order; its deliveries are not.
		where = append(where, "e.project_key = "+arg(q.ProjectKey))
	}
	if q.State != "" {
		where = append(where, "d.state = "+arg(string(q.State)))
		if q.State != hookyard.Pending && q.State != hookyard.Delivered {
			where = append(where, "d.state not in ('pending', 'delivered')") // names the partial index
		}
	}
	if !q.Since.IsZero() {
		where = append(where, "e.time >= "+arg(micros(q.Since)))
	}
	if !q.Until.IsZero() {
		where = append(where, "e.time < "+arg(micros(q.Until)))
	}
	if q.Before != "" {
		event, hook, ok := hookyard.ParseDeliveryID(q.Before)
		if !ok {
			return nil, "", hookyard.FieldErrorf("cursor", "cursor is not one that this list gave out")
		}
		var seq int64
		if err := db.read.QueryRowContext(ctx, "select seq from events where id = $1", event).Scan(&seq); err != nil {
			return nil, "", hookyard.FieldErrorf("cursor", "cursor points at an event that is gone; begin again without it")
		}
		where = append(where, "(d.event_seq, d.hook_key) < ("+arg(seq)+", "+arg(hook)+")")
	}
	order := "d.event_seq"
	if q.HookKey == 0 && q.EventSeq == 0 && (q.State == "" || q.State == hookyard.Pending || q.State == hookyard.Delivered) {
		order = "e.seq" // the same, but SQLite sees that the walk along the project's events is in this order already
	}
	list, err = db.deliveriesWhere(ctx, strings.Join(where, " and ")+fmt.Sprintf(" order by %s desc, d.hook_key desc limit %d", order, q.Limit+1), args...)
	if err != nil {
		return nil, "", err
	}
	if len(list) > q.Limit {
		list = list[:q.Limit]
		next = list[q.Limit-1].ID
	}
	return list, next, nil
}

func (db *DB) deliveriesWhere(ctx context.Context, where string, args ...any) ([]hookyard.Delivery, error) {
	rows, err := db.read.QueryContext(ctx, "select "+deliveryColumns+" where "+where, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []hookyard.Delivery
	for rows.Next() {
		d, err := scanDelivery(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, rows.Err()
}

// Attempts lists the attempts of a delivery, the first first, with the bytes that were sent and received.
func (db *DB) Attempts(ctx context.Context, eventSeq, hookKey int64) ([]hookyard.Attempt, error) {
	rows, err := db.read.QueryContext(ctx, `select n, started, duration, url, request_header, request_body, request_size, status,
		response_header, response_body, truncated, error, kind, remote, timing from attempts where event_seq = $1 and hook_key = $2 order by n`,
		eventSeq, hookKey)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []hookyard.Attempt
	for rows.Next() {
		a := hookyard.Attempt{EventSeq: eventSeq, HookKey: hookKey}
		var started, duration int64
		var sent, got []byte
		var timing string
		err := rows.Scan(&a.N, &started, &duration, &a.URL, &sent, &a.RequestBody, &a.RequestSize, &a.Status, &got, &a.ResponseBody,
			&a.ResponseTruncated, &a.Error, &a.ErrorKind, &a.Remote, &timing)
		if err != nil {
			return nil, err
		}
		a.StartedAt, a.Duration = fromMicros(started), time.Duration(duration)*time.Microsecond
		a.RequestHeader, a.ResponseHeader, a.Timing = hookyard.DecodeHeader(sent), hookyard.DecodeHeader(got), decodeTiming(timing)
		out = append(out, a)
	}
	return out, rows.Err()
}

// Reopen makes a delivery pending again, due at once, with a fresh schedule; one that is pending already becomes due at
// once. It fails with [hookyard.ErrNotFound] when the event is not owed to the hook, and with [hookyard.Conflict] while
// an attempt is under way.
//
// The delivery of an ordered hook takes the place of its event again: it goes before those that wait.
func (db *DB) Reopen(ctx context.Context, eventSeq, hookKey int64, ordered bool) error {
	now := time.Now().UnixMicro()
	due := now
	if ordered {
		due = eventSeq
	}
	return db.txPlain(ctx, func(c conn) error {
		res, err := c.ExecContext(ctx, `update deliveries set state = 'pending', reason = '', due = $4, node = 0, tries = 0, updated = $1
			where event_seq = $2 and hook_key = $3 and (state <> 'pending' or node = 0)`, now, eventSeq, hookKey, due)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n > 0 {
			return err
		}
		var held int64
		if err := c.QueryRowContext(ctx, "select node from deliveries where event_seq = $1 and hook_key = $2", eventSeq, hookKey).Scan(&held); err != nil {
			return err
		}
		return hookyard.Errorf(hookyard.Conflict, "an attempt of this delivery is under way or about to be; look again in a moment")
	})
}

// Owe makes the delivery of an event to a hook that was not owed it, or opens the one there is. The event must exist.
func (db *DB) Owe(ctx context.Context, d hookyard.Delivery) error {
	h, err := db.HookByKey(ctx, d.HookKey)
	if err != nil {
		return err
	}
	return db.txPlain(ctx, func(c conn) error {
		_, err := oweIn(ctx, c, d.EventSeq, h, d.ProjectKey)
		return err
	})
}

// oweIn says whether it made or opened a delivery: one that is pending already is left alone.
func oweIn(ctx context.Context, c conn, eventSeq int64, h *hookyard.Hook, projectKey int64) (bool, error) {
	now := time.Now().UnixMicro()
	due := now
	if h.Ordered {
		due = eventSeq // see takeDue
	}
	res, err := c.ExecContext(ctx, `insert into deliveries (event_seq, hook_key, project_key, state, reason, due, node, attempts, tries, updated)
		values ($1, $2, $3, 'pending', '', $5, 0, 0, 0, $4)
		on conflict (event_seq, hook_key) do update set state = 'pending', reason = '', due = $5, node = 0, tries = 0, updated = $4
		where deliveries.state <> 'pending'`, eventSeq, h.Key, projectKey, now, due)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// Cancel ends a pending delivery. It fails with [hookyard.Conflict] when it has ended already. An attempt under way is
// not called back; its record is kept.
func (db *DB) Cancel(ctx context.Context, eventSeq, hookKey int64, reason string) error {
	return db.txPlain(ctx, func(c conn) error {
		res, err := c.ExecContext(ctx, `update deliveries set state = 'canceled', reason = $1, due = 0, node = 0, updated = $2
			where event_seq = $3 and hook_key = $4 and state = 'pending'`, reason, time.Now().UnixMicro(), eventSeq, hookKey)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n > 0 {
			return err
		}
		return hookyard.Errorf(hookyard.Conflict, "the delivery has ended already")
	})
}

// HookCounts counts a hook's deliveries by state among its newest n.
func (db *DB) HookCounts(ctx context.Context, hookKey int64, n int) (map[hookyard.State]int, error) {
	rows, err := db.read.QueryContext(ctx, `select state, count(*) from (select state from deliveries where hook_key = $1
		order by event_seq desc limit $2) as newest group by state`, hookKey, n)
	if err != nil {
		return nil, err
	}
	return countStates(rows)
}

// PendingOf counts what a hook is owed, up to max.
func (db *DB) PendingOf(ctx context.Context, hookKey int64, max int) (int, error) {
	var n int
	err := db.read.QueryRowContext(ctx, `select count(*) from (select 1 from deliveries where node = 0 and hook_key = $1 and state = 'pending' limit $2) as p`,
		hookKey, max).Scan(&n)
	return n, err
}

func countStates(rows *sql.Rows) (map[hookyard.State]int, error) {
	defer func() { _ = rows.Close() }()
	out := map[hookyard.State]int{}
	for rows.Next() {
		var state string
		var n int
		if err := rows.Scan(&state, &n); err != nil {
			return nil, err
		}
		out[hookyard.State(state)] = n
	}
	return out, rows.Err()
}

// sortWork puts what was taken in the order in which it is to be sent.
func sortWork(work []hookyard.Work) {
	slices.SortFunc(work, func(a, b hookyard.Work) int {
		return cmp.Or(a.Delivery.Due.Compare(b.Delivery.Due), cmp.Compare(a.Delivery.EventSeq, b.Delivery.EventSeq))
	})
}
