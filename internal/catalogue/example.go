package catalogue

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/hookyard/hookyard"
)

const (
	maxExample      = 500 // values in an example that is made
	maxExampleDepth = 12
	maxExampleItems = 3
)

// Example returns data that an event of the type could have: the type's own example or, without one, one made from its
// schema. The latter shows what the data looks like; it does not always fit a schema with patterns or alternatives.
func Example(t *hookyard.EventType) json.RawMessage {
	if t.Example != nil {
		return t.Example
	}
	root, err := decode(t.Schema())
	if err != nil {
		return json.RawMessage("{}")
	}
	m := &maker{root: root, left: maxExample}
	out, err := hookyard.EncodeJSON(m.value(root, 0))
	if err != nil {
		return json.RawMessage("{}")
	}
	return out
}

// maker makes one example.
type maker struct {
	root any
	left int // values that it may still have
}

// value returns an example of a schema.
func (m *maker) value(schema any, depth int) any {
	s, ok := m.resolve(schema)
	if m.left--; !ok || m.left < 0 || depth > maxExampleDepth {
		return map[string]any{}
	}
	for _, name := range []string{"const", "example", "default"} {
		if v, ok := s[name]; ok {
			return v
		}
	}
	for _, name := range []string{"examples", "enum"} {
		if list, _ := s[name].([]any); len(list) > 0 {
			return list[0]
		}
	}
	for _, name := range []string{"oneOf", "anyOf"} {
		if list, _ := s[name].([]any); len(list) > 0 {
			s = m.merged(s, list[0])
		}
	}
	if list, _ := s["allOf"].([]any); len(list) > 0 {
		for _, part := range list {
			s = m.merged(s, part)
		}
	}
	switch kindOf(s) {
	case "object":
		return m.object(s, depth)
	case "array":
		return m.array(s, depth)
	case "string":
		return text(s)
	case "integer", "number":
		return number(s)
	case "boolean":
		return true
	case "null":
		return nil
	}
	return map[string]any{}
}

// resolve returns the schema behind references within the document.
func (m *maker) resolve(schema any) (map[string]any, bool) {
	for range maxExampleDepth {
		s, ok := schema.(map[string]any)
		if !ok {
			return nil, false
		}
		ref, ok := s["$ref"].(string)
		if !ok {
			return s, true
		}
		if schema, ok = pointed(m.root, ref); !ok {
			return nil, false
		}
	}
	return nil, false
}

// pointed returns what a reference of the form #/a/b leads to.
func pointed(root any, ref string) (any, bool) {
	path, ok := strings.CutPrefix(ref, "#")
	path, err := url.PathUnescape(path)
	if !ok || err != nil {
		return nil, false
	}
	v := root
	for part := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if path == "" {
			break
		}
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		switch in := v.(type) {
		case map[string]any:
			if v, ok = in[part]; !ok {
				return nil, false
			}
		case []any:
			n, err := strconv.Atoi(part)
			if err != nil || n < 0 || n >= len(in) {
				return nil, false
			}
			v = in[n]
		default:
			return nil, false
		}
	}
	return v, true
}

// merged returns a schema with the members of another one that it lacks, and with the properties of both.
func (m *maker) merged(s map[string]any, with any) map[string]any {
	more, ok := m.resolve(with)
	if !ok {
		return s
	}
	out := maps.Clone(s)
	for name, v := range more {
		properties, isMap := out[name].(map[string]any)
		add, alsoMap := v.(map[string]any)
		if name == "properties" && isMap && alsoMap {
			both := maps.Clone(add)
			maps.Copy(both, properties)
			out[name] = both
		} else if _, ok := out[name]; !ok {
			out[name] = v
		}
	}
	return out
}

// hints are keywords of schemas without a type that are about values of one.
var hints = map[string][]string{"object": {"properties", "required"}, "array": {"items", "prefixItems"},
	"string": {"pattern", "format", "minLength"}, "number": {"minimum", "maximum"}}

func kindOf(s map[string]any) string {
	switch kind := s["type"].(type) {
	case string:
		return kind
	case []any:
		for _, one := range kind {
			if name, _ := one.(string); name != "" && name != "null" {
				return name
			}
		}
		return "null"
	}
	for _, kind := range []string{"object", "array", "string", "number"} {
		if slices.ContainsFunc(hints[kind], func(hint string) bool { _, ok := s[hint]; return ok }) {
			return kind
		}
	}
	return ""
}

func (m *maker) object(s map[string]any, depth int) any {
	properties, _ := s["properties"].(map[string]any)
	required := map[string]bool{}
	if list, ok := s["required"].([]any); ok {
		for _, name := range list {
			if name, ok := name.(string); ok {
				required[name] = true
			}
		}
	}
	out := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if depth < maxExampleDepth/2 || required[name] { // a schema that holds itself ends at some depth
			out[name] = m.value(properties[name], depth+1)
		}
	}
	return out
}

func (m *maker) array(s map[string]any, depth int) any {
	n := min(max(1, whole(s["minItems"])), maxExampleItems)
	if depth >= maxExampleDepth/2 {
		n = whole(s["minItems"])
	}
	out := []any{}
	for i := range n {
		if list, ok := s["prefixItems"].([]any); ok && i < len(list) {
			out = append(out, m.value(list[i], depth+1))
		} else if items, ok := s["items"]; ok {
			out = append(out, m.value(items, depth+1))
		}
		if m.left < 0 {
			break
		}
	}
	return out
}

func whole(v any) int {
	n, ok := v.(json.Number)
	if !ok {
		return 0
	}
	i, err := strconv.Atoi(string(n))
	if err != nil {
		return 0
	}
	return i
}

// formats are examples of the formats of strings.
var formats = map[string]string{
	"date-time": "2026-01-31T12:00:00Z", "date": "2026-01-31", "time": "12:00:00Z", "duration": "PT1H",
	"email": "ada@example.com", "hostname": "example.com", "uri": "https://example.com/", "url": "https://example.com/",
	"uuid": "3fa85f64-5717-4562-b3fc-2c963f66afa6", "ipv4": "192.0.2.1", "ipv6": "2001:db8::1",
}

func text(s map[string]any) string {
	format, _ := s["format"].(string)
	if example, ok := formats[format]; ok {
		return example
	}
	out := "text"
	if n := whole(s["minLength"]); n > len(out) {
		out = strings.Repeat(out, min(n, 1000)/len(out)+1)[:min(n, 1000)]
	}
	if n, ok := s["maxLength"]; ok && whole(n) < len(out) {
		out = out[:max(0, whole(n))]
	}
	return out
}

func number(s map[string]any) any {
	for _, name := range []string{"minimum", "maximum"} {
		if n, ok := s[name].(json.Number); ok {
			return n
		}
	}
	if n, ok := s["exclusiveMinimum"].(json.Number); ok {
		return json.Number(strconv.Itoa(whole(n) + 1))
	}
	return json.Number("1")
}
