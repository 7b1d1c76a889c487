package api

import (
	"errors"
	"net/http"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

func listDeliveries(c *call) error {
	q, err := c.deliveryQuery()
	if err != nil {
		return err
	}
	list, next, err := c.a.o.Store.Deliveries(c.ctx(), q)
	if err != nil {
		return err
	}
	out := client.DeliveryPage{Deliveries: []client.Delivery{}}
	for _, d := range list {
		out.Deliveries = append(out.Deliveries, client.Delivery{Delivery: d})
	}
	if next != "" {
		out.Cursor = makeCursor(cursorDeliveries, c.key(), next)
	}
	return c.reply(http.StatusOK, out)
}

func (c *call) deliveryQuery() (q hookyard.DeliveryQuery, err error) {
	q.ProjectKey = c.key()
	if q.Before, err = readCursor(c.q.Get("cursor"), cursorDeliveries, c.key()); err != nil {
		return q, err
	}
	if q.Limit, err = c.limit(); err != nil {
		return q, err
	}
	if q.Since, err = c.time("since"); err != nil {
		return q, err
	}
	if q.Until, err = c.time("until"); err != nil {
		return q, err
	}
	if q.State, err = c.state(); err != nil {
		return q, err
	}
	if q.HookKey, err = c.hookParam(); err != nil {
		return q, err
	}
	if id := c.q.Get("event"); id != "" {
		e, err := c.a.o.Store.Event(c.ctx(), c.key(), id)
		if errors.Is(err, hookyard.ErrNotFound) {
			return q, hookyard.Errorf(hookyard.NotFound, "no such event [%s]", hookyard.Clean(id, 100))
		}
		if err != nil {
			return q, err
		}
		q.EventSeq = e.Seq
	}
	return q, nil
}

func showDelivery(c *call) error {
	d, err := c.delivery()
	if err != nil {
		return err
	}
	attempts, err := c.a.o.Store.Attempts(c.ctx(), d.EventSeq, d.HookKey)
	if err != nil {
		return err
	}
	out := client.Delivery{Delivery: d}
	for i := range attempts {
		out.History = append(out.History, attemptJSON(&attempts[i]))
	}
	return c.reply(http.StatusOK, out)
}

// retryDelivery makes a delivery due at once, whatever its state, with a fresh schedule.
func retryDelivery(c *call) error {
	d, err := c.delivery()
	if err != nil {
		return err
	}
	h, err := c.a.o.Store.HookByKey(c.ctx(), d.HookKey)
	if err != nil {
		return err
	}
	if err := mustBeOn(h); err != nil {
		return err
	}
	e, err := c.a.o.Store.Event(c.ctx(), c.key(), d.EventID)
	if err != nil {
		return err
	}
	if gone(e) {
		return bodyGone(e)
	}
	if err := c.a.o.Store.Reopen(c.ctx(), d.EventSeq, d.HookKey); err != nil {
		return err
	}
	c.a.o.Dispatcher.Wake(d.HookKey)
	return c.replyDelivery(http.StatusAccepted)
}

func cancelDelivery(c *call) error {
	d, err := c.delivery()
	if err != nil {
		return err
	}
	if err := c.a.o.Store.Cancel(c.ctx(), d.EventSeq, d.HookKey, "canceled by "+c.id.User.Name); err != nil {
		return err
	}
	return c.replyDelivery(http.StatusOK)
}

// delivery returns the delivery of the path.
func (c *call) delivery() (hookyard.Delivery, error) {
	d, err := c.a.o.Store.Delivery(c.ctx(), c.key(), c.param("id"))
	if errors.Is(err, hookyard.ErrNotFound) {
		return d, hookyard.Errorf(hookyard.NotFound, "no such delivery [%s]", hookyard.Clean(c.param("id"), 100))
	}
	return d, err
}

// replyDelivery answers with the delivery of the path as it is now.
func (c *call) replyDelivery(status int) error {
	d, err := c.delivery()
	if err != nil {
		return err
	}
	return c.reply(status, client.Delivery{Delivery: d})
}

func attemptJSON(a *hookyard.Attempt) client.Attempt {
	out := client.Attempt{
		N: a.N, StartedAt: a.StartedAt, Duration: hookyard.Duration(a.Duration), URL: a.URL, Status: a.Status,
		Error: a.Error, ErrorKind: a.ErrorKind,
		Remote: a.Remote,
		Request: client.Message{Header: a.RequestHeader, Size: a.RequestSize, AsEvent: a.RequestBody == nil &&
			a.RequestSize > 0},
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
