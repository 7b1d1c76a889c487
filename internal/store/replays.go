package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hookyard/hookyard"
)

const replayColumns = "id, project_key, hook_key, hook, since, until, type, state, status, total, seen, opened, " +
	"position, last, actor, created, updated"

func scanReplay(row interface{ Scan(...any) error }) (*hookyard.Replay, error) {
	r := &hookyard.Replay{}
	var since, until, created, updated int64
	err := row.Scan(&r.ID, &r.ProjectKey, &r.HookKey, &r.Hook, &since, &until, &r.Type, &r.State, &r.Status, &r.Total,
		&r.Seen,
		&r.Opened, &r.Cursor, &r.Last, &r.Actor, &created, &updated)
	r.Since = fromMicros(since)
	r.Until = fromMicros(until)
	r.CreatedAt = fromMicros(created)
	r.UpdatedAt = fromMicros(updated)
	return r, err
}

// CreateReplay begins a bulk job. It counts the events it will look at; [DB.StepReplay] does the work.
func (db *DB) CreateReplay(ctx context.Context, r *hookyard.Replay) error {
	var first int64
	if !r.Since.IsZero() {
		seq, err := db.seqAt(ctx, r.Since.Add(-clockSlack))
		if err != nil {
			return err
		}
		first = seq
	}
	_, last, err := db.Bounds(ctx, r.ProjectKey)
	if err != nil {
		return err
	}
	if !r.Until.IsZero() {
		if last, err = db.seqAt(ctx, r.Until.Add(clockSlack)); err != nil {
			return err
		}
	}
	err = db.read.QueryRowContext(ctx, "select count(*) from events where project_key = $1 and seq >= $2 and seq <= $3",
		r.ProjectKey, first, last).Scan(&r.Total)
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	r.ID = hookyard.NewID("rpl")
	r.Status = "running"
	r.Cursor = first - 1
	r.Last = last
	r.Actor = hookyard.Actor(ctx)
	r.CreatedAt, r.UpdatedAt = now, now
	return db.txPlain(ctx, func(c conn) error {
		_, err := c.ExecContext(ctx, "insert into replays ("+replayColumns+") values ("+placeholders(17)+")",
			r.ID, r.ProjectKey, r.HookKey, r.Hook, micros(r.Since), micros(r.Until), r.Type, string(r.State), r.Status,
			r.Total, r.Seen,
			r.Opened, r.Cursor, r.Last, r.Actor, micros(now), micros(now))
		if err != nil {
			return err
		}
		return audit(ctx, c, r.ProjectKey, r.Actor, "replay.create", r.ID, r.Hook)
	})
}

// Replay returns a bulk job, or [hookyard.ErrNotFound].
func (db *DB) Replay(ctx context.Context, projectKey int64, id string) (*hookyard.Replay, error) {
	r, err := scanReplay(db.read.QueryRowContext(ctx,
		"select "+replayColumns+" from replays where project_key = $1 and id = $2", projectKey, id))
	return r, db.translate(err)
}

// Replays lists a project's bulk jobs, the newest first.
func (db *DB) Replays(ctx context.Context, projectKey int64, limit int) ([]*hookyard.Replay, error) {
	return db.replaysWhere(ctx, "project_key = $1 order by created desc, id desc limit $2", projectKey, limit)
}

// RunningReplays lists the bulk jobs of every project that are not done.
func (db *DB) RunningReplays(ctx context.Context) ([]*hookyard.Replay, error) {
	return db.replaysWhere(ctx, "status = 'running' order by created")
}

