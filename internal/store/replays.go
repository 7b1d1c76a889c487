package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hookyard/hookyard"
)

const replayColumns = "key, id, project_key, hook_key, hook, since, until, type, state, status, total, seen, opened, " +
	"position, last, actor, created, updated"

func scanReplay(row interface{ Scan(...any) error }) (*hookyard.Replay, error) {
	r := &hookyard.Replay{}
	var since, until, created, updated int64
	err := row.Scan(&r.Key, &r.ID, &r.ProjectKey, &r.HookKey, &r.Hook, &since, &until, &r.Type, &r.State, &r.Status,
		&r.Total, &r.Seen, &r.Opened, &r.Cursor, &r.Last, &r.Actor, &created, &updated)
	if r.Status == replayCanceling {
		r.Status = hookyard.ReplayCanceled
	}
	r.Since = fromMicros(since)
	r.Until = fromMicros(until)
	r.CreatedAt = fromMicros(created)
	r.UpdatedAt = fromMicros(updated)
	return r, err
}

// replayCanceling is the stored status of a replay that was canceled while it has rows that are still pending.
const replayCanceling = "canceling"

// bound sets which events a bulk job looks at, and counts them.
func (db *DB) bound(ctx context.Context, r *hookyard.Replay) error {
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
	r.Cursor = first - 1
	r.Last = last
	return db.read.QueryRowContext(ctx,
		"select count(*) from events where project_key = $1 and seq >= $2 and seq <= $3",
		r.ProjectKey, first, last).Scan(&r.Total)
}

// CreateReplay begins a bulk job. It counts the events it will look at; [DB.StepReplay] does the work.
func (db *DB) CreateReplay(ctx context.Context, r *hookyard.Replay) error {
	if err := db.bound(ctx, r); err != nil {
		return err
	}
	now := time.Now().UTC()
	r.ID = hookyard.NewID("rpl")
	r.Status = hookyard.ReplayRunning
	r.Actor = hookyard.Actor(ctx)
	r.CreatedAt, r.UpdatedAt = now, now
	return db.txPlain(ctx, func(c conn) error {
		if err := c.QueryRowContext(ctx, "update counters set value = value + 1 where name = 'replay_key'"+
			" returning value").Scan(&r.Key); err != nil {
			return err
		}
		_, err := c.ExecContext(ctx, "insert into replays ("+replayColumns+") values ("+placeholders(18)+")",
			r.Key, r.ID, r.ProjectKey, r.HookKey, r.Hook, micros(r.Since), micros(r.Until), r.Type, string(r.State),
			r.Status, r.Total, r.Seen, r.Opened, r.Cursor, r.Last, r.Actor, micros(now), micros(now))
		if err != nil {
			return err
		}
		return db.audit(ctx, c, r.ProjectKey, r.Actor, "replay.create", r.ID, r.Hook)
	})
}

// Replay returns a bulk job with its figures, which are exact, or [hookyard.ErrNotFound].
func (db *DB) Replay(ctx context.Context, projectKey int64, id string) (*hookyard.Replay, error) {
	r, err := scanReplay(db.read.QueryRowContext(ctx,
		"select "+replayColumns+" from replays where project_key = $1 and id = $2", projectKey, id))
	if err != nil {
		return nil, db.translate(err)
	}
	return r, db.fillReplays(ctx, []*hookyard.Replay{r})
}

// Replays lists a project's bulk jobs, the newest first.
func (db *DB) Replays(ctx context.Context, projectKey int64, limit int) ([]*hookyard.Replay, error) {
	all, err := db.replaysWhere(ctx, "project_key = $1 order by created desc, id desc limit $2", projectKey, limit)
	if err != nil {
		return nil, err
	}
	return all, db.fillReplays(ctx, all)
}

