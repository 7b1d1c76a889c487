package client

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/hookyard/hookyard"
)

// Publication is one event to publish.
type Publication struct {
	ID        string    `json:"id,omitempty" doc:"the publisher's id; a repeat of one is a duplicate"`
	Type      string    `json:"type" doc:"such as order.created"`
	Channels  []string  `json:"channels,omitempty" doc:"that hooks may select by, beside the type"`
	Timestamp time.Time `json:"timestamp,omitzero" doc:"when it happened; default now"`

	// Data is any value. It is encoded by encoding/json, without escapes for HTML; a [json.RawMessage] or a []byte is
	// JSON already.
	Data any `json:"data" doc:"any JSON, stored byte for byte"`

	// IdempotencyKey is sent as a header by [Client.Publish]. A repeat with the same key is a duplicate. Empty means a
	// random one, or none if the client does not repeat requests.
	IdempotencyKey string `json:"-"`
}

// MarshalJSON encodes a []byte in Data as the JSON that it holds, not as base64.
func (p Publication) MarshalJSON() ([]byte, error) {
	if raw, ok := p.Data.([]byte); ok {
		p.Data = json.RawMessage(raw)
	}
	type plain Publication
	return hookyard.EncodeJSON(plain(p))
}

// Receipt confirms that an event is stored.
type Receipt struct {
	ID         string `json:"id"`
	Deliveries int    `json:"deliveries" doc:"number of hooks that get it"`
	Duplicate  bool   `json:"duplicate,omitempty" doc:"a duplicate: id and deliveries are those of the first"`
	Warning    string `json:"warning,omitempty" doc:"in what the event does not fit the owner's catalogue"`
}

// BatchReceipt is the result for one event of a batch: its receipt, or why it was not stored.
type BatchReceipt struct {
	Receipt
	Error string        `json:"error,omitempty"`
	Code  hookyard.Code `json:"code,omitempty"`
}

// Event is one received or published event. Lists omit header and body.
type Event struct {
	ID              string                 `json:"id"`
	Project         string                 `json:"project,omitempty" doc:"owner/name, in a search over all projects"`
	Type            string                 `json:"type"`
	Channels        []string               `json:"channels,omitempty"`
	UID             string                 `json:"uid,omitempty" doc:"the publisher's own name of it"`
	Source          string                 `json:"source"`
	Time            time.Time              `json:"time"`
	ContentType     string                 `json:"contentType"`
	Size            int64                  `json:"size" doc:"of the body as received, in bytes"`
	Method          string                 `json:"method,omitempty"`
	Target          string                 `json:"target,omitempty" doc:"path and query after the source in the URL"`
	Remote          string                 `json:"remote,omitempty"`
	Verified        string                 `json:"verified,omitempty" doc:"how the sender was verified"`
	Duplicates      int                    `json:"duplicates,omitempty" doc:"how often it came again; not stored"`
	LastDuplicateAt time.Time              `json:"lastDuplicateAt,omitzero" doc:"when it did last"`
	Deliveries      map[hookyard.State]int `json:"deliveries,omitempty" doc:"by state"`
	Warning         string                 `json:"warning,omitempty" doc:"in what it does not fit the catalogue"`
	Header          map[string][]string    `json:"header,omitempty"`
	Body            json.RawMessage        `json:"body,omitempty" doc:"if it is JSON"`
	Text            string                 `json:"text,omitempty" doc:"the body, if it is other text"`
	Base64          []byte                 `json:"base64,omitempty" doc:"the body, if it is not text"`
	BodyLeftOut     string                 `json:"bodyLeftOut,omitempty" doc:"why the body is omitted"`
}

