package control

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
	"github.com/hookyard/hookyard/internal/catalogue"
)

// CataloguePatch holds what to set of an owner's catalogue.
type CataloguePatch struct {
	Mode   Optional[hookyard.CatalogueMode] `json:"mode"`
	Public Optional[bool]                   `json:"public"`
}

// EventTypePatch holds what to set of an event type. A setting that is not given stays as it is, or at its default
// where the type is created or replaced.
type EventTypePatch struct {
	Description  Optional[string]                     `json:"description"`
	Group        Optional[string]                     `json:"group"`
	Schema       Optional[json.RawMessage]            `json:"schema"`  // as the only one, of version 1
	Schemas      Optional[map[string]json.RawMessage] `json:"schemas"` // by version
	Example      Optional[json.RawMessage]            `json:"example"`
	Archived     Optional[bool]                       `json:"archived"`
	Deprecated   Optional[bool]                       `json:"deprecated"`
	FeatureFlags Optional[[]string]                   `json:"featureFlags"`

	Revision int64 `json:"-"` // the type must still be at this one; 0 is any
}

// apply sets what the patch gives.
func (in *EventTypePatch) apply(t *hookyard.EventType) error {
	if in.Schema.Given() && in.Schemas.Given() {
		return hookyard.FieldErrorf("schemas", "give either schema or schemas")
	}
	in.Description.SetTo(&t.Description)
	in.Group.SetTo(&t.Group)
	in.Schemas.SetTo(&t.Schemas)
	in.Example.SetTo(&t.Example)
	in.Archived.SetTo(&t.Archived)
	in.Deprecated.SetTo(&t.Deprecated)
	in.FeatureFlags.SetTo(&t.FeatureFlags)
	if schema, ok := in.Schema.Get(); ok {
		t.Schemas = nil
		if !in.Schema.IsNull() {
			t.Schemas = map[string]json.RawMessage{"1": schema}
		}
	}
	return nil
}

// Catalogue returns what an owner decides about its event types. The caller must be the owner or an administrator, as
// for all operations on catalogues that do not go through a project.
func (c *Control) Catalogue(ctx context.Context, id *auth.Identity, owner string) (hookyard.Catalogue, error) {
	if _, err := c.owner(ctx, id, owner); err != nil {
		return hookyard.Catalogue{}, err
	}
	return c.store.Catalogue(ctx, owner)
}

// SetCatalogue changes what an owner decides about its event types.
func (c *Control) SetCatalogue(ctx context.Context, id *auth.Identity, owner string,
	in CataloguePatch) (hookyard.Catalogue, error) {
	out, err := c.Catalogue(ctx, id, owner)
	if err != nil {
		return out, err
	}
	in.Mode.SetTo(&out.Mode)
	if in.Mode.IsNull() {
		out.Mode = hookyard.CatalogueOff
	}
	in.Public.SetTo(&out.Public)
	if err := out.Validate(); err != nil {
		return out, err
	}
	return out, c.store.SetCatalogue(actor(ctx, id), &out)
}

// EventTypes returns event types of the owner that the query names.
func (c *Control) EventTypes(ctx context.Context, id *auth.Identity,
	q hookyard.EventTypeQuery) ([]*hookyard.EventType, error) {
	if _, err := c.owner(ctx, id, q.Owner); err != nil {
		return nil, err
	}
	return c.store.EventTypes(ctx, q)
}

// EventType returns an event type with its content. It fails with NotFound.
func (c *Control) EventType(ctx context.Context, id *auth.Identity, owner, name string) (*hookyard.EventType, error) {
	if _, err := c.owner(ctx, id, owner); err != nil {
		return nil, err
	}
	return c.eventType(ctx, owner, name)
}

func (c *Control) eventType(ctx context.Context, owner, name string) (*hookyard.EventType, error) {
	t, err := c.store.EventType(ctx, owner, name)
	if errors.Is(err, hookyard.ErrNotFound) {
		return nil, noSuchEventType(owner, name)
	}
	return t, err
}

func noSuchEventType(owner, name string) error {
	return hookyard.Errorf(hookyard.NotFound, "owner %s has no event type %s in its catalogue",
		hookyard.Clean(owner, 100), hookyard.Clean(name, 200))
}

// CreateEventType creates an event type. It fails with Conflict if there is one of that name that is not archived; an
// archived one is replaced.
func (c *Control) CreateEventType(ctx context.Context, id *auth.Identity, owner, name string,
	in EventTypePatch) (*hookyard.EventType, error) {
	t, _, err := c.putEventType(ctx, id, owner, name, func(old, t *hookyard.EventType) error {
		if old != nil && !old.Archived {
			return hookyard.Errorf(hookyard.Conflict, "owner %s has an event type %s already", owner, name)
		}
		return in.apply(t)
	})
	return t, err
}

// PutEventType creates an event type, or replaces the one there is: what the patch does not give goes back to its
// default. It fails with Conflict if the type is not at the patch's revision.
func (c *Control) PutEventType(ctx context.Context, id *auth.Identity, owner, name string,
	in EventTypePatch) (t *hookyard.EventType, created bool, err error) {
	return c.putEventType(ctx, id, owner, name, func(old, t *hookyard.EventType) error {
		if err := expectRevision("event type "+name, revisionOf(old), in.Revision); err != nil {
			return err
		}
		return in.apply(t)
	})
}

