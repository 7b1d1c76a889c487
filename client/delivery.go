package client

import (
	"context"
	"net/http"
	"time"

	"github.com/hookyard/hookyard"
)

// Delivery is the delivery of one event to one hook. Lists omit the history.
type Delivery struct {
	hookyard.Delivery
	History []Attempt `json:"history,omitempty" doc:"the attempts, oldest first"`
}

// Attempt is one attempt of a delivery.
type Attempt struct {
	N         int                `json:"n" doc:"1 is the first"`
	StartedAt time.Time          `json:"startedAt"`
	Duration  hookyard.Duration  `json:"duration"`
	Method    string             `json:"method"`
	URL       string             `json:"url"`
	Request   Message            `json:"request"`
	Status    int                `json:"status,omitempty" doc:"absent if there was no response"`
	Response  *Message           `json:"response,omitempty"`
	Error     string             `json:"error,omitempty"`
	ErrorKind hookyard.ErrorKind `json:"errorKind,omitempty"`
	Remote    string             `json:"remote,omitempty" doc:"address that was dialed"`
	Timing    Timing             `json:"timing,omitzero"`
}

// Message is a request or a response.
type Message struct {
	Header    map[string][]string `json:"header,omitempty" doc:"secrets are shown as ***"`
	Text      string              `json:"text,omitempty" doc:"the body, if it is text"`
	Base64    []byte              `json:"base64,omitempty" doc:"the body, if it is not text"`
	Size      int64               `json:"size,omitempty"`
	AsEvent   bool                `json:"asEvent,omitempty" doc:"the body was that of the event"`
	Truncated bool                `json:"truncated,omitempty" doc:"the body was longer"`
}

// Timing breaks down the duration of an attempt. What did not happen is zero.
type Timing struct {
	DNS     hookyard.Duration `json:"dns,omitempty"`
	Connect hookyard.Duration `json:"connect,omitempty"`
	TLS     hookyard.Duration `json:"tls,omitempty"`
	Wait    hookyard.Duration `json:"wait,omitempty"`
}

// DeliveryPage is a page of deliveries, newest event first.
type DeliveryPage struct {
	Deliveries []Delivery `json:"deliveries"`
	Cursor     string     `json:"cursor,omitempty"`
}

// DeliveryQuery selects deliveries. A zero field does not restrict the result.
type DeliveryQuery struct {
	Page
	Hook  string
	Event string
	State hookyard.State
	Since time.Time
	Until time.Time

	Replay string // bulk replay that opened them last; State is then what became of them in it
}

// ReplayRequest starts a bulk replay.
type ReplayRequest struct {
	Hook  string         `json:"hook,omitempty" doc:"only this hook; without state also events that it did not get"`
	Since time.Time      `json:"since,omitzero" doc:"a time, or an age such as 24h or 7d"`
	Until time.Time      `json:"until,omitzero" doc:"likewise"`
	Type  string         `json:"type,omitempty" doc:"a name or a pattern with *"`
	State hookyard.State `json:"state,omitempty" doc:"only deliveries in this state"`

	DryRun bool `json:"dryRun,omitempty" doc:"start nothing: only answer what the replay would do"`
}

// Replays lists the bulk replays of a project, newest first.
type Replays struct {
	Replays []hookyard.Replay `json:"replays"`
}

// Deliveries lists deliveries, newest event first.
func (c *Client) Deliveries(ctx context.Context, project string, q DeliveryQuery) (DeliveryPage, error) {
	v := q.query()
	addTimes(v, q.Since, q.Until)
	addText(v, "hook", q.Hook, "event", q.Event, "replay", q.Replay, "state", string(q.State))
	var out DeliveryPage
	_, err := c.call(ctx, http.MethodGet, in(project, "deliveries")+"?"+v.Encode(), nil, &out)
	return out, err
}

// Delivery returns a delivery with its attempts.
func (c *Client) Delivery(ctx context.Context, project, id string) (Delivery, error) {
	var out Delivery
	_, err := c.call(ctx, http.MethodGet, in(project, "deliveries", id), nil, &out)
	return out, err
}

// RetryDelivery reopens a delivery in any state and sends it at once.
func (c *Client) RetryDelivery(ctx context.Context, project, id string) (Delivery, error) {
	var out Delivery
	_, err := c.call(ctx, http.MethodPost, in(project, "deliveries", id, "retry"), nil, &out)
	return out, err
}

// CancelDelivery cancels a pending delivery.
func (c *Client) CancelDelivery(ctx context.Context, project, id string) (Delivery, error) {
	var out Delivery
	_, err := c.call(ctx, http.MethodPost, in(project, "deliveries", id, "cancel"), nil, &out)
	return out, err
}

// Replays lists the bulk replays of a project, newest first. It returns at most limit; 0 means 50.
func (c *Client) Replays(ctx context.Context, project string, limit int) ([]hookyard.Replay, error) {
	var out Replays
	_, err := c.call(ctx, http.MethodGet, in(project, "replays")+"?"+Page{Limit: limit}.query().Encode(), nil, &out)
	return out.Replays, err
}

// Replay returns a bulk replay with its progress.
func (c *Client) Replay(ctx context.Context, project, id string) (hookyard.Replay, error) {
	var out hookyard.Replay
	_, err := c.call(ctx, http.MethodGet, in(project, "replays", id), nil, &out)
	return out, err
}

// CreateReplay starts a bulk replay and returns without waiting for it. With DryRun it starts nothing: the replay that
// it returns has the status planned, and says how many deliveries it would open for each hook, and an estimate of the
// time.
func (c *Client) CreateReplay(ctx context.Context, project string, r ReplayRequest) (hookyard.Replay, error) {
	var out hookyard.Replay
	_, err := c.call(ctx, http.MethodPost, in(project, "replays"), r, &out)
	return out, err
}

// CancelReplay stops a bulk replay, as long as some of it is still to be sent: that goes back to what it was.
func (c *Client) CancelReplay(ctx context.Context, project, id string) (hookyard.Replay, error) {
	var out hookyard.Replay
	_, err := c.call(ctx, http.MethodPost, in(project, "replays", id, "cancel"), nil, &out)
	return out, err
}