// fillReplays adds the figures of what was opened, and the status that follows from them.
func (db *DB) fillReplays(ctx context.Context, all []*hookyard.Replay) error {
	if len(all) == 0 {
		return nil
	}
	sending, err := db.sendingOf(ctx, all)
	if err != nil {
		return err
	}
	var args []any
	counts := map[CountKey]*hookyard.Counts{}
	for _, r := range all {
		k := replayCounts(r.ProjectKey, r.Key)
		counts[k] = &hookyard.Counts{}
		args = append(args, k.Project, k.Hook)
	}
	err = db.eachCount(ctx, "step = 0 and (project_key, hook_key) in (values "+tuples(len(all), 2)+")", args,
		func(key CountKey, _ int64, c *hookyard.Counts) {
			if sum := counts[key]; sum != nil {
				sum.Add(c)
			}
		})
	if err != nil {
		return err
	}
	now := time.Now()
	for _, r := range all {
		c := counts[replayCounts(r.ProjectKey, r.Key)]
		waiting := c[hookyard.CountWaiting]
		r.Sending = min(sending[r.Key], waiting)
		r.Queued = waiting - r.Sending
		r.Delivered, r.Failed = c[hookyard.CountDelivered], c[hookyard.CountFailed]
		r.Skipped, r.Canceled = c[hookyard.CountSkipped], c[hookyard.CountCanceled]
		if r.Status == hookyard.ReplayQueued && waiting == 0 {
			r.Status = hookyard.ReplayDone
		}
		r.TimeLeft = r.EstimateLeft(now)
	}
	return nil
}

// sendingOf counts, by the keys of replays, the deliveries that nodes have claimed.
func (db *DB) sendingOf(ctx context.Context, all []*hookyard.Replay) (map[int64]int64, error) {
	var keys []any
	for _, r := range all {
		keys = append(keys, r.Key)
	}
	rows, err := db.read.QueryContext(ctx, `select replay, count(*) from deliveries where state = 'pending'
		and replay > 0 and node > 0 and replay in (`+placeholders(len(keys))+") group by replay", keys...)
	if err != nil {
		return nil, err
	}
	out := map[int64]int64{}
	_, err = collect(rows, func(row scanner) (none struct{}, err error) {
		var key, n int64
		err = row.Scan(&key, &n)
		out[key] = n
		return none, err
	})
	return out, err
}

// RunningReplays lists the bulk jobs of every project for which [DB.StepReplay] has something to do. Their figures are
// not filled in.
func (db *DB) RunningReplays(ctx context.Context) ([]*hookyard.Replay, error) {
	return db.replaysWhere(ctx, "status in ('running', 'canceling') order by created")
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

// CancelReplay stops a bulk job: from its commit on nothing of it is sent any more, but for attempts under way.
// [DB.StepReplay] then ends what is queued of it, which goes back to what it was. It fails with [hookyard.Conflict] if
// all has been sent, and with [hookyard.ErrNotFound] if there is no such job.
func (db *DB) CancelReplay(ctx context.Context, projectKey int64, id string) error {
	r, err := db.Replay(ctx, projectKey, id)
	if err != nil {
		return err
	}
	if r.Status == hookyard.ReplayCanceled || r.Ended() {
		return hookyard.Errorf(hookyard.Conflict, "the replay has ended: its status is %s", r.Status)
	}
	return db.txPlain(ctx, func(c conn) error {
		res, err := c.ExecContext(ctx, `update replays set status = 'canceling', updated = $1
			where key = $2 and status in ('running', 'queued')`, time.Now().UnixMicro(), r.Key)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return err
		}
		if n == 0 {
			return hookyard.Errorf(hookyard.Conflict, "the replay has ended")
		}
		return db.audit(ctx, c, projectKey, hookyard.Actor(ctx), "replay.cancel", id, "")
	})
}

// ReplayCanceled reports whether the bulk job with a key was canceled.
func (db *DB) ReplayCanceled(ctx context.Context, key int64) (bool, error) {
	var n int
	err := db.read.QueryRowContext(ctx,
		"select count(*) from replays where key = $1 and status in ('canceling', 'canceled')", key).Scan(&n)
	return n > 0, err
}

