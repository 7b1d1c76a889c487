package client

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/hookyard/hookyard"
)

// Source is a way in.
type Source struct {
	URL         string                `json:"url,omitempty" doc:"where senders send; none for a queue"`
	Name        string                `json:"name"`
	Type        string                `json:"type" doc:"how a sender is verified; see /api/source-types"`
	Description string                `json:"description"`
	Active      bool                  `json:"active"`
	Secrets     []string              `json:"secrets,omitempty" doc:"*** for each"`
	Scheme      json.RawMessage       `json:"scheme,omitempty" doc:"settings of the type"`
	EventType   string                `json:"eventType,omitempty" doc:"fixed type of its events"`
	TypeHeader  string                `json:"typeHeader,omitempty" doc:"header that holds the type"`
	TypeField   string                `json:"typeField,omitempty" doc:"JSON path into the body that holds the type"`
	DedupHeader string                `json:"dedupHeader,omitempty" doc:"header that holds the sender's own id"`
	Ack         string                `json:"ack" doc:"always after-commit"`
	Answer      *hookyard.Answer      `json:"answer,omitempty" doc:"what to answer instead of 200"`
	RabbitMQ    *hookyard.QueueSource `json:"rabbitmq,omitempty"`
	CreatedAt   time.Time             `json:"createdAt"`
	UpdatedAt   time.Time             `json:"updatedAt"`
	Revision    int64                 `json:"revision"`
}

// SourcePatch holds what to set of a source; nil leaves a setting as it is, or at its default where the source is made.
type SourcePatch struct {
	Type        *string               `json:"type,omitempty"`
	Description *string               `json:"description,omitempty"`
	Active      *bool                 `json:"active,omitempty"`
	Secret      *string               `json:"secret,omitempty" doc:"the only secret"`
	Secrets     *[]string             `json:"secrets,omitempty" doc:"any of them is good"`
	Scheme      json.RawMessage       `json:"scheme,omitempty"`
	EventType   *string               `json:"eventType,omitempty"`
	TypeHeader  *string               `json:"typeHeader,omitempty"`
	TypeField   *string               `json:"typeField,omitempty"`
	DedupHeader *string               `json:"dedupHeader,omitempty"`
	Ack         *string               `json:"ack,omitempty"`
	Answer      *hookyard.Answer      `json:"answer,omitempty"`
	RabbitMQ    *hookyard.QueueSource `json:"rabbitmq,omitempty"`
}

// Sources are a project's sources.
type Sources struct {
	Sources []Source `json:"sources"`
}

// Refusal is a request that a source did not accept.
type Refusal struct {
	hookyard.Refusal
	Header map[string][]string `json:"header,omitempty" doc:"credentials are shown as ***"`
	Text   string              `json:"text,omitempty" doc:"the body's first bytes, when they are text"`
	Base64 []byte              `json:"base64,omitempty" doc:"the body's first bytes, when they are not"`
}

// Refusals are requests that were not accepted, the newest first.
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

// SourceTypes are all there are.
type SourceTypes struct {
	Types []SourceType `json:"types"`
}

// Sources lists a project's sources by name.
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

// PutSource makes a source, or replaces the one there is. created says which.
func (c *Client) PutSource(ctx context.Context, project, name string, s SourcePatch) (out Source, created bool,
	err error) {
	status, err := c.call(ctx, http.MethodPut, in(project, "sources", name), s, &out)
	return out, status == http.StatusCreated, err
}

// PatchSource changes a source and leaves alone what is not named.
func (c *Client) PatchSource(ctx context.Context, project, name string, s SourcePatch) (Source, error) {
	var out Source
	_, err := c.call(ctx, http.MethodPatch, in(project, "sources", name), s, &out)
	return out, err
}

// DeleteSource deletes a source; its events stay.
func (c *Client) DeleteSource(ctx context.Context, project, name string) error {
	_, err := c.call(ctx, http.MethodDelete, in(project, "sources", name), nil, nil)
	return err
}

// RotateSourceSecret sets a new secret; the old one is good for the overlap.
func (c *Client) RotateSourceSecret(ctx context.Context, project, name string, r Rotation) (NewSecret, error) {
	var out NewSecret
	_, err := c.call(ctx, http.MethodPost, in(project, "sources", name, "rotate-secret"), r, &out)
	return out, err
}

// Refused lists requests that a source did not accept, the newest first, at most limit (0: 50).
func (c *Client) Refused(ctx context.Context, project, name string, limit int) ([]Refusal, error) {
	var out Refusals
	_, err := c.call(ctx, http.MethodGet, in(project, "sources", name, "refused")+"?limit="+strconv.Itoa(max(limit, 0)),
		nil, &out)
	return out.Refused, err
}

// SourceTypes lists the ways to verify a sender.
func (c *Client) SourceTypes(ctx context.Context) ([]SourceType, error) {
	var out SourceTypes
	_, err := c.call(ctx, http.MethodGet, path("source-types"), nil, &out)
	return out.Types, err
}
