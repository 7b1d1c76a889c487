package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/hookyard/hookyard"
)

// Retention says what may go.
type Retention struct {
	Bodies time.Duration // events go when they are older, unless their project says otherwise; 0 keeps them
	Bytes  int64         // when more than that is in use, the oldest of those go who keep most; 0 means no bound
	Seen   time.Duration // duplicates' guards go when they are older; longer than Bodies

	// Took, if not nil, is called with what was deleted of a project because of Bytes.
	Took func(projectKey int64, events int, bytes int64)
}

// Bounds on what one step deletes, in one transaction, and on the steps to come down to [Retention.Bytes] of one call.
const (
	pruneStep  = 500       // events
	pruneBytes = 128 << 20 // of their bodies, save for one that is larger
	pruneMost  = 20 * pruneStep
)

// Prune deletes one step of what is past retention: the oldest events with their deliveries and attempts. Events with a
// pending delivery stay, whatever their age. Hooks that have expired are deleted, too. It returns how many events it
// deleted; 0 means that there is nothing left to do now.
func (db *DB) Prune(ctx context.Context, r Retention, now time.Time) (int, error) {
	if err := db.expireHooks(ctx, now); err != nil {
		return 0, err
	}
	if r.Seen > 0 {
		err := db.txPlain(ctx, func(c conn) error {
			for _, table := range []string{"sessions", "used_challenges", "portal_links", "portal_sessions"} {
				_, err := c.ExecContext(ctx, "delete from "+table+" where expires < $1", micros(now))
				if err != nil {
					return err
				}
			}
			_, err := c.ExecContext(ctx,
				"delete from seen where time < $1 and time in (select time from seen where time < $1 "+
					"order by time limit 5000)",
				micros(now.Add(-r.Seen)))
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	own, n, err := db.pruneOwn(ctx, now)
	if n > 0 || err != nil {
		return n, err
	}
	if r.Bodies > 0 {
		others := ""
		if own {
			others = "not exists (select 1 from projects p where p.key = project_key and p.deleted = 0 and " +
				"p.retention <> 0)"
		}
		if n, err := db.pruneOlder(ctx, now.Add(-r.Bodies), others); n > 0 || err != nil {
			return n, err
		}
	}
	if r.Bytes > 0 {
		size, err := db.used(ctx, r.Bytes)
		if err != nil {
			return 0, err
		}
		if size > r.Bytes {
			return db.pruneFairly(ctx, r, now, size-r.Bytes)
		}
	}
	return 0, nil
}

// ownTurn is how many of the projects that say themselves how long their events are kept are looked at in one turn, and
// turnEvery how soon the next begins. Where there are more, each has to wait for its turn.
const (
	ownTurn   = 2000
	turnEvery = 30 * time.Second
)

// pruneTurn is where the pruner stands among the projects that say themselves how long their events are kept.
type pruneTurn struct {
	mu    sync.Mutex // guards what follows
	next  int64      // key of the first project that is looked at
	ended time.Time  // when the last turn was over
}

// pruneOwn deletes one step of the events of a project that says itself how long they are kept. own reports whether
// there is one.
func (db *DB) pruneOwn(ctx context.Context, now time.Time) (own bool, n int, err error) {
	p := &db.turn
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := db.read.QueryRowContext(ctx,
		"select exists (select 1 from projects where deleted = 0 and retention <> 0)").Scan(&own); err != nil ||
		!own || now.Sub(p.ended).Abs() < turnEvery {
		return own, 0, err
	}
	rows, err := db.read.QueryContext(ctx, `select key, retention from projects
		where deleted = 0 and retention <> 0 and key >= $1 order by key limit $2`, p.next, ownTurn)
	if err != nil {
		return own, 0, err
	}
	type retention struct {
		key  int64
		keep time.Duration
	}
	turn, err := collect(rows, func(row scanner) (r retention, err error) {
		err = row.Scan(&r.key, &r.keep)
		return r, err
	})
	if err != nil {
		return own, 0, err
	}
	for _, r := range turn {
		p.next = r.key
		oldest, err := db.oldestOf(ctx, r.key)
		if err != nil {
			return own, 0, err
		}
		if before := now.Add(-r.keep); oldest.Before(before.Add(clockSlack)) {
			if n, err := db.pruneOlder(ctx, before, "project_key = $3", r.key); n > 0 || err != nil {
				return own, n, err
			}
		}
	}
	p.ended = now
	if p.next++; len(turn) < ownTurn {
		p.next = 0
	}
	return own, 0, nil
}

// oldestOf returns the time of a project's first event, or of the end of all times if it has none.
func (db *DB) oldestOf(ctx context.Context, projectKey int64) (time.Time, error) {
	var us int64
	err := db.read.QueryRowContext(ctx, "select time from events where "+db.dialect.eventsOf("$1", ">=", "0")+" and "+
		db.dialect.eventsOf("$1", "<=", "$2")+" order by project_key, seq limit 1", projectKey,
		int64(lastSeq)).Scan(&us)
	if err == sql.ErrNoRows {
		return time.UnixMicro(math.MaxInt64), nil
	}
	return time.UnixMicro(us), err
}

// pruneOlder deletes one step of the events before a time that have no pending delivery. where, if not "", narrows
// them; its parameters begin with $3.
func (db *DB) pruneOlder(ctx context.Context, before time.Time, where string, args ...any) (int, error) {
	seqs, err := db.prunable(ctx, before, where, args...)
	if err != nil || len(seqs) == 0 {
		return 0, err
	}
	gone, err := db.deleteEvents(ctx, seqs)
	return gone.events, err
}

// pruneFairly deletes the oldest events of those projects that keep most, so that the bytes that are too many go.
// Events of deleted projects go first. Where all that a project keeps has pending deliveries, the others give more.
func (db *DB) pruneFairly(ctx context.Context, r Retention, now time.Time, excess int64) (int, error) {
	deleted, err := db.keys(ctx, `select key from projects p where deleted <> 0
		and exists (select 1 from events e where e.project_key = p.key) limit 1`)
	if err != nil {
		return 0, err
	}
	for _, key := range deleted {
		if n, err := db.pruneOldest(ctx, r, now, hookyard.Cut{Key: key.(int64), Bytes: excess}); n > 0 || err != nil {
			return n, err
		}
	}
	kept, err := db.KeptBytes(ctx)
	if err != nil {
		return 0, err
	}
	for {
		cuts := hookyard.Cuts(kept, excess)
		if len(cuts) == 0 { // what is kept is unknown
			return db.pruneOldest(ctx, r, now, hookyard.Cut{Bytes: excess})
		}
		gone := 0
		for _, cut := range cuts {
			n, err := db.pruneOldest(ctx, r, now, cut)
			if err != nil {
				return gone, err
			}
			if n == 0 {
				delete(kept, cut.Key)
			}
			if gone += n; gone >= pruneMost {
				break
			}
		}
		if gone > 0 || ctx.Err() != nil {
			return gone, ctx.Err()
		}
	}
}

// KeptBytes returns how many bytes are kept of each project: the bodies and headers of its events, and the bodies of
// the requests and responses of their attempts.
func (db *DB) KeptBytes(ctx context.Context) (map[int64]int64, error) {
	kept := map[int64]int64{}
	err := db.eachCount(ctx, "step = 0 and hook_key = 0", nil, func(key CountKey, _ int64, c *hookyard.Counts) {
		if key.Hook == 0 && key.Project != AllProjects {
			kept[key.Project] += c[hookyard.CountKept]
		}
	})
	return kept, err
}

// pruneOldest deletes the oldest events of a project, or of all if cut.Key is 0, that have no pending delivery, at most
// one step of them, and stops as soon as they took the bytes of the cut. What a row costs besides its values is left
// out: the caller looks at what is in use again, and one call too few takes less than an event too many.
func (db *DB) pruneOldest(ctx context.Context, r Retention, now time.Time, cut hookyard.Cut) (int, error) {
	where, args := "", []any(nil)
	if cut.Key != 0 {
		where, args = "project_key = $3", []any{cut.Key}
	}
	seqs, err := db.prunable(ctx, now, where, args...)
	if err != nil || len(seqs) == 0 {
		return 0, err
	}
	rows, err := db.read.QueryContext(ctx, fmt.Sprintf(`select seq, coalesce(%[1]s(body), 0) + %[1]s(header) +
			coalesce((select sum(coalesce(%[1]s(request_body), 0) + %[1]s(request_header) + %[1]s(response_body) +
				%[1]s(response_header)) from attempts where event_seq = seq), 0)
		from events where seq in (%[2]s) order by seq`, db.dialect.bytesOf, placeholders(len(seqs))), seqs...)
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }()
	var oldest []any
	for excess := cut.Bytes; excess > 0 && rows.Next(); {
		var seq, bytes int64
		if err := rows.Scan(&seq, &bytes); err != nil {
			return 0, err
		}
		oldest = append(oldest, seq)
		excess -= bytes
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil || len(oldest) == 0 {
		return 0, err
	}
	gone, err := db.deleteEvents(ctx, oldest)
	if err == nil && r.Took != nil {
		for project, bytes := range gone.bytes {
			r.Took(project, gone.events, bytes)
		}
	}
	return gone.events, err
}

// gone is what a transaction deleted.
type gone struct {
	events int
	bytes  map[int64]int64 // by project
}

// deleteEvents deletes those of the events that have no pending delivery, with what belongs to them.
func (db *DB) deleteEvents(ctx context.Context, seqs []any) (g gone, err error) {
	err = db.txPlain(ctx, func(c conn) error {
		var err error
		if seqs, err = lockSettled(ctx, c, seqs, db.dialect.forUpdate); err != nil || len(seqs) == 0 {
			return err
		}
		if err := notePruned(ctx, c, seqs); err != nil {
			return err
		}
		g.events = len(seqs)
		g.bytes, err = db.deleteSettled(ctx, c, seqs)
		return err
	})
	return g, err
}

// deleteSettled deletes events, which have no pending delivery, with what belongs to them. It returns how many bytes
// were kept of them, by project.
func (db *DB) deleteSettled(ctx context.Context, c conn, seqs []any) (kept map[int64]int64, err error) {
	if kept, err = keptOf(ctx, c, seqs); err != nil {
		return nil, err
	}
	var t tally
	for project, bytes := range kept {
		t.of(project, 0)[hookyard.CountKept] -= bytes
	}
	if err := db.storeTally(ctx, c, &t); err != nil {
		return nil, err
	}
	if err := deleteFieldRows(ctx, c, seqs); err != nil {
		return nil, err
	}
	in := " in (" + placeholders(len(seqs)) + ")"
	for _, text := range []string{
		"delete from attempts where event_seq" + in,
		"delete from deliveries where event_seq" + in,
		"delete from events where seq" + in,
	} {
		if _, err := c.ExecContext(ctx, text, seqs...); err != nil {
			return nil, err
		}
	}
	return kept, nil
}

// prunable returns the seqs of the oldest events before a time that have no pending delivery, one step of them.
func (db *DB) prunable(ctx context.Context, before time.Time, where string, args ...any) ([]any, error) {
	// else all younger events are looked at to find that they are younger
	end, err := db.seqAt(ctx, before.Add(clockSlack))
	if err != nil {
		return nil, err
	}
	if where != "" {
		where = " and " + where
	}
	rows, err := db.read.QueryContext(ctx, fmt.Sprintf(`select seq, size from events where seq < $1 and time < $2%s
		and not exists (select 1 from deliveries d where d.event_seq = events.seq and d.state = 'pending')
		order by seq limit %d`, where, pruneStep),
		append([]any{end, micros(before)}, args...)...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var seqs []any
	for bytes := int64(0); bytes < pruneBytes && rows.Next(); {
		var seq, size int64
		if err := rows.Scan(&seq, &size); err != nil {
			return nil, err
		}
		seqs = append(seqs, seq)
		bytes += size
	}
	return seqs, rows.Err()
}

func scanSeqs(rows *sql.Rows) ([]any, error) {
	defer func() { _ = rows.Close() }()
	var out []any
	for rows.Next() {
		var seq int64
		if err := rows.Scan(&seq); err != nil {
			return nil, err
		}
		out = append(out, seq)
	}
	return out, rows.Err()
}

// lockSettled locks events and their deliveries and returns those without a pending delivery: since they were found,
// one may have been replayed.
func lockSettled(ctx context.Context, c conn, seqs []any, forUpdate string) ([]any, error) {
	in := " in (" + placeholders(len(seqs)) + ")"
	rows, err := c.QueryContext(ctx, "select seq from events where seq"+in+" order by seq"+forUpdate, seqs...)
	if err != nil {
		return nil, err
	}
	there, err := scanSeqs(rows)
	if err != nil || len(there) == 0 {
		return nil, err
	}
	rows, err = c.QueryContext(ctx,
		"select event_seq, state from deliveries where event_seq"+in+" order by event_seq, hook_key"+forUpdate, seqs...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	pending := map[any]bool{}
	for rows.Next() {
		var seq int64
		var state string
		if err := rows.Scan(&seq, &state); err != nil {
			return nil, err
		}
		if state == string(hookyard.Pending) {
			pending[seq] = true
		}
	}
	return slices.DeleteFunc(there, func(seq any) bool { return pending[seq] }), rows.Err()
}

// used returns the bytes in use. Files do not shrink when rows go, so free pages do not count on SQLite; PostgreSQL
// does not tell them apart, and a database that seems too large for bound is looked at more closely.
func (db *DB) used(ctx context.Context, bound int64) (int64, error) {
	var n int64
	if err := db.read.QueryRowContext(ctx, db.dialect.used).Scan(&n); err != nil || n <= bound ||
		!db.dialect.usedIsBound {
		return n, err
	}
	live := int64(0)
	for _, table := range []string{"events", "deliveries", "attempts", "event_fields"} {
		bytes, err := db.sampled(ctx, table)
		if err != nil {
			return 0, err
		}
		live += bytes
	}
	return min(n, live), nil
}

// samplePages is how many pages of a table are looked at to estimate how large its rows are.
const samplePages = 2000

// sampled estimates the bytes of a table's live rows on PostgreSQL, from a part of its pages.
func (db *DB) sampled(ctx context.Context, table string) (int64, error) {
	var pages int64
	if err := db.read.QueryRowContext(ctx,
		"select pg_relation_size('"+table+"'::regclass) / 8192").Scan(&pages); err != nil || pages == 0 {
		return 0, err
	}
	percent := min(100, 100*samplePages/float64(pages))
	var bytes int64
	err := db.read.QueryRowContext(ctx,
		fmt.Sprintf("select coalesce(sum(pg_column_size(t.*)), 0)::bigint from %s t tablesample system (%f)", table,
			percent)).Scan(&bytes)
	return int64(float64(bytes) * 100 / percent), err
}
