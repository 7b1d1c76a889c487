package catalogue

import (
	"maps"
	"slices"
	"strings"

	"github.com/hookyard/hookyard"
)

// readOpenAPI reads the webhooks of an OpenAPI document. Those of version 3.0 are an extension, x-webhooks.
func (d *document) readOpenAPI() error {
	if !strings.HasPrefix(d.version, "3.") {
		return hookyard.Errorf(hookyard.Invalid, "OpenAPI %s is not read: version 3 is", shown(d.version))
	}
	webhooks, _ := d.root["webhooks"].(map[string]any)
	if webhooks == nil {
		webhooks, _ = d.root["x-webhooks"].(map[string]any)
	}
	if len(webhooks) == 0 {
		return hookyard.Errorf(hookyard.Invalid, "the document has no webhooks")
	}
	for _, name := range slices.Sorted(maps.Keys(webhooks)) {
		item, err := d.object(webhooks[name])
		if err != nil {
			return inType(name, err)
		}
		for _, method := range []string{"post", "put", "patch", "delete", "get"} {
			if op, ok := item[method].(map[string]any); ok {
				if err := d.addWebhook(name, op); err != nil {
					return err
				}
				break
			}
		}
	}
	return nil
}

// addWebhook adds the event type of a webhook.
func (d *document) addWebhook(name string, op map[string]any) error {
	t := &hookyard.EventType{Name: name, Description: described(op)}
	t.Deprecated, _ = op["deprecated"].(bool)
	fromExtensions(t, op)
	if tags := texts(op["tags"]); t.Group == "" && len(tags) > 0 {
		t.Group = tags[0]
	}
	body, err := d.object(op["requestBody"])
	if err != nil {
		return inType(name, err)
	}
	content, _ := body["content"].(map[string]any)
	if len(content) == 0 {
		return d.add(t, schemaAt{}, nil)
	}
	in, err := d.object(content[slices.MinFunc(slices.Collect(maps.Keys(content)), jsonFirst)])
	if err != nil {
		return inType(name, err)
	}
	example := in["example"]
	if all, _ := in["examples"].(map[string]any); example == nil && len(all) > 0 {
		first, err := d.object(all[slices.Sorted(maps.Keys(all))[0]])
		if err != nil {
			return inType(name, err)
		}
		example = first["value"]
	}
	return d.add(t, schemaAt{in["schema"], ""}, example)
}

// jsonFirst orders media types.
func jsonFirst(a, b string) int {
	if hookyard.IsJSONType(a) != hookyard.IsJSONType(b) {
		if hookyard.IsJSONType(a) {
			return -1
		}
		return 1
	}
	return strings.Compare(a, b)
}

// described returns the description of an object, or its summary.
func described(object map[string]any) string {
	for _, name := range []string{"description", "summary", "title"} {
		if text, ok := object[name].(string); ok && strings.TrimSpace(text) != "" {
			return strings.TrimSpace(text)
		}
	}
	return ""
}

// fromExtensions sets what the documents have only extensions for.
func fromExtensions(t *hookyard.EventType, object map[string]any) {
	for _, prefix := range []string{"x-", "x-hookyard-", "x-svix-"} {
		if group, ok := object[prefix+"group-name"].(string); ok {
			t.Group = group
		}
		if flag, ok := object[prefix+"feature-flag"].(string); ok {
			t.FeatureFlags = []string{flag}
		}
		if flags := texts(object[prefix+"feature-flags"]); len(flags) > 0 {
			t.FeatureFlags = flags
		}
	}
}

// texts returns the strings of a list.
func texts(v any) (out []string) {
	list, _ := v.([]any)
	for _, item := range list {
		if text, ok := item.(string); ok {
			out = append(out, text)
		}
	}
	return out
}

// OpenAPI returns an OpenAPI 3.1 document with the event types as webhooks, as [Read] understands it. Their bodies are
// those that hookyard sends. Archived types are left out.
func OpenAPI(title, version string, types []*hookyard.EventType) ([]byte, error) {
	webhooks, schemas := map[string]any{}, map[string]any{}
	for _, t := range types {
		if t.Archived {
			continue
		}
		data := map[string]any{}
		if schema := t.Schema(); schema != nil {
			value, err := decode(schema)
			if err != nil {
				return nil, inType(t.Name, err)
			}
			name := componentName(t.Name, schemas)
			schemas[name] = rebased(value, "#/components/schemas/"+name)
			data["$ref"] = "#/components/schemas/" + name
		}
		op := map[string]any{"description": t.Description, "responses": map[string]any{
			"2XX": map[string]any{"description": "The event is accepted"}}}
		if t.Group != "" {
			op["tags"] = []string{t.Group}
		}
		if t.Deprecated {
			op["deprecated"] = true
		}
		if len(t.FeatureFlags) > 0 {
			op["x-feature-flags"] = t.FeatureFlags
		}
		media := map[string]any{
			"schema": map[string]any{"type": "object", "required": []string{"type", "timestamp", "data"},
				"properties": map[string]any{"type": map[string]any{"const": t.Name},
					"timestamp": map[string]any{"type": "string", "format": "date-time"}, "data": data}},
			"example": map[string]any{"type": t.Name, "timestamp": formats["date-time"], "data": Example(t)}}
		op["requestBody"] = map[string]any{"required": true, "content": map[string]any{"application/json": media}}
		webhooks[t.Name] = map[string]any{"post": op}
	}
	return hookyard.EncodeJSON(map[string]any{"openapi": "3.1.0", "info": map[string]any{"title": title,
		"version": version}, "webhooks": webhooks, "components": map[string]any{"schemas": schemas}})
}

// componentName returns a name for the schema of an event type that no other one has.
func componentName(of string, taken map[string]any) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r) {
			return r
		}
		return '_'
	}, of)
	for taken[name] != nil {
		name += "_"
	}
	return name
}

// rebased returns a schema whose references into itself lead into a larger document.
func rebased(v any, base string) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, member := range v {
			ref, ok := member.(string)
			switch {
			case ok && name == "$ref" && strings.HasPrefix(ref, "#"):
				out[name] = base + strings.TrimPrefix(ref, "#")
			case isData(name):
				out[name] = member
			default:
				out[name] = rebased(member, base)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = rebased(item, base)
		}
		return out
	}
	return v
}