// cancelStep is how many deliveries one step of a canceled bulk job ends.
const cancelStep = 1000

// stepCanceled ends the next deliveries of a canceled bulk job. Those that a node has claimed are left to it. It
// reports whether others are left.
func (db *DB) stepCanceled(ctx context.Context, r *hookyard.Replay) (more bool, err error) {
	err = db.txPlain(ctx, func(c conn) error {
		n, err := db.endRows(ctx, c, hookyard.Canceled, "update deliveries set "+
			endAs("deliveries", "'canceled'", "'the replay was canceled'")+fmt.Sprintf(`, due = 0, updated = $2
			where replay = $1 and `+pendingOf("", "0")+` and (event_seq, hook_key) in (
				select event_seq, hook_key from deliveries where replay = $1 and replay > 0 and node = 0
				and state = 'pending' limit %d)`, cancelStep), r.Key, time.Now().UnixMicro())
		if more = n == cancelStep; err != nil || more {
			return err
		}
		_, err = c.ExecContext(ctx, `update replays set status = 'canceled' where key = $1 and not exists (
			select 1 from deliveries where replay = $1 and replay > 0 and state = 'pending')`, r.Key)
		return err
	})
	return more, err
}

// replayStep is how many events one step looks at: a transaction short enough not to be felt by those who publish.
const replayStep = 200

// StepReplay looks at the next events of a bulk job and opens the deliveries it asks for; the progress is kept in the
// same transaction, so that a crash repeats nothing. want decides, per event, whether the hook is to get it. Of a job
// that was canceled it ends what is queued. It returns the keys of the hooks that now have something due, and whether
// nothing is left to do at once.
func (db *DB) StepReplay(ctx context.Context, r *hookyard.Replay,
	want func(e *hookyard.Event) (bool, error)) (hooks []int64, done bool, err error) {
	if r.Status == hookyard.ReplayCanceled {
		more, err := db.stepCanceled(ctx, r)
		return nil, !more, err
	}
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
		next.Status = hookyard.ReplayRunning
		if page.Next == 0 || len(page.Events) > 0 && page.Events[len(page.Events)-1].Seq >= r.Last {
			next.Status = hookyard.ReplayQueued
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
	return hooks, r.Status == hookyard.ReplayQueued, nil
}

func inReplay(r *hookyard.Replay, e *hookyard.Event) bool {
	return (r.Since.IsZero() || !e.Time.Before(r.Since)) && (r.Until.IsZero() || e.Time.Before(r.Until)) &&
		(r.Type == "" || hookyard.MatchGlob(r.Type, e.Type))
}

// opens is the condition that a bulk job with the hook $1 and the state $2 opens a delivery. What was canceled it opens
// only if asked to.
const opens = `state <> 'pending' and (state = $2 or $2 = '' and state <> 'canceled')
	and (cast($1 as bigint) = 0 or hook_key = $1) and hook_key in (select key from hooks where deleted = 0 and active)`

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
		made, err := o.db.createDelivery(ctx, c, e.Seq, o.hook, o.r.Key)
		if err != nil || !made {
			return 0, err
		}
		o.opened[o.r.HookKey] = true
		return 1, nil
	}
	args := append([]any{o.r.HookKey, string(o.r.State), e.Seq, time.Now().UnixMicro(), o.r.Key}, o.ordered...)
	place := "0"
	if len(o.ordered) > 0 {
		place = "case when hook_key in (" + placeholdersFrom(6, len(o.ordered)) + ") then event_seq else 0 end"
	}
	opened, err := o.db.openRows(ctx, c, "update deliveries set "+openAgain("$4", place, "$5")+
		" where event_seq = $3 and "+opens, args...)
	for _, m := range opened {
		o.opened[m.hook] = true
	}
	return len(opened), err
}
