package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
)

// Catalogue is what an owner decides about the event types that all its projects share.
type Catalogue struct {
	Owner    string                 `json:"owner" doc:"in lower case"`
	Mode     hookyard.CatalogueMode `json:"mode" doc:"off, warn or strict: what becomes of events that do not fit"`
	Public   bool                   `json:"public" doc:"anyone may read the types without feature flags"`
	Revision int64                  `json:"revision" doc:"counts the changes, those of types too"`
}

// CataloguePatch holds the settings to change. Nil leaves a setting as it is.
type CataloguePatch struct {
	Mode   *hookyard.CatalogueMode `json:"mode,omitempty"`
	Public *bool                   `json:"public,omitempty"`
}

// EventType is an event type of an owner's catalogue. Lists have neither schemas nor examples.
type EventType struct {
	Name         string                     `json:"name"`
	Description  string                     `json:"description"`
	Group        string                     `json:"group,omitempty"`
	Schema       json.RawMessage            `json:"schema,omitempty" doc:"the JSON Schema that data is checked against"`
	Schemas      map[string]json.RawMessage `json:"schemas,omitempty" doc:"all JSON Schemas, by version"`
	Example      json.RawMessage            `json:"example,omitempty" doc:"of data"`
	Archived     bool                       `json:"archived" doc:"no longer published"`
	Deprecated   bool                       `json:"deprecated" doc:"about to be archived"`
	FeatureFlags []string                   `json:"featureFlags" doc:"only customers with one of them see the type"`
	CreatedAt    time.Time                  `json:"createdAt"`
	UpdatedAt    time.Time                  `json:"updatedAt"`
	Revision     int64                      `json:"revision"`
}

// EventTypePatch holds the settings to change. Nil leaves a setting as it is; in a new type, at its default.
type EventTypePatch struct {
	Description  *string                    `json:"description,omitempty"`
	Group        *string                    `json:"group,omitempty"`
	Schema       json.RawMessage            `json:"schema,omitempty" doc:"the only schema, as version 1"`
	Schemas      map[string]json.RawMessage `json:"schemas,omitempty" doc:"schemas by version; the highest is checked"`
	Example      json.RawMessage            `json:"example,omitempty" doc:"of data"`
	Archived     *bool                      `json:"archived,omitempty"`
	Deprecated   *bool                      `json:"deprecated,omitempty"`
	FeatureFlags *[]string                  `json:"featureFlags,omitempty"`
}

// EventTypePage is a page of event types, sorted by name.
type EventTypePage struct {
	EventTypes []EventType `json:"eventTypes"`
	Cursor     string      `json:"cursor,omitempty"` // of the next page; "" on the last
}

// EventTypeQuery selects event types. A zero field does not restrict the result.
type EventTypeQuery struct {
	Page
	Archived bool // archived ones, too
}

func (q EventTypeQuery) values() url.Values {
	v := q.query()
	if q.Archived {
		v.Set("archived", "true")
	}
	return v
}

// EventExample is an example of an event: what to publish to make one.
type EventExample struct {
	Type string          `json:"type"`
	Data json.RawMessage `json:"data" doc:"the type's example, or one made from its schema"`
}

// ImportOptions say what to do with the event types of a document.
type ImportOptions struct {
	Replace bool // archive the types that the document lacks
	DryRun  bool // change nothing
}

// EventTypeImport lists what an import did, or would do, to the types of the document and to those it archived.
type EventTypeImport struct {
	EventTypes []ImportedType `json:"eventTypes"`
}

// ImportedType is what an import did to an event type.
type ImportedType struct {
	Name   string `json:"name"`
	Change string `json:"change" doc:"created, updated, archived or unchanged"`
}

// ImportEventTypes creates and updates event types of an owner from an OpenAPI 3 or AsyncAPI 3 document, in JSON or
// YAML, all or none.
func (c *Client) ImportEventTypes(ctx context.Context, owner string, doc []byte, o ImportOptions) (EventTypeImport,
	error) {
	q := url.Values{}
	for name, set := range map[string]bool{"replace": o.Replace, "dryRun": o.DryRun} {
		if set {
			q.Set(name, "true")
		}
	}
	var out EventTypeImport
	header := http.Header{"Content-Type": {"application/octet-stream"}}
	_, err := c.exchange(ctx, http.MethodPost, path("owners", owner, "catalogue", "import")+"?"+q.Encode(), header, doc,
		&out)
	return out, err
}

// ExportEventTypes returns the event types of an owner as the webhooks of an OpenAPI 3.1 document.
func (c *Client) ExportEventTypes(ctx context.Context, owner string) (out json.RawMessage, err error) {
	_, err = c.call(ctx, http.MethodGet, path("owners", owner, "catalogue", "export"), nil, &out)
	return out, err
}

// Catalogue returns what an owner decides about its event types.
func (c *Client) Catalogue(ctx context.Context, owner string) (out Catalogue, err error) {
	_, err = c.call(ctx, http.MethodGet, path("owners", owner, "catalogue"), nil, &out)
	return out, err
}

// SetCatalogue changes what an owner decides about its event types.
func (c *Client) SetCatalogue(ctx context.Context, owner string, patch CataloguePatch) (out Catalogue, err error) {
	_, err = c.call(ctx, http.MethodPatch, path("owners", owner, "catalogue"), patch, &out)
	return out, err
}

// EventTypes lists event types: of an owner or, given owner/name, those that a project inherits from its owner.
func (c *Client) EventTypes(ctx context.Context, of string, q EventTypeQuery) (out EventTypePage, err error) {
	_, err = c.call(ctx, http.MethodGet, typesOf(of)+"?"+q.values().Encode(), nil, &out)
	return out, err
}

// EventType returns an event type: of an owner or, given owner/name, one that a project inherits from its owner.
func (c *Client) EventType(ctx context.Context, of, name string) (out EventType, err error) {
	_, err = c.call(ctx, http.MethodGet, typesOf(of, name), nil, &out)
	return out, err
}

// EventExample returns an example of an event type that a project inherits from its owner.
func (c *Client) EventExample(ctx context.Context, project, name string) (out EventExample, err error) {
	_, err = c.call(ctx, http.MethodGet, in(project, "event-types", name, "example"), nil, &out)
	return out, err
}

// PutEventType creates an event type, or replaces it. created says which.
func (c *Client) PutEventType(ctx context.Context, owner, name string, patch EventTypePatch) (out EventType,
	created bool, err error) {
	status, err := c.call(ctx, http.MethodPut, typesOf(owner, name), patch, &out)
	return out, status == http.StatusCreated, err
}

// PatchEventType changes an event type.
func (c *Client) PatchEventType(ctx context.Context, owner, name string, patch EventTypePatch) (out EventType,
	err error) {
	_, err = c.call(ctx, http.MethodPatch, typesOf(owner, name), patch, &out)
	return out, err
}

// DeleteEventType deletes an event type. Events of the type stay.
func (c *Client) DeleteEventType(ctx context.Context, owner, name string) error {
	_, err := c.call(ctx, http.MethodDelete, typesOf(owner, name), nil, nil)
	return err
}

func typesOf(of string, segments ...string) string {
	segments = append([]string{"event-types"}, segments...)
	if strings.Contains(of, "/") {
		return in(of, segments...)
	}
	return path(append([]string{"owners", of}, segments...)...)
}
