package store

import (
	"context"
	"time"
)

// Retention says what may go.
type Retention struct {
	Bodies time.Duration // events' bytes and attempts go when they are older; 0 keeps them
	Bytes  int64         // the oldest go when the database is larger; 0 means no bound
	Seen   time.Duration // duplicates' guards go when they are older; longer than Bodies
}

// pruneStep is how many events one step takes away.
const pruneStep = 500

// Prune takes away one step of what is past retention: the oldest events with their deliveries and attempts. Events that
// are still owed to somebody stay, whatever their age. Hooks that have expired go, too. It returns how many
// events went; 0 means that there is nothing left to do now.
func (db *DB) Prune(ctx context.Context, r Retention, now time.Time) (int, error) {
	if err := db.expireHooks(ctx, now); err != nil {
		return 0, err
	}
	before := int64(0)
	if r.Bodies > 0 {
		before = micros(now.Add(-r.Bodies))
	}
	if r.Bytes > 0 {
		size, err := db.used(ctx)
		if err != nil {
			return 0, err
		}
		if size > r.Bytes {
			before = micros(now)
		}
	}
	if r.Seen > 0 {
		err := db.txPlain(ctx, func(c conn) error {
			if _, err := c.ExecContext(ctx, "delete from sessions where expires < $1", micros(now)); err != nil {
				return err
			}
			_, err := c.ExecContext(ctx, "delete from seen where time < $1 and time in (select time from seen where time < $1 order by time limit 5000)",
				micros(now.Add(-r.Seen)))
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	if before == 0 {
		return 0, nil
	}
	seqs, err := db.prunable(ctx, before)
	if err != nil || len(seqs) == 0 {
		return 0, err
	}
	return len(seqs), db.txPlain(ctx, func(c conn) error {
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
		return nil
	})
}

// prunable returns the seqs of the oldest events before a time that nobody is owed any more.
func (db *DB) prunable(ctx context.Context, before int64) ([]any, error) {
	rows, err := db.read.QueryContext(ctx, `select seq from events where time < $2
		and not exists (select 1 from deliveries d where d.event_seq = events.seq and d.state = 'pending') order by seq limit $1`, pruneStep, before)
	if err != nil {
		return nil, err
	}
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

// used returns the bytes in use: on SQLite the file does not shrink when rows go, so its free pages do not count.
func (db *DB) used(ctx context.Context) (int64, error) {
	if db.dialect.writers > 1 {
		return db.Size(ctx)
	}
	var n int64
	err := db.read.QueryRowContext(ctx, `select (page_count - freelist_count) * page_size
		from pragma_page_count(), pragma_freelist_count(), pragma_page_size()`).Scan(&n)
	return n, err
}
