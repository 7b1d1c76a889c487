package store

import (
	"context"

	"github.com/hookyard/hookyard"
)

// After reads what came into a project after a seq, oldest first: at most limit events, without headers and bodies,
// which [DB.EventsBySeq] has. What it says of the end and of retention is true of the same moment as the events.
func (db *DB) After(ctx context.Context, projectKey, after int64, limit int) (hookyard.Tail, error) {
	for range 5 {
		t, err := db.tailStart(ctx, projectKey)
		if err != nil {
			return t, err
		}
		newest := t.UpTo
		if t.Events, _, err = db.eventChunk(ctx,
			"select "+eventLight+" from events e where "+db.dialect.eventsOf("$1", ">", "$2")+" and "+
				db.dialect.eventsOf("$1", "<=", "$3")+" order by project_key, seq limit $4",
			[]any{projectKey, after, int64(lastSeq), limit}, false); err != nil {
			return t, err
		}
		t.UpTo = max(after, newest)
		if n := len(t.Events); n > 0 {
			t.UpTo = max(newest, t.Events[n-1].Seq)
			if n == limit {
				t.UpTo = t.Events[n-1].Seq
			}
		}
		again, err := db.tailStart(ctx, projectKey)
		if err != nil || again.Pruned == t.Pruned {
			return t, err
		} // else the pruner came between: the events may have a hole that t.Pruned does not tell of
	}
	return hookyard.Tail{}, hookyard.Errorf(hookyard.Unavailable,
		"events are being taken away faster than they can be read; try again")
}

// tailStart reads the seq up to which all commits can be seen, and how far the project's events are gone.
func (db *DB) tailStart(ctx context.Context, projectKey int64) (t hookyard.Tail, err error) {
	var at int64
	err = db.read.QueryRowContext(ctx, `select (select value from counters where name = 'event_seq'),
		coalesce((select seq from pruned where project_key = $1), 0),
		coalesce((select time from pruned where project_key = $1), 0)`,
		projectKey).Scan(&t.UpTo, &t.Pruned, &at)
	t.PrunedTime = fromMicros(at)
	return t, err
}

// EventIDAt returns the id of the event with a seq, of any project, or [hookyard.ErrNotFound].
func (db *DB) EventIDAt(ctx context.Context, seq int64) (string, error) {
	var id string
	err := db.read.QueryRowContext(ctx, "select id from events where seq = $1", seq).Scan(&id)
	return id, db.translate(err)
}

// EventsBySeq reads events with their headers and bodies. Those that are gone are left out.
func (db *DB) EventsBySeq(ctx context.Context, seqs []int64) (map[int64]*hookyard.Event, error) {
	if len(seqs) == 0 {
		return nil, nil
	}
	return db.eventsBySeq(ctx, seqs)
}

// notePruned remembers, per project, how far events are gone. It goes into the transaction that takes them away.
func notePruned(ctx context.Context, c conn, seqs []any) error {
	_, err := c.ExecContext(ctx, `insert into pruned (project_key, seq, time)
		select project_key, max(seq), max(time) from events where seq in (`+placeholders(len(seqs))+`) 
		group by project_key
		on conflict (project_key) do update set
			time = case when excluded.seq > pruned.seq then excluded.time else pruned.time end,
			seq = case when excluded.seq > pruned.seq then excluded.seq else pruned.seq end`, seqs...)
	return err
}
