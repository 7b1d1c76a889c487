package control

import (
	"context"
	"errors"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
)

// ReplaySpec says which events a bulk replay sends again. Fields at zero do not restrict.
type ReplaySpec struct {
	Hook  string // id; "": every hook that an event was for
	Since time.Time
	Until time.Time
	Type  string // a name, or a pattern with *
	State hookyard.State
}

// Replays lists up to limit bulk replays of the project, the newest first.
func (p *Project) Replays(ctx context.Context, limit int) ([]*hookyard.Replay, error) {
	if err := p.allow(hookyard.RolePortalRead); err != nil {
		return nil, err
	}
	return p.c.store.Replays(ctx, p.Key(), limit)
}

// Replay returns a bulk replay with its progress.
func (p *Project) Replay(ctx context.Context, id string) (*hookyard.Replay, error) {
	if err := p.allow(hookyard.RolePortalRead); err != nil {
		return nil, err
	}
	r, err := p.c.store.Replay(ctx, p.Key(), id)
	if errors.Is(err, hookyard.ErrNotFound) {
		return nil, hookyard.Errorf(hookyard.NotFound, "no such replay [%s]", hookyard.Clean(id, 100))
	}
	return r, err
}

// CreateReplay starts a bulk replay; the dispatcher does it step by step.
func (p *Project) CreateReplay(ctx context.Context, in ReplaySpec) (*hookyard.Replay, error) {
	ctx, err := p.change(ctx, hookyard.RolePortal)
	if err != nil {
		return nil, err
	}
	r, _, err := p.newReplay(in)
	if err != nil {
		return nil, err
	}
	opened, err := p.c.quotas.Room(ctx, p.Snapshot.Tenants)
	if err != nil {
		return nil, err
	}
	opened(0)
	if err := p.c.store.CreateReplay(ctx, r); err != nil {
		return nil, err
	}
	p.c.dispatcher.WakeReplays()
	return r, nil
}

// PlanReplay returns what a bulk replay would do: the deliveries that it would open, by hook, and for how long it would
// send if receivers answer as they did recently. It changes nothing. It fails with TooLarge if the hook's filter takes
// longer than [hookyard.FilterTime].
func (p *Project) PlanReplay(ctx context.Context, in ReplaySpec) (*hookyard.Replay, error) {
	if err := p.allow(hookyard.RolePortal); err != nil {
		return nil, err
	}
	r, hook, err := p.newReplay(in)
	if err != nil {
		return nil, err
	}
	r.Status, r.Actor = hookyard.ReplayPlanned, p.Caller.User.Name
	r.CreatedAt = now()
	r.UpdatedAt = r.CreatedAt
	work := hookyard.NewFilterWork(ctx, p.c.filter)
	found, err := p.c.store.PlanReplay(ctx, r, func(e *hookyard.Event) (bool, error) {
		return hookyard.Wants(p.Snapshot.Project, hook, e, work.Match).Wanted, work.Err()
	})
	if err != nil {
		return nil, err
	}
	return r, p.estimate(ctx, r, found)
}

// estimateDays is how many days the figures are of by which the time of a replay is estimated.
const estimateDays = 7

// estimate fills what a planned replay says of each hook and of its time: that of the hook which takes longest, with
// what waits for it already.
func (p *Project) estimate(ctx context.Context, r *hookyard.Replay, found map[int64]int64) error {
	var keys []store.CountKey
	for hook := range found {
		keys = append(keys, store.CountKey{Project: p.Key(), Hook: hook})
	}
	const day = 24 * time.Hour
	days, err := p.c.store.Series(ctx, store.Series{Keys: keys, Step: day, Len: estimateDays,
		Start: now().Truncate(day).Add(-(estimateDays - 1) * day)})
	if err != nil {
		return err
	}
	totals, err := p.c.store.Totals(ctx, p.Key())
	if err != nil {
		return err
	}
	for _, h := range p.Snapshot.Hooks {
		n := found[h.Key]
		if n == 0 {
			continue
		}
		if r.ByHook == nil {
			r.ByHook = map[string]int64{}
		}
		r.ByHook[h.ID] = n
		key := store.CountKey{Project: p.Key(), Hook: h.Key}
		if c := totals[key]; c != nil {
			n += c[hookyard.CountWaiting]
		}
		var recent hookyard.Counts
		for i := range days[key] {
			recent.Add(&days[key][i])
		}
		r.TimeLeft = max(r.TimeLeft, h.SendTime(n, &recent))
	}
	return nil
}

// newReplay returns the replay of a spec, which is checked, and the hook that it names, or nil.
func (p *Project) newReplay(in ReplaySpec) (*hookyard.Replay, *hookyard.Hook, error) {
	if err := in.check(p.c.limits); err != nil {
		return nil, nil, err
	}
	r := &hookyard.Replay{ProjectKey: p.Key(), Since: in.Since, Until: in.Until, Type: in.Type, State: in.State}
	if in.Hook == "" {
		return r, nil, nil
	}
	h, err := p.hook(in.Hook)
	if err != nil {
		return nil, nil, err
	}
	r.HookKey, r.Hook = h.Key, h.ID
	return r, h, mustBeOn(h)
}

func (in *ReplaySpec) check(limits hookyard.Limits) error {
	if _, err := checkState(in.State); err != nil {
		return err
	}
	switch {
	case in.State == hookyard.Pending:
		return hookyard.FieldErrorf("state",
			"what is pending is sent anyway; replay delivered, failed, skipped or canceled")
	case len(in.Type) > limits.EventType || hookyard.Clean(in.Type, 1000) != in.Type:
		return hookyard.FieldErrorf("type", "type must be printable text of at most %d bytes", limits.EventType)
	case !in.Since.IsZero() && !Storable(in.Since), !in.Until.IsZero() && !Storable(in.Until):
		return hookyard.FieldErrorf("since", "since and until must be between the years 1 and 9999")
	case !in.Since.IsZero() && !in.Until.IsZero() && !in.Since.Before(in.Until):
		return hookyard.FieldErrorf("until", "until must be after since")
	}
	return nil
}

// CancelReplay stops a bulk replay; what is still to be sent of it goes back to what it was. It fails with Conflict if
// all was sent.
func (p *Project) CancelReplay(ctx context.Context, id string) (*hookyard.Replay, error) {
	ctx, err := p.change(ctx, hookyard.RolePortal)
	if err != nil {
		return nil, err
	}
	if err := p.c.store.CancelReplay(ctx, p.Key(), id); err != nil {
		if _, none := p.Replay(ctx, id); errors.Is(none, hookyard.ErrNotFound) {
			return nil, none
		}
		return nil, err
	}
	p.c.dispatcher.WakeReplays()
	return p.Replay(ctx, id)
}
