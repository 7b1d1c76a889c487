package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/auth"
	"github.com/hookyard/hookyard/internal/control"
)

// spec is the description of the API, made once from the table of routes and the wire types. huma makes the schemas;
// it does not serve the routes, because the shape of its errors is a variable of the whole process, and ours are
// WebGME's.
type spec struct {
	doc  *huma.OpenAPI
	json []byte
	yaml []byte
}

func (s *spec) build(routes []route, version string) error {
	registry := huma.NewMapRegistry("#/components/schemas/", schemaName)
	registry.RegisterTypeAlias(reflect.TypeFor[hookyard.Duration](), reflect.TypeFor[durationSchema]())
	registry.RegisterTypeAlias(reflect.TypeFor[hookyard.Selector](), reflect.TypeFor[selectorSchema]())
	registry.RegisterTypeAlias(reflect.TypeFor[json.RawMessage](), reflect.TypeFor[anySchema]())
	s.doc = &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{Title: "hookyard", Version: version,
			Description: "Receives, keeps, routes, sends and streams webhooks. " +
				"Everything is served under /api/v1, too. " +
				"Times are RFC 3339 in UTC, durations are strings such as 5m."},
		Servers:    []*huma.Server{{URL: "/api"}},
		Components: &huma.Components{Schemas: registry, SecuritySchemes: security()},
		Security:   []map[string][]string{{"bearer": {}}, {"basic": {}}, {"query": {}}, {"session": {}}},
	}
	for i := range routes {
		s.doc.AddOperation(operation(registry, &routes[i]))
	}
	var err error
	if s.json, err = json.MarshalIndent(s.doc, "", "  "); err != nil {
		return fmt.Errorf("describe the API: %w", err)
	}
	if s.yaml, err = s.doc.YAML(); err != nil {
		return fmt.Errorf("describe the API: %w", err)
	}
	return nil
}

func security() map[string]*huma.SecurityScheme {
	return map[string]*huma.SecurityScheme{
		"bearer": {Type: "http", Scheme: "bearer", Description: "A token, hky_…"},
		"basic":  {Type: "http", Scheme: "basic", Description: "User and password"},
		"query": {Type: "apiKey", In: "query", Name: "token",
			Description: "A token, for readers that cannot set headers"},
		"session": {Type: "apiKey", In: "cookie", Name: auth.SessionCookie, Description: "A browser that signed in"},
	}
}

func operation(registry huma.Registry, rt *route) *huma.Operation {
	path := rt.path
	if path == "" {
		path = "/"
	}
	op := &huma.Operation{
		Method: rt.method, Path: path, Summary: rt.summary, OperationID: operationID(rt.method, rt.path),
		Tags:      []string{tagOf(rt.path)},
		Responses: map[string]*huma.Response{},
	}
	for _, name := range pathParams(rt.path) {
		op.Parameters = append(op.Parameters,
			&huma.Param{Name: name, In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}})
	}
	for _, name := range rt.query {
		op.Parameters = append(op.Parameters,
			&huma.Param{Name: name, In: "query", Description: queryHelp()[name],
				Schema: &huma.Schema{Type: huma.TypeString}})
	}
	if rt.in != nil {
		op.RequestBody = &huma.RequestBody{Content: map[string]*huma.MediaType{
			"application/json": {Schema: schemaOf(registry, rt.in)}}}
	}
	if rt.publish {
		describePublish(op)
	}
	status := rt.status
	if status == 0 {
		status = http.StatusOK
	}
	answer := &huma.Response{Description: http.StatusText(status)}
	if rt.out != nil {
		answer.Content = map[string]*huma.MediaType{"application/json": {Schema: schemaOf(registry, rt.out)}}
	}
	op.Responses[strconv.Itoa(status)] = answer
	op.Responses["default"] = &huma.Response{
		Description: "An error: message is fixed for 401, 403 and 404; error says what is wrong and what to do",
		Content:     map[string]*huma.MediaType{"application/json": {Schema: schemaOf(registry, client.Error{})}}}
	if rt.access == control.Public {
		op.Security = []map[string][]string{}
	}
	return op
}

