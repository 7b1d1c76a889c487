package catalogue

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hookyard/hookyard"
)

// Property is a member of data, as documentation shows it.
type Property struct {
	Path        string // such as lines[].sku
	Type        string // such as "string, date-time" or "array of object"; "" for any
	Required    bool
	Description string
	Deprecated  bool
}

const (
	maxProperties    = 300
	maxPropertyDepth = 6
)

// Properties returns the members that the schema of a type names, those within others after them. It leaves out what is
// deeper than six levels, and what is beyond 300 members.
func Properties(t *hookyard.EventType) []Property {
	root, err := decode(t.Schema())
	if err != nil {
		return nil
	}
	l := &lister{maker: maker{root: root}}
	l.list("", root, 0)
	return l.out
}

// lister makes the list of a schema's properties.
type lister struct {
	maker
	out []Property
}

func (l *lister) list(prefix string, schema any, depth int) {
	s, ok := l.whole(schema)
	if !ok || depth > maxPropertyDepth {
		return
	}
	if items, ok := s["items"]; ok && kindOf(s) == "array" {
		l.list(prefix+"[]", items, depth+1)
		return
	}
	properties, _ := s["properties"].(map[string]any)
	required := texts(s["required"])
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if len(l.out) == maxProperties {
			return
		}
		p, ok := l.whole(properties[name])
		if !ok {
			continue
		}
		path := strings.TrimPrefix(prefix+"."+name, ".")
		one := Property{Path: path, Type: l.typeOf(p), Required: slices.Contains(required, name)}
		one.Description, _ = p["description"].(string)
		one.Deprecated, _ = p["deprecated"].(bool)
		l.out = append(l.out, one)
		l.list(path, p, depth+1)
	}
}

// whole returns a schema behind references, with what allOf adds.
func (l *lister) whole(schema any) (map[string]any, bool) {
	s, ok := l.resolve(schema)
	if !ok {
		return nil, false
	}
	if list, ok := s["allOf"].([]any); ok {
		for _, part := range list {
			s = l.merged(s, part)
		}
	}
	return s, true
}

func (l *lister) typeOf(s map[string]any) string {
	kind := kindOf(s)
	if list := texts(s["type"]); len(list) > 0 {
		kind = strings.Join(list, " or ")
	}
	if items, ok := l.whole(s["items"]); ok && kind == "array" {
		if of := kindOf(items); of != "" {
			kind = "array of " + of
		}
	}
	if format, ok := s["format"].(string); ok {
		kind = strings.TrimPrefix(kind+", "+format, ", ")
	}
	if v, ok := s["const"]; ok {
		kind = strings.TrimPrefix(kind+", always "+valueText(v), ", ")
	}
	if values, ok := s["enum"].([]any); ok {
		var shown []string
		for _, v := range values[:min(len(values), 10)] {
			shown = append(shown, valueText(v))
		}
		if len(values) > 10 {
			shown = append(shown, "…")
		}
		kind = strings.TrimPrefix(kind+", one of "+strings.Join(shown, " "), ", ")
	}
	return hookyard.Clean(kind, 300)
}

func valueText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}
