package client

import (
	"context"
	"net/http"
	"time"

	"github.com/hookyard/hookyard"
)

// Listener is a command that forwards a project's events by itself, to a URL that only it can reach.
type Listener struct {
	URL string `json:"url" doc:"where it sends events; the server never does"`
}

// Forwarded is one try of a listener to send an event to its URL.
type Forwarded struct {
	EventID   string             `json:"eventId"`
	StartedAt time.Time          `json:"startedAt"`
	Duration  hookyard.Duration  `json:"duration"`
	URL       string             `json:"url,omitempty" doc:"the listener's unless given"`
	Request   ForwardedRequest   `json:"request"`
	Status    int                `json:"status,omitempty" doc:"none: no answer came"`
	Response  *ForwardedResponse `json:"response,omitempty"`
	Error     string             `json:"error,omitempty" doc:"what went wrong, in words"`
}

// ForwardedRequest is what was sent besides the event's own bytes.
type ForwardedRequest struct {
	Header map[string][]string `json:"header,omitempty" doc:"credentials are masked before they are kept"`
}

// ForwardedResponse is what a listener's URL answered.
type ForwardedResponse struct {
	Header    map[string][]string `json:"header,omitempty"`
	Base64    []byte              `json:"base64,omitempty" doc:"the body, or its first bytes"`
	Truncated bool                `json:"truncated,omitempty" doc:"there was more than is given"`
}

// PutListener makes the hook of a listener, whose id begins with [hookyard.ListenerPrefix], or renews it: it goes by
// itself two minutes after the last time.
func (c *Client) PutListener(ctx context.Context, project, id string, l Listener) (Hook, error) {
	var out Hook
	_, err := c.call(ctx, http.MethodPut, in(project, "listeners", id), l, &out)
	return out, err
}

// DeleteListener ends a listener's hook. What it recorded stays.
func (c *Client) DeleteListener(ctx context.Context, project, id string) error {
	_, err := c.call(ctx, http.MethodDelete, in(project, "listeners", id), nil, nil)
	return err
}

// RecordForwarded keeps one try as the next attempt of the event's delivery to the listener's hook.
func (c *Client) RecordForwarded(ctx context.Context, project, id string, f Forwarded) (Delivery, error) {
	var out Delivery
	_, err := c.call(ctx, http.MethodPost, in(project, "listeners", id, "attempts"), f, &out)
	return out, err
}
