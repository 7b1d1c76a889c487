package svix

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
)

// message is an event as Svix shows it.
type message struct {
	ID        string          `json:"id"`
	EventType string          `json:"eventType"`
	Payload   json.RawMessage `json:"payload"`
	EventID   *string         `json:"eventId"`
	Channels  []string        `json:"channels"`
	Timestamp time.Time       `json:"timestamp"`
}

// The payloads that stand for others.
const (
	emptyPayload   = `{}`
	expiredPayload = `{"expired":true}`
)

// messageOf returns an event as a message, with its payload if that was read and is asked for.
func messageOf(e *hookyard.Event, content bool) message {
	m := message{ID: e.MessageID(), EventType: e.Type, Payload: json.RawMessage(emptyPayload), Channels: e.Channels,
		Timestamp: e.Time}
	if e.UID != "" {
		m.EventID = &e.UID
	}
	if !content {
		return m
	}
	switch data := bytes.TrimSpace(e.Data()); {
	case control.IsPruned(e):
		m.Payload = json.RawMessage(expiredPayload)
	case len(data) > 0 && data[0] == '{' && json.Valid(data):
		m.Payload = data
	default: // it did not come through this API, or is a raw payload
		b, err := hookyard.EncodeJSON(map[string]string{"rawPayload": string(data)})
		if err == nil {
			m.Payload = b
		}
	}
	return m
}

// createMessage publishes an event.
func createMessage(c *call) (int, any, error) {
	if hookyard.CheckUID(c.param("app")) != nil {
		return 0, nil, faults{{[]string{"path", "app_id_or_uid"}, "is no id and no uid", "value_error"}}
	}
	o, err := c.object(false)
	if err != nil {
		return 0, nil, err
	}
	q, err := c.query()
	if err != nil {
		return 0, nil, err
	}
	content, err := queryBool(q, "with_content", true)
	if err != nil {
		return 0, nil, err
	}
	e := c.event(o)
	inline := c.inline(o)
	if err := c.faults.err(); err != nil {
		return 0, nil, err
	}
	snapshot, err := c.publishTo(inline)
	if err != nil {
		return 0, nil, err
	}
	if _, err := c.a.o.Control.Conform(c.ctx(), snapshot, []*hookyard.Event{e}); err != nil {
		return 0, nil, err
	}
	receipt, err := c.a.o.Ingest.Accept(c.ctx(), snapshot, e)
	if err != nil {
		return 0, nil, err
	}
	if receipt.Duplicate {
		if e, err = c.first(snapshot, e, receipt); err != nil {
			return 0, nil, err
		}
	}
	return http.StatusAccepted, messageOf(e, content), nil
}

// event reads a message to create.
func (c *call) event(o object) *hookyard.Event {
	eventType := c.required(o, "eventType")
	if eventType != "" || string(o["eventType"]) == `""` {
		if !isName(eventType, "") {
			c.faults.add("must be 1 to 256 of the characters a-z A-Z 0-9 - _ .", "eventType")
		} else if err := hookyard.CheckType(eventType, c.a.o.Limits); err != nil {
			c.faults.add(err.Error(), "eventType")
		}
	}
	payload, ok := o["payload"]
	if !ok {
		payload, ok = o["data"]
	}
	switch {
	case !ok:
		c.faults.addJSON("missing field `payload`", "", "")
	case payload[0] != '{':
		c.faults.addJSON("must be an object", "payload")
	}
	body, contentType := c.rawPayload(o, payload)
	e := hookyard.NewEvent(hookyard.SourceAPI, eventType, body, time.Now())
	e.ContentType = contentType
	e.Channels, _ = c.names(o, channelChars, hookyard.MaxChannels, "channels").Get()
	e.UID, _ = c.uid(o, "eventId", "msg_").Get()
	if e.Trace = hookyard.TraceOf(c.r.Header); e.UID != "" {
		e.DedupKey = "svix:" + e.UID
	} else if key := c.r.Header.Get("Idempotency-Key"); key != "" {
		sum := sha256.Sum256([]byte(c.r.Header.Get("Authorization") + "\n" + key))
		e.DedupKey = "svix-key:" + hex.EncodeToString(sum[:16])
	}
	c.checkRetention(o)
	return e
}

// rawPayload returns the body to send and its content type: the payload's bytes, or the text that stands for them.
func (c *call) rawPayload(o object, payload []byte) (body []byte, contentType string) {
	params := read[struct {
		RawPayload *string           `json:"rawPayload"`
		Headers    map[string]string `json:"headers"`
	}](c, o, "an object", "transformationsParams")
	in, _ := params.Get()
	if in.RawPayload == nil {
		return payload, "application/json"
	}
	contentType, given := find(in.Headers, "content-type")
	if !given {
		contentType = "application/json"
	} else if contentType == "" || hookyard.Clean(contentType, 200) != contentType {
		c.faults.add("is no content type", "transformationsParams", "headers")
	}
	return []byte(*in.RawPayload), contentType
}

