package client

import (
	"context"
	"net/http"
	"time"

	"github.com/hookyard/hookyard"
)

// PortalLinkRequest asks for a link to the portal of a project.
type PortalLinkRequest struct {
	TTL       hookyard.Duration     `json:"ttl,omitempty" doc:"from 1m to 168h; default 1h"`
	ReadOnly  bool                  `json:"readOnly,omitempty"`
	ReturnURL string                `json:"returnUrl,omitempty" doc:"http or https; the portal links back to it"`
	Hide      []hookyard.PortalPart `json:"hide,omitempty" doc:"pages to leave out: deliveries, catalogue, verify"`
}

// PortalLink is a link that opens the portal of a project, once.
type PortalLink struct {
	hookyard.PortalGrant

	URL       string    `json:"url" doc:"whoever opens it first has the session; it is not shown again"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// PortalRevoked is how many links and sessions of a project's portal were revoked.
type PortalRevoked struct {
	Links    int64 `json:"links"`
	Sessions int64 `json:"sessions"`
}

// CreatePortalLink creates a link by which a customer manages the hooks of a project.
func (c *Client) CreatePortalLink(ctx context.Context, project string, r PortalLinkRequest) (out PortalLink,
	err error) {
	_, err = c.call(ctx, http.MethodPost, in(project, "portal-links"), r, &out)
	return out, err
}

// RevokePortal makes all links to the portal of a project useless and ends its sessions.
func (c *Client) RevokePortal(ctx context.Context, project string) (out PortalRevoked, err error) {
	_, err = c.call(ctx, http.MethodDelete, in(project, "portal-links"), nil, &out)
	return out, err
}

// Look returns how the portals of an owner's projects look. Only the owner and administrators may ask.
func (c *Client) Look(ctx context.Context, owner string) (out hookyard.Look, err error) {
	_, err = c.call(ctx, http.MethodGet, path("owners", owner, "look"), nil, &out)
	return out, err
}

// SetLook replaces how the portals of an owner's projects look.
func (c *Client) SetLook(ctx context.Context, owner string, l hookyard.Look) (out hookyard.Look, err error) {
	_, err = c.call(ctx, http.MethodPut, path("owners", owner, "look"), l, &out)
	return out, err
}
