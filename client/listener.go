package client

import (
	"context"
	"net/http"
	"time"

	"github.com/hookyard/hookyard"
)

// Listener is a program such as "hookyard listen" that forwards the events of a project to a URL that only it can
// reach.
type Listener struct {
	URL string `json:"url" doc:"where the listener forwards events"`
}

// Forwarded is one attempt of a listener to forward an event.
type Forwarded struct {
	EventID   string             `json:"eventId"`
	StartedAt time.Time          `json:"startedAt"`
	Duration  hookyard.Duration  `json:"duration"`
	URL       string             `json:"url,omitempty" doc:"default: the listener's URL"`
	Request   ForwardedRequest   `json:"request"`
	Status    int                `json:"status,omitempty" doc:"absent if there was no response"`
	Response  *ForwardedResponse `json:"response,omitempty"`
	Error     string             `json:"error,omitempty" doc:"what went wrong, for people"`
}

// ForwardedRequest is the request of a forwarded event, apart from its body.
type ForwardedRequest struct {
	Header map[string][]string `json:"header,omitempty" doc:"credentials are masked before it is stored"`
}

// ForwardedResponse is the response to a forwarded event.
type ForwardedResponse struct {
	Header    map[string][]string `json:"header,omitempty"`
	Base64    []byte              `json:"base64,omitempty" doc:"the body, or its first bytes"`
	Truncated bool                `json:"truncated,omitempty" doc:"the body was longer"`
}

// PutListener creates or renews the hook of a listener. Its id must begin with [hookyard.ListenerPrefix]. The hook is
// deleted two minutes after it was last renewed.
func (c *Client) PutListener(ctx context.Context, project, id string, l Listener) (Hook, error) {
	var out Hook
	_, err := c.call(ctx, http.MethodPut, in(project, "listeners", id), l, &out)
	return out, err
}

// DeleteListener deletes the hook of a listener. Its recorded attempts remain.
func (c *Client) DeleteListener(ctx context.Context, project, id string) error {
	_, err := c.call(ctx, http.MethodDelete, in(project, "listeners", id), nil, nil)
	return err
}

// RecordForwarded stores one attempt as the next of the event's delivery to the listener's hook.
func (c *Client) RecordForwarded(ctx context.Context, project, id string, f Forwarded) (Delivery, error) {
	var out Delivery
	_, err := c.call(ctx, http.MethodPost, in(project, "listeners", id, "attempts"), f, &out)
	return out, err
}
