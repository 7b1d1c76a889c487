package control

import (
	"context"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
)

// Nodes returns the nodes that are at the database. The caller must be an administrator.
func (c *Control) Nodes(ctx context.Context, id *auth.Identity) ([]hookyard.Node, error) {
	if err := c.Admit(id, Administrator); err != nil {
		return nil, err
	}
	return c.store.Nodes(ctx)
}