// checkRetention refuses what would have to be obeyed and is not.
func (c *call) checkRetention(o object) {
	days := read[int](c, o, "a whole number", "payloadRetentionPeriod")
	if n, given := days.Get(); given && !days.IsNull() && (n < 1 || n > 90) {
		c.faults.add("must be between 1 and 90", "payloadRetentionPeriod")
	}
	hours := read[int](c, o, "a whole number", "payloadRetentionHours")
	if n, given := hours.Get(); given && !hours.IsNull() && (n < 1 || n > 2160) {
		c.faults.add("must be between 1 and 2160", "payloadRetentionHours")
	}
	if raw, ok := o["deliverAt"]; ok && string(raw) != "null" {
		c.faults.add("hookyard sends messages at once", "deliverAt")
	}
}

// inline reads the application that a message brings along, nil if it brings none.
func (c *call) inline(o object) *control.ProjectPatch {
	raw, ok := o["application"]
	if !ok || string(raw) == "null" {
		return nil
	}
	var app object
	if json.Unmarshal(raw, &app) != nil {
		c.faults.addJSON("must be an object", "application")
		return nil
	}
	n := len(c.faults)
	in := c.application(app, true)
	for i := n; i < len(c.faults); i++ {
		c.faults[i].Loc = slices.Insert(c.faults[i].Loc, 1, "application")
	}
	switch uid, _ := in.UID.Get(); uid {
	case "":
		c.faults = append(c.faults, fault{[]string{"body", "application", "uid"}, "must be given",
			"application_uid_missing"})
	case c.param("app"):
	default:
		c.faults = append(c.faults, fault{[]string{"body", "application", "uid"}, "must be the one of the path",
			"application_uid_mismatch"})
	}
	return &in
}

// publishTo returns the application of the path, and creates it first if it is not there and the message brings it.
func (c *call) publishTo(inline *control.ProjectPatch) (*hookyard.Snapshot, error) {
	app := c.param("app")
	name, err := c.a.o.Control.NameOf(c.ctx(), c.owner, app)
	if err != nil {
		return nil, err
	}
	if name == app && inline != nil {
		p, _, err := c.makeApp(*inline, true)
		if err != nil {
			return nil, err
		}
		name = p.Name
	}
	snapshot, err := c.a.o.Control.PublishExisting(c.ctx(), c.id, c.owner, name)
	switch hookyard.CodeOf(err) {
	case hookyard.Forbidden, hookyard.NotFound, hookyard.Invalid:
		return nil, noApplication()
	}
	if err == nil && snapshot.Project.Key == 0 {
		return nil, noApplication()
	}
	return snapshot, err
}

// first returns the event that came before under the same eventId or key. It is a conflict if the message is another
// one.
func (c *call) first(snapshot *hookyard.Snapshot, e *hookyard.Event, receipt hookyard.Receipt) (*hookyard.Event,
	error) {
	p, err := c.appOf(snapshot.Project.Name, control.Read)
	if err != nil {
		return nil, err
	}
	first, _, err := p.Event(c.ctx(), receipt.ID)
	gone := errors.Is(err, hookyard.ErrNotFound)
	if err != nil && !gone {
		return nil, err
	}
	if e.UID == "" && !gone {
		return first, nil
	}
	retries := c.r.Header.Get("Svix-Retry-Count")
	if !gone && retries != "" && retries != "0" && first.Type == e.Type && bytes.Equal(first.Data(), e.Data()) {
		return first, nil // the answer to the first try was lost
	}
	return nil, refuse(http.StatusConflict, "conflict", "Another message has this eventId or idempotency-key")
}

func showMessage(c *call) (int, any, error) {
	q, err := c.query()
	if err != nil {
		return 0, nil, err
	}
	content, err := queryBool(q, "with_content", true)
	if err != nil {
		return 0, nil, err
	}
	p, e, err := c.message(control.Read)
	if err != nil {
		return 0, nil, err
	}
	if content {
		if e, _, err = p.Event(c.ctx(), e.ID); err != nil {
			return 0, nil, err
		}
	}
	return http.StatusOK, messageOf(e, content), nil
}

// rawMessage answers with the payload alone.
func rawMessage(c *call) (int, any, error) {
	p, e, err := c.message(control.Read)
	if err != nil {
		return 0, nil, err
	}
	if e, _, err = p.Event(c.ctx(), e.ID); err != nil {
		return 0, nil, err
	}
	body, err := control.Body(e)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, struct {
		Payload string `json:"payload"`
	}{string(body)}, nil
}

// maxAge is how far back lists look that are not bounded by time.
const maxAge = 90 * 24 * time.Hour

