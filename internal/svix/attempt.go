package svix

import (
	"cmp"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
)

// The states of messages and attempts.
const (
	success = iota
	pending
	failed
	sending
	canceled
)

var statusTexts = [...]string{"success", "pending", "fail", "sending", "canceled"}

// attempt is an attempt as Svix shows it.
type attempt struct {
	ID                 string    `json:"id"`
	URL                string    `json:"url"`
	Response           string    `json:"response"`
	ResponseStatusCode int       `json:"responseStatusCode"`
	ResponseDurationMs int64     `json:"responseDurationMs"`
	Status             int       `json:"status"`
	StatusText         string    `json:"statusText"`
	TriggerType        int       `json:"triggerType"` // 0: by the schedule, 1: by hand
	MsgID              string    `json:"msgId"`
	EndpointID         string    `json:"endpointId"`
	Timestamp          time.Time `json:"timestamp"`
	Msg                *message  `json:"msg,omitempty"`
}

// maxResponse is how much of a response is shown, in bytes.
const maxResponse = 20_000

func attemptOf(f *hookyard.FoundAttempt, content bool) attempt {
	out := attempt{ID: attemptID(f), URL: f.URL, ResponseStatusCode: f.Status,
		ResponseDurationMs: f.Duration.Milliseconds(), Status: failed, MsgID: messageID(f.EventID),
		EndpointID: f.HookID, Timestamp: f.StartedAt}
	if f.ErrorKind == hookyard.KindNone && f.Status >= 200 && f.Status < 300 {
		out.Status = success
	}
	if out.StatusText = statusTexts[out.Status]; f.Manual {
		out.TriggerType = 1
	}
	switch response := f.ResponseBody[:min(len(f.ResponseBody), maxResponse)]; {
	case !content:
		out.Response = emptyPayload
	case f.Status == 0 || len(response) == 0 && f.Error != "":
		out.Response = f.Error
	case utf8.Valid(response):
		out.Response = string(response)
	default:
		out.Response = base64.StdEncoding.EncodeToString(response)
	}
	return out
}

func messageID(eventID string) string {
	e := hookyard.Event{ID: eventID}
	return e.MessageID()
}

// attemptID names an attempt by its event, hook and number.
func attemptID(f *hookyard.FoundAttempt) string {
	return "atmpt_" + strings.TrimPrefix(f.EventID, "evt_") + "_" + strconv.FormatInt(f.HookKey, 32) + "_" +
		strconv.FormatInt(int64(f.N), 32)
}

// attemptKey returns the event and the key that an attempt's id names. The event's seq is left out.
func attemptKey(id string) (eventID string, key hookyard.AttemptKey, ok bool) {
	parts := strings.Split(id, "_")
	if len(parts) != 4 || parts[0] != "atmpt" {
		return "", key, false
	}
	eventID, ok = hookyard.EventID("msg_" + parts[1])
	hook, err := strconv.ParseInt(parts[2], 32, 64)
	n, errN := strconv.ParseInt(parts[3], 32, 32)
	key.HookKey, key.N = hook, int(n)
	return eventID, key, ok && err == nil && errN == nil && hook > 0 && n > 0
}

// attemptQuery reads what restricts a list of attempts. none: nothing can match.
func (c *call) attemptQuery(values url.Values, s selection) (q hookyard.AttemptQuery, none bool, err error) {
	q = hookyard.AttemptQuery{Types: s.types, Channel: s.channel, Since: s.after, Until: s.before}
	switch values.Get("status") {
	case "":
	case "0":
		q.Succeeded = true
	case "2":
		q.Failed = true
	case "1", "3", "4":
		none = true
	default:
		return q, false, badRequest("status must be 0, 1, 2 or 3")
	}
	switch class := values.Get("status_code_class"); class {
	case "":
	case "0":
		q.Class = -1
	case "100", "200", "300", "400", "500":
		q.Class = int(class[0] - '0')
	default:
		return q, false, badRequest("status_code_class must be 0, 100, 200, 300, 400 or 500")
	}
	return q, none, nil
}

