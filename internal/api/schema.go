package api

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/control"
)

// binRefusal is the answer of RequestBin about a bin or a request that is missing or private.
type binRefusal struct {
	Error string `json:"error"`
}

// projectOwner names the owner to transfer a project to.
type projectOwner struct {
	Owner string `json:"owner"`
}

// pollPage is what …/poll answers; package stream writes it.
type pollPage struct {
	Gap    *client.StreamGap    `json:"gap,omitempty" doc:"set if events before these are past their retention"`
	Events []client.StreamEvent `json:"events"`
	Cursor string               `json:"cursor" doc:"to continue from, as ?after="`
}

// tags explains the groups of operations.
func tags() []*huma.Tag {
	return []*huma.Tag{
		{Name: "server", Description: "The server and this description"},
		{Name: "users", Description: "Users and the caller"},
		{Name: "tokens", Description: "Tokens of the caller"},
		{Name: "audit", Description: "The audit log of the server"},
		{Name: "nodes", Description: "The server processes at one database"},
		{Name: "secret-key", Description: "The key that encrypts secrets in the database"},
		{Name: "limits", Description: "What projects and owners may use, and what they use"},
		{Name: "owners", Description: "What all projects of an owner share"},
		{Name: "event-types", Description: "The event types that a project inherits from its owner"},
		{Name: "projects", Description: "A project holds hooks, sources and events"},
		{Name: "search-fields", Description: "Values by which events are found at once"},
		{Name: "portal-links", Description: "Links by which customers manage the hooks of a project"},
		{Name: "features", Description: "Features of NetBeans' projects"},
		{Name: "hooks", Description: "Ways out of a project: events go to the URL of each hook that selects them"},
		{Name: "default-hooks", Description: "Hooks that every new project gets"},
		{Name: "sources", Description: "Ways into a project: a URL that verifies its sender, or a queue"},
		{Name: "events", Description: "What was received or published"},
		{Name: "deliveries", Description: "What became of an event at one hook"},
		{Name: "listeners", Description: "Programs that forward events and report the answers"},
		{Name: "replays", Description: "Jobs that send many events again"},
		{Name: "bins", Description: "Throw-away URLs that store the requests sent to them"},
	}
}

// accessHelp says what a caller of the route needs.
func accessHelp(rt *route) string {
	switch {
	case rt.publish:
		return "Needs the role write in the project, usually with a token of scope publish; without credentials the " +
			"answer is 401."
	case rt.live:
		return "Needs the role read in the project, or that it is public."
	}
	switch rt.access {
	case control.Public:
		return "Open to all."
	case control.Anyone:
		return "For users, and for guests where the server admits them."
	case control.SignedIn:
		return "For users who signed in."
	case control.Administrator:
		return "For administrators of the server."
	case control.Read:
		return "Needs the role read in the project, or that it is public."
	case control.Write:
		return "Needs the role write in the project."
	case control.Admin, control.Own:
		return "Needs the role admin in the project; its owner has it."
	}
	return "Depends on what is asked for."
}

// parameters are those of a route: of its path, its query and its header.
func parameters(rt *route) []*huma.Param {
	var out []*huma.Param
	for _, name := range pathParams(rt.path) {
		out = append(out, &huma.Param{Name: name, In: "path", Required: true, Schema: pathSchema(rt, name)})
	}
	header := func(name, help string) {
		out = append(out, &huma.Param{Name: name, In: "header", Description: help,
			Schema: &huma.Schema{Type: huma.TypeString}})
	}
	for _, name := range rt.query {
		if name == fieldParams {
			out = append(out, fieldsParam())
			continue
		}
		p := &huma.Param{Name: name, In: "query", Description: queryHelp()[name], Schema: querySchema(name)}
		if rt.live && name == "limit" {
			p.Description, p.Schema.Maximum = "events of an answer, 1 to 1000; 100 unless given", number(1000)
		}
		out = append(out, p)
	}
	switch {
	case rt.publish:
		header("Idempotency-Key", "A repeat with the same key is a duplicate and not stored, unless the event has an "+
			"id")
	case rt.takes("revision"):
		header("If-Match", "An ETag: the change is refused with 412 if the revision is another")
		if rt.method == http.MethodPut {
			header("If-None-Match", "*: the change is refused with 412 if it exists already")
		}
	case rt.takes("key"):
		header(client.BinKeyHeader, "The key of the bin, instead of ?key=")
	case rt.live:
		header("Last-Event-ID", "A cursor to continue from")
	}
	return out
}