// eventQuery returns the search for a page of messages. Backward, and from a time on without an end, it is the oldest
// first.
func (c *call) eventQuery(p *control.Project, pg *page, s *selection) (q control.EventSearch, err error) {
	q.EventQuery = hookyard.EventQuery{Types: s.types, Channel: s.channel, NoMeta: true, Since: s.after,
		Until: s.before, Bodies: s.content, Limit: pg.limit, Ascending: pg.backward}
	if pg.iterator == "" {
		if s.before.IsZero() && !s.after.IsZero() {
			q.Ascending = true
		}
		if s.after.IsZero() && s.before.IsZero() {
			q.Since = now().Add(-maxAge)
		}
		return q, nil
	}
	id, ok := hookyard.EventID(pg.iterator)
	if !ok {
		return q, c.foreign()
	}
	e, err := p.EventMeta(c.ctx(), id)
	if errors.Is(err, hookyard.ErrNotFound) {
		return q, c.foreign()
	}
	if err != nil {
		return q, err
	}
	if pg.backward {
		q.After = e.Seq
	} else {
		q.Before = e.Seq
	}
	return q, nil
}

// messagePage is a page of a list of messages.
type messagePage struct {
	events []*hookyard.Event // the newest first
	done   bool
	next   string // where to go on if there are no events, or ""
}

// messages reads a page of messages.
func (c *call) messages(p *control.Project, q control.EventSearch) (out messagePage, err error) {
	found, err := p.Events(c.ctx(), q)
	if err != nil {
		return out, err
	}
	out.events, out.done = found.Events, found.Next == 0
	if len(out.events) == 0 && !out.done { // the search takes long and has found nothing so far
		e, err := p.EventAt(c.ctx(), found.Next)
		if err != nil && !errors.Is(err, hookyard.ErrNotFound) {
			return out, err
		}
		if out.done = err != nil; !out.done {
			out.next = e.MessageID()
		}
	}
	if q.Ascending {
		slices.Reverse(out.events)
	}
	return out, nil
}

// messageList is the answer with a page of what is made of messages.
func messageList[T any](pg messagePage, data []T) listed[T] {
	out := listed[T]{Data: data, Done: pg.done}
	if len(pg.events) == 0 {
		if pg.next != "" {
			out.Iterator = &pg.next
		}
		return out
	}
	last, first := pg.events[len(pg.events)-1].MessageID(), "-"+pg.events[0].MessageID()
	out.Iterator, out.PrevIterator = &last, &first
	return out
}

func listMessages(c *call) (int, any, error) {
	p, err := c.app(control.Read)
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
	found, err := c.messages(p, q)
	if err != nil {
		return 0, nil, err
	}
	data := make([]message, len(found.events))
	for i, e := range found.events {
		data[i] = messageOf(e, s.content)
	}
	return http.StatusOK, messageList(found, data), nil
}

func (c *call) pageAndSelection() (pg page, s selection, err error) {
	q, err := c.query()
	if err != nil {
		return pg, s, err
	}
	if pg, err = c.page(q); err != nil {
		return pg, s, err
	}
	s, err = c.selection(q)
	return pg, s, err
}

func expungeMessage(c *call) (int, any, error) {
	p, e, err := c.message(control.Write)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, p.Expunge(c.ctx(), e.ID)
}

// pingType is the event type of an example that every endpoint can be sent.
const pingType = "svix.ping"

// sendExample sends an example of an event type to one endpoint.
func sendExample(c *call) (int, any, error) {
	p, h, o, err := c.endpointAndBody(false)
	if err != nil {
		return 0, nil, err
	}
	eventType := c.required(o, "eventType")
	if err := c.faults.err(); err != nil {
		return 0, nil, err
	}
	body, err := c.example(eventType)
	if err != nil {
		return 0, nil, err
	}
	e := hookyard.NewEvent(hookyard.SourceAPI, eventType, body, now())
	e.ContentType = "application/json"
	out := messageOf(e, false)
	if wanted := hookyard.Wants(p.Snapshot.Project, h, e, func(*hookyard.Hook, *hookyard.Event) (bool, error) {
		return true, nil
	}); !wanted.Wanted && eventType != pingType {
		return http.StatusOK, out, nil
	}
	_, err = p.SendTo(c.ctx(), h.ID, e)
	return http.StatusOK, out, err
}

// example returns the example of an event type: its own, or the first of its schema.
func (c *call) example(eventType string) ([]byte, error) {
	if eventType == pingType {
		return []byte(`{"success": true}`), nil
	}
	if !isName(eventType, "") {
		return nil, notFound()
	}
	t, err := c.typeOf(eventType)
	if err != nil {
		return nil, err
	}
	if t.Example != nil {
		return t.Example, nil
	}
	for _, version := range []string{"1", t.Version()} {
		if examples := examplesOf(t.Schemas[version]); len(examples) > 0 {
			return examples[0], nil
		}
	}
	return nil, refuse(http.StatusBadRequest, "invalid_scheme", "The event type has no example")
}