// listAttempts lists the attempts that of restricts to an endpoint, a message or both.
func (c *call) listAttempts(p *control.Project, of hookyard.AttemptKey) (int, any, error) {
	values, err := c.query()
	if err != nil {
		return 0, nil, err
	}
	pg, s, err := c.pageAndSelection()
	if err != nil {
		return 0, nil, err
	}
	q, none, err := c.attemptQuery(values, s)
	if err != nil {
		return 0, nil, err
	}
	withMsg, err := queryBool(values, "with_msg", false)
	if err != nil {
		return 0, nil, err
	}
	q.HookKey, q.EventSeq = of.HookKey, of.EventSeq
	q.Limit, q.Backward = pg.limit+1, pg.backward
	ascending := pg.iterator == "" && s.before.IsZero() && !s.after.IsZero()
	switch {
	case pg.iterator != "":
		if q.From, err = c.attemptIterator(p, pg.iterator, of); err != nil {
			return 0, nil, err
		}
	case ascending:
		q.Backward = true
	case s.after.IsZero() && s.before.IsZero() && of.EventSeq == 0:
		q.Since = now().Add(-maxAge)
	}
	if none {
		return http.StatusOK, pageOf(pg, []attempt{}, func(a attempt) string { return a.ID }), nil
	}
	found, err := p.FindAttempts(c.ctx(), q)
	if err != nil {
		return 0, nil, err
	}
	data := make([]attempt, len(found))
	for i := range found {
		data[i] = attemptOf(&found[i], s.content)
	}
	if withMsg {
		if err := c.addMessages(p, data, found); err != nil {
			return 0, nil, err
		}
	}
	pg.backward = pg.backward || ascending
	return http.StatusOK, pageOf(pg, data, func(a attempt) string { return a.ID }), nil
}

// attemptIterator returns the attempt that a list goes on after. It must be of the list's endpoint or message.
func (c *call) attemptIterator(p *control.Project, iterator string, of hookyard.AttemptKey) (*hookyard.AttemptKey,
	error) {
	eventID, key, ok := attemptKey(iterator)
	if !ok {
		return nil, c.foreign()
	}
	e, err := p.EventMeta(c.ctx(), eventID)
	if errors.Is(err, hookyard.ErrNotFound) {
		return nil, c.foreign()
	}
	if err != nil {
		return nil, err
	}
	key.EventSeq = e.Seq
	if of.HookKey != 0 && of.HookKey != key.HookKey || of.EventSeq != 0 && of.EventSeq != key.EventSeq {
		return nil, c.foreign()
	}
	return &key, nil
}

// addMessages adds to attempts the messages that they are of, without payloads.
func (c *call) addMessages(p *control.Project, data []attempt, found []hookyard.FoundAttempt) error {
	byID := map[string]*message{}
	for i := range data {
		id := found[i].EventID
		if byID[id] == nil {
			e, err := p.EventMeta(c.ctx(), id)
			if err != nil {
				return err
			}
			m := messageOf(e, false)
			byID[id] = &m
		}
		data[i].Msg = byID[id]
	}
	return nil
}

func listByEndpoint(c *call) (int, any, error) {
	p, h, err := c.endpoint(control.Read)
	if err != nil {
		return 0, nil, err
	}
	return c.listAttempts(p, hookyard.AttemptKey{HookKey: h.Key})
}

func listByMessage(c *call) (int, any, error) {
	p, e, err := c.message(control.Read)
	if err != nil {
		return 0, nil, err
	}
	of := hookyard.AttemptKey{EventSeq: e.Seq}
	values, err := c.query()
	if err != nil {
		return 0, nil, err
	}
	if id := values.Get("endpoint_id"); id != "" {
		h, err := c.hook(p, id)
		if err != nil {
			return 0, nil, err
		}
		of.HookKey = h.Key
	}
	return c.listAttempts(p, of)
}

func listByBoth(c *call) (int, any, error) {
	p, e, err := c.message(control.Read)
	if err != nil {
		return 0, nil, err
	}
	h, err := c.hook(p, c.param("endpoint"))
	if err != nil {
		return 0, nil, err
	}
	return c.listAttempts(p, hookyard.AttemptKey{EventSeq: e.Seq, HookKey: h.Key})
}

// attempt returns the attempt of the path.
func (c *call) attempt(a control.Access) (*control.Project, *hookyard.FoundAttempt, error) {
	p, e, err := c.message(a)
	if err != nil {
		return nil, nil, err
	}
	id, key, ok := attemptKey(c.param("attempt"))
	if !ok || id != e.ID {
		return nil, nil, notFound()
	}
	found, err := p.FindAttempts(c.ctx(), hookyard.AttemptQuery{EventSeq: e.Seq, HookKey: key.HookKey, Limit: 1000})
	if err != nil {
		return nil, nil, err
	}
	at := slices.IndexFunc(found, func(f hookyard.FoundAttempt) bool { return f.N == key.N })
	if at < 0 {
		return nil, nil, notFound()
	}
	return p, &found[at], nil
}

func showAttempt(c *call) (int, any, error) {
	_, f, err := c.attempt(control.Read)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, attemptOf(f, true), nil
}

func expungeAttempt(c *call) (int, any, error) {
	p, f, err := c.attempt(control.Write)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, p.ExpungeAttempt(c.ctx(), f)
}

// state is how far a message is with an endpoint.
type state struct {
	Status     int    `json:"status"`
	StatusText string `json:"statusText"`
	next       *time.Time
}

