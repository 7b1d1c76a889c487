package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
)

// Claim takes up to limit deliveries of a hook that are due at now: they belong to this node until Finish, and no other
// node gets them. Those with the earliest due come first.
//
// One node at a time sends to a limited hook: the first that claims, until it ends. Others get
// [hookyard.ErrElsewhere].
//
// The deliveries of an ordered hook come in event order, whatever their due: the wait between two attempts is the
// hook's (Health.RestUntil), so that no event overtakes another. None is claimed while this node, or another, still
// has one.
//
// Fewer than limit are claimed when the bytes of their events come to more than [claimBytes], but at least one. Bodies
// larger than [hookyard.LargeBody] are left for [DB.EventBody].
func (db *DB) Claim(ctx context.Context, hookKey int64, now time.Time, limit int) ([]hookyard.Work, error) {
	h, err := db.HookByKey(ctx, hookKey)
	if err != nil {
		return nil, err
	}
	o := &claimOp{hook: hookKey, ordered: h.Ordered, limited: h.Limited(), now: micros(now), limit: limit,
		done: make(chan error, 1)}
	if err := db.finishes.put(ctx, o); err != nil {
		return nil, err
	}
	if err := <-o.done; err != nil { // not ctx: what was claimed must not be forgotten
		return nil, err
	}
	if o.elsewhere {
		return nil, hookyard.ErrElsewhere
	}
	if len(o.claimed) == 0 {
		return nil, nil
	}
	return db.fillEvents(context.WithoutCancel(ctx), o.claimed)
}

// Held lists the pending deliveries that are marked as this node's, at most 20,000.
func (db *DB) Held(ctx context.Context) ([]hookyard.DeliveryKey, error) {
	rows, err := db.read.QueryContext(ctx,
		"select event_seq, hook_key from deliveries where node = $1 and state = 'pending' limit 20000", db.node)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []hookyard.DeliveryKey
	for rows.Next() {
		var k hookyard.DeliveryKey
		if err := rows.Scan(&k.EventSeq, &k.HookKey); err != nil {
			return nil, err
		}
		out = append(out, k)
	}
	return out, rows.Err()
}

// pendingOf is the condition that a delivery is pending and belongs to a node, in a form that fits no index and whose
// share of the rows PostgreSQL takes for a half. It is for statements that name rows by their key: if the condition
// were plain, the planner could take the index of what is pending for a good way in and walk all of it for every row;
// and an expression that is compared with a constant counts as rare, so that it expects one row and does the same.
func pendingOf(alias, node string) string {
	return "case when " + alias + "state = 'pending' and " + alias + "node = " + node + " then true else false end"
}

