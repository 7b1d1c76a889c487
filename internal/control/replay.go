package control

import (
	"context"
	"errors"
	"time"

	"github.com/hookyard/hookyard"
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
	if err := p.allow(hookyard.RoleRead); err != nil {
		return nil, err
	}
	return p.c.store.Replays(ctx, p.Key(), limit)
}

// Replay returns a bulk replay with its progress.
func (p *Project) Replay(ctx context.Context, id string) (*hookyard.Replay, error) {
	if err := p.allow(hookyard.RoleRead); err != nil {
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
	ctx, err := p.change(ctx, hookyard.RoleWrite)
	if err != nil {
		return nil, err
	}
	if err := in.check(p.c.limits); err != nil {
		return nil, err
	}
	r := &hookyard.Replay{ProjectKey: p.Key(), Since: in.Since, Until: in.Until, Type: in.Type, State: in.State}
	if in.Hook != "" {
		h, err := p.hook(in.Hook)
		if err != nil {
			return nil, err
		}
		if err := mustBeOn(h); err != nil {
			return nil, err
		}
		r.HookKey, r.Hook = h.Key, h.ID
	}
	if err := p.c.store.CreateReplay(ctx, r); err != nil {
		return nil, err
	}
	p.c.dispatcher.WakeReplays()
	return r, nil
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
	ctx, err := p.change(ctx, hookyard.RoleWrite)
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
