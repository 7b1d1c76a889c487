package control

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"github.com/hookyard/hookyard"
)

// Event returns an event with its header and body, and its deliveries by state.
func (p *Project) Event(ctx context.Context, id string) (*hookyard.Event, map[hookyard.State]int, error) {
	if err := p.allow(hookyard.RoleRead); err != nil {
		return nil, nil, err
	}
	page, err := p.c.store.Events(ctx, hookyard.EventQuery{ProjectKey: p.Key(), ID: id, Bodies: true, Limit: 1})
	if err != nil {
		return nil, nil, err
	}
	if len(page.Events) == 0 {
		return nil, nil, noSuchEvent(id)
	}
	return page.Events[0], page.Counts[0], nil
}

// Body returns an event's bytes. It fails with Gone when they are past their retention.
func Body(e *hookyard.Event) ([]byte, error) {
	if IsPruned(e) {
		return nil, hookyard.Errorf(hookyard.Gone,
			"the bytes of event %s are past their retention (setting: --retention)", e.ID)
	}
	return e.Body, nil
}

// IsPruned reports whether the event's bytes are past their retention.
func IsPruned(e *hookyard.Event) bool { return e.Body == nil && e.Size > 0 }

// CheckRepeat refuses an event that says it repeats another and is a different one: telling its publisher that it was
// stored would lose it. It fails with Conflict, and the field is what both share. What cannot be compared any more is
// believed, and so are CloudEvents, whose id and source are their identity.
func (c *Control) CheckRepeat(ctx context.Context, e *hookyard.Event, receipt hookyard.Receipt) error {
	if !receipt.Duplicate || strings.HasPrefix(e.DedupKey, "ce:") {
		return nil
	}
	first, err := c.store.Event(ctx, e.ProjectKey, receipt.ID)
	if errors.Is(err, hookyard.ErrNotFound) || err == nil && first.Body == nil {
		return nil
	}
	if err != nil {
		return err
	}
	if first.Type == e.Type && bytes.Equal(first.Data(), e.Data()) {
		return nil
	}
	field := "id"
	if strings.HasPrefix(e.DedupKey, "idem:") {
		field = "Idempotency-Key"
	}
	return &hookyard.Error{Code: hookyard.Conflict, Field: field,
		Message: "this " + field + " was used for another event, " + receipt.ID +
			": nothing was kept; give each event its own"}
}

// EventReplay says which hooks get an event again. At zero these are all that it was for and that are on.
type EventReplay struct {
	Hooks  []string // ids: also of hooks that the event was not for
	Missed bool     // those without a delivery of the event that are on and, as they are now, want it
}

// ReplayEvent sends an event again and returns the ids of its deliveries. It fails with Conflict if a hook that is
// named is off. Deliveries with an attempt under way are left alone, unless their hook is named: that is a Conflict.
func (p *Project) ReplayEvent(ctx context.Context, id string, in EventReplay) ([]string, error) {
	ctx, err := p.change(ctx, hookyard.RoleWrite)
	if err != nil {
		return nil, err
	}
	e, hooks, err := p.replayedTo(ctx, id, in)
	if err != nil {
		return nil, err
	}
	opened := []string{}
	for _, h := range hooks {
		err := p.within(ctx, hookyard.Use{Pending: 1}, func() error {
			err := p.c.store.Reopen(ctx, e.Seq, h.Key)
			if errors.Is(err, hookyard.ErrNotFound) {
				err = p.c.store.CreateDelivery(ctx, e.Seq, h.Key)
			}
			return err
		})
		if errors.Is(err, hookyard.ErrConflict) && len(in.Hooks) == 0 {
			continue
		}
		if err != nil {
			return nil, err
		}
		p.c.dispatcher.Wake(h.Key)
		opened = append(opened, hookyard.DeliveryID(e.ID, h.Key))
	}
	return opened, nil
}

// PlanEvent returns the ids of the deliveries that ReplayEvent would open or create, and of their hooks.
func (p *Project) PlanEvent(ctx context.Context, id string, in EventReplay) (deliveries, hooks []string, err error) {
	if err := p.allow(hookyard.RoleWrite); err != nil {
		return nil, nil, err
	}
	e, to, err := p.replayedTo(ctx, id, in)
	if err != nil {
		return nil, nil, err
	}
	deliveries, hooks = []string{}, []string{}
	for _, h := range to {
		deliveries, hooks = append(deliveries, hookyard.DeliveryID(e.ID, h.Key)), append(hooks, h.ID)
	}
	return deliveries, hooks, nil
}

