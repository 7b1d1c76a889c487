package svix

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
)

// eventType is an event type of the owner's catalogue as Svix shows it.
type eventType struct {
	Name         string                     `json:"name"`
	Description  string                     `json:"description"`
	Archived     bool                       `json:"archived"`
	Deprecated   bool                       `json:"deprecated"`
	Schemas      map[string]json.RawMessage `json:"schemas"`
	CreatedAt    time.Time                  `json:"createdAt"`
	UpdatedAt    time.Time                  `json:"updatedAt"`
	FeatureFlag  *string                    `json:"featureFlag"`
	FeatureFlags []string                   `json:"featureFlags,omitempty"`
	GroupName    *string                    `json:"groupName,omitempty"`
}

func eventTypeOf(t *hookyard.EventType) eventType {
	out := eventType{Name: t.Name, Description: t.Description, Archived: t.Archived, Deprecated: t.Deprecated,
		Schemas: t.Schemas, CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt, FeatureFlags: t.FeatureFlags}
	if len(t.Schemas) == 0 {
		out.Schemas = nil
	}
	if len(t.FeatureFlags) > 0 {
		out.FeatureFlag = &t.FeatureFlags[0]
	}
	if t.Group != "" {
		out.GroupName = &t.Group
	}
	return out
}

// boundApp returns the application of a token that is bound to one.
func (c *call) boundApp() (*control.Project, error) {
	_, name, _ := strings.Cut(c.id.Token.Project, "/")
	return c.appOf(name, control.Read)
}

// catalogueTypes returns event types as the caller sees them: a token of one application those without feature flags.
func (c *call) catalogueTypes(q hookyard.EventTypeQuery) ([]*hookyard.EventType, error) {
	if q.Owner = c.owner; !c.portal {
		return c.a.o.Control.EventTypes(c.ctx(), c.id, q)
	}
	p, err := c.boundApp()
	if err != nil {
		return nil, err
	}
	q.Archived, q.General = false, true
	return p.EventTypes(c.ctx(), q)
}

func listEventTypes(c *call) (int, any, error) {
	q, err := c.query()
	if err != nil {
		return 0, nil, err
	}
	pg, err := c.page(q)
	if err != nil {
		return 0, nil, err
	}
	if pg.iterator != "" && !isName(pg.iterator, "") {
		return 0, nil, c.foreign()
	}
	ask := hookyard.EventTypeQuery{Limit: pg.limit + 1}
	if ask.Archived, err = queryBool(q, "include_archived", false); err != nil {
		return 0, nil, err
	}
	if ask.Content, err = queryBool(q, "with_content", false); err != nil {
		return 0, nil, err
	}
	if ask.After = pg.iterator; pg.backward {
		ask.After, ask.Before = "", pg.iterator
	}
	found, err := c.catalogueTypes(ask)
	if err != nil {
		return 0, nil, err
	}
	if pg.backward {
		slices.Reverse(found)
	}
	out := make([]eventType, len(found))
	for i, t := range found {
		out[i] = eventTypeOf(t)
	}
	return http.StatusOK, pageOf(pg, out, func(t eventType) string { return t.Name }), nil
}

// eventTypePatch reads what a request says about an event type. Settings of hookyard's that Svix does not know stay.
func (c *call) eventTypePatch(o object, replaces bool) (in control.EventTypePatch) {
	if replaces {
		in.Archived, in.Deprecated = control.Value(false), control.Value(false)
		in.Schemas, in.FeatureFlags = control.Null[map[string]json.RawMessage](), control.Null[[]string]()
		in.Group = control.Null[string]()
		c.required(o, "description")
	}
	if v := c.text(o, "description"); v.Given() {
		in.Description = v
	}
	if v := read[bool](c, o, "true or false", "archived"); v.Given() {
		in.Archived = v
	}
	if v := read[bool](c, o, "true or false", "deprecated"); v.Given() {
		in.Deprecated = v
	}
	if v := read[map[string]json.RawMessage](c, o, "an object of schemas", "schemas"); v.Given() {
		in.Schemas = v
	}
	if v := c.text(o, "groupName"); v.Given() {
		in.Group = v
	}
	if v := c.text(o, "featureFlag"); v.Given() {
		flag, _ := v.Get()
		if in.FeatureFlags = control.Value([]string{flag}); v.IsNull() {
			in.FeatureFlags = control.Null[[]string]()
		} else if !isName(flag, "") {
			c.faults.add("must be 1 to 256 of the characters a-z A-Z 0-9 - _ .", "featureFlag", "__all__")
		}
	}
	if v := read[[]string](c, o, "a list of strings", "featureFlags"); v.Given() {
		in.FeatureFlags = v
	}
	return in
}

