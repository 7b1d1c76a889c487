package control

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"strconv"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
	"github.com/hookyard/hookyard/internal/catalogue"
)

// MaxDocument is the size in bytes of the largest document that can be imported.
const MaxDocument = catalogue.MaxDocument

// EventTypeImport says what to do with the event types of a document.
type EventTypeImport struct {
	Replace bool // archive the types that the document does not have
	DryRun  bool // change nothing
}

// ImportedType is what an import did to an event type, or would do.
type ImportedType struct {
	Name   string
	Change string // created, updated, archived or unchanged
}

// ImportEventTypes creates and updates the event types that an OpenAPI 3 or AsyncAPI 3 document describes, see
// [catalogue.Read], all or none. What the document does not say of a type stays. It returns what became of each type of
// the document, by name, and of those that it archived.
func (c *Control) ImportEventTypes(ctx context.Context, id *auth.Identity, owner string, doc []byte,
	o EventTypeImport) ([]ImportedType, error) {
	if _, err := c.owner(ctx, id, owner); err != nil {
		return nil, err
	}
	if err := c.importing.Acquire(ctx, 1); err != nil { // documents take memory
		return nil, err
	}
	defer c.importing.Release(1)
	read, err := catalogue.Read(doc)
	if err != nil {
		return nil, err
	}
	for tries := 1; ; tries++ {
		out, changed, err := c.planImport(ctx, owner, read, o.Replace)
		if err != nil || o.DryRun || len(changed) == 0 {
			return out, err
		}
		err = c.store.PutEventTypes(actor(ctx, id), owner, changed...)
		if !errors.Is(err, hookyard.ErrStale) || tries == maxRetries {
			return out, err
		}
	}
}

// planImport returns what an import does, and the types to store.
func (c *Control) planImport(ctx context.Context, owner string, read []*hookyard.EventType,
	replace bool) (out []ImportedType, changed []*hookyard.EventType, err error) {
	had, err := c.store.EventTypes(ctx, hookyard.EventTypeQuery{Owner: owner, Archived: true, Content: true})
	if err != nil {
		return nil, nil, err
	}
	before := map[string]*hookyard.EventType{}
	for _, t := range had {
		before[t.Name] = t
	}
	out = []ImportedType{}
	for _, t := range read {
		if err := ctx.Err(); err != nil { // compiling schemas takes time
			return nil, nil, err
		}
		old := before[t.Name]
		delete(before, t.Name)
		merged, change := mergeType(old, t)
		if change != "unchanged" {
			if err := c.checkEventType(merged, old); err != nil {
				return nil, nil, inEventType(t.Name, err)
			}
			changed = append(changed, merged)
		}
		out = append(out, ImportedType{Name: t.Name, Change: change})
	}
	for _, t := range had {
		if before[t.Name] == nil || t.Archived || !replace {
			continue
		}
		archived := *t
		archived.Archived = true
		changed = append(changed, &archived)
		out = append(out, ImportedType{Name: t.Name, Change: "archived"})
	}
	return out, changed, nil
}

// mergeType returns the event type that becomes of the one there is, which may be nil, and one of a document.
func mergeType(old, read *hookyard.EventType) (merged *hookyard.EventType, change string) {
	if old == nil {
		out := *read
		return &out, "created"
	}
	out := *old
	out.Archived, out.Deprecated = false, read.Deprecated
	if read.Description != "" {
		out.Description = read.Description
	}
	if read.Group != "" {
		out.Group = read.Group
	}
	if read.FeatureFlags != nil {
		out.FeatureFlags = read.FeatureFlags
	}
	if read.Example != nil {
		out.Example = read.Example
	}
	if schema := read.Schema(); schema != nil && string(schema) != string(old.Schema()) {
		out.Schemas = map[string]json.RawMessage{}
		maps.Copy(out.Schemas, old.Schemas)
		out.Schemas[cmp.Or(old.Version(), read.Version())] = schema
	}
	if reflect.DeepEqual(&out, old) {
		return old, "unchanged"
	}
	return &out, "updated"
}

func inEventType(name string, err error) error {
	var e *hookyard.Error
	if !errors.As(err, &e) {
		return err
	}
	out := *e
	out.Message = "event type " + hookyard.Clean(name, 200) + ": " + e.Message
	return &out
}

// ExportEventTypes returns an OpenAPI 3.1 document with an owner's event types as webhooks, which ImportEventTypes
// understands. Archived types are left out.
func (c *Control) ExportEventTypes(ctx context.Context, id *auth.Identity, owner string) ([]byte, error) {
	of, err := c.Catalogue(ctx, id, owner)
	if err != nil {
		return nil, err
	}
	types, err := c.store.EventTypes(ctx, hookyard.EventTypeQuery{Owner: owner, Content: true})
	if err != nil {
		return nil, err
	}
	return catalogue.OpenAPI("Webhooks of "+owner, strconv.FormatInt(of.Revision, 10), types)
}
