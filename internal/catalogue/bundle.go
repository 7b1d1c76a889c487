package catalogue

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/hookyard/hookyard"
)

// schemaAt is a schema, and the pointer to it in the document.
type schemaAt struct {
	schema any
	at     string // such as #/components/schemas/Order
}

// follow returns what a schema that is only a reference leads to.
func (d *document) follow(s schemaAt) (schemaAt, error) {
	for range maxExampleDepth {
		object, ok := s.schema.(map[string]any)
		if !ok {
			return s, nil
		}
		ref, ok := object["$ref"].(string)
		if !ok || len(object) > 1 {
			return s, nil
		}
		to, err := d.lookUp(ref)
		if err != nil {
			return s, err
		}
		s = schemaAt{to, ref}
	}
	return s, hookyard.Errorf(hookyard.Invalid, "its references lead in a circle")
}

// lookUp returns what a reference leads to.
func (d *document) lookUp(ref string) (any, error) {
	if !strings.HasPrefix(ref, "#") {
		return nil, hookyard.Errorf(hookyard.Invalid, "$ref %s leads out of the document, and is not fetched",
			hookyard.Clean(ref, 200))
	}
	to, ok := pointed(d.root, ref)
	if !ok {
		return nil, hookyard.Errorf(hookyard.Invalid, "$ref %s leads nowhere", hookyard.Clean(ref, 200))
	}
	return to, nil
}

// object returns an object behind references, or nil.
func (d *document) object(v any) (map[string]any, error) {
	s, err := d.follow(schemaAt{v, ""})
	object, _ := s.schema.(map[string]any)
	return object, err
}

// bundle returns a schema with all that it refers to.
func (d *document) bundle(s schemaAt) (json.RawMessage, error) {
	b := &bundler{d: d, root: s.at, names: map[string]string{}, defs: map[string]any{}, left: hookyard.MaxSchema / 2}
	if object, ok := s.schema.(map[string]any); ok {
		b.taken, _ = object["$defs"].(map[string]any)
	}
	copied, err := b.copy(s.schema, true)
	if err != nil {
		return nil, err
	}
	for len(b.queue) > 0 {
		ref := b.queue[0]
		b.queue = b.queue[1:]
		to, err := d.lookUp(ref)
		if err != nil {
			return nil, err
		}
		if b.defs[b.names[ref]], err = b.copy(to, true); err != nil {
			return nil, err
		}
	}
	if object, ok := copied.(map[string]any); ok && len(b.defs) > 0 {
		defs, ok := object["$defs"].(map[string]any)
		if !ok {
			defs = map[string]any{}
		}
		for name, def := range b.defs {
			defs[name] = def
		}
		object["$defs"] = defs
	}
	out, err := hookyard.EncodeJSON(copied)
	if err == nil && len(out) > hookyard.MaxSchema {
		err = b.tooLarge()
	}
	return out, err
}

// bundler copies a schema, and what it refers to into its $defs.
type bundler struct {
	d     *document
	root  string            // pointer to the schema in the document
	taken map[string]any    // names that the schema's own $defs have
	names map[string]string // in $defs, by reference
	queue []string          // references whose definition is missing
	defs  map[string]any
	left  int // values
}

func (b *bundler) tooLarge() error {
	return hookyard.Errorf(hookyard.TooLarge, "its schema has over %d bytes with what it refers to",
		hookyard.MaxSchema)
}

// copy copies a value of a schema. isSchema is false within values that are data.
func (b *bundler) copy(v any, isSchema bool) (any, error) {
	if b.left--; b.left < 0 {
		return nil, b.tooLarge()
	}
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, member := range v {
			if ref, ok := member.(string); ok && name == "$ref" && isSchema {
				to, err := b.rename(ref)
				if err != nil {
					return nil, err
				}
				out[name] = to
				continue
			}
			var err error
			if out[name], err = b.copy(member, isSchema && !isData(name)); err != nil {
				return nil, err
			}
		}
		if isSchema && strings.HasPrefix(b.d.version, "3.0") && b.d.root["openapi"] != nil {
			return modern(out), nil
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			var err error
			if out[i], err = b.copy(item, isSchema); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return v, nil
}

// isData reports whether a keyword's value is data and not a schema.
func isData(keyword string) bool {
	switch keyword {
	case "const", "enum", "default", "example", "examples":
		return true
	}
	return false
}

// rename returns the reference in the copy.
func (b *bundler) rename(ref string) (string, error) {
	if b.root != "" && ref == b.root {
		return "#", nil
	}
	if rest, ok := strings.CutPrefix(ref, b.root+"/"); ok && b.root != "" {
		return "#/" + rest, nil
	}
	if !strings.HasPrefix(ref, "#") {
		_, err := b.d.lookUp(ref)
		return "", err
	}
	name, ok := b.names[ref]
	if !ok {
		last := ref[strings.LastIndexByte(ref, '/')+1:]
		name = last
		for n := 2; b.isTaken(name); n++ {
			name = last + strconv.Itoa(n)
		}
		b.names[ref] = name
		b.defs[name] = nil
		b.queue = append(b.queue, ref)
	}
	return "#/$defs/" + name, nil
}

func (b *bundler) isTaken(name string) bool {
	_, own := b.taken[name]
	_, ours := b.defs[name]
	return own || ours || name == "" || strings.Contains(name, "~")
}

// modern makes a schema of OpenAPI 3.0 one of JSON Schema 2020-12.
func modern(s map[string]any) any {
	for bound, limit := range map[string]string{"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"} {
		if exclusive, ok := s[bound].(bool); ok {
			delete(s, bound)
			if n, ok := s[limit]; ok && exclusive {
				s[bound] = n
				delete(s, limit)
			}
		}
	}
	nullable, _ := s["nullable"].(bool)
	delete(s, "nullable")
	if !nullable {
		return s
	}
	if kind, ok := s["type"].(string); ok {
		s["type"] = []any{kind, "null"}
		if values, ok := s["enum"].([]any); ok {
			s["enum"] = append(values, nil)
		}
		return s
	}
	return map[string]any{"anyOf": []any{s, map[string]any{"type": "null"}}}
}
