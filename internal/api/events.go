package api

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// maxInline is the largest body that is shown inside JSON.
const maxInline = 1 << 20

func listEvents(c *call) error {
	q, err := c.eventQuery()
	if err != nil {
		return err
	}
	page, err := c.a.o.Store.Events(c.ctx(), q)
	if err != nil {
		return err
	}
	out := client.EventPage{Events: []client.Event{}, Cut: page.Cut}
	for i, e := range page.Events {
		out.Events = append(out.Events, eventJSON(e, page.Counts[i]))
	}
	if page.Next > 0 {
		out.Cursor = makeCursor(cursorEvents, c.key(), position(page.Next))
	}
	return c.reply(http.StatusOK, out)
}

func (c *call) eventQuery() (q hookyard.EventQuery, err error) {
	q = hookyard.EventQuery{ProjectKey: c.key(), Source: c.q.Get("source"), Type: c.q.Get("type"), ID: c.q.Get("id"),
		Text: c.q.Get("text"), Path: c.q.Get("path"), Value: c.q.Get("value")}
	if q.Before, err = readNumber(c.q.Get("cursor"), cursorEvents, c.key()); err != nil {
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
	switch {
	case len(q.Text) > 1000 || len(q.Path) > 200 || len(q.Value) > 1000 || len(q.Type) > 1000:
		return q, hookyard.Errorf(hookyard.Invalid, "text, value and type may have 1000 bytes, path 200")
	case c.q.Has("value") && q.Path == "":
		return q, hookyard.FieldErrorf("path",
			"value needs path: where in the body it must stand, such as data.order.id")
	case strings.ContainsAny(q.Path, "#@|*?"):
		return q, hookyard.FieldErrorf("path", "path names members and positions only, such as data.items.0.sku")
	}
	q.HookKey, err = c.hookParam()
	return q, err
}

func showEvent(c *call) error {
	e, counts, err := c.event()
	if err != nil {
		return err
	}
	out := eventJSON(e, counts)
	out.Header = e.Header
	switch {
	case gone(e):
		out.BodyLeftOut = "it is past its retention"
	case e.Size > maxInline:
		out.BodyLeftOut = "it is larger than " + strconv.Itoa(maxInline) + " bytes: get …/body"
	case e.IsJSON() && utf8.Valid(e.Body) && json.Valid(e.Body):
		out.Body = e.Body
	default:
		out.Text, out.Base64 = textOrBytes(e.Body)
	}
	return c.reply(http.StatusOK, out)
}

// showEventBody gives the bytes as a download that no browser takes for a page of ours.
func showEventBody(c *call) error {
	e, _, err := c.event()
	if err != nil {
		return err
	}
	if gone(e) {
		return bodyGone(e)
	}
	h := c.w.Header()
	h.Set("Content-Type", contentTypeOf(e))
	h.Set("Content-Length", strconv.Itoa(len(e.Body)))
	h.Set("Content-Disposition", `attachment; filename="`+e.ID+`"`)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Cache-Control", "private, no-store")
	_, _ = c.w.Write(e.Body)
	return nil
}

// contentTypeOf is the sender's content type where it is one, else bytes.
func contentTypeOf(e *hookyard.Event) string {
	if _, _, err := mime.ParseMediaType(e.ContentType); err != nil || strings.ContainsFunc(e.ContentType, isControl) {
		return "application/octet-stream"
	}
	return e.ContentType
}

// replayEvent sends an event again: to the hooks that are named, also those that were not owed it, or to all that were.
func replayEvent(c *call) error {
	var in client.EventReplay
	body, err := c.object()
	if err != nil {
		return err
	}
	if err := body.read(map[string]field{"hook": into(&in.Hook), "hooks": into(&in.Hooks)}); err != nil {
		return err
	}
	if in.Hook != "" {
		in.Hooks = append(in.Hooks, in.Hook)
	}
	e, _, err := c.event()
	if err != nil {
		return err
	}
	if gone(e) {
		return bodyGone(e)
	}
	owed, err := c.deliveriesOf(e)
	if err != nil {
		return err
	}
	out := client.Reopened{Deliveries: []string{}}
	if len(in.Hooks) > 0 {
		out.Deliveries, err = c.replayTo(e, owed, in.Hooks)
	} else {
		out.Deliveries, err = c.replayToAll(owed)
	}
	if err != nil {
		return err
	}
	return c.reply(http.StatusAccepted, out)
}

// replayTo opens or makes the deliveries of an event to the hooks named.
func (c *call) replayTo(e *hookyard.Event, owed map[int64]hookyard.Delivery, ids []string) ([]string, error) {
	hooks := make([]*hookyard.Hook, len(ids))
	for i, id := range ids { // all of them before the first is touched
		h, err := c.hookNamed(id)
		if err != nil {
			return nil, err
		}
		if err := mustBeOn(h); err != nil {
			return nil, err
		}
		hooks[i] = h
	}
	out := []string{}
	for _, h := range hooks {
		var err error
		if d, ok := owed[h.Key]; ok {
			err = c.a.o.Store.Reopen(c.ctx(), d.EventSeq, h.Key)
		} else {
			err = c.a.o.Store.CreateDelivery(c.ctx(), e.Seq, h.Key)
		}
		if err != nil {
			return nil, err
		}
		c.a.o.Dispatcher.Wake(h.Key)
		out = append(out, hookyard.DeliveryID(e.ID, h.Key))
	}
	return out, nil
}

// replayToAll opens every delivery whose hook is there and on; those under way are left alone.
func (c *call) replayToAll(owed map[int64]hookyard.Delivery) ([]string, error) {
	out := []string{}
	for _, h := range c.view.Hooks {
		d, ok := owed[h.Key]
		if _, off := h.IsOff(); !ok || off {
			continue
		}
		err := c.a.o.Store.Reopen(c.ctx(), d.EventSeq, h.Key)
		if errors.Is(err, hookyard.ErrConflict) {
			continue
		}
		if err != nil {
			return nil, err
		}
		c.a.o.Dispatcher.Wake(h.Key)
		out = append(out, d.ID)
	}
	return out, nil
}

// explainEvent answers "why did I not get it?" for every hook.
func explainEvent(c *call) error {
	e, counts, err := c.event()
	if err != nil {
		return err
	}
	owed, err := c.deliveriesOf(e)
	if err != nil {
		return err
	}
	out := client.Explanation{Event: eventJSON(e, counts), Hooks: []client.HookVerdict{}}
	for _, h := range c.view.Hooks {
		d, ok := owed[h.Key]
		delete(owed, h.Key)
		out.Hooks = append(out.Hooks, c.verdict(h, e, d, ok))
	}
	for _, d := range owed {
		out.Hooks = append(out.Hooks, client.HookVerdict{Hook: d.HookID,
			Reason:     "the hook was deleted since; its delivery is " + inWords(d),
			DeliveryID: d.ID, State: d.State, Attempts: d.Attempts})
	}
	return c.reply(http.StatusOK, out)
}

func (c *call) verdict(h *hookyard.Hook, e *hookyard.Event, d hookyard.Delivery, owed bool) client.HookVerdict {
	v := hookyard.Wants(h, e, c.a.o.Filter)
	out := client.HookVerdict{Hook: h.ID, URL: showURL(h.URL), Wanted: v.Wanted, Reason: v.Reason}
	off, isOff := h.IsOff()
	switch {
	case owed:
		out.DeliveryID, out.State, out.Attempts = d.ID, d.State, d.Attempts
		if out.Reason = inWords(d); !v.Wanted {
			out.Reason += "; as the hook is now it would not want it: " + v.Reason
		}
	case h.CreatedAt.After(e.Time):
		out.Reason = "the hook was made after the event came"
		if !v.Wanted {
			out.Reason += ", and would not want it: " + v.Reason
		}
	case v.Wanted:
		out.Reason = "the hook wants it as it is now, but was changed after the event came; a replay would send it"
	}
	if isOff && !owed {
		out.Reason += "; besides, " + off
	}
	return out
}

// inWords describes a delivery's state.
func inWords(d hookyard.Delivery) string {
	s := string(d.State)
	if d.Reason != "" {
		s += ": " + d.Reason
	}
	return s
}

// event returns the event of the path with its bytes and its deliveries by state.
func (c *call) event() (*hookyard.Event, map[hookyard.State]int, error) {
	page, err := c.a.o.Store.Events(c.ctx(), hookyard.EventQuery{ProjectKey: c.key(), ID: c.param("id"), Bodies: true,
		Limit: 1})
	if err != nil {
		return nil, nil, err
	}
	if len(page.Events) == 0 {
		return nil, nil, hookyard.Errorf(hookyard.NotFound, "no such event [%s]", hookyard.Clean(c.param("id"), 100))
	}
	return page.Events[0], page.Counts[0], nil
}

// deliveriesOf returns an event's deliveries by the key of their hook.
func (c *call) deliveriesOf(e *hookyard.Event) (map[int64]hookyard.Delivery, error) {
	out := map[int64]hookyard.Delivery{}
	for before := ""; ; {
		list, next, err := c.a.o.Store.Deliveries(c.ctx(),
			hookyard.DeliveryQuery{ProjectKey: c.key(), EventSeq: e.Seq, Before: before, Limit: maxPage})
		if err != nil {
			return nil, err
		}
		for _, d := range list {
			out[d.HookKey] = d
		}
		if next == "" {
			return out, nil
		}
		before = next
	}
}

// gone says whether the event's bytes are past retention.
func gone(e *hookyard.Event) bool { return e.Body == nil && e.Size > 0 }

func bodyGone(e *hookyard.Event) error {
	return hookyard.Errorf(hookyard.Gone, "the bytes of event %s are past their retention (setting: --retention)", e.ID)
}

func mustBeOn(h *hookyard.Hook) error {
	if h.Deleted {
		return hookyard.Errorf(hookyard.Conflict,
			"hook %s was deleted: nothing is sent to it any more; replay the event to another hook", h.ID)
	}
	if reason, off := h.IsOff(); off {
		return hookyard.Errorf(hookyard.Conflict, "hook %s is off (%s): switch it on first", h.ID, reason)
	}
	return nil
}

func eventJSON(e *hookyard.Event, counts map[hookyard.State]int) client.Event {
	return client.Event{
		ID: e.ID, Type: e.Type, Source: e.Source, Time: e.Time, ContentType: e.ContentType, Size: e.Size,
		Method: e.Method,
		Target: e.Target, Remote: e.Remote, Verified: e.Verified, Deliveries: counts,
	}
}
