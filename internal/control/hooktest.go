package control

import (
	"context"

	"github.com/hookyard/hookyard"
)

// TestHook sends an event of type test to one hook, whatever events it wants. The delivery it returns is skipped when
// the hook is off.
func (p *Project) TestHook(ctx context.Context, id string) (hookyard.Delivery, error) {
	ctx, err := p.change(ctx, hookyard.RolePortal)
	if err != nil {
		return hookyard.Delivery{}, err
	}
	h, err := p.Hook(ctx, id)
	if err != nil {
		return hookyard.Delivery{}, err
	}
	data, err := hookyard.EncodeJSON(map[string]string{"message": "This is a test from hookyard",
		"project": p.Snapshot.Project.Path(), "hook": h.ID, "by": p.Caller.User.Name})
	if err != nil {
		return hookyard.Delivery{}, err
	}
	e := hookyard.NewMeta(p.Key(), "test", data, now())
	r := &hookyard.RoutedEvent{Event: e}
	r.Add(h)
	use := hookyard.Use{Events: 1, Day: e.Size, Kept: e.Size, Pending: 1}
	err = p.within(ctx, use, func() error {
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
