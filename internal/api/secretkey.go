package api

import "net/http"

func showKeyRotation(c *call) error {
	r, err := c.a.o.Control.KeyRotation(c.ctx(), c.id)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, r)
}

func rotateKey(c *call) error {
	r, err := c.a.o.Control.RotateKey(c.ctx(), c.id)
	if err != nil {
		return err
	}
	return c.reply(http.StatusAccepted, r)
}
