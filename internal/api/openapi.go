package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"runtime"
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

// build makes the description. base is the URL below which the server is reached.
func (s *spec) build(routes []route, version string, base *url.URL) error {
	registry := huma.NewMapRegistry("#/components/schemas/", schemaName)
	registry.RegisterTypeAlias(reflect.TypeFor[hookyard.Duration](), reflect.TypeFor[durationSchema]())
	registry.RegisterTypeAlias(reflect.TypeFor[hookyard.Selector](), reflect.TypeFor[selectorSchema]())
	registry.RegisterTypeAlias(reflect.TypeFor[json.RawMessage](), reflect.TypeFor[anySchema]())
	cookie := auth.CookieName(base.String(), auth.SessionCookie)
	s.doc = &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{Title: "hookyard", Version: version,
			Description: "Receives, keeps, routes, sends and streams webhooks. " +
				"Everything is served under /api/v1, too. " +
				"Times are RFC 3339 in UTC, durations are strings such as 5m."},
		Servers:    []*huma.Server{{URL: base.Path + "/api"}},
		Components: &huma.Components{Schemas: registry, SecuritySchemes: security(cookie)},
		Tags:       tags(),
		Security:   []map[string][]string{{"bearer": {}}, {"basic": {}}, {"query": {}}, {"session": {}}},
	}
	for i := range routes {
		s.doc.AddOperation(operation(registry, &routes[i]))
	}
	s.doc.Webhooks = webhooks(registry)
	mend(registry.Map())
	var err error
	if s.json, err = json.MarshalIndent(s.doc, "", "  "); err != nil {
		return fmt.Errorf("describe the API: %w", err)
	}
	if s.yaml, err = s.doc.YAML(); err != nil {
		return fmt.Errorf("describe the API: %w", err)
	}
	return nil
}

func security(sessionCookie string) map[string]*huma.SecurityScheme {
	return map[string]*huma.SecurityScheme{
		"bearer": {Type: "http", Scheme: "bearer", Description: "A token, hky_…"},
		"basic":  {Type: "http", Scheme: "basic", Description: "User and password"},
		"query": {Type: "apiKey", In: "query", Name: "token",
			Description: "A token, for readers that cannot set headers"},
		"session": {Type: "apiKey", In: "cookie", Name: sessionCookie, Description: "A browser that signed in"},
	}
}

// operation describes a route.
func operation(registry huma.Registry, rt *route) *huma.Operation {
	path := rt.path
	if path == "" {
		path = "/"
	}
	op := &huma.Operation{
		Method: rt.method, Path: path, Summary: rt.summary, OperationID: rt.operationID(),
		Description: strings.TrimSpace(rt.doc + " " + accessHelp(rt)),
		Tags:        []string{tagOf(rt.path)},
		Parameters:  parameters(rt),
		Responses:   map[string]*huma.Response{},
	}
	if rt.in != nil {
		op.RequestBody = &huma.RequestBody{Content: map[string]*huma.MediaType{
			"application/json": {Schema: schemaOf(registry, rt.in), Example: exampleOf(rt.in)}}}
		if rt.method == http.MethodPost && rt.path == "/bins" || strings.HasSuffix(rt.path, "/answer") {
			form := "application/x-www-form-urlencoded"
			op.RequestBody.Content[form] = &huma.MediaType{Schema: schemaOf(registry, rt.in)}
		}
		if strings.HasSuffix(rt.path, "/catalogue/import") {
			op.RequestBody.Content["application/yaml"] = &huma.MediaType{Schema: &huma.Schema{}}
		}
	}
	op.Responses[strconv.Itoa(rt.success())] = success(registry, rt, rt.success())
	if rt.also != 0 {
		op.Responses[strconv.Itoa(rt.also)] = success(registry, rt, rt.also)
	}
	addErrors(registry, rt, op)
	if rt.publish {
		describePublish(registry, op)
	}
	if rt.access == control.Public {
		op.Security = []map[string][]string{}
	}
	return op
}

// success is the status of a success.
func (rt *route) success() int {
	if rt.status == 0 {
		return http.StatusOK
	}
	return rt.status
}

func success(registry huma.Registry, rt *route, status int) *huma.Response {
	out := &huma.Response{Description: http.StatusText(status)}
	if rt.out != nil {
		out.Content = map[string]*huma.MediaType{"application/json": {Schema: schemaOf(registry, rt.out)}}
	}
	if len(rt.media) > 0 && rt.out == nil {
		out.Content = map[string]*huma.MediaType{}
	}
	for _, media := range rt.media {
		out.Content[media] = &huma.MediaType{Schema: mediaSchema(media)}
	}
	switch rt.out.(type) {
	case client.Hook, client.Source:
		out.Headers = map[string]*huma.Header{"ETag": {Schema: &huma.Schema{Type: huma.TypeString},
			Description: "the revision, for If-Match"}}
	}
	return out
}

