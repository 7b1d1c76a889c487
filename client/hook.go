package client

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/hookyard/hookyard"
)

// Hook is a way out of a project. A setting that the hook leaves to its default has the default's value.
type Hook struct {
	ID          string              `json:"id"`
	URL         string              `json:"url"`
	UID         string              `json:"uid,omitempty" doc:"another name of it, unique in the project"`
	Events      hookyard.Selector   `json:"events"`
	Channels    []string            `json:"channels,omitempty" doc:"only events with one of them; none means all"`
	Description string              `json:"description"`
	Metadata    map[string]string   `json:"metadata,omitempty" doc:"the user's own"`
	Active      bool                `json:"active"`
	CreatedAt   time.Time           `json:"createdAt"`
	UpdatedAt   time.Time           `json:"updatedAt"`
	Format      string              `json:"format" doc:"of the body"`
	ContentType string              `json:"contentType" doc:"json, form or, for formats text and template, text"`
	Template    string              `json:"template,omitempty" doc:"text of format template"`
	DataAsBody  bool                `json:"dataAsBody,omitempty" doc:"in the template, .Body is .Data; in old hooks"`
	Forward     hookyard.Forward    `json:"forward" doc:"what of a received request is passed on"`
	Signature   string              `json:"signature" doc:"how requests are signed: standard, github, both or svix"`
	Method      string              `json:"method,omitempty" doc:"of the requests; absent: POST, or as forward says"`
	Features    []string            `json:"features,omitempty" doc:"names of features to send; none means all"`
	Secret      string              `json:"secret,omitempty" doc:"*** if there is one"`
	Headers     map[string]string   `json:"headers,omitempty" doc:"additional headers; values are shown as ***"`
	Schedule    []hookyard.Duration `json:"schedule" doc:"waits before each attempt"`
	Timeout     hookyard.Duration   `json:"timeout" doc:"for the whole exchange"`
	InFlight    int                 `json:"inFlight" doc:"concurrent deliveries"`
	Rate        float64             `json:"rate" doc:"attempts per second; 0 means no limit"`
	Ordered     bool                `json:"ordered" doc:"one at a time, in event order"`
	Filter      string              `json:"filter,omitempty" doc:"expression over type, headers and body"`
	Off         hookyard.OffPolicy  `json:"off" doc:"when a failing hook is switched off"`
	InsecureTLS bool                `json:"insecureTls" doc:"do not verify the receiver's certificate"`
	RabbitMQ    *hookyard.RabbitMQ  `json:"rabbitmq,omitempty"`
	ExpiresAt   time.Time           `json:"expiresAt,omitzero"`
	Health      hookyard.Health     `json:"health"`
	OffReason   string              `json:"offReason,omitempty" doc:"why hookyard switched it off"`
	Revision    int64               `json:"revision"`
}

// HookPatch holds the settings to change. Nil leaves a setting as it is; in a new hook, at its default.
type HookPatch struct {
	URL         *string              `json:"url,omitempty"`
	UID         *string              `json:"uid,omitempty"`
	Events      *hookyard.Selector   `json:"events,omitempty"`
	Channels    *[]string            `json:"channels,omitempty"`
	Description *string              `json:"description,omitempty"`
	Metadata    *map[string]string   `json:"metadata,omitempty" doc:"replaces the present one; 4096 bytes as JSON"`
	Active      *bool                `json:"active,omitempty"`
	Format      *string              `json:"format,omitempty"`
	ContentType *string              `json:"contentType,omitempty"`
	Template    *string              `json:"template,omitempty"`
	DataAsBody  *bool                `json:"dataAsBody,omitempty" doc:"false: .Body is the whole body in the template"`
	Forward     *hookyard.Forward    `json:"forward,omitempty" doc:"replaces the present one"`
	Signature   *string              `json:"signature,omitempty" doc:"standard, github, both or svix; empty: by format"`
	Method      *string              `json:"method,omitempty" doc:"empty means POST, or as forward says"`
	Features    *[]string            `json:"features,omitempty"`
	Secret      *string              `json:"secret,omitempty" doc:"empty means do not sign"`
	Headers     map[string]*string   `json:"headers,omitempty" doc:"merged with the present ones; null removes one"`
	Schedule    *[]hookyard.Duration `json:"schedule,omitempty"`
	Timeout     *hookyard.Duration   `json:"timeout,omitempty"`
	InFlight    *int                 `json:"inFlight,omitempty"`
	Rate        *float64             `json:"rate,omitempty"`
	Ordered     *bool                `json:"ordered,omitempty"`
	Filter      *string              `json:"filter,omitempty"`
	Off         *hookyard.OffPolicy  `json:"off,omitempty"`
	InsecureTLS *bool                `json:"insecureTls,omitempty"`
	RabbitMQ    *hookyard.RabbitMQ   `json:"rabbitmq,omitempty"`
	ExpiresAt   *time.Time           `json:"expiresAt,omitempty"`
	Revision    *int64               `json:"revision,omitempty" doc:"the change is refused if the hook has another"`
}

