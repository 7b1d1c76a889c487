package api

import (
	"net/http"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/control"
)

func listDeliveries(c *call) error {
	q, err := c.deliverySearch()
	if err != nil {
		return err
	}
	list, next, err := c.project.Deliveries(c.ctx(), q)
	if err != nil {
		return err
	}
	out := client.DeliveryPage{Deliveries: []client.Delivery{}}
	for _, d := range list {
		out.Deliveries = append(out.Deliveries, client.Delivery{Delivery: d})
	}
	if next != "" {
		out.Cursor = makeCursor(cursorDeliveries, c.project.Key(), next)
	}
	return c.reply(http.StatusOK, out)
}

func (c *call) deliverySearch() (q control.DeliverySearch, err error) {
	q.Hook, q.Event = c.q.Get("hook"), c.q.Get("event")
	q.Replay = c.q.Get("replay")
	q.State = hookyard.State(c.q.Get("state"))
	if q.Before, err = readCursor(c.q.Get("cursor"), cursorDeliveries, c.project.Key()); err != nil {
		return q, err
	}
	if q.Limit, err = c.limit(); err != nil {
		return q, err
	}
	if q.Since, err = timeOrAgo("since", c.q.Get("since")); err != nil {
		return q, err
	}
	q.Until, err = timeOrAgo("until", c.q.Get("until"))
	return q, err
}

func showDelivery(c *call) error {
	d, err := c.project.Delivery(c.ctx(), c.param("id"))
	if err != nil {
		return err
	}
	attempts, err := c.project.Attempts(c.ctx(), &d)
	if err != nil {
		return err
	}
	out := client.Delivery{Delivery: d}
	for i := range attempts {
		out.History = append(out.History, attemptJSON(&attempts[i]))
	}
	return c.reply(http.StatusOK, out)
}

func retryDelivery(c *call) error {
	d, err := c.project.RetryDelivery(c.ctx(), c.param("id"))
	if err != nil {
		return err
	}
	return c.reply(http.StatusAccepted, client.Delivery{Delivery: d})
}

func cancelDelivery(c *call) error {
	d, err := c.project.CancelDelivery(c.ctx(), c.param("id"))
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, client.Delivery{Delivery: d})
}

func attemptJSON(a *hookyard.Attempt) client.Attempt {
	out := client.Attempt{
		N: a.N, StartedAt: a.StartedAt, Duration: hookyard.Duration(a.Duration), Method: a.Method,
		URL:    hookyard.MaskURL(a.URL),
		Status: a.Status, Error: a.Error, ErrorKind: a.ErrorKind,
		Remote: a.Remote,
		Request: client.Message{Header: a.RequestHeader, Size: a.RequestSize, AsEvent: a.RequestBody == nil &&
			a.RequestSize > 0, Truncated: a.RequestTruncated()},
		Timing: client.Timing{DNS: hookyard.Duration(a.Timing.DNS), Connect: hookyard.Duration(a.Timing.Connect),
			TLS: hookyard.Duration(a.Timing.TLS), Wait: hookyard.Duration(a.Timing.Wait)},
	}
	out.Request.Text, out.Request.Base64 = textOrBytes(a.RequestBody)
	if a.Status != 0 {
		out.Response = &client.Message{Header: a.ResponseHeader, Size: int64(len(a.ResponseBody)),
			Truncated: a.ResponseTruncated}
		out.Response.Text, out.Response.Base64 = textOrBytes(a.ResponseBody)
	}
	return out
}