// state returns the state of a message with an endpoint by its delivery.
func (c *call) state(d *hookyard.Delivery) (s state) {
	switch {
	case d.Open() && d.State != hookyard.Delivered:
		s.Status = sending
		if !d.Due.IsZero() {
			s.next = &d.Due
		}
	case d.State == hookyard.Delivered:
		s.Status = success
	case d.State == hookyard.Canceled:
		if s.Status = success; c.r.URL.Query().Get("expanded_statuses") == "true" {
			s.Status = canceled
		}
	default:
		s.Status = failed
	}
	s.StatusText = statusTexts[s.Status]
	return s
}

// attemptedMessage is a message that was sent to an endpoint.
type attemptedMessage struct {
	message
	state
	NextAttempt *time.Time `json:"nextAttempt,omitempty"`
}

// listAttemptedMessages lists the messages of which at least one attempt to the endpoint was made.
func listAttemptedMessages(c *call) (int, any, error) {
	p, h, err := c.endpoint(control.Read)
	if err != nil {
		return 0, nil, err
	}
	pg, s, err := c.pageAndSelection()
	if err != nil {
		return 0, nil, err
	}
	q, err := c.eventQuery(p, &pg, &s)
	if err != nil {
		return 0, nil, err
	}
	q.Hook, q.Tried = h.ID, true
	switch status := c.r.URL.Query().Get("status"); status {
	case "":
	case "0":
		q.State = hookyard.Delivered
	case "2":
		q.State = hookyard.Failed
	case "3":
		q.State = hookyard.Pending
	case "4":
		q.State = hookyard.Canceled
	case "1":
		return http.StatusOK, messageList(messagePage{done: true}, []attemptedMessage{}), nil
	default:
		return 0, nil, badRequest("status must be 0, 1, 2 or 3")
	}
	found, err := c.messages(p, q)
	if err != nil {
		return 0, nil, err
	}
	seqs := make([]int64, len(found.events))
	for i, e := range found.events {
		seqs[i] = e.Seq
	}
	deliveries, err := p.DeliveriesAt(c.ctx(), h.Key, seqs)
	if err != nil {
		return 0, nil, err
	}
	data := make([]attemptedMessage, len(found.events))
	for i, e := range found.events {
		d := deliveries[e.Seq]
		data[i].message = messageOf(e, s.content)
		data[i].state = c.state(&d)
		data[i].NextAttempt = data[i].next
	}
	return http.StatusOK, messageList(found, data), nil
}

// destination is an endpoint that a message was sent to.
type destination struct {
	endpoint
	state
	NextAttempt *time.Time `json:"nextAttempt"`
}

// listDestinations lists the endpoints that the message was sent to, also those that were deleted.
func listDestinations(c *call) (int, any, error) {
	p, e, err := c.message(control.Read)
	if err != nil {
		return 0, nil, err
	}
	values, err := c.query()
	if err != nil {
		return 0, nil, err
	}
	pg, err := c.page(values)
	if err != nil {
		return 0, nil, err
	}
	deliveries, err := p.DeliveriesOf(c.ctx(), e)
	if err != nil {
		return 0, nil, err
	}
	hooks, err := p.Hooks(c.ctx())
	if err != nil {
		return 0, nil, err
	}
	all := []destination{}
	for key, d := range deliveries {
		if d.Attempts == 0 {
			continue
		}
		var h *hookyard.Hook
		if at := slices.IndexFunc(hooks, func(h *hookyard.Hook) bool { return h.Key == key }); at >= 0 {
			h = hooks[at]
		} else if h, err = p.HookByKey(c.ctx(), key); err != nil {
			return 0, nil, err
		}
		to := destination{endpoint: endpointOf(h)}
		to.state = c.state(&d)
		to.NextAttempt = to.next
		all = append(all, to)
	}
	slices.SortFunc(all, func(a, b destination) int { return cmp.Compare(a.ID, b.ID) })
	if pg.backward {
		slices.Reverse(all)
	}
	if pg.iterator != "" {
		if !strings.HasPrefix(pg.iterator, "ep_") &&
			!slices.ContainsFunc(all, func(d destination) bool { return d.ID == pg.iterator }) {
			return 0, nil, c.foreign()
		}
		all = slices.DeleteFunc(all, func(d destination) bool {
			return d.ID == pg.iterator || (d.ID < pg.iterator) != pg.backward
		})
	}
	all = all[:min(len(all), pg.limit+1)]
	return http.StatusOK, pageOf(pg, all, func(d destination) string { return d.ID }), nil
}

// resend makes one attempt to send a message to an endpoint.
func resend(c *call) (int, any, error) {
	p, e, err := c.message(control.Write)
	if err != nil {
		return 0, nil, err
	}
	h, err := c.hook(p, c.param("endpoint"))
	if err != nil {
		return 0, nil, err
	}
	if reason, off := h.IsOff(); off {
		return 0, nil, badRequest("The endpoint is disabled: " + reason)
	}
	if err := p.SendOnce(c.ctx(), e.ID, h.ID); err != nil {
		return 0, nil, err
	}
	return http.StatusAccepted, struct{}{}, nil
}
