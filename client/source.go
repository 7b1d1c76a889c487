package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/hookyard/hookyard"
)

// Source is a way into a project.
type Source struct {
	URL         string                `json:"url,omitempty" doc:"to send webhooks to; absent for a queue"`
	Name        string                `json:"name"`
	Type        string                `json:"type" doc:"how a sender is verified; see /api/source-types"`
	Description string                `json:"description"`
	Active      bool                  `json:"active"`
	Secrets     []string              `json:"secrets,omitempty" doc:"*** for each"`
	Scheme      json.RawMessage       `json:"scheme,omitempty" doc:"settings of the type"`
	EventType   string                `json:"eventType,omitempty" doc:"type of its events"`
	TypeHeader  string                `json:"typeHeader,omitempty" doc:"header that holds the event type"`
	TypeField   string                `json:"typeField,omitempty" doc:"JSON path of the event type in the body"`
	DedupHeader string                `json:"dedupHeader,omitempty" doc:"header that identifies duplicates"`
	Rate        int64                 `json:"rate,omitempty" doc:"events a second that are accepted, on each node"`
	Ack         string                `json:"ack" doc:"always after-commit"`
	Answer      *hookyard.Answer      `json:"answer,omitempty" doc:"the response instead of 200"`
	RabbitMQ    *hookyard.QueueSource `json:"rabbitmq,omitempty"`
	CreatedAt   time.Time             `json:"createdAt"`
	UpdatedAt   time.Time             `json:"updatedAt"`
	Revision    int64                 `json:"revision"`
}

// SourcePatch holds the settings to change. Nil leaves a setting as it is; in a new source, at its default.
type SourcePatch struct {
	Type        *string               `json:"type,omitempty"`
	Description *string               `json:"description,omitempty"`
	Active      *bool                 `json:"active,omitempty"`
	Secret      *string               `json:"secret,omitempty" doc:"the only secret"`
	Secrets     *[]string             `json:"secrets,omitempty" doc:"each of them verifies"`
	Scheme      json.RawMessage       `json:"scheme,omitempty"`
	EventType   *string               `json:"eventType,omitempty"`
	TypeHeader  *string               `json:"typeHeader,omitempty"`
	TypeField   *string               `json:"typeField,omitempty"`
	DedupHeader *string               `json:"dedupHeader,omitempty"`
	Rate        *int64                `json:"rate,omitempty" doc:"0: no limit"`
	Ack         *string               `json:"ack,omitempty"`
	Answer      *hookyard.Answer      `json:"answer,omitempty"`
	RabbitMQ    *hookyard.QueueSource `json:"rabbitmq,omitempty"`
}

// Sources lists the sources of a project.
type Sources struct {
	Sources []Source `json:"sources"`
}

// Refusal is a request that a source refused.
type Refusal struct {
	hookyard.Refusal
	Header map[string][]string `json:"header,omitempty" doc:"credentials are shown as ***"`
	Text   string              `json:"text,omitempty" doc:"the first bytes of the body, if they are text"`
	Base64 []byte              `json:"base64,omitempty" doc:"the first bytes of the body, if they are not text"`
}

// RecheckRequest names the refused requests to check again.
type RecheckRequest struct {
	IDs []int64 `json:"ids,omitempty" doc:"their ids"`
	All bool    `json:"all,omitempty" doc:"all that are kept of the source"`
}

// Rechecked lists what came of refused requests that were checked again, in the order in which they were.
type Rechecked struct {
	Requests []RecheckedRequest `json:"requests"`
}

// RecheckedRequest is what came of one of them.
type RecheckedRequest struct {
	ID         int64  `json:"id" doc:"of the refused request"`
	EventID    string `json:"eventId,omitempty" doc:"of the event, if it was accepted"`
	Deliveries int    `json:"deliveries,omitempty" doc:"number of hooks that get it"`
	Duplicate  bool   `json:"duplicate,omitempty" doc:"the event came before"`
	Reason     string `json:"reason,omitempty" doc:"why it was not accepted; absent if it was"`
}

// Refusals lists refused requests, newest first.
type Refusals struct {
	Refused []Refusal `json:"refused"`
}

// SourceType describes one way to verify a sender.
type SourceType struct {
	Type        string `json:"type"`
	Title       string `json:"title"`
	NeedsSecret bool   `json:"needsSecret"`
	SecretHint  string `json:"secretHint,omitempty" doc:"what the secret is"`
	Setup       string `json:"setup,omitempty" doc:"what to do at the provider"`
}

// SourceTypes lists the types of sources.
type SourceTypes struct {
	Types []SourceType `json:"types"`
}

// Sources lists the sources of a project, sorted by name.
func (c *Client) Sources(ctx context.Context, project string) ([]Source, error) {
	var out Sources
	_, err := c.call(ctx, http.MethodGet, in(project, "sources"), nil, &out)
	return out.Sources, err
}

// Source returns a source.
func (c *Client) Source(ctx context.Context, project, name string) (Source, error) {
	var out Source
	_, err := c.call(ctx, http.MethodGet, in(project, "sources", name), nil, &out)
	return out, err
}

// PutSource creates a source or replaces the settings of an existing one, and reports which.
func (c *Client) PutSource(ctx context.Context, project, name string, s SourcePatch) (out Source, created bool,
	err error) {
	status, err := c.call(ctx, http.MethodPut, in(project, "sources", name), s, &out)
	return out, status == http.StatusCreated, err
}

// PatchSource changes the settings of a source that are not nil in s.
func (c *Client) PatchSource(ctx context.Context, project, name string, s SourcePatch) (Source, error) {
	var out Source
	_, err := c.call(ctx, http.MethodPatch, in(project, "sources", name), s, &out)
	return out, err
}

// DeleteSource deletes a source. Its events remain.
func (c *Client) DeleteSource(ctx context.Context, project, name string) error {
	_, err := c.call(ctx, http.MethodDelete, in(project, "sources", name), nil, nil)
	return err
}

// RotateSourceSecret sets a new secret. The old one stays valid for the overlap.
func (c *Client) RotateSourceSecret(ctx context.Context, project, name string, r Rotation) (NewSecret, error) {
	var out NewSecret
	_, err := c.call(ctx, http.MethodPost, in(project, "sources", name, "rotate-secret"), r, &out)
	return out, err
}

// Refused lists the requests that a source refused, newest first. It returns at most limit; 0 means 50.
func (c *Client) Refused(ctx context.Context, project, name string, limit int) ([]Refusal, error) {
	var out Refusals
	path := in(project, "sources", name, "refused") + "?" + Page{Limit: limit}.query().Encode()
	_, err := c.call(ctx, http.MethodGet, path, nil, &out)
	return out.Refused, err
}

// RecheckRefused checks refused requests of a source again, all that are kept or those named, with the secrets that the
// source has now and the time at which each came. What passes is accepted as if it had just come. One that is not
// kept any more has a reason that says so, and if it is the only one, the error is hookyard.ErrNotFound.
func (c *Client) RecheckRefused(ctx context.Context, project, name string, r RecheckRequest) ([]RecheckedRequest,
	error) {
	var out Rechecked
	_, err := c.call(ctx, http.MethodPost, in(project, "sources", name, "refused", "recheck"), r, &out)
	return out.Requests, err
}

// SourceTypes lists the ways to verify a sender.
func (c *Client) SourceTypes(ctx context.Context) ([]SourceType, error) {
	var out SourceTypes
	_, err := c.call(ctx, http.MethodGet, path("source-types"), nil, &out)
	return out.Types, err
}