// EventPage is a page of events, newest first.
type EventPage struct {
	Events []Event `json:"events"`
	Cursor string  `json:"cursor,omitempty"` // of the next page; "" on the last
	In     string  `json:"in,omitempty" doc:"where find was looked for: fields or bodies"`
	Cut    bool    `json:"cut,omitempty" doc:"the search reached its limit on work; continue with the cursor"`

	TooLarge int64 `json:"tooLarge,omitempty" doc:"events whose body is too large for search fields, not looked into"`
}

// EventQuery selects events. A zero field does not restrict the result.
type EventQuery struct {
	Page
	Type    string // a name or a pattern with *
	Channel string
	Source  string
	Hook    string
	State   hookyard.State
	ID      string
	Find    string            // the value of a search field, or, if no event has it there, part of the body
	In      string            // where Find looks: fields, bodies, or "" for first the one, then the other
	Text    string            // contained in the body
	Path    string            // into a JSON body, such as data.order.id
	Value   string            // required at Path, or without Path in any search field of the project
	Fields  map[string]string // values required in a JSON body, by their paths
	Since   time.Time
	Until   time.Time
}

// EventReplay names the hooks to send an event to again; none means all that have a delivery of it.
type EventReplay struct {
	Hook   string   `json:"hook,omitempty"`
	Hooks  []string `json:"hooks,omitempty"`
	Missed bool     `json:"missed,omitempty" doc:"to the hooks that want it and have no delivery of it"`
	DryRun bool     `json:"dryRun,omitempty" doc:"only answer which deliveries this would send"`
}

// EventSigning says where an event will be sent; some providers sign the URL.
type EventSigning struct {
	URL string `json:"url,omitempty" doc:"where it will be sent: some providers sign that, too"`
}

// EventSignature holds the headers that sign an event.
type EventSignature struct {
	Header map[string][]string `json:"header" doc:"to replace those that the event has"`
}

// Reopened lists the deliveries that a replay reopened or created.
type Reopened struct {
	Deliveries []string `json:"deliveries" doc:"their ids"`
}

// Explanation says for each hook of the project why it did or did not get an event.
type Explanation struct {
	Event Event         `json:"event"`
	Hooks []HookVerdict `json:"hooks"`
}

// HookVerdict is the part of an [Explanation] about one hook.
type HookVerdict struct {
	Hook       string         `json:"hook"`
	URL        string         `json:"url"`
	Wanted     bool           `json:"wanted" doc:"whether the hook, as it is now, wants the event"`
	Reason     string         `json:"reason" doc:"why, for people"`
	DeliveryID string         `json:"deliveryId,omitempty"`
	State      hookyard.State `json:"state,omitempty" doc:"of the delivery; absent if there is none"`
	Attempts   int            `json:"attempts,omitempty"`
}

// Publish publishes one event. If the error is nil, the event and its deliveries are committed: the server answered 202
// and named the event.
func (c *Client) Publish(ctx context.Context, project string, p Publication) (Receipt, error) {
	header := c.keyFor(p.IdempotencyKey)
	var out Receipt
	path := in(project, "events")
	status, err := c.callWith(ctx, http.MethodPost, path, header, p, &out)
	if err == nil && (status != http.StatusAccepted || out.ID == "") {
		return Receipt{}, notOurs(http.MethodPost, path, fmt.Errorf("want 202 with the event's id, got %d", status))
	}
	return out, err
}

// keyFor returns the header with a publication's key, or with a random one if the client repeats requests.
func (c *Client) keyFor(key string) http.Header {
	if key == "" && c.retries > 0 {
		key = rand.Text()
	}
	if key == "" {
		return nil
	}
	return http.Header{"Idempotency-Key": {key}}
}

