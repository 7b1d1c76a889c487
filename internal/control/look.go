package control

import (
	"context"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
)

// Look returns how the portals of an owner look, which is no secret.
func (c *Control) Look(ctx context.Context, owner string) (hookyard.Look, error) {
	if err := checkName(owner); err != nil {
		return hookyard.Look{}, err
	}
	return c.store.Look(ctx, owner)
}

// OwnerLook is Look for the owner or an administrator.
func (c *Control) OwnerLook(ctx context.Context, id *auth.Identity, owner string) (hookyard.Look, error) {
	if _, err := c.owner(ctx, id, owner); err != nil {
		return hookyard.Look{}, err
	}
	return c.store.Look(ctx, owner)
}

// SetLook replaces the look of an owner's portals. The caller must be the owner or an administrator.
func (c *Control) SetLook(ctx context.Context, id *auth.Identity, owner string, l hookyard.Look) error {
	if _, err := c.owner(ctx, id, owner); err != nil {
		return err
	}
	if err := l.Validate(c.limits); err != nil {
		return err
	}
	return c.store.SetLook(actor(ctx, id), owner, l)
}