// mediaSchema is the schema of an answer that is not ours to describe.
func mediaSchema(media string) *huma.Schema {
	switch {
	case media == "*/*":
		return &huma.Schema{Type: huma.TypeString, Format: "binary"}
	case strings.HasPrefix(media, "text/") || media == "application/x-ndjson":
		return &huma.Schema{Type: huma.TypeString}
	}
	return &huma.Schema{}
}

// addErrors describes the errors that a route can answer.
func addErrors(registry huma.Registry, rt *route, op *huma.Operation) {
	refused := schemaOf(registry, client.Error{})
	add := func(status int, what string) {
		schema := refused
		if strings.HasPrefix(rt.path, "/bins/") && (status == http.StatusForbidden || status == http.StatusNotFound) {
			schema = named(registry, "BinError", &huma.Schema{
				OneOf: []*huma.Schema{refused, schemaOf(registry, binRefusal{})}})
		}
		op.Responses[strconv.Itoa(status)] = &huma.Response{Description: what,
			Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}
	}
	add(http.StatusBadRequest, "A parameter, the path or the body is wrong; field names it")
	add(http.StatusTooManyRequests, "Too many requests, or failed sign-ins; Retry-After says when to try again")
	add(http.StatusInternalServerError, "The server failed; its log says why")
	add(http.StatusServiceUnavailable, "Nothing was changed; repeat the request after Retry-After")
	if rt.access != control.Public {
		add(http.StatusUnauthorized, "The caller is not signed in, or the token is wrong")
	}
	if rt.access != control.Public || strings.Contains(rt.path, "{") {
		add(http.StatusForbidden, "The caller may not do this")
		add(http.StatusNotFound, "It does not exist, or the caller may not see it")
	}
	if rt.method != http.MethodGet {
		add(http.StatusConflict, "It contradicts what exists, such as a newer revision")
	}
	if rt.takes("revision") {
		add(http.StatusPreconditionFailed, "It has another revision than If-Match says")
	}
	if rt.in != nil {
		add(http.StatusRequestEntityTooLarge, "The body is too large")
	}
	if strings.Contains(rt.path, "/events/{id}") || rt.live {
		add(http.StatusGone, "It is past its retention")
	}
}

// describePublish adds what only this route takes and answers.
func describePublish(registry huma.Registry, op *huma.Operation) {
	one := op.RequestBody.Content["application/json"]
	notification := named(registry, "Notification", &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true,
		Description: "a notification as NetBeans' system sends it, in a project of that preset",
		Required:    []string{"event", "time"}})
	item := named(registry, "PublicationItem", &huma.Schema{OneOf: []*huma.Schema{one.Schema, notification}})
	one.Schema = named(registry, "Publications", &huma.Schema{
		OneOf: []*huma.Schema{one.Schema, notification, {Type: huma.TypeArray, Items: item}}})
	event := named(registry, "CloudEvent", &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true,
		Required: []string{"specversion", "id", "source", "type"}})
	for _, media := range []string{"application/cloudevents+json", "application/cloudevents"} {
		op.RequestBody.Content[media] = &huma.MediaType{Schema: event}
	}
	for _, media := range []string{"application/cloudevents-batch+json", "application/cloudevents-batch"} {
		op.RequestBody.Content[media] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeArray, Items: event}}
	}
	op.RequestBody.Required = true
	answer := op.Responses[strconv.Itoa(http.StatusAccepted)].Content["application/json"]
	answer.Schema = named(registry, "Receipts", &huma.Schema{OneOf: []*huma.Schema{answer.Schema,
		{Type: huma.TypeArray, Items: schemaOf(registry, client.BatchReceipt{})}}})
	for status, what := range map[int]string{
		http.StatusUnsupportedMediaType: "CloudEvents are not in JSON, or the body has an unknown Content-Encoding",
		http.StatusUnprocessableEntity: "The catalogue of the project's owner is strict, and lacks the type, or the " +
			"data does not fit the type's schema; field is the path to what does not",
	} {
		op.Responses[strconv.Itoa(status)] = &huma.Response{Description: what,
			Content: map[string]*huma.MediaType{"application/json": {Schema: schemaOf(registry, client.Error{})}}}
	}
}

// named gives a schema a name. Generated clients have no usable types for alternatives without one: oapi-codegen's
// encode to {}.
func named(registry huma.Registry, name string, s *huma.Schema) *huma.Schema {
	registry.Map()[name] = s
	return &huma.Schema{Ref: "#/components/schemas/" + name}
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

// operationID names the operation: generated clients call their methods after it.
func (rt *route) operationID() string {
	if rt.id != "" {
		return rt.id
	}
	name := runtime.FuncForPC(reflect.ValueOf(rt.do).Pointer()).Name()
	return name[strings.LastIndexByte(name, '.')+1:]
}

// tagOf groups the operations by noun.
func tagOf(path string) string {
	parts := strings.Split(strings.TrimPrefix(path, "/projects/{owner}/{project}"), "/")
	if len(parts) > 1 && path != "/projects" {
		switch noun := parts[1]; noun {
		case "duplicate", "transfer", "members", "audit", "stats":
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
