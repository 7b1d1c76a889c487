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

const deliveryColumns = `d.event_seq, d.hook_key, d.project_key, e.id, e.type, e.time, h.id, d.state, d.reason,
	d.due, d.place, d.attempts, d.tries, d.updated, d.delivered, d.resend, d.replay,
	coalesce((select id from replays where d.replay > 0 and key = d.replay), '')
	from deliveries d join events e on e.seq = d.event_seq join hooks h on h.key = d.hook_key`

func scanDelivery(row interface{ Scan(...any) error }) (hookyard.Delivery, error) {
	var d hookyard.Delivery
	var at, due, place, updated, delivered int64
	err := row.Scan(&d.EventSeq, &d.HookKey, &d.ProjectKey, &d.EventID, &d.EventType, &at, &d.HookID, &d.State,
		&d.Reason, &due, &place, &d.Attempts, &d.Tries, &updated, &delivered, &d.Resend, &d.ReplayKey, &d.Replay)
	d.EventTime, d.UpdatedAt = fromMicros(at), fromMicros(updated)
	d.ID = hookyard.DeliveryID(d.EventID, d.HookKey)
	d.DeliveredAt = fromMicros(delivered)
	if d.State == hookyard.Delivered && delivered == 0 {
		d.DeliveredAt = d.UpdatedAt
	}
	pending := d.State == hookyard.Pending
	if delivered > 0 {
		d.State = hookyard.Delivered
	}
	if pending && place == 0 { // else it waits for those before it, and due says nothing of that
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

// Bounds on the work of one list of deliveries. What no index can narrow is looked for in growing stretches of events.
const (
	firstStretch = 20_000 // seqs
	listTime     = time.Second
	fewPending   = 2000
)

// Deliveries lists deliveries, of the newest event first. next is the Before of the following page, or "". A list that
// takes too long is cut short, perhaps empty, and next says where to go on.
func (db *DB) Deliveries(ctx context.Context, q hookyard.DeliveryQuery) (list []hookyard.Delivery, next string,
	err error) {
	from, to, err := db.seqsBetween(ctx, q.Since, q.Until)
	if err != nil {
		return nil, "", err
	}
	var before pair
	if q.Before != "" {
		if before, err = db.pairOf(ctx, q.Before); err != nil {
			return nil, "", err
		}
		to = min(to, before.seq)
	}
	if (q.State == hookyard.Pending || q.Open) && q.EventSeq == 0 && q.ReplayKey == 0 && q.Since.IsZero() &&
		q.Until.IsZero() {
		if list, next, ok, err := db.pendingDeliveries(ctx, q, before); ok || err != nil {
			return list, next, err
		}
	}
	where, order, args := deliveriesWhere(q, before)
	if q.EventSeq != 0 {
		from, to = q.EventSeq, q.EventSeq
	} else if to == lastSeq {
		if _, to, err = db.Bounds(ctx, q.ProjectKey); err != nil {
			return nil, "", err
		}
	}
	stretch := int64(firstStretch)
	if q.ReplayKey != 0 { // has an index of its own
		stretch = to
	}
	for began := time.Now(); to >= from && to > 0; stretch *= 4 {
		low := max(from, to-stretch+1)
		n := len(args)
		found, err := db.deliveriesOf(ctx,
			fmt.Sprintf(" where %s and %s <= $%d and %s >= $%d order by %s desc, d.hook_key desc limit %d",
				where, order, n+1, order, n+2, order, q.Limit+1-len(list)), append(args, to, low)...)
		if err != nil {
			return nil, "", err
		}
		if list = append(list, found...); len(list) > q.Limit {
			return list[:q.Limit], list[q.Limit-1].ID, nil
		}
		if to = low - 1; time.Since(began) > listTime && to >= from {
			next, err := db.cursorAt(ctx, low)
			return list, next, err
		}
	}
	return list, "", nil
}

// pair names a delivery by its key.
type pair struct{ seq, hook int64 }

// pairOf reads a list's cursor.
func (db *DB) pairOf(ctx context.Context, cursor string) (pair, error) {
	event, hook, ok := hookyard.ParseDeliveryID(cursor)
	if !ok {
		return pair{}, hookyard.FieldErrorf("cursor", "cursor is not one that this list gave out")
	}
	p := pair{hook: hook}
	if err := db.read.QueryRowContext(ctx, "select seq from events where id = $1", event).Scan(&p.seq); err != nil {
		return pair{}, hookyard.FieldErrorf("cursor", "cursor points at an event that is gone; begin again without it")
	}
	return p, nil
}

// cursorAt is a cursor behind all deliveries of events from seq on; "" when there are no events before.
func (db *DB) cursorAt(ctx context.Context, seq int64) (string, error) {
	var id string
	err := db.read.QueryRowContext(ctx,
		"select id from events where seq >= $1 and exists (select 1 from events where seq < $1) order by seq limit 1",
		seq).Scan(&id)
	if err == sql.ErrNoRows {
		return "", nil
	}
	return hookyard.DeliveryID(id, 1), err // hooks' keys begin with 1
}

// deliveriesWhere builds the condition of a list, and names the column that it goes along.
func deliveriesWhere(q hookyard.DeliveryQuery, before pair) (text, order string, args []any) {
	where, args := []string{"d.project_key = $1"}, []any{q.ProjectKey}
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	order = "d.event_seq"
	if q.HookKey == 0 && q.EventSeq == 0 && q.ReplayKey == 0 && (q.State == "" || q.State == hookyard.Pending ||
		q.State == hookyard.Delivered) {
		order = "e.seq" // the same, but SQLite sees that a walk along the project's events is in this order already
	}
	if q.HookKey != 0 {
		where = append(where, "d.hook_key = "+arg(q.HookKey))
	}
	switch {
	case q.ReplayKey != 0:
		where = append(where, "d.replay > 0", "d.replay = "+arg(q.ReplayKey))
	case q.EventSeq == 0: // the project's events are indexed in order; its deliveries are not
		where = append(where, "e.project_key = "+arg(q.ProjectKey))
	}
	switch {
	case q.State != "" && q.ReplayKey != 0:
		where = append(where, "case when d.resend = '' then d.state else d.resend end = "+arg(string(q.State)))
	case q.State != "":
		where = append(where, stateIs(q.State, arg))
	}
	if q.Open {
		where = append(where, "d.state = 'pending'")
	}
	if !q.Since.IsZero() {
		where = append(where, "e.time >= "+arg(micros(q.Since)))
	}
	if !q.Until.IsZero() {
		where = append(where, "e.time < "+arg(micros(q.Until)))
	}
	if before.seq != 0 {
		where = append(where, "(d.event_seq, d.hook_key) < ("+arg(before.seq)+", "+arg(before.hook)+")")
	}
	return strings.Join(where, " and "), order, args
}

// pendingDeliveries lists pending deliveries by their own index, and sorts them. ok is false when there are so many
// that walking along the events finds some soon.
func (db *DB) pendingDeliveries(ctx context.Context, q hookyard.DeliveryQuery, before pair) (list []hookyard.Delivery,
	next string, ok bool, err error) {
	hooks := []any{q.HookKey}
	if q.HookKey == 0 {
		if hooks, err = db.keys(ctx, "select key from hooks where project_key = $1 and deleted = 0",
			q.ProjectKey); err != nil || len(hooks) == 0 {
			return nil, "", false, err
		}
	}
	nodes, err := db.nodesOfRows(ctx)
	if err != nil {
		return nil, "", false, err
	}
	which := "state = 'pending'"
	if !q.Open {
		which += " and delivered = 0"
	}
	rows, err := db.read.QueryContext(ctx,
		"select event_seq, hook_key from deliveries where "+which+" and node in ("+placeholders(len(nodes))+
			") and hook_key in ("+placeholdersFrom(len(nodes)+1, len(hooks))+fmt.Sprintf(") limit %d", fewPending+1),
		append(nodes, hooks...)...)
	if err != nil {
		return nil, "", false, err
	}
	defer func() { _ = rows.Close() }()
	var all []pair
	for n := 0; rows.Next(); n++ {
		var p pair
		if err := rows.Scan(&p.seq, &p.hook); err != nil {
			return nil, "", false, err
		}
		if n == fewPending {
			return nil, "", false, nil
		}
		if before.seq == 0 || p.seq < before.seq || p.seq == before.seq && p.hook < before.hook {
			all = append(all, p)
		}
	}
	if err := rows.Err(); err != nil || len(all) == 0 {
		return nil, "", err == nil, err
	}
	slices.SortFunc(all, func(a, b pair) int { return cmp.Or(cmp.Compare(b.seq, a.seq), cmp.Compare(b.hook, a.hook)) })
	more := len(all) > q.Limit
	all = all[:min(len(all), q.Limit)]
	var in []string
	var args []any
	for _, p := range all {
		in, args = append(in, fmt.Sprintf("(cast($%d as bigint), cast($%d as bigint))", len(args)+1, len(args)+2)),
			append(args, p.seq, p.hook)
	}
	list, err = db.deliveriesOf(ctx, " where (d.event_seq, d.hook_key) in (values "+strings.Join(in,
		", ")+") order by d.event_seq desc, d.hook_key desc", args...)
	if err == nil && more && len(list) > 0 {
		next = list[len(list)-1].ID
	}
	return list, next, true, err
}

// nodesOfRows are what a pending row's node may be.
func (db *DB) nodesOfRows(ctx context.Context) ([]any, error) {
	nodes, err := db.keys(ctx, "select key from nodes")
	return append(nodes, int64(0)), err
}

func (db *DB) keys(ctx context.Context, query string, args ...any) ([]any, error) {
	rows, err := db.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []any
	for rows.Next() {
		var key int64
		if err := rows.Scan(&key); err != nil {
			return nil, err
		}
		out = append(out, key)
	}
	return out, rows.Err()
}

func (db *DB) deliveriesOf(ctx context.Context, rest string, args ...any) ([]hookyard.Delivery, error) {
	rows, err := db.read.QueryContext(ctx, "select "+deliveryColumns+rest, args...)
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
	rows, err := db.read.QueryContext(ctx, `select n, started, duration, request_header, request_body, request_size,
		status, response_header, response_body, truncated, error, kind, remote, timing,
		method, manual
		from attempts where event_seq = $1 and hook_key = $2 order by n`,
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
		err := rows.Scan(&a.N, &started, &duration, &sent, &a.RequestBody, &a.RequestSize, &a.Status, &got,
			&a.ResponseBody, &a.ResponseTruncated, &a.Error, &a.ErrorKind, &a.Remote, &timing, &a.Method,
			&a.Manual)
		if err != nil {
			return nil, err
		}
		a.StartedAt, a.Duration = fromMicros(started), time.Duration(duration)*time.Microsecond
		if a.URL, a.RequestHeader, err = db.seal.openRequest(sent); err != nil {
			a.URL = hookyard.Masked
		}
		a.ResponseHeader, a.Timing = hookyard.DecodeHeader(got), decodeTiming(timing)
		out = append(out, a)
	}
	return out, rows.Err()
}

// Outcomes lists, by the hook's key, the attempts of an event's deliveries to these hooks, the first first: when each
// was, how long it took and what came of it, without what was sent and received, which may be large.
func (db *DB) Outcomes(ctx context.Context, eventSeq int64, hookKeys []int64) (map[int64][]hookyard.Attempt, error) {
	out := map[int64][]hookyard.Attempt{}
	if len(hookKeys) == 0 {
		return out, nil
	}
	args := []any{eventSeq}
	for _, k := range hookKeys {
		args = append(args, k)
	}
	rows, err := db.read.QueryContext(ctx, `select hook_key, n, started, duration, status, error, kind from attempts
		where event_seq = $1 and hook_key in (`+placeholdersFrom(2, len(hookKeys))+`) order by hook_key, n`, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		a := hookyard.Attempt{EventSeq: eventSeq}
		var started, duration int64
		if err := rows.Scan(&a.HookKey, &a.N, &started, &duration, &a.Status, &a.Error, &a.ErrorKind); err != nil {
			return nil, err
		}
		a.StartedAt, a.Duration = fromMicros(started), time.Duration(duration)*time.Microsecond
		out[a.HookKey] = append(out[a.HookKey], a)
	}
	return out, rows.Err()
}

// CreateDelivery creates the pending delivery of an event to a hook that did not have one, or reopens the one there is.
// A pending one is left alone. It does nothing when the event is past its retention.
func (db *DB) CreateDelivery(ctx context.Context, eventSeq, hookKey int64) error {
	h, err := db.HookByKey(ctx, hookKey)
	if err != nil {
		return err
	}
	return db.txPlain(ctx, func(c conn) error {
		_, err := db.createDelivery(ctx, c, eventSeq, h, 0)
		return err
	})
}

// createDelivery is CreateDelivery within a transaction, for the bulk replay with the given key, or 0. It reports
// whether it created or reopened a delivery. The event is not pruned before the commit.
func (db *DB) createDelivery(ctx context.Context, c conn, eventSeq int64, h *hookyard.Hook, replay int64) (bool,
	error) {
	var seq int64
	err := c.QueryRowContext(ctx, "select seq from events where seq = $1"+db.dialect.forShare, eventSeq).Scan(&seq)
	if err != nil {
		if err == sql.ErrNoRows {
			err = nil
		}
		return false, err
	}
	opened, err := db.openRows(ctx, c, `insert into deliveries
		(event_seq, hook_key, project_key, state, reason, due, node, attempts, tries, updated, place, replay)
		values ($1, $2, $3, 'pending', '', $4, 0, 0, 0, $4, $5, $6)
		on conflict (event_seq, hook_key) do update set `+openAgain("$4", "$5", "$6")+`
		where deliveries.state <> 'pending'`, eventSeq, h.Key, h.ProjectKey, time.Now().UnixMicro(),
		placeOf(h, eventSeq), replay)
	return len(opened) > 0, err
}

// placeOf is the place of a delivery in its hook's queue, as the column has it.
func placeOf(h *hookyard.Hook, eventSeq int64) int64 {
	if h.Ordered {
		return eventSeq
	}
	return 0
}

// Cancel ends a pending delivery; one that was delivered before, or that a bulk replay opened, goes back to what it
// was. It fails with [hookyard.Conflict] when it has ended already. An attempt under way is not called back; its record
// is kept.
func (db *DB) Cancel(ctx context.Context, eventSeq, hookKey int64, reason string) error {
	return db.txPlain(ctx, func(c conn) error {
		n, err := db.endRows(ctx, c, hookyard.Canceled, "update deliveries set "+
			endAs("deliveries", "'canceled'", "cast($1 as text)")+`, due = 0, node = 0, updated = $2
			where event_seq = $3 and hook_key = $4 and state = 'pending'`,
			reason, time.Now().UnixMicro(), eventSeq, hookKey)
		if err == nil && n == 0 {
			return hookyard.Errorf(hookyard.Conflict, "the delivery has ended already")
		}
		return err
	})
}

// Missed are the deliveries of a hook that are not delivered and will not be, among its newest.
type Missed struct {
	Of      int // how many were looked at
	Skipped int
	Failed  int
	Since   time.Time // when the first of them ended
}

// HookMissed looks at a hook's newest n deliveries.
func (db *DB) HookMissed(ctx context.Context, hookKey int64, n int) (Missed, error) {
	var m Missed
	rows, err := db.read.QueryContext(ctx, "select state, count(*), min(updated) from (select "+shownState+` as state,
		updated from deliveries d where hook_key = $1 order by event_seq desc limit $2) as newest
		group by state`, hookKey, n)
	if err != nil {
		return m, err
	}
	_, err = collect(rows, func(row scanner) (none struct{}, err error) {
		var state hookyard.State
		var n int
		var first int64
		if err := row.Scan(&state, &n, &first); err != nil {
			return none, err
		}
		m.Of += n
		switch state {
		case hookyard.Skipped:
			m.Skipped = n
		case hookyard.Failed:
			m.Failed = n
		default:
			return none, nil
		}
		if at := fromMicros(first); m.Since.IsZero() || at.Before(m.Since) {
			m.Since = at
		}
		return none, nil
	})
	return m, err
}