// fieldsParam describes all parameters field.PATH as the members of one object.
func fieldsParam() *huma.Param {
	return &huma.Param{Name: "fields", In: "query", Style: "form", Explode: new(true),
		Description: "field.PATH=VALUE: the value required at a path in a JSON body; a number matches however it is " +
			"written",
		Schema: &huma.Schema{Type: huma.TypeObject, AdditionalProperties: &huma.Schema{Type: huma.TypeString},
			Examples: []any{map[string]any{"field.data.order.id": "4711"}}}}
}

func pathSchema(rt *route, name string) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	switch {
	case name == "owner":
		s.Examples = []any{"guest"}
	case name == "project":
		s.Examples = []any{"shop"}
	case name == "id" && strings.Contains(rt.path, "/hooks/"):
		s.Examples = []any{"billing"}
		s.Description = "chosen when the hook is created"
	}
	return s
}

func querySchema(name string) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	switch name {
	case "limit":
		s.Type, s.Minimum = huma.TypeInteger, number(1)
		s.Maximum = number(control.MaxPage)
	case "revision":
		s.Type, s.Minimum = huma.TypeInteger, number(1)
		s.Format = "int64"
	case "state":
		for _, state := range []hookyard.State{hookyard.Pending, hookyard.Delivered, hookyard.Failed, hookyard.Skipped,
			hookyard.Canceled} {
			s.Enum = append(s.Enum, string(state))
		}
	case "step":
		for _, step := range hookyard.CountSteps {
			s.Enum = append(s.Enum, step.Name)
		}
	case "format":
		s.Enum = []any{"sse", "ndjson"}
	case "in":
		s.Enum = []any{control.InFields, control.InBodies}
	case "all", "archived", "dryRun", "replace":
		s.Enum = []any{"true", "false"}
	case "since", "until":
		s.Examples = []any{"24h", "2026-01-31T12:00:00Z"}
	}
	return s
}

func number(n int) *float64 {
	f := float64(n)
	return &f
}

func queryHelp() map[string]string {
	return map[string]string{
		"actor":    "name of the user who made the change",
		"action":   "a name, or a pattern with *, such as hook.*",
		"all":      "true for all: those of everybody, as an administrator; or every event of the project",
		"archived": "true for archived ones, too",
		"after":    "where to continue: a cursor, or of an audit log the id of an entry",
		"cursor":   "of the page before",
		"dryRun":   "true to change nothing: the answer is what would be done",
		"event":    "id of an event",
		"filter":   "a filter, as a hook has it",
		"find":     "a text: the value of a search field or, if no event has it there, part of a body",
		"format":   "sse or ndjson; without it, what Accept asks for",
		"hook":     "id of a hook",
		"replace":  "true to archive the types that the document lacks",
		"replay":   "id of a bulk replay",
		"id":       "id of an event",
		"in":       "where find looks; unless given, first in fields and then in bodies",
		"key":      "the key of the bin",
		"limit":    "entries of a page, 1 to 500; 50 unless given",
		"path":     "into a JSON body, such as data.order.id",
		"revision": "the change is refused with 409 if the revision is another",
		"since":    "a time, or a duration before now",
		"source":   "name of a source",
		"channel":  "one of the event's channels",
		"state":    "of a delivery",
		"step":     "length of the periods; unless given, the shortest that suits the range",
		"text":     "contained in the body; the case of ASCII letters does not matter",
		"type":     "a name, or a pattern with *",
		"until":    "a time, or a duration before now",
		"value":    "required at path, or without path in any search field of the project",
		"wait":     "how long to wait for an event, up to 60s; 30s unless given",
	}
}

