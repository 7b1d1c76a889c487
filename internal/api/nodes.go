package api

import (
	"net/http"

	"github.com/hookyard/hookyard/client"
)

func listNodes(c *call) error {
	nodes, err := c.a.o.Control.Nodes(c.ctx(), c.id)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, client.Nodes{Nodes: nodes})
}
