package api

import (
	"net/http"
	"time"

	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/control"
)

func putListener(c *call) error {
	var in client.Listener
	body, err := c.object()
	if err != nil {
		return err
	}
	if err := body.Decode(&in); err != nil {
		return err
	}
	h, err := c.project.PutListener(c.ctx(), c.param("id"), in.URL)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, hookJSON(c.project.Snapshot.Project, h))
}

func removeListener(c *call) error {
	if err := c.project.DeleteListener(c.ctx(), c.param("id")); err != nil {
		return err
	}
	return c.noContent()
}

func recordForwarded(c *call) error {
	var in client.Forwarded
	body, err := c.object()
	if err != nil {
		return err
	}
	if err := body.Decode(&in); err != nil {
		return err
	}
	attempt := control.Forwarded{
		EventID: in.EventID, StartedAt: in.StartedAt, Duration: time.Duration(in.Duration), URL: in.URL,
		RequestHeader: in.Request.Header, Status: in.Status, Error: in.Error,
	}
	if r := in.Response; r != nil {
		attempt.ResponseHeader, attempt.ResponseBody = r.Header, r.Base64
		attempt.Truncated = r.Truncated
	}
	d, err := c.project.RecordForwarded(c.ctx(), c.param("id"), attempt)
	if err != nil {
		return err
	}
	return c.reply(http.StatusCreated, client.Delivery{Delivery: d})
}
