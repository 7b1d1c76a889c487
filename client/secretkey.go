package client

import (
	"context"
	"net/http"

	"github.com/hookyard/hookyard"
)

// RotateKey begins to encrypt all secrets in the server's database with another key. The nodes do it while they run;
// [Client.KeyRotation] says how far they are. Only administrators may call it.
func (c *Client) RotateKey(ctx context.Context) (hookyard.KeyRotation, error) {
	var out hookyard.KeyRotation
	_, err := c.call(ctx, http.MethodPost, path("secret-key", "rotate"), nil, &out)
	return out, err
}

// KeyRotation returns the change of the key of secrets that is under way, or the last one. Only administrators may call
// it.
func (c *Client) KeyRotation(ctx context.Context) (hookyard.KeyRotation, error) {
	var out hookyard.KeyRotation
	_, err := c.call(ctx, http.MethodGet, path("secret-key"), nil, &out)
	return out, err
}