// Free lets every node claim deliveries that are marked as this node's. This node must not have them in memory.
func (db *DB) Free(ctx context.Context, keys []hookyard.DeliveryKey) error {
	return db.txPlain(ctx, func(c conn) error {
		for _, k := range keys {
			_, err := c.ExecContext(ctx,
				"update deliveries set node = 0 where event_seq = $1 and hook_key = $2 and "+pendingOf("", "$3"),
				k.EventSeq, k.HookKey, db.node)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// claimBytes bounds the events' bytes that one claim brings into memory, save for a single event that is larger.
const claimBytes = 8 << 20

type claimOp struct {
	hook    int64
	ordered bool
	limited bool
	now     int64
	limit   int
	done    chan error

	claimed   []hookyard.Work
	elsewhere bool // another node sends to the hook
}

func (o *claimOp) end(err error) { o.done <- err }

func (*claimOp) cost() (project, bytes int64) { return 0, 0 }

func (*claimOp) take() bool { return true }

func (o *claimOp) join(t *sharedTx) {
	t.claims = append(t.claims, o)
	t.lockHook(o.hook)
}

// applyClaims does the claims of a batch, one by one.
func (t *sharedTx) applyClaims(ctx context.Context) error {
	for _, o := range t.claims {
		if err := t.claimDue(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

func (t *sharedTx) claimDue(ctx context.Context, o *claimOp) error {
	o.claimed, o.elsewhere = o.claimed[:0], false
	if may, err := t.mayClaim(ctx, o); err != nil || !may {
		return err
	}
	var sizes map[int64]int64
	var err error
	if o.ordered {
		if sizes, err = t.markClaimed(ctx, o, "place > 0 order by place"); err != nil {
			return err
		}
		slices.SortFunc(o.claimed, func(a, b hookyard.Work) int {
			return cmp.Compare(a.Delivery.EventSeq, b.Delivery.EventSeq)
		})
	}
	if len(o.claimed) == 0 { // rows of an ordered hook have no place when they are older than its being ordered
		if sizes, err = t.markClaimed(ctx, o, "due <= $4 order by due, event_seq", o.now); err != nil {
			return err
		}
		slices.SortFunc(o.claimed, func(a, b hookyard.Work) int {
			return cmp.Or(a.Delivery.Due.Compare(b.Delivery.Due), cmp.Compare(a.Delivery.EventSeq, b.Delivery.EventSeq))
		})
	}
	sum := int64(0)
	for i := range o.claimed {
		sum += sizes[o.claimed[i].Delivery.EventSeq]
		if i > 0 && sum > claimBytes {
			return t.giveBack(ctx, o, i)
		}
	}
	return nil
}

// markClaimed claims the first rows of which, a condition with its order, and returns the sizes of their events. The
// parameters of which begin with $4. The rows are materialized first: PostgreSQL may run a subquery again for each row,
// and each time it would lock others, beyond the limit.
func (t *sharedTx) markClaimed(ctx context.Context, o *claimOp, which string, args ...any) (sizes map[int64]int64,
	err error) {
	rows, err := t.stmts.conn.QueryContext(ctx, `with ready as materialized (
			select event_seq from deliveries where node = 0 and hook_key = $2 and state = 'pending' and `+which+`
			limit $3`+t.db.dialect.skipLocked+`)
		update deliveries set node = $1
		where hook_key = $2 and `+pendingOf("", "0")+` and event_seq in (select event_seq from ready)
		returning event_seq, project_key, due, attempts, tries, delivered, replay,
			(select size from events where seq = event_seq)`,
		append([]any{t.db.node, o.hook, o.limit}, args...)...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	sizes = make(map[int64]int64, o.limit)
	for rows.Next() {
		var due, delivered int64
		var size *int64 // null: the event is gone, which fillEvents tells
		d := hookyard.Delivery{HookKey: o.hook, State: hookyard.Pending}
		if err := rows.Scan(&d.EventSeq, &d.ProjectKey, &due, &d.Attempts, &d.Tries, &delivered,
			&d.ReplayKey, &size); err != nil {
			return nil, err
		}
		if size != nil {
			sizes[d.EventSeq] = *size
		}
		d.Due = fromMicros(due)
		d.DeliveredAt = fromMicros(delivered)
		o.claimed = append(o.claimed, hookyard.Work{Delivery: d})
	}
	return sizes, rows.Err()
}

// giveBack leaves all but the first n of what was claimed for the next claim.
func (t *sharedTx) giveBack(ctx context.Context, o *claimOp, n int) error {
	args := []any{o.hook}
	for i := range o.claimed[n:] {
		args = append(args, o.claimed[n+i].Delivery.EventSeq)
	}
	o.claimed = o.claimed[:n]
	_, err := t.stmts.conn.ExecContext(ctx,
		"update deliveries set node = 0 where hook_key = $1 and event_seq in ("+placeholdersFrom(2,
			len(args)-1)+")", args...)
	return err
}

// mayClaim says whether deliveries of a hook may be claimed: not while the hook rests, which another node may have
// decided, those of an ordered hook not while a node has one, and those of another limited hook not while another node
// sends to it. The hook's row is locked until the commit, so that two nodes do not both find none.
func (t *sharedTx) mayClaim(ctx context.Context, o *claimOp) (bool, error) {
	if t.db.dialect.oneProcess && !o.ordered {
		return true, nil // the lane that asks decides itself when the hook rests
	}
	var text string
	var node int64
	if err := t.stmts.conn.QueryRowContext(ctx, `select health, coalesce((select key from nodes
		where nodes.key = hooks.node), 0) from hooks where key = $1`, o.hook).Scan(&text, &node); err != nil {
		return false, err
	}
	var health hookyard.Health
	if text != "" {
		if err := json.Unmarshal([]byte(text), &health); err != nil {
			return false, err
		}
	}
	if o.elsewhere = o.limited && node != 0 && node != t.db.node; o.elsewhere {
		return false, nil
	}
	if micros(health.RestUntil) > o.now || !o.limited {
		return micros(health.RestUntil) <= o.now, nil
	}
	except := t.db.node // which holds the limit over what it has
	if o.ordered {
		except = 0
	}
	var n int
	err := t.stmts.conn.QueryRowContext(ctx, `select count(*) from (
		select 1 from nodes n join deliveries d on d.node = n.key
		where d.state = 'pending' and d.hook_key = $1 and n.key <> $2 limit 1) as one`, o.hook, except).Scan(&n)
	if err != nil || n > 0 || node == t.db.node {
		return n == 0, err
	}
	_, err = t.stmts.conn.ExecContext(ctx, "update hooks set node = $1 where key = $2", t.db.node, o.hook)
	return err == nil, err
}

// fillEvents reads the events of claimed deliveries, without large bodies. A delivery whose event was pruned ends:
// there is nothing to send.
func (db *DB) fillEvents(ctx context.Context, work []hookyard.Work) ([]hookyard.Work, error) {
	seqs := make([]int64, len(work))
	for i := range work {
		seqs[i] = work[i].Delivery.EventSeq
	}
	events, err := db.readEvents(ctx, eventSmall, seqs)
	if err != nil {
		return nil, err
	}
	whole := work[:0]
	for _, w := range work {
		d := &w.Delivery
		e := events[d.EventSeq]
		if e == nil {
			db.log.Warn("an event with a pending delivery is past its retention; the delivery ends",
				"event", d.EventSeq, "hook", d.HookKey)
			if err := db.Cancel(ctx, d.EventSeq, d.HookKey, "the event is past its retention"); err != nil {
				return nil, err
			}
			continue
		}
		w.Event = e
		d.EventID, d.EventType = e.ID, e.Type
		d.EventTime = e.Time
		d.ID = hookyard.DeliveryID(e.ID, d.HookKey)
		whole = append(whole, w)
	}
	return whole, nil
}

// firstPending ends a select of the first of what is pending in the order of its index. It stands for min(), which
// PostgreSQL, while it expects few rows, may compute from all of them.
const firstPending = " order by node, hook_key, due limit 1"

// Backlog returns the hooks that have deliveries to be claimed, with the time when the first is due. It costs one index
// look-up for each hook, however many deliveries wait.
func (db *DB) Backlog(ctx context.Context) ([]hookyard.HookDue, error) {
	rows, err := db.read.QueryContext(ctx, `with recursive h (k) as (
			select (select hook_key from deliveries where node = 0 and state = 'pending'`+firstPending+`)
			union all
			select (select hook_key from deliveries where node = 0 and state = 'pending' and hook_key > h.k`+
		firstPending+`) from h where h.k is not null)
		select k, (select due from deliveries where node = 0 and state = 'pending' and hook_key = k`+firstPending+`)
		from h where k is not null`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []hookyard.HookDue
	for rows.Next() {
		var key int64
		var due *int64 // null when the row was claimed between the two look-ups
		if err := rows.Scan(&key, &due); err != nil {
			return nil, err
		}
		if due != nil {
			out = append(out, hookyard.HookDue{HookKey: key, Due: time.UnixMicro(*due)})
		}
	}
	return out, rows.Err()
}

// NextDue returns when the first delivery of a hook that can be claimed is due; ok is false when there is none.
func (db *DB) NextDue(ctx context.Context, hookKey int64) (due time.Time, ok bool, err error) {
	var us int64
	err = db.read.QueryRowContext(ctx, "select due from deliveries where node = 0 and state = 'pending' and "+
		"hook_key = $1"+firstPending, hookKey).Scan(&us)
	if err == sql.ErrNoRows {
		return time.Time{}, false, nil
	}
	return time.UnixMicro(us), err == nil, err
}

// EndPending ends up to limit pending deliveries of a hook that no node has claimed, because the hook is off or
// deleted. It returns how many it ended; fewer than limit means that none is left.
func (db *DB) EndPending(ctx context.Context, hookKey int64, state hookyard.State, reason string, limit int) (int,
	error) {
	var n int
	err := db.txPlain(ctx, func(c conn) (err error) {
		n, err = db.endRows(ctx, c, state, "update deliveries set "+endAs("deliveries", "cast($1 as text)",
			"cast($2 as text)")+`, due = 0, updated = $3
			where hook_key = $4 and `+pendingOf("", "0")+` and event_seq in (
				select event_seq from deliveries where node = 0 and hook_key = $4 and state = 'pending' limit $5)`,
			string(state), reason, time.Now().UnixMicro(), hookKey, limit)
		return err
	})
	return n, err
}

// Lag returns, by the hook's key, how long the oldest delivery that is due has been waiting to be claimed. Ordered
// hooks are left out: their deliveries wait for one another.
func (db *DB) Lag(ctx context.Context, now time.Time) (map[int64]time.Duration, error) {
	backlog, err := db.Backlog(ctx)
	if err != nil {
		return nil, err
	}
	out := map[int64]time.Duration{}
	for _, h := range backlog {
		late := now.Sub(h.Due)
		if late <= 0 {
			continue
		}
		hook, err := db.HookByKey(ctx, h.HookKey)
		if err != nil {
			return nil, err
		}
		if !hook.Ordered {
			out[h.HookKey] = late
		}
	}
	return out, nil
}

// placeholders are $1 to $n.
func placeholders(n int) string { return placeholdersFrom(1, n) }

// placeholdersFrom are n of them, the first of which is $first.
func placeholdersFrom(first, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "$%d", first+i)
	}
	return b.String()
}