func (db *DB) replaysWhere(ctx context.Context, where string, args ...any) ([]*hookyard.Replay, error) {
	rows, err := db.read.QueryContext(ctx, "select "+replayColumns+" from replays where "+where, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []*hookyard.Replay
	for rows.Next() {
		r, err := scanReplay(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// CancelReplay stops a bulk job. What it has opened stays open.
func (db *DB) CancelReplay(ctx context.Context, projectKey int64, id string) error {
	return db.txPlain(ctx, func(c conn) error {
		res, err := c.ExecContext(ctx,
			"update replays set status = 'canceled', updated = $1 where project_key = $2 and id = $3 and status = "+
				"'running'",
			time.Now().UnixMicro(), projectKey, id)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n > 0 {
			return err
		}
		return hookyard.Errorf(hookyard.Conflict, "the replay is not running")
	})
}

// replayStep is how many events one step looks at: a transaction short enough not to be felt by those who publish.
const replayStep = 200

// StepReplay looks at the next events of a bulk job and opens the deliveries it asks for; the progress is kept in the
// same transaction, so that a crash repeats nothing. want decides, per event, whether the hook is to get it. It returns
// the keys of the hooks that now have something due, and whether the job has ended.
func (db *DB) StepReplay(ctx context.Context, r *hookyard.Replay,
	want func(e *hookyard.Event) (bool, error)) (hooks []int64, done bool, err error) {
	page, err := db.Events(ctx, hookyard.EventQuery{ProjectKey: r.ProjectKey, After: r.Cursor, Ascending: true,
		Limit:  replayStep,
		Bodies: r.HookKey != 0 && r.State == ""})
	if err != nil {
		return nil, false, err
	}
	o := opening{db: db, r: r, want: want}
	if r.HookKey != 0 {
		if o.hook, err = db.HookByKey(ctx, r.HookKey); err != nil {
			return nil, false, err
		}
	}
	snapshot, err := db.SnapshotByKey(ctx, r.ProjectKey)
	if errors.Is(err, hookyard.ErrNotFound) { // the project was deleted
		return nil, true, db.CancelReplay(ctx, r.ProjectKey, r.ID)
	}
	if err != nil {
		return nil, false, err
	}
	for _, h := range snapshot.Hooks {
		if h.Ordered {
			o.ordered = append(o.ordered, h.Key)
		}
	}
	next := *r
	err = db.txPlain(ctx, func(c conn) error {
		o.opened = map[int64]bool{}
		next = *r
		for _, e := range page.Events {
			if e.Seq > r.Last {
				break
			}
			next.Cursor = e.Seq
			next.Seen++
			if !inReplay(r, e) {
				continue
			}
			n, err := o.open(ctx, c, e)
			if err != nil {
				return err
			}
			next.Opened += int64(n)
		}
		next.Status = "running"
		if page.Next == 0 || len(page.Events) > 0 && page.Events[len(page.Events)-1].Seq >= r.Last {
			next.Status = "done"
		}
		res, err := c.ExecContext(ctx, `update replays set seen = $1, opened = $2, position = $3, status = $4,
			updated = $5 where id = $6 and status = 'running' and position = $7`,
			next.Seen, next.Opened, next.Cursor, next.Status, time.Now().UnixMicro(), r.ID, r.Cursor)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return fmt.Errorf("replay %s was canceled or is another node's: %w", r.ID, hookyard.ErrConflict)
		}
		return nil
	})
	if err != nil {
		return nil, true, err
	}
	*r = next
	for key := range o.opened {
		hooks = append(hooks, key)
	}
	return hooks, r.Status == "done", nil
}

func inReplay(r *hookyard.Replay, e *hookyard.Event) bool {
	return (r.Since.IsZero() || !e.Time.Before(r.Since)) && (r.Until.IsZero() || e.Time.Before(r.Until)) &&
		(r.Type == "" || hookyard.MatchGlob(r.Type, e.Type))
}

// opening is one step of a bulk job.
type opening struct {
	db      *DB
	r       *hookyard.Replay
	hook    *hookyard.Hook // nil: every hook that has deliveries of the events
	ordered []any          // keys of the project's ordered hooks: their deliveries get a place
	want    func(*hookyard.Event) (bool, error)
	opened  map[int64]bool // keys of hooks that now have something due
}

// open opens what one event of a bulk job asks for: deliveries in the job's state, or, for a hook without one, a new
// one.
func (o *opening) open(ctx context.Context, c conn, e *hookyard.Event) (int, error) {
	if o.hook != nil && o.r.State == "" {
		wanted, err := o.want(e)
		if err != nil || !wanted {
			return 0, err
		}
		made, err := o.db.createDelivery(ctx, c, e.Seq, o.hook)
		if err != nil || !made {
			return 0, err
		}
		o.opened[o.r.HookKey] = true
		return 1, nil
	}
	args := append([]any{time.Now().UnixMicro(), e.Seq, o.r.HookKey, string(o.r.State)}, o.ordered...)
	place := "0"
	if len(o.ordered) > 0 {
		place = "case when hook_key in (" + placeholdersFrom(5, len(o.ordered)) + ") then event_seq else 0 end"
	}
	rows, err := c.QueryContext(ctx, `update deliveries set state = 'pending', reason = '', due = $1,
		place = `+place+`, node = 0, tries = 0, updated = $1
		where event_seq = $2 and state <> 'pending' and state <> 'canceled' 
		and ($3 = 0 or hook_key = $3) and ($4 = '' or state = $4)
		and hook_key in (select key from hooks where deleted = 0 and active) returning hook_key`, args...)
	if err != nil {
		return 0, err
	}
	keys, err := collect(rows, func(row scanner) (key int64, err error) {
		err = row.Scan(&key)
		return key, err
	})
	var counted tally
	for _, key := range keys {
		o.opened[key] = true
		counted.of(o.r.ProjectKey, key).Open(1)
	}
	return len(keys), errors.Join(err, o.db.storeTally(ctx, c, &counted))
}
