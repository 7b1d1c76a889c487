package control

import (
	"context"
	"errors"

	"github.com/hookyard/hookyard"
)

// DeliverySearch asks for deliveries of a project, those of the newest event first. Fields at zero do not restrict.
type DeliverySearch struct {
	hookyard.DeliveryQuery        // without ProjectKey, HookKey, EventSeq and ReplayKey
	Hook                   string // id of a hook
	Event                  string // id of an event
	Replay                 string // id of the bulk replay that opened them last
}

// Deliveries searches the project's deliveries. next is where the list goes on (Before), "" at its end. It fails with
// Invalid for a state that there is not, and with NotFound when there is no such hook, event or replay.
func (p *Project) Deliveries(ctx context.Context, q DeliverySearch) (list []hookyard.Delivery, next string, err error) {
	if err := p.allow(hookyard.RolePortalRead); err != nil {
		return nil, "", err
	}
	if q.State, err = checkState(q.State); err != nil {
		return nil, "", err
	}
	if q.HookKey, err = p.hookKey(q.Hook); err != nil {
		return nil, "", err
	}
	if q.Event != "" {
		e, err := p.event(ctx, q.Event)
		if err != nil {
			return nil, "", err
		}
		q.EventSeq = e.Seq
	}
	if q.Replay != "" {
		r, err := p.Replay(ctx, q.Replay)
		if err != nil {
			return nil, "", err
		}
		q.ReplayKey = r.Key
	}
	q.ProjectKey = p.Key()
	if list, next, err = p.c.store.Deliveries(ctx, q.DeliveryQuery); err != nil {
		return nil, "", err
	}
	p.hideNames(list)
	return list, next, p.FillStatus(ctx, list)
}

// Delivery returns a delivery.
func (p *Project) Delivery(ctx context.Context, id string) (hookyard.Delivery, error) {
	if err := p.allow(hookyard.RolePortalRead); err != nil {
		return hookyard.Delivery{}, err
	}
	d, err := p.delivery(ctx, id)
	if err != nil {
		return d, err
	}
	one := []hookyard.Delivery{d}
	p.hideNames(one)
	err = p.FillStatus(ctx, one)
	return one[0], err
}

// delivery returns a delivery as it is stored, without its status.
func (p *Project) delivery(ctx context.Context, id string) (hookyard.Delivery, error) {
	d, err := p.c.store.Delivery(ctx, p.Key(), id)
	if errors.Is(err, hookyard.ErrNotFound) {
		return d, hookyard.Errorf(hookyard.NotFound, "no such delivery [%s]", hookyard.Clean(id, 100))
	}
	return d, err
}

// Attempts lists the attempts of a delivery in their order, without credentials and signatures.
func (p *Project) Attempts(ctx context.Context, d *hookyard.Delivery) ([]hookyard.Attempt, error) {
	if err := p.allow(hookyard.RolePortalRead); err != nil {
		return nil, err
	}
	attempts, err := p.c.store.Attempts(ctx, d.EventSeq, d.HookKey)
	if err != nil || len(attempts) == 0 {
		return attempts, err
	}
	h, err := p.c.store.HookByKey(ctx, d.HookKey)
	if err != nil {
		return nil, err
	}
	for i := range attempts {
		a := &attempts[i]
		a.URL = p.shownURL(a.URL)
		a.RequestHeader = hookyard.MaskSent(a.RequestHeader, h) // older attempts are stored with more
	}
	return attempts, nil
}

// RetryDelivery makes a delivery due now, whatever its state, with its schedule from the beginning. It fails with
// Conflict when the hook is off or deleted, and with Gone when the event's bytes are past their retention.
func (p *Project) RetryDelivery(ctx context.Context, id string) (hookyard.Delivery, error) {
	ctx, err := p.change(ctx, hookyard.RolePortal)
	if err != nil {
		return hookyard.Delivery{}, err
	}
	d, err := p.delivery(ctx, id)
	if err != nil {
		return d, err
	}
	h, err := p.c.store.HookByKey(ctx, d.HookKey)
	if err != nil {
		return d, err
	}
	if err := mustBeOn(h); err != nil {
		return d, err
	}
	e, err := p.event(ctx, d.EventID)
	if err != nil {
		return d, err
	}
	if _, err := Body(e); err != nil {
		return d, err
	}
	err = p.within(ctx, hookyard.Use{Pending: 1}, func() error { return p.c.store.Reopen(ctx, d.EventSeq, d.HookKey) })
	if err != nil {
		return d, err
	}
	p.c.dispatcher.Wake(d.HookKey)
	return p.Delivery(ctx, id)
}

// CancelDelivery ends a pending delivery.
func (p *Project) CancelDelivery(ctx context.Context, id string) (hookyard.Delivery, error) {
	ctx, err := p.change(ctx, hookyard.RolePortal)
	if err != nil {
		return hookyard.Delivery{}, err
	}
	d, err := p.delivery(ctx, id)
	if err != nil {
		return d, err
	}
	if err := p.c.store.Cancel(ctx, d.EventSeq, d.HookKey, canceledBy+p.Caller.User.Name); err != nil {
		return d, err
	}
	return p.Delivery(ctx, id)
}

// event returns an event of the project.
func (p *Project) event(ctx context.Context, id string) (*hookyard.Event, error) {
	e, err := p.c.store.Event(ctx, p.Key(), id)
	if errors.Is(err, hookyard.ErrNotFound) {
		return nil, noSuchEvent(id)
	}
	return e, err
}

// hookKey returns the key of a hook, 0 for no id.
func (p *Project) hookKey(id string) (int64, error) {
	if id == "" {
		return 0, nil
	}
	h, err := p.hook(id)
	if err != nil {
		return 0, err
	}
	return h.Key, nil
}

func mustBeOn(h *hookyard.Hook) error {
	if h.Deleted {
		return hookyard.Errorf(hookyard.Conflict,
			"hook %s was deleted: nothing is sent to it any more; replay the event to another hook", h.ID)
	}
	if reason, off := h.IsOff(); off {
		return hookyard.Errorf(hookyard.Conflict, "hook %s is off (%s): switch it on first", h.ID, reason)
	}
	return nil
}

func checkState(s hookyard.State) (hookyard.State, error) {
	switch s {
	case "", hookyard.Pending, hookyard.Delivered, hookyard.Failed, hookyard.Skipped, hookyard.Canceled:
		return s, nil
	}
	return "", hookyard.FieldErrorf("state", "state must be one of pending, delivered, failed, skipped, canceled")
}