// HookTestRequest says what to send to a hook.
type HookTestRequest struct {
	Type string `json:"type,omitempty" doc:"send its example from the catalogue; empty: an event of type test"`
}

// HookTest describes a test delivery.
type HookTest struct {
	ID         string         `json:"id" doc:"of the event"`
	DeliveryID string         `json:"deliveryId"`
	State      hookyard.State `json:"state" doc:"skipped if the hook is off"`
	Reason     string         `json:"reason,omitempty"`
}

// Rotation asks for a new secret.
type Rotation struct {
	Secret  string             `json:"secret,omitempty" doc:"empty: hookyard creates one"`
	Overlap *hookyard.Duration `json:"overlap,omitempty" doc:"how long the old one stays valid; default 24h"`
}

// NewSecret is a secret that has just been set. No other response contains it.
type NewSecret struct {
	Secret string `json:"secret"`
}

// Hooks returns the hooks of a project by id.
func (c *Client) Hooks(ctx context.Context, project string) (map[string]Hook, error) {
	var out map[string]Hook
	_, err := c.call(ctx, http.MethodGet, in(project, "hooks"), nil, &out)
	return out, err
}

// DefaultHooks returns the hooks that every new project gets, by id.
func (c *Client) DefaultHooks(ctx context.Context, project string) (map[string]Hook, error) {
	var out map[string]Hook
	_, err := c.call(ctx, http.MethodGet, in(project, "default-hooks"), nil, &out)
	return out, err
}

// AddDefaultHooks creates the default hooks that a project lacks and returns all its hooks.
func (c *Client) AddDefaultHooks(ctx context.Context, project string) (map[string]Hook, error) {
	var out map[string]Hook
	_, err := c.call(ctx, http.MethodPost, in(project, "default-hooks"), nil, &out)
	return out, err
}

// Hook returns a hook.
func (c *Client) Hook(ctx context.Context, project, id string) (Hook, error) {
	var out Hook
	_, err := c.call(ctx, http.MethodGet, in(project, "hooks", id), nil, &out)
	return out, err
}

// PutHook creates a hook or, if the id is in use, changes the settings that are not nil in h.
func (c *Client) PutHook(ctx context.Context, project, id string, h HookPatch) (Hook, error) {
	out, err := c.CreateHook(ctx, project, id, h)
	if errors.Is(err, hookyard.ErrConflict) {
		return c.PatchHook(ctx, project, id, h)
	}
	return out, err
}

// CreateHook creates a hook. It fails with hookyard.ErrConflict if the id is in use; the status is then 403, as in
// WebGME.
func (c *Client) CreateHook(ctx context.Context, project, id string, h HookPatch) (Hook, error) {
	var out Hook
	_, err := c.call(ctx, http.MethodPut, in(project, "hooks", id), h, &out)
	return out, err
}

// PatchHook changes the settings of a hook that are not nil in h.
func (c *Client) PatchHook(ctx context.Context, project, id string, h HookPatch) (Hook, error) {
	var out Hook
	_, err := c.call(ctx, http.MethodPatch, in(project, "hooks", id), h, &out)
	return out, err
}

// DeleteHook deletes a hook and returns the remaining ones by id.
func (c *Client) DeleteHook(ctx context.Context, project, id string) (map[string]Hook, error) {
	var out map[string]Hook
	_, err := c.call(ctx, http.MethodDelete, in(project, "hooks", id), nil, &out)
	return out, err
}

// TestHook sends an event of type test to one hook.
func (c *Client) TestHook(ctx context.Context, project, id string) (HookTest, error) {
	var out HookTest
	_, err := c.call(ctx, http.MethodPost, in(project, "hooks", id, "test"), nil, &out)
	return out, err
}

// SendExample sends an example of an event type of the catalogue to one hook.
func (c *Client) SendExample(ctx context.Context, project, id, eventType string) (HookTest, error) {
	var out HookTest
	_, err := c.call(ctx, http.MethodPost, in(project, "hooks", id, "test"), HookTestRequest{Type: eventType}, &out)
	return out, err
}

// RotateHookSecret sets a new secret. For the overlap, deliveries are signed with both.
func (c *Client) RotateHookSecret(ctx context.Context, project, id string, r Rotation) (NewSecret, error) {
	var out NewSecret
	_, err := c.call(ctx, http.MethodPost, in(project, "hooks", id, "rotate-secret"), r, &out)
	return out, err
}

// EnableHook switches a hook on and resets its health.
func (c *Client) EnableHook(ctx context.Context, project, id string) (Hook, error) {
	var out Hook
	_, err := c.call(ctx, http.MethodPost, in(project, "hooks", id, "enable"), nil, &out)
	return out, err
}
