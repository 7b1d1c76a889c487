package client

import (
	"context"
	"net/http"

	"github.com/hookyard/hookyard"
)

// Nodes is a list of the nodes at the server's database.
type Nodes struct {
	Nodes []hookyard.Node `json:"nodes"`
}

// Nodes returns the nodes at the server's database, the longest running first. Only administrators may call it.
func (c *Client) Nodes(ctx context.Context) ([]hookyard.Node, error) {
	var out Nodes
	_, err := c.call(ctx, http.MethodGet, path("nodes"), nil, &out)
	return out.Nodes, err
}