// PublishAll publishes several events. If one is malformed, none is stored and the [*Error] has its index. Otherwise
// each event has its own receipt, in the order of all.
func (c *Client) PublishAll(ctx context.Context, project string, all []Publication) ([]BatchReceipt, error) {
	var out []BatchReceipt
	path := in(project, "events")
	status, err := c.callWith(ctx, http.MethodPost, path, c.keyFor(""), all, &out)
	if err != nil {
		return nil, err
	}
	complete := status == http.StatusAccepted && len(out) == len(all) &&
		!slices.ContainsFunc(out, func(r BatchReceipt) bool { return r.ID == "" && r.Error == "" })
	if !complete {
		return nil, notOurs(http.MethodPost, path, fmt.Errorf("want 202 with a receipt for each event, got %d", status))
	}
	return out, nil
}

// Events lists and searches events, newest first.
func (c *Client) Events(ctx context.Context, project string, q EventQuery) (EventPage, error) {
	return c.searchEvents(ctx, in(project, "events"), q)
}

// SearchEvents searches the events of all projects that the caller may read. They are in the order of their projects'
// paths, and in a project the newest first. The query must have Find, Text, ID, Path, Value or Fields, and no Hook.
func (c *Client) SearchEvents(ctx context.Context, q EventQuery) (EventPage, error) {
	return c.searchEvents(ctx, path("events"), q)
}

func (c *Client) searchEvents(ctx context.Context, path string, q EventQuery) (EventPage, error) {
	var out EventPage
	_, err := c.call(ctx, http.MethodGet, path+"?"+q.values().Encode(), nil, &out)
	return out, err
}

func (q *EventQuery) values() url.Values {
	v := q.query()
	addTimes(v, q.Since, q.Until)
	addText(v, "type", q.Type, "channel", q.Channel)
	addText(v, "source", q.Source, "hook", q.Hook, "state", string(q.State), "id", q.ID, "text", q.Text,
		"find", q.Find, "in", q.In,
		"path", q.Path, "value", q.Value)
	if q.Path != "" {
		v.Set("value", q.Value)
	}
	for path, value := range q.Fields {
		v.Set("field."+path, value)
	}
	return v
}

// Event returns an event with its header and body.
func (c *Client) Event(ctx context.Context, project, id string) (Event, error) {
	var out Event
	_, err := c.call(ctx, http.MethodGet, in(project, "events", id), nil, &out)
	return out, err
}

// EventBody returns the body of an event as received. The caller must close it.
func (c *Client) EventBody(ctx context.Context, project, id string) (io.ReadCloser, error) {
	resp, err := c.send(ctx, http.MethodGet, in(project, "events", id, "body"), nil, http.Header{"Accept": {"*/*"}})
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// ReplayEvent sends an event again to the named hooks, or to all that have a delivery of it. It returns the ids of the
// deliveries.
func (c *Client) ReplayEvent(ctx context.Context, project, id string, hooks ...string) ([]string, error) {
	return c.ReplayEventTo(ctx, project, id, EventReplay{Hooks: hooks})
}

// ReplayEventTo is ReplayEvent with all that can be chosen. With DryRun it sends nothing, and returns the ids of the
// deliveries that it would send.
func (c *Client) ReplayEventTo(ctx context.Context, project, id string, r EventReplay) ([]string, error) {
	var out Reopened
	_, err := c.call(ctx, http.MethodPost, in(project, "events", id, "replay"), r, &out)
	return out.Deliveries, err
}

// Explain says why each hook did or did not get an event.
func (c *Client) Explain(ctx context.Context, project, id string) (Explanation, error) {
	var out Explanation
	_, err := c.call(ctx, http.MethodGet, in(project, "events", id, "explain"), nil, &out)
	return out, err
}

// SignEvent returns headers that sign an event as its provider would if it sent the event to url now, for receivers
// that refuse old timestamps. The caller needs the role write. It fails with hookyard.ErrInvalid if the event's source
// has no secret, or its provider's signature cannot be made with it.
func (c *Client) SignEvent(ctx context.Context, project, id, url string) (http.Header, error) {
	var out EventSignature
	_, err := c.call(ctx, http.MethodPost, in(project, "events", id, "sign"), EventSigning{URL: url}, &out)
	return out.Header, err
}
