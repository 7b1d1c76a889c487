package api

import (
	"net/http"

	"github.com/hookyard/hookyard/client"
)

func eraseEvent(c *call) error {
	erased, err := c.project.EraseEvent(c.ctx(), c.param("id"))
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, client.Erased{Events: erased.Events, Canceled: erased.Canceled})
}

func eraseEvents(c *call) error {
	q, err := c.eventSearch()
	if err != nil {
		return err
	}
	all, err := c.all()
	if err != nil {
		return err
	}
	dryRun, err := c.flag("dryRun")
	if err != nil {
		return err
	}
	erased, err := c.project.EraseEvents(c.ctx(), q, all, dryRun)
	if err != nil {
		return err
	}
	out := client.Erased{Events: erased.Events, Canceled: erased.Canceled}
	if erased.Next > 0 {
		out.Cursor = makeCursor(cursorOf(&q, erased.In), c.project.Key(), position(erased.Next))
	}
	return c.reply(http.StatusOK, out)
}
