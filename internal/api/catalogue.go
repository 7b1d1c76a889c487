package api

import (
	"encoding/json"
	"net/http"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/control"
)

// catalogueRoutes are those of the event types that an owner's projects share.
func catalogueRoutes() []route {
	const (
		get    = http.MethodGet
		owner  = "/owners/{owner}"
		types  = owner + "/event-types"
		one    = types + "/{name}"
		within = "/projects/{owner}/{project}/event-types"

		modeDoc = "off checks nothing. warn accepts events of unknown or archived types, and data that does not fit " +
			"its type's schema, with a warning. strict refuses them with 422. Only published events are checked."
		ownerDoc = "For the owner and administrators of the server."
	)
	page := []string{"limit", "cursor", "archived"}
	revision := []string{"revision"}
	return []route{
		{method: get, path: owner + "/catalogue", access: control.SignedIn, do: showCatalogue,
			summary: "What an owner decides about its event types", doc: modeDoc + " " + ownerDoc,
			out: client.Catalogue{}},
		{method: http.MethodPatch, path: owner + "/catalogue", access: control.SignedIn, do: setCatalogue,
			summary: "Change what an owner decides about its event types", doc: modeDoc + " " + ownerDoc,
			in: client.CataloguePatch{}, out: client.Catalogue{}},
		{method: http.MethodPost, path: owner + "/catalogue/import", access: control.SignedIn, do: importEventTypes,
			summary: "Create and update event types from an OpenAPI 3 or AsyncAPI 3 document",
			doc: "The body is the document, in JSON or YAML, of at most 5 MiB. Its webhooks or messages become event " +
				"types, all or none; references must lead into the document itself. What it does not say of a type " +
				"stays, and with replace=true types that it lacks are archived. " + ownerDoc,
			query: []string{"dryRun", "replace"}, in: map[string]any{}, out: client.EventTypeImport{}},
		{method: get, path: owner + "/catalogue/export", access: control.SignedIn, do: exportEventTypes,
			summary: "The event types of an owner as the webhooks of an OpenAPI 3.1 document", doc: ownerDoc,
			out: map[string]any{}},
		{method: get, path: types, access: control.SignedIn, do: listEventTypes, query: page,
			summary: "The event types of an owner, by name", doc: ownerDoc, out: client.EventTypePage{}},
		{method: get, path: one, access: control.SignedIn, do: showEventType, summary: "An event type",
			doc: ownerDoc, out: client.EventType{}},
		{method: http.MethodPut, path: one, access: control.SignedIn, do: putEventType, query: revision,
			summary: "Create an event type, or replace it", doc: ownerDoc, in: client.EventTypePatch{},
			out: client.EventType{}, status: http.StatusCreated, also: http.StatusOK},
		{method: http.MethodPatch, path: one, access: control.SignedIn, do: updateEventType, query: revision,
			summary: "Change an event type; what is not named stays", doc: ownerDoc, in: client.EventTypePatch{},
			out: client.EventType{}},
		{method: http.MethodDelete, path: one, access: control.SignedIn, do: removeEventType, query: revision,
			summary: "Delete an event type; its events stay", doc: ownerDoc, status: http.StatusNoContent},
		{method: get, path: within, access: control.Read, do: listInheritedTypes, query: page,
			summary: "The event types that a project inherits from its owner", out: client.EventTypePage{}},
		{method: get, path: within + "/{name}", access: control.Read, do: showInheritedType,
			summary: "An event type that a project inherits from its owner", out: client.EventType{}},
		{method: get, path: within + "/{name}/example", access: control.Read, do: showEventExample,
			summary: "An example of an event of a type, as it would be published",
			doc:     "Without an example of its own the type gets one that is made from its schema.",
			out:     client.EventExample{}},
	}
}

func showCatalogue(c *call) error {
	found, err := c.a.o.Control.Catalogue(c.ctx(), c.id, c.param("owner"))
	return c.replyCatalogue(found, err)
}

func setCatalogue(c *call) error {
	body, err := c.object()
	if err != nil {
		return err
	}
	var in control.CataloguePatch
	if err := body.Decode(&in); err != nil {
		return err
	}
	changed, err := c.a.o.Control.SetCatalogue(c.ctx(), c.id, c.param("owner"), in)
	return c.replyCatalogue(changed, err)
}

func (c *call) replyCatalogue(of hookyard.Catalogue, err error) error {
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, client.Catalogue{Owner: of.Owner, Mode: of.Mode, Public: of.Public,
		Revision: of.Revision})
}

func importEventTypes(c *call) error {
	var in control.EventTypeImport
	var err error
	if in.DryRun, err = c.flag("dryRun"); err != nil {
		return err
	}
	if in.Replace, err = c.flag("replace"); err != nil {
		return err
	}
	doc, err := c.body(control.MaxDocument)
	if err != nil {
		return err
	}
	done, err := c.a.o.Control.ImportEventTypes(c.ctx(), c.id, c.param("owner"), doc, in)
	if err != nil {
		return err
	}
	out := client.EventTypeImport{EventTypes: []client.ImportedType{}}
	for _, t := range done {
		out.EventTypes = append(out.EventTypes, client.ImportedType{Name: t.Name, Change: t.Change})
	}
	return c.reply(http.StatusOK, out)
}

