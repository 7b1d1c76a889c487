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

// stepReplay does one step and says whether there is more.
func (d *Dispatcher) stepReplay(ctx context.Context, job *hookyard.Replay) (more bool) {
	hooks, done, err := d.o.Replays.StepReplay(ctx, job, d.wanted(ctx, job))
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, hookyard.ErrConflict) {
			d.o.Log.Warn("a step of a replay failed; trying again", "replay", job.ID, "error", err)
		}
		return false
	}
	d.Wake(hooks...)
	return !done
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
