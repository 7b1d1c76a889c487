package control

import (
	"context"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
)

// RotateKey begins to encrypt all secrets with another key, while the nodes run, and returns how far that is. If it has
// begun already, it only returns that. The caller must be an administrator. It fails with Conflict, and says what to
// do, if the server cannot make a new key.
func (c *Control) RotateKey(ctx context.Context, id *auth.Identity) (hookyard.KeyRotation, error) {
	if err := c.Admit(id, Administrator); err != nil {
		return hookyard.KeyRotation{}, err
	}
	return c.store.RotateKey(actor(ctx, id))
}

// KeyRotation returns the change of the key that is under way, or the last one. The caller must be an administrator.
func (c *Control) KeyRotation(ctx context.Context, id *auth.Identity) (hookyard.KeyRotation, error) {
	if err := c.Admit(id, Administrator); err != nil {
		return hookyard.KeyRotation{}, err
	}
	return c.store.KeyRotation(ctx)
}
