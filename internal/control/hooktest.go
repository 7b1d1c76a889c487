package control

import (
	"context"

	"github.com/hookyard/hookyard"
)

// TestHook sends an event of type test to one hook, whatever events it wants. The delivery it returns is skipped when
// the hook is off.
func (p *Project) TestHook(ctx context.Context, id string) (hookyard.Delivery, error) {
	return p.testHook(ctx, id, func(h *hookyard.Hook) (eventType string, data []byte, err error) {
		data, err = hookyard.EncodeJSON(map[string]string{"message": "This is a test from hookyard",
			"project": p.Snapshot.Project.Path(), "hook": h.ID, "by": p.Caller.User.Name})
		return "test", data, err
	})
}

// SendExample is [Project.TestHook] with an example of an event type that the project inherits from its owner. It fails
// with NotFound if there is no such type.
func (p *Project) SendExample(ctx context.Context, id, eventType string) (hookyard.Delivery, error) {
	return p.testHook(ctx, id, func(*hookyard.Hook) (string, []byte, error) {
		data, err := p.Example(ctx, eventType)
		return eventType, data, err
	})
}

func (p *Project) testHook(ctx context.Context, id string,
	content func(h *hookyard.Hook) (eventType string, data []byte, err error)) (hookyard.Delivery, error) {
	ctx, err := p.change(ctx, hookyard.RolePortal)
	if err != nil {
		return hookyard.Delivery{}, err
	}
	h, err := p.Hook(ctx, id)
	if err != nil {
		return hookyard.Delivery{}, err
	}
	eventType, data, err := content(h)
	if err != nil {
		return hookyard.Delivery{}, err
	}
	e := hookyard.NewMeta(p.Key(), eventType, data, now())
	return p.sendTo(ctx, h, e)
}