// describePublish adds what only this route takes.
func describePublish(op *huma.Operation) {
	op.Parameters = append(op.Parameters, &huma.Param{Name: "Idempotency-Key", In: "header",
		Schema:      &huma.Schema{Type: huma.TypeString},
		Description: "The same key again is a duplicate and not kept, unless the event has an id of its own"})
	one := op.RequestBody.Content["application/json"].Schema
	op.RequestBody.Content["application/json"] = &huma.MediaType{Schema: &huma.Schema{OneOf: []*huma.Schema{one,
		{Type: huma.TypeArray, Items: one}}}}
	object := &huma.Schema{Type: huma.TypeObject}
	op.RequestBody.Content["application/cloudevents+json"] = &huma.MediaType{Schema: object}
	op.RequestBody.Content["application/cloudevents-batch+json"] = &huma.MediaType{
		Schema: &huma.Schema{Type: huma.TypeArray, Items: object}}
	op.Description = "A list is answered with a list of receipts. " +
		"CloudEvents in binary mode come with ce- headers and any body."
}

func schemaOf(registry huma.Registry, v any) *huma.Schema {
	return registry.Schema(reflect.TypeOf(v), true, "")
}

// schemaName tells apart types of the same name in different packages.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	name := huma.DefaultSchemaNamer(t, hint)
	if t.PkgPath() != "" && t.PkgPath() == reflect.TypeFor[hookyard.Event]().PkgPath() {
		switch name {
		case "Refusal", "Delivery":
			return name + "Fields"
		}
	}
	return name
}

// pathParams lists the {names} in a path.
func pathParams(path string) []string {
	var out []string
	for _, m := range regexp.MustCompile(`\{([a-z]+)\}`).FindAllStringSubmatch(path, -1) {
		out = append(out, m[1])
	}
	return out
}

// operationID makes get-projects-owner-project-hooks of a method and a path.
func operationID(method, path string) string {
	id := strings.ToLower(method) + strings.NewReplacer("/", "-", "{", "", "}", "", ".", "-").Replace(path)
	if path == "" {
		id += "-server"
	}
	return id
}

// tagOf groups the operations by noun.
func tagOf(path string) string {
	parts := strings.Split(strings.TrimPrefix(path, "/projects/{owner}/{project}"), "/")
	if len(parts) > 1 && path != "/projects" {
		switch noun := parts[1]; noun {
		case "duplicate", "transfer", "members", "audit":
			return "projects"
		case "stream", "poll":
			return "events"
		case "openapi.json", "openapi.yaml":
			return "server"
		case "user":
			return "users"
		case "source-types":
			return "sources"
		default:
			return noun
		}
	}
	if path == "" {
		return "server"
	}
	return "projects"
}

func queryHelp() map[string]string {
	return map[string]string{
		"limit":    "entries of a page, 1 to 500; 50 unless given",
		"cursor":   "of the page before",
		"type":     "a name, or a pattern with *",
		"source":   "name of a source",
		"hook":     "id of a hook",
		"event":    "id of an event",
		"state":    "pending, delivered, failed, skipped or canceled",
		"since":    "a time, or a duration that means so long ago",
		"until":    "a time, or a duration that means so long ago",
		"id":       "id of an event",
		"text":     "stands somewhere in the body, whatever the case of ASCII letters",
		"path":     "into a JSON body, such as data.order.id",
		"value":    "what must stand at path",
		"revision": "refuse unless it is still at this one",
	}
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

func showSpecJSON(c *call) error {
	return c.replySpec("application/json; charset=utf-8", c.a.spec.json)
}

func showSpecYAML(c *call) error {
	return c.replySpec("application/yaml; charset=utf-8", c.a.spec.yaml)
}

func (c *call) replySpec(contentType string, b []byte) error {
	c.w.Header().Set("Content-Type", contentType)
	c.w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	c.w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = c.w.Write(b)
	return nil
}
