package control

import (
	"context"
	"errors"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
)

// ProjectsOf lists up to limit projects of an owner that the caller may read, by name, from the one after a name on, or
// backward from the one before it. "" is before the first or after the last.
func (c *Control) ProjectsOf(ctx context.Context, id *auth.Identity, owner, from string, backward bool,
	limit int) (list []*hookyard.Project, err error) {
	for {
		found, err := c.store.ProjectsOf(ctx, owner, from, backward, limit)
		if err != nil {
			return nil, err
		}
		for _, p := range found {
			role, err := c.auth.Role(ctx, id, p)
			if err != nil {
				return nil, err
			}
			if from = p.Name; role.Allows(hookyard.RoleRead) {
				if list = append(list, p); len(list) == limit {
					return list, nil
				}
			}
		}
		if len(found) < limit {
			return list, nil
		}
	}
}

// NameOf returns the name of the owner's project with a uid, or the uid itself if there is none. It says nothing about
// what the caller may do: ask for the project by its name.
func (c *Control) NameOf(ctx context.Context, owner, uid string) (string, error) {
	snapshot, err := c.store.SnapshotByUID(ctx, owner, uid)
	if errors.Is(err, hookyard.ErrNotFound) {
		return uid, nil
	}
	if err != nil {
		return "", err
	}
	return snapshot.Project.Name, nil
}

// EventMeta returns an event without header and body.
func (p *Project) EventMeta(ctx context.Context, id string) (*hookyard.Event, error) {
	if err := p.allow(hookyard.RoleRead); err != nil {
		return nil, err
	}
	e, err := p.c.store.EventMeta(ctx, p.Key(), id)
	if errors.Is(err, hookyard.ErrNotFound) {
		return nil, noSuchEvent(id)
	}
	return e, err
}

// EventByUID returns the newest event with a uid, without header and body.
func (p *Project) EventByUID(ctx context.Context, uid string) (*hookyard.Event, error) {
	if err := p.allow(hookyard.RoleRead); err != nil {
		return nil, err
	}
	e, err := p.c.store.EventByUID(ctx, p.Key(), uid)
	if errors.Is(err, hookyard.ErrNotFound) {
		return nil, noSuchEvent(uid)
	}
	return e, err
}

// EventAt returns the event at a seq or the next one after it, without header and body: where a search goes on.
func (p *Project) EventAt(ctx context.Context, seq int64) (*hookyard.Event, error) {
	if err := p.allow(hookyard.RoleRead); err != nil {
		return nil, err
	}
	return p.c.store.EventAt(ctx, p.Key(), seq)
}

// FindAttempts lists attempts without what was sent.
func (p *Project) FindAttempts(ctx context.Context, q hookyard.AttemptQuery) ([]hookyard.FoundAttempt, error) {
	if err := p.allow(hookyard.RoleRead); err != nil {
		return nil, err
	}
	q.ProjectKey = p.Key()
	list, err := p.c.store.FindAttempts(ctx, q)
	for i := range list {
		list[i].URL = p.shownURL(list[i].URL)
		list[i].RequestHeader = nil
	}
	return list, err
}

// DeliveriesAt returns the deliveries of events to a hook, by the seqs of the events.
func (p *Project) DeliveriesAt(ctx context.Context, hookKey int64, seqs []int64) (map[int64]hookyard.Delivery, error) {
	if err := p.allow(hookyard.RoleRead); err != nil {
		return nil, err
	}
	return p.c.store.DeliveriesAt(ctx, hookKey, seqs)
}

// DeliveriesOf returns all deliveries of an event by the key of their hook.
func (p *Project) DeliveriesOf(ctx context.Context, e *hookyard.Event) (map[int64]hookyard.Delivery, error) {
	if err := p.allow(hookyard.RoleRead); err != nil {
		return nil, err
	}
	return p.deliveriesOf(ctx, e)
}

// HookByKey returns a hook of the project, also one that was deleted, without its health.
func (p *Project) HookByKey(ctx context.Context, key int64) (*hookyard.Hook, error) {
	if err := p.allow(hookyard.RoleRead); err != nil {
		return nil, err
	}
	h, err := p.c.store.HookByKey(ctx, key)
	if err == nil && h.ProjectKey != p.Key() {
		return nil, hookyard.ErrNotFound
	}
	return p.shownHook(h), err
}

// SendOnce makes one attempt to send an event to a hook, whatever events it wants. It fails with Conflict when the hook
// is off or an attempt is under way, and with Gone when the event's bytes are past their retention.
func (p *Project) SendOnce(ctx context.Context, eventID, hookID string) error {
	ctx, err := p.change(ctx, hookyard.RoleWrite)
	if err != nil {
		return err
	}
	h, err := p.hook(hookID)
	if err != nil {
		return err
	}
	if err := mustBeOn(h); err != nil {
		return err
	}
	e, err := p.event(ctx, eventID)
	if err != nil {
		return err
	}
	if _, err := Body(e); err != nil {
		return err
	}
	err = p.within(ctx, hookyard.Use{Pending: 1}, func() error { return p.c.store.SendOnce(ctx, e.Seq, h.Key) })
	if err != nil {
		return err
	}
	p.c.dispatcher.Wake(h.Key)
	return nil
}

// SendTo stores an event that goes to one hook only, whatever events it wants, and returns its delivery.
func (p *Project) SendTo(ctx context.Context, hookID string, e *hookyard.Event) (hookyard.Delivery, error) {
	ctx, err := p.change(ctx, hookyard.RoleWrite)
	if err != nil {
		return hookyard.Delivery{}, err
	}
	h, err := p.Hook(ctx, hookID)
	if err != nil {
		return hookyard.Delivery{}, err
	}
	return p.sendTo(ctx, h, e)
}

func (p *Project) sendTo(ctx context.Context, h *hookyard.Hook, e *hookyard.Event) (hookyard.Delivery, error) {
	e.ProjectKey = p.Key()
	r := &hookyard.RoutedEvent{Event: e}
	r.Add(h)
	use := hookyard.Use{Events: 1, Day: e.Size, Kept: e.Size, Pending: 1}
	err := p.within(ctx, use, func() error {
		_, err := p.c.store.Accept(ctx, r)
		return err
	})
	if err != nil {
		return hookyard.Delivery{}, err
	}
	p.c.dispatcher.Wake(h.Key)
	d := r.Deliveries[0].Delivery
	d.ID, d.EventID = hookyard.DeliveryID(e.ID, h.Key), e.ID
	return d, nil
}

// Expunge deletes the bytes of an event for good and cancels what is pending of it.
func (p *Project) Expunge(ctx context.Context, eventID string) error {
	ctx, err := p.change(ctx, hookyard.RoleAdmin)
	if err != nil {
		return err
	}
	e, err := p.EventMeta(ctx, eventID)
	if err != nil {
		return err
	}
	return p.c.store.Expunge(ctx, p.Key(), e)
}

// ExpungeAttempt deletes the response of an attempt of the project for good.
func (p *Project) ExpungeAttempt(ctx context.Context, f *hookyard.FoundAttempt) error {
	ctx, err := p.change(ctx, hookyard.RoleAdmin)
	if err != nil {
		return err
	}
	return p.c.store.ExpungeAttempt(ctx, p.Key(), &f.Attempt, hookyard.DeliveryID(f.EventID, f.HookKey))
}