// mend corrects the schemas where the JSON is not what Go's types say. Lists are never null in answers. In patches,
// null gives a setting its default, and members that only answers have are ignored.
func mend(all map[string]*huma.Schema) {
	for _, s := range all {
		for _, p := range s.Properties {
			notNullable(p)
		}
	}
	for _, name := range []string{"HookPatch", "SourcePatch", "ProjectPatch", "UserPatch", "RoleGrant",
		"EventTypePatch"} {
		all[name].AdditionalProperties = nil
	}
	for _, name := range []string{"HookPatch", "SourcePatch", "ProjectPatch", "EventTypePatch", "CataloguePatch"} {
		for field, p := range all[name].Properties {
			all[name].Properties[field] = nullable(p)
		}
	}
	for _, field := range []string{"since", "until"} {
		all["ReplayRequest"].Properties[field].Format = ""
	}
	all["ProjectPatch"].Properties["eventTypes"] = &huma.Schema{OneOf: []*huma.Schema{
		{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}},
		{Type: huma.TypeString, Description: "the name of a preset"}, {Type: "null"}}}
}

func notNullable(s *huma.Schema) {
	if s == nil {
		return
	}
	if s.Type == huma.TypeArray {
		s.Nullable = false
	}
	notNullable(s.Items)
	if values, ok := s.AdditionalProperties.(*huma.Schema); ok {
		notNullable(values)
	}
}

func nullable(s *huma.Schema) *huma.Schema {
	switch {
	case s.Ref != "":
		return &huma.Schema{OneOf: []*huma.Schema{s, {Type: "null"}}}
	case len(s.OneOf) > 0:
		s.OneOf = append(s.OneOf, &huma.Schema{Type: "null"})
	case s.Type != "":
		s.Nullable = true
	}
	return s
}

// exampleOf is an example of a body, nil where the schema says enough.
func exampleOf(in any) any {
	switch in.(type) {
	case client.Publication:
		return map[string]any{"type": "order.created", "data": map[string]any{"id": 7}}
	case client.HookPatch:
		return map[string]any{"url": "https://example.com/webhooks", "events": []string{"order.*"}}
	case client.SourcePatch:
		return map[string]any{"type": "github", "secret": "It's a Secret to Everybody"}
	case client.ProjectPatch:
		return map[string]any{"description": "The shop", "retention": "30d"}
	case client.ReplayRequest:
		return map[string]any{"hook": "billing", "since": "24h", "state": "failed"}
	case client.TokenRequest:
		return map[string]any{"name": "checkout", "scope": "publish", "project": "guest/shop"}
	case client.EventTypePatch:
		return map[string]any{"description": "An order was placed", "schema": map[string]any{"type": "object",
			"required": []string{"id"}}, "example": map[string]any{"id": 7}}
	case client.UserPatch:
		return map[string]any{"name": "ada", "password": "correct horse battery"}
	}
	return nil
}

// durationSchema, selectorSchema and anySchema describe types whose JSON is not what Go's types say.
type durationSchema struct{}

func (durationSchema) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Description: "a duration such as 5s, 10m or 2h", Examples: []any{"5m0s"}}
}

type selectorSchema struct{}

func (selectorSchema) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Description: "\"all\", or names of events, perhaps with *", OneOf: []*huma.Schema{
		{Type: huma.TypeString, Enum: []any{"all"}},
		{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}},
	}}
}

type anySchema struct{}

func (anySchema) Schema(huma.Registry) *huma.Schema { return &huma.Schema{Description: "any JSON"} }