// replayedTo returns an event and the hooks that a replay of it sends it to.
func (p *Project) replayedTo(ctx context.Context, id string, in EventReplay) (*hookyard.Event, []*hookyard.Hook,
	error) {
	e, _, err := p.Event(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	if _, err := Body(e); err != nil {
		return nil, nil, err
	}
	if len(in.Hooks) > 0 {
		if in.Missed {
			return nil, nil, hookyard.FieldErrorf("missed", "give either hooks or missed")
		}
		hooks, err := p.onHooks(in.Hooks)
		return e, hooks, err
	}
	deliveries, err := p.deliveriesOf(ctx, e)
	if err != nil {
		return nil, nil, err
	}
	var hooks []*hookyard.Hook
	work := hookyard.NewFilterWork(ctx, p.c.filter)
	for _, h := range p.Snapshot.Hooks {
		_, has := deliveries[h.Key]
		if _, off := h.IsOff(); off || has == in.Missed {
			continue
		}
		if !in.Missed || hookyard.Wants(p.Snapshot.Project, h, e, work.Match).Wanted {
			hooks = append(hooks, h)
		}
	}
	return e, hooks, work.Err()
}

// onHooks returns the hooks of the ids, all of which must be on.
func (p *Project) onHooks(ids []string) ([]*hookyard.Hook, error) {
	hooks := make([]*hookyard.Hook, len(ids))
	for i, id := range ids {
		h, err := p.hook(id)
		if err != nil {
			return nil, err
		}
		if err := mustBeOn(h); err != nil {
			return nil, err
		}
		hooks[i] = h
	}
	return hooks, nil
}

// Verdict says why a hook did or did not get an event.
type Verdict struct {
	Hook     *hookyard.Hook     // nil: it was deleted
	HookID   string             // also of a deleted hook
	Wanted   bool               // by the hook as it is now
	Reason   string             // in words
	Delivery *hookyard.Delivery // nil: there is none
}

// Explanation says what became of an event.
type Explanation struct {
	Event    *hookyard.Event
	Counts   map[hookyard.State]int // its deliveries by state
	Verdicts []Verdict              // the project's hooks in the order of their creation, then those that were deleted
}

// Explain says of each hook why it did or did not get an event.
func (p *Project) Explain(ctx context.Context, id string) (*Explanation, error) {
	e, counts, err := p.Event(ctx, id)
	if err != nil {
		return nil, err
	}
	deliveries, err := p.deliveriesOf(ctx, e)
	if err != nil {
		return nil, err
	}
	out := &Explanation{Event: e, Counts: counts}
	work := hookyard.NewFilterWork(ctx, p.c.filter)
	for _, h := range p.Snapshot.Hooks {
		var of *hookyard.Delivery
		if d, ok := deliveries[h.Key]; ok {
			of = &d
		}
		delete(deliveries, h.Key)
		v := verdict(p.Snapshot.Project, h, e, of, work)
		v.Hook = p.shownHook(h)
		out.Verdicts = append(out.Verdicts, v)
	}
	for _, d := range deliveries {
		out.Verdicts = append(out.Verdicts, Verdict{HookID: d.HookID, Delivery: &d,
			Reason: "the hook was deleted since; its delivery is " + inWords(&d)})
	}
	return out, nil
}

func verdict(p *hookyard.Project, h *hookyard.Hook, e *hookyard.Event, d *hookyard.Delivery,
	work *hookyard.FilterWork) Verdict {
	v := hookyard.Wants(p, h, e, work.Match)
	out := Verdict{Hook: h, HookID: h.ID, Wanted: v.Wanted, Reason: v.Reason, Delivery: d}
	off, isOff := h.IsOff()
	switch {
	case d != nil:
		if out.Reason = inWords(d); !v.Wanted {
			out.Reason += "; as the hook is now it would not want it: " + v.Reason
		}
	case h.CreatedAt.After(e.Time):
		out.Reason = "the hook was made after the event came"
		if !v.Wanted {
			out.Reason += ", and would not want it: " + v.Reason
		}
	case v.Wanted:
		out.Reason = "the hook wants it as it is now, but was changed after the event came; a replay would send it"
	}
	if isOff && d == nil {
		out.Reason += "; besides, " + off
	}
	return out
}

// inWords describes a delivery's state.
func inWords(d *hookyard.Delivery) string {
	s := string(d.State)
	if d.Reason != "" {
		s += ": " + d.Reason
	}
	return s
}

// deliveriesOf returns an event's deliveries by the key of their hook.
func (p *Project) deliveriesOf(ctx context.Context, e *hookyard.Event) (map[int64]hookyard.Delivery, error) {
	out := map[int64]hookyard.Delivery{}
	for before := ""; ; {
		list, next, err := p.c.store.Deliveries(ctx,
			hookyard.DeliveryQuery{ProjectKey: p.Key(), EventSeq: e.Seq, Before: before, Limit: MaxPage})
		if err != nil {
			return nil, err
		}
		for _, d := range list {
			out[d.HookKey] = d
		}
		if next == "" {
			return out, nil
		}
		before = next
	}
}

func noSuchEvent(id string) error {
	return hookyard.Errorf(hookyard.NotFound, "no such event [%s]", hookyard.Clean(id, 100))
}
