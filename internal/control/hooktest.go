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
	return p.sendTo(ctx, h, e)
}