// UpdateEventType changes an event type. It fails with NotFound, and with Conflict if the type is not at the patch's
// revision.
func (c *Control) UpdateEventType(ctx context.Context, id *auth.Identity, owner, name string,
	in EventTypePatch) (*hookyard.EventType, error) {
	t, _, err := c.putEventType(ctx, id, owner, name, func(old, t *hookyard.EventType) error {
		if old == nil {
			_, err := c.eventType(ctx, owner, name)
			return err
		}
		if err := expectRevision("event type "+name, old.Revision, in.Revision); err != nil {
			return err
		}
		*t = *old
		return in.apply(t)
	})
	return t, err
}

func revisionOf(t *hookyard.EventType) int64 {
	if t == nil {
		return 0
	}
	return t.Revision
}

// putEventType stores the type that fill makes of an empty one and of the one there is, nil if there is none. It
// repeats that when another change was committed first.
func (c *Control) putEventType(ctx context.Context, id *auth.Identity, owner, name string,
	fill func(old, t *hookyard.EventType) error) (t *hookyard.EventType, created bool, err error) {
	if _, err := c.owner(ctx, id, owner); err != nil {
		return nil, false, err
	}
	for tries := 1; ; tries++ {
		old, err := c.store.EventType(ctx, owner, name)
		if err != nil && !errors.Is(err, hookyard.ErrNotFound) {
			return nil, false, err
		}
		t := &hookyard.EventType{}
		if err := fill(old, t); err != nil {
			return nil, false, err
		}
		t.Owner, t.Name = owner, name
		t.Revision = revisionOf(old)
		if err := c.checkEventType(t, old); err != nil {
			return nil, false, err
		}
		err = c.store.PutEventTypes(actor(ctx, id), owner, t)
		if !errors.Is(err, hookyard.ErrStale) || tries == maxRetries {
			return t, old == nil, err
		}
	}
}

// checkEventType checks an event type that is to be stored in place of another one, which may be nil.
func (c *Control) checkEventType(t, old *hookyard.EventType) error {
	if err := t.Validate(c.limits); err != nil {
		return err
	}
	for version, schema := range t.Schemas {
		if old != nil && string(old.Schemas[version]) == string(schema) {
			continue
		}
		if _, err := catalogue.Compile(schema); err != nil {
			return err
		}
	}
	return nil
}

// DeleteEventType deletes an event type; events of the type stay. It fails with NotFound, and with Conflict if the type
// is not at ifRevision, unless that is 0.
func (c *Control) DeleteEventType(ctx context.Context, id *auth.Identity, owner, name string, ifRevision int64) error {
	t, err := c.EventType(ctx, id, owner, name)
	if err != nil {
		return err
	}
	if err := expectRevision("event type "+name, t.Revision, ifRevision); err != nil {
		return err
	}
	return c.store.DeleteEventType(actor(ctx, id), owner, name)
}

// EventTypes returns the event types that the project inherits from its owner. Behind a portal link they are those that
// are not archived and have no feature flag.
func (p *Project) EventTypes(ctx context.Context, q hookyard.EventTypeQuery) ([]*hookyard.EventType, error) {
	if err := p.allow(hookyard.RolePortalRead); err != nil {
		return nil, err
	}
	q.Owner = p.Snapshot.Project.Owner
	if p.isInside() {
		return p.c.store.EventTypes(ctx, q)
	}
	q.Archived, q.General = false, true
	return p.c.store.EventTypes(ctx, q)
}

// EventType returns an event type that the project inherits from its owner, with its content.
func (p *Project) EventType(ctx context.Context, name string) (*hookyard.EventType, error) {
	if err := p.allow(hookyard.RolePortalRead); err != nil {
		return nil, err
	}
	t, err := p.c.eventType(ctx, p.Snapshot.Project.Owner, name)
	if err == nil && !p.isInside() && (t.Archived || !t.IsGeneral()) {
		return nil, noSuchEventType(p.Snapshot.Project.Owner, name)
	}
	return t, err
}

// isInside reports whether the caller did not come by a portal link.
func (p *Project) isInside() bool { return p.Role.Allows(hookyard.RoleRead) }

// PublicEventTypes returns the event types of an owner that anyone may read. It fails with NotFound unless the owner
// wants that.
func (c *Control) PublicEventTypes(ctx context.Context, owner string) ([]*hookyard.EventType, error) {
	if err := c.checkPublic(ctx, owner); err != nil {
		return nil, err
	}
	return c.store.EventTypes(ctx, hookyard.EventTypeQuery{Owner: owner, General: true})
}

// PublicEventType returns one of [Control.PublicEventTypes] with its content.
func (c *Control) PublicEventType(ctx context.Context, owner, name string) (*hookyard.EventType, error) {
	if err := c.checkPublic(ctx, owner); err != nil {
		return nil, err
	}
	t, err := c.eventType(ctx, owner, name)
	if err == nil && (t.Archived || !t.IsGeneral()) {
		return nil, noSuchEventType(owner, name)
	}
	return t, err
}

// checkPublic fails with NotFound unless anyone may read the catalogue.
func (c *Control) checkPublic(ctx context.Context, owner string) error {
	of, err := c.store.Catalogue(ctx, owner)
	if err == nil && !of.Public {
		err = hookyard.Errorf(hookyard.NotFound, "there is no public catalogue of this owner")
	}
	return err
}

// Example returns data that an event of a type has, whose example the project inherits from its owner: see
// [catalogue.Example].
func (p *Project) Example(ctx context.Context, eventType string) (json.RawMessage, error) {
	t, err := p.EventType(ctx, eventType)
	if err != nil {
		return nil, err
	}
	return catalogue.Example(t), nil
}