func createEventType(c *call) (int, any, error) {
	o, err := c.object(false)
	if err != nil {
		return 0, nil, err
	}
	name := c.required(o, "name")
	if name != "" && !isName(name, "") || string(o["name"]) == `""` {
		c.faults.add("must be 1 to 256 of the characters a-z A-Z 0-9 - _ .", "name", "__all__")
	}
	in := c.eventTypePatch(o, true)
	if err := c.faults.err(); err != nil {
		return 0, nil, err
	}
	t, err := c.a.o.Control.CreateEventType(c.ctx(), c.id, c.owner, name, in)
	if errors.Is(err, hookyard.ErrConflict) {
		return 0, nil, refuse(http.StatusConflict, "event_type_exists", "There is an event type of this name")
	}
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, eventTypeOf(t), nil
}

// typeName is the event type of the path.
func (c *call) typeName() (string, error) {
	if name := c.param("name"); isName(name, "") {
		return name, nil
	}
	return "", notFound()
}

// typeOf returns an event type that the caller sees.
func (c *call) typeOf(name string) (t *hookyard.EventType, err error) {
	if !c.portal {
		return c.a.o.Control.EventType(c.ctx(), c.id, c.owner, name)
	}
	p, err := c.boundApp()
	if err != nil {
		return nil, err
	}
	if t, err = p.EventType(c.ctx(), name); err == nil && !t.IsGeneral() {
		err = notFound()
	}
	return t, err
}

func showEventType(c *call) (int, any, error) {
	name, err := c.typeName()
	if err != nil {
		return 0, nil, err
	}
	t, err := c.typeOf(name)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, eventTypeOf(t), nil
}

// changeEventType changes an event type, or replaces it and creates one that is not there.
func changeEventType(replaces bool) func(c *call) (int, any, error) {
	return func(c *call) (int, any, error) {
		name, err := c.typeName()
		if err != nil {
			return 0, nil, err
		}
		o, err := c.object(false)
		if err != nil {
			return 0, nil, err
		}
		in := c.eventTypePatch(o, replaces)
		if err := c.faults.err(); err != nil {
			return 0, nil, err
		}
		t, err := c.a.o.Control.UpdateEventType(c.ctx(), c.id, c.owner, name, in)
		status := http.StatusOK
		if replaces && errors.Is(err, hookyard.ErrNotFound) {
			status = http.StatusCreated
			t, _, err = c.a.o.Control.PutEventType(c.ctx(), c.id, c.owner, name, in)
		}
		if err != nil {
			return 0, nil, err
		}
		return status, eventTypeOf(t), nil
	}
}

// deleteEventType archives an event type, or with expunge=true deletes it.
func deleteEventType(c *call) (int, any, error) {
	name, err := c.typeName()
	if err != nil {
		return 0, nil, err
	}
	q, err := c.query()
	if err != nil {
		return 0, nil, err
	}
	expunge, err := queryBool(q, "expunge", false)
	if err != nil {
		return 0, nil, err
	}
	if expunge {
		return http.StatusNoContent, nil, c.a.o.Control.DeleteEventType(c.ctx(), c.id, c.owner, name, 0)
	}
	_, err = c.a.o.Control.UpdateEventType(c.ctx(), c.id, c.owner, name,
		control.EventTypePatch{Archived: control.Value(true)})
	return http.StatusNoContent, nil, err
}

// checkTypes refuses event types of an endpoint that the catalogue lacks or that are archived. What the endpoint has
// already stays.
func (c *call) checkTypes(p *control.Project, in *control.HookPatch, h *hookyard.Hook) error {
	events, given := in.Events.Get()
	if !given || events.All {
		return nil
	}
	known, err := p.EventTypes(c.ctx(), hookyard.EventTypeQuery{})
	if err != nil {
		return err
	}
	for _, name := range events.Names {
		if h != nil && slices.Contains(h.Events.Names, name) ||
			slices.ContainsFunc(known, func(t *hookyard.EventType) bool { return t.Name == name }) {
			continue
		}
		c.faults.add("there is no event type "+name+", or it is archived: create it first", "eventTypes")
		return c.faults.err()
	}
	return nil
}

// examplesOf returns the examples of a JSON Schema.
func examplesOf(schema json.RawMessage) []json.RawMessage {
	var s struct {
		Examples []json.RawMessage `json:"examples"`
	}
	if json.Unmarshal(schema, &s) != nil {
		return nil
	}
	return s.Examples
}
