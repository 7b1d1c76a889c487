package dispatch

import (
	"context"
	"errors"
	"time"

	"github.com/hookyard/hookyard"
)

// runReplays runs the bulk replays, one step of each in turn, until ctx ends. Their progress is in rows: after a crash,
// or on another node, they go on from there.
func (d *Dispatcher) runReplays(ctx context.Context) {
	look := time.NewTicker(d.o.Poll)
	defer look.Stop()
	for {
		for busy := true; busy && ctx.Err() == nil; {
			jobs, err := d.o.Replays.RunningReplays(ctx)
			if err != nil {
				if ctx.Err() == nil {
					d.o.Log.Warn("looking for replays failed; trying again", "error", err)
				}
				break
			}
			busy = false
			for _, job := range jobs {
				busy = d.stepReplay(ctx, job) || busy
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		case <-d.replay:
		}
	}
}

// stepReplay does one step and says whether there is more. What lanes hold of a canceled replay ends at once, and not
// when its turn comes.
func (d *Dispatcher) stepReplay(ctx context.Context, job *hookyard.Replay) (more bool) {
	if job.Status == hookyard.ReplayCanceled {
		d.lanes.Range(func(_, l any) bool {
			l.(*lane).endReplay(job.Key)
			return true
		})
	}
	opened, ok := d.room(ctx, job)
	if !ok {
		return false
	}
	before := job.Opened
	hooks, done, err := d.o.Replays.StepReplay(ctx, job, d.wanted(ctx, job))
	opened(job.Opened - before)
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, hookyard.ErrConflict) {
			d.o.Log.Warn("a step of a replay failed; trying again", "replay", job.ID, "error", err)
		}
		return false
	}
	d.Wake(hooks...)
	return !done
}

// room reports whether the project and owner of a replay may have more pending deliveries. If they cannot be read, the
// step will say so. opened must be called with what the step opened.
func (d *Dispatcher) room(ctx context.Context, job *hookyard.Replay) (opened func(n int64), ok bool) {
	opened = func(int64) {}
	if d.o.Room == nil || job.Status == hookyard.ReplayCanceled {
		return opened, true
	}
	snapshot, err := d.o.Hooks.SnapshotByKey(ctx, job.ProjectKey)
	if err != nil {
		return opened, true
	}
	opened, err = d.o.Room(ctx, snapshot.Tenants)
	return opened, err == nil
}

// wanted says which events a replay's hook gets: those that its own events and filter ask for.
func (d *Dispatcher) wanted(ctx context.Context, job *hookyard.Replay) func(*hookyard.Event) (bool, error) {
	return func(e *hookyard.Event) (bool, error) {
		h, err := d.o.Hooks.HookByKey(ctx, job.HookKey)
		if err != nil || h.Deleted {
			return false, err
		}
		snapshot, err := d.o.Hooks.SnapshotByKey(ctx, h.ProjectKey)
		if err != nil {
			return false, err
		}
		return hookyard.Wants(snapshot.Project, h, e, d.o.Filter).Wanted, nil
	}
}

// replayCanceled reports whether a delivery was opened by a replay that has been canceled since.
func (d *Dispatcher) replayCanceled(ctx context.Context, w *hookyard.Work) (bool, error) {
	if w.Delivery.ReplayKey == 0 {
		return false, nil
	}
	return d.o.Replays.ReplayCanceled(ctx, w.Delivery.ReplayKey)
}

// endCanceled is the result of a delivery whose replay was canceled.
func endCanceled(w *hookyard.Work) *hookyard.Result {
	return &hookyard.Result{Work: w,
		Decision: hookyard.Decision{State: hookyard.Canceled, Reason: "the replay was canceled"}}
}

// endReplay ends what waits in memory of a canceled replay.
func (l *lane) endReplay(key int64) {
	l.mu.Lock()
	taken := l.queue.take(func(w *hookyard.Work) bool { return w.Delivery.ReplayKey == key })
	l.schedule()
	l.mu.Unlock()
	for i := range taken {
		l.d.memory.Add(-heldBytes(taken[i].Event))
		l.d.finish(l, endCanceled(&taken[i]))
	}
}