func exportEventTypes(c *call) error {
	doc, err := c.a.o.Control.ExportEventTypes(c.ctx(), c.id, c.param("owner"))
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, json.RawMessage(doc))
}

func listEventTypes(c *call) error {
	return c.replyEventTypes(func(q hookyard.EventTypeQuery) ([]*hookyard.EventType, error) {
		q.Owner = c.param("owner")
		return c.a.o.Control.EventTypes(c.ctx(), c.id, q)
	})
}

func listInheritedTypes(c *call) error {
	return c.replyEventTypes(func(q hookyard.EventTypeQuery) ([]*hookyard.EventType, error) {
		return c.project.EventTypes(c.ctx(), q)
	})
}

// replyEventTypes answers with a page of what list returns.
func (c *call) replyEventTypes(list func(hookyard.EventTypeQuery) ([]*hookyard.EventType, error)) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	archived, err := c.flag("archived")
	if err != nil {
		return err
	}
	after, err := readCursor(c.q.Get("cursor"), cursorEventTypes, 0)
	if err != nil {
		return err
	}
	found, err := list(hookyard.EventTypeQuery{After: after, Archived: archived, Limit: limit + 1})
	if err != nil {
		return err
	}
	out := client.EventTypePage{EventTypes: []client.EventType{}}
	for i, t := range found {
		if i == limit {
			out.Cursor = makeCursor(cursorEventTypes, 0, found[i-1].Name)
			break
		}
		out.EventTypes = append(out.EventTypes, eventTypeJSON(t))
	}
	return c.reply(http.StatusOK, out)
}

func showEventType(c *call) error {
	t, err := c.a.o.Control.EventType(c.ctx(), c.id, c.param("owner"), c.param("name"))
	return c.replyEventType(http.StatusOK, t, err)
}

func showInheritedType(c *call) error {
	t, err := c.project.EventType(c.ctx(), c.param("name"))
	return c.replyEventType(http.StatusOK, t, err)
}

func showEventExample(c *call) error {
	data, err := c.project.Example(c.ctx(), c.param("name"))
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, client.EventExample{Type: c.param("name"), Data: data})
}

func putEventType(c *call) error {
	in, err := c.eventTypePatch()
	if err != nil {
		return err
	}
	t, created, err := c.a.o.Control.PutEventType(c.ctx(), c.id, c.param("owner"), c.param("name"), in)
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	return c.replyEventType(status, t, c.stale(err, in.Revision))
}

func updateEventType(c *call) error {
	in, err := c.eventTypePatch()
	if err != nil {
		return err
	}
	t, err := c.a.o.Control.UpdateEventType(c.ctx(), c.id, c.param("owner"), c.param("name"), in)
	return c.replyEventType(http.StatusOK, t, c.stale(err, in.Revision))
}

func removeEventType(c *call) error {
	revision, err := c.revision(0)
	if err != nil {
		return err
	}
	err = c.a.o.Control.DeleteEventType(c.ctx(), c.id, c.param("owner"), c.param("name"), revision)
	if err != nil {
		return c.stale(err, revision)
	}
	return c.noContent()
}

// eventTypePatch reads the settings of an event type. What an answer has and a patch cannot set is ignored.
func (c *call) eventTypePatch() (control.EventTypePatch, error) {
	var in control.EventTypePatch
	body, err := c.object()
	if err != nil {
		return in, err
	}
	given := struct {
		Revision int64 `json:"revision"`
	}{}
	if body.Has("revision") {
		if err := (control.Object{"revision": body["revision"]}).Decode(&given); err != nil {
			return in, err
		}
		delete(body, "revision")
	}
	if body.Has("schemas") {
		delete(body, "schema") // one of them
	}
	if err := body.Decode(&in, "name", "createdAt", "updatedAt"); err != nil {
		return in, err
	}
	in.Revision, err = c.revision(given.Revision)
	return in, err
}

func (c *call) replyEventType(status int, t *hookyard.EventType, err error) error {
	if err != nil {
		return err
	}
	return c.reply(status, eventTypeJSON(t))
}

func eventTypeJSON(t *hookyard.EventType) client.EventType {
	out := client.EventType{Name: t.Name, Description: t.Description, Group: t.Group, Schema: t.Schema(),
		Schemas: t.Schemas, Example: t.Example, Archived: t.Archived, Deprecated: t.Deprecated,
		FeatureFlags: t.FeatureFlags, CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt, Revision: t.Revision}
	if out.FeatureFlags == nil {
		out.FeatureFlags = []string{}
	}
	return out
}
