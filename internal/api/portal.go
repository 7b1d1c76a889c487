package api

import (
	"net/http"

	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/control"
)

func createPortalLink(c *call) error {
	body, err := c.object()
	if err != nil {
		return err
	}
	var in control.PortalSpec
	if err := body.Decode(&in); err != nil {
		return err
	}
	key, l, err := c.project.CreatePortalLink(c.ctx(), in)
	if err != nil {
		return err
	}
	return c.reply(http.StatusCreated, client.PortalLink{PortalGrant: l.PortalGrant, ExpiresAt: l.ExpiresAt,
		URL: c.a.o.BaseURL + control.PortalPath(c.project.Snapshot.Project, key)})
}

func revokePortal(c *call) error {
	links, sessions, err := c.project.RevokePortal(c.ctx())
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, client.PortalRevoked{Links: links, Sessions: sessions})
}
