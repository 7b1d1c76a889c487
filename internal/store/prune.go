package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hookyard/hookyard"
)

// Retention says what may go.
type Retention struct {
	Bodies time.Duration // events go when they are older, unless their project says otherwise; 0 keeps them
	Bytes  int64         // the oldest go when more than that is in use; 0 means no bound
	Seen   time.Duration // duplicates' guards go when they are older; longer than Bodies
}

// pruneStep is how many events one step deletes.
const pruneStep = 500

// Prune deletes one step of what is past retention: the oldest events with their deliveries and attempts. Events with a
// pending delivery stay, whatever their age. Hooks that have expired are deleted, too. It returns how many events it
// deleted; 0 means that there is nothing left to do now.
func (db *DB) Prune(ctx context.Context, r Retention, now time.Time) (int, error) {
	if err := db.expireHooks(ctx, now); err != nil {
		return 0, err
	}
	if r.Seen > 0 {
		err := db.txPlain(ctx, func(c conn) error {
			if _, err := c.ExecContext(ctx, "delete from sessions where expires < $1", micros(now)); err != nil {
				return err
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
	own, err := db.ownRetentions(ctx)
	if err != nil {
		return 0, err
	}
	for key, keep := range own {
		if n, err := db.pruneOlder(ctx, now.Add(-keep), "project_key = $3", key); n > 0 || err != nil {
			return n, err
		}
	}
	if r.Bodies > 0 {
		others, args := "", []any(nil)
		if len(own) > 0 {
			for key := range own {
				args = append(args, key)
			}
			others = "project_key not in (" + placeholdersFrom(3, len(args)) + ")"
		}
		if n, err := db.pruneOlder(ctx, now.Add(-r.Bodies), others, args...); n > 0 || err != nil {
			return n, err
		}
	}
	if r.Bytes > 0 {
		size, err := db.used(ctx, r.Bytes)
		if err != nil {
			return 0, err
		}
		if size > r.Bytes {
			return db.pruneOldest(ctx, now, size-r.Bytes)
		}
	}
	return 0, nil
}

// ownRetentions are the projects that say themselves how long their events are kept.
func (db *DB) ownRetentions(ctx context.Context) (map[int64]time.Duration, error) {
	rows, err := db.read.QueryContext(ctx, "select key, retention from projects where deleted = 0 and retention <> 0")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := map[int64]time.Duration{}
	for rows.Next() {
		var key int64
		var keep time.Duration
		if err := rows.Scan(&key, &keep); err != nil {
			return nil, err
		}
		out[key] = keep
	}
	return out, rows.Err()
}

// pruneOlder deletes one step of the events before a time that have no pending delivery. where, if not "", narrows
// them; its parameters begin with $3.
func (db *DB) pruneOlder(ctx context.Context, before time.Time, where string, args ...any) (int, error) {
	seqs, err := db.prunable(ctx, before, where, args...)
	if err != nil || len(seqs) == 0 {
		return 0, err
	}
	return db.deleteEvents(ctx, seqs)
}

// pruneOldest deletes the oldest events that have no pending delivery, at most one step of them, and stops as soon as
// they took the bytes that are too many. What a row costs besides its values is left out: the caller looks at what is
// in use again, and one call too few takes less than an event too many.
func (db *DB) pruneOldest(ctx context.Context, now time.Time, excess int64) (int, error) {
	seqs, err := db.prunable(ctx, now, "")
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
	for excess > 0 && rows.Next() {
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
	return db.deleteEvents(ctx, oldest)
}

// deleteEvents deletes those of the events that have no pending delivery, with what belongs to them, and returns how
// many.
func (db *DB) deleteEvents(ctx context.Context, seqs []any) (gone int, err error) {
	err = db.txPlain(ctx, func(c conn) error {
		var err error
		if seqs, err = lockSettled(ctx, c, seqs, db.dialect.forUpdate); err != nil || len(seqs) == 0 {
			return err
		}
		if err := notePruned(ctx, c, seqs); err != nil {
			return err
		}
		in := " in (" + placeholders(len(seqs)) + ")"
		for _, text := range []string{
			"delete from attempts where event_seq" + in,
			"delete from deliveries where event_seq" + in,
			"delete from events where seq" + in,
		} {
			if _, err := c.ExecContext(ctx, text, seqs...); err != nil {
				return err
			}
		}
		gone = len(seqs)
		return nil
	})
	return gone, err
}

// prunable returns the seqs of the oldest events before a time that have no pending delivery.
func (db *DB) prunable(ctx context.Context, before time.Time, where string, args ...any) ([]any, error) {
	// else all younger events are looked at to find that they are younger
	end, err := db.seqAt(ctx, before.Add(clockSlack))
	if err != nil {
		return nil, err
	}
	if where != "" {
		where = " and " + where
	}
	rows, err := db.read.QueryContext(ctx, fmt.Sprintf(`select seq from events where seq < $1 and time < $2%s
		and not exists (select 1 from deliveries d where d.event_seq = events.seq and d.state = 'pending')
		order by seq limit %d`, where, pruneStep),
		append([]any{end, micros(before)}, args...)...)
	if err != nil {
		return nil, err
	}
	return scanSeqs(rows)
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
	for _, table := range []string{"events", "deliveries", "attempts"} {
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
