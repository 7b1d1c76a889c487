package api

import (
	"net/http"

	"github.com/hookyard/hookyard"
)

func showLook(c *call) error {
	l, err := c.a.o.Control.OwnerLook(c.ctx(), c.id, c.param("owner"))
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, l)
}

func setLook(c *call) error {
	body, err := c.object()
	if err != nil {
		return err
	}
	var l hookyard.Look
	if err := body.Decode(&l); err != nil {
		return err
	}
	if err := c.a.o.Control.SetLook(c.ctx(), c.id, c.param("owner"), l); err != nil {
		return err
	}
	return c.reply(http.StatusOK, l)
}
