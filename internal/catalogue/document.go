package catalogue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/hookyard/hookyard"
)

// MaxDocument is the size in bytes of the largest document that [Read] takes.
const MaxDocument = 5 << 20

const (
	maxDocumentDepth = 200
	maxValues        = 300_000 // in a document, roughly; YAML takes 300 bytes for each
	maxSchemas       = 8 << 20 // bytes of all schemas that a document has, each with what it refers to
)

// Read returns the event types that a document describes, sorted by name: the webhooks of an OpenAPI 3 document, or the
// messages of an AsyncAPI 3 document, in JSON or YAML. They have the fields that the document gives. A body or payload
// of the form that hookyard sends, with type, timestamp and data, stands for its data. References lead only into the
// same document. The error is [hookyard.Invalid] or [hookyard.TooLarge].
func Read(doc []byte) ([]*hookyard.EventType, error) {
	root, err := parse(doc)
	if err != nil {
		return nil, err
	}
	d := &document{root: root}
	if d.version, _ = root["openapi"].(string); d.version != "" {
		err = d.readOpenAPI()
	} else if d.version, _ = root["asyncapi"].(string); d.version != "" {
		err = d.readAsyncAPI()
	} else {
		return nil, hookyard.Errorf(hookyard.Invalid,
			"the document is neither OpenAPI 3 nor AsyncAPI 3: it has no member openapi or asyncapi")
	}
	if err != nil {
		return nil, err
	}
	if len(d.found) > hookyard.MaxEventTypes {
		return nil, hookyard.Errorf(hookyard.TooLarge, "the document describes %d event types, at most %d are allowed",
			len(d.found), hookyard.MaxEventTypes)
	}
	out := make([]*hookyard.EventType, 0, len(d.found))
	for _, name := range slices.Sorted(maps.Keys(d.found)) {
		out = append(out, d.found[name])
	}
	return out, nil
}

// document is a document that is being read.
type document struct {
	root    map[string]any
	version string
	found   map[string]*hookyard.EventType
	size    int // bytes of schemas
}

// add notes an event type whose body has a schema, which may be nil, and an example, which may be nil.
func (d *document) add(t *hookyard.EventType, body schemaAt, example any) error {
	if d.found == nil {
		d.found = map[string]*hookyard.EventType{}
	}
	if len(d.found) > hookyard.MaxEventTypes {
		return nil // the caller counts
	}
	if d.found[t.Name] != nil {
		return hookyard.Errorf(hookyard.Invalid, "the document describes event type %s twice", shown(t.Name))
	}
	if body.schema != nil {
		var wrapped bool
		var err error
		if body, wrapped, err = d.dataOf(body); err != nil {
			return inType(t.Name, err)
		}
		if in, ok := example.(map[string]any); ok && wrapped {
			example = in["data"]
		}
		schema, err := d.bundle(body)
		if err != nil {
			return inType(t.Name, err)
		}
		if d.size += len(schema); d.size > maxSchemas {
			return hookyard.Errorf(hookyard.TooLarge,
				"the schemas of the document have over %d bytes, each with what it refers to", maxSchemas)
		}
		t.Schemas = map[string]json.RawMessage{"1": schema}
	}
	if example != nil {
		var err error
		if t.Example, err = hookyard.EncodeJSON(example); err != nil {
			return inType(t.Name, err)
		}
	}
	d.found[t.Name] = t
	return nil
}

// dataOf returns the schema of data if the body is of the form that hookyard sends.
func (d *document) dataOf(body schemaAt) (out schemaAt, wrapped bool, err error) {
	if body, err = d.follow(body); err != nil {
		return body, false, err
	}
	s, _ := body.schema.(map[string]any)
	properties, _ := s["properties"].(map[string]any)
	for _, name := range []string{"type", "timestamp", "data"} {
		if _, ok := properties[name]; !ok {
			return body, false, nil
		}
	}
	data, err := d.follow(schemaAt{properties["data"], body.at + "/properties/data"})
	return data, true, err
}

func inType(name string, err error) error {
	return hookyard.Errorf(hookyard.Invalid, "event type %s: %v", shown(name), err)
}

func shown(name string) string { return hookyard.Clean(name, 200) }

// parse reads JSON or YAML with an object at the top.
func parse(doc []byte) (map[string]any, error) {
	if len(doc) > MaxDocument {
		return nil, hookyard.Errorf(hookyard.TooLarge, "the document has %d bytes, at most %d are allowed", len(doc),
			MaxDocument)
	}
	values := 0
	for _, c := range doc {
		if c == '\n' || c == ',' || c == '{' || c == '[' {
			values++
		}
	}
	if values > maxValues {
		return nil, hookyard.Errorf(hookyard.TooLarge, "the document has more than about %d values", maxValues)
	}
	doc = hookyard.Text("", doc)
	var root any
	if trimmed := bytes.TrimSpace(doc); len(trimmed) > 0 && trimmed[0] == '{' {
		if err := hookyard.CheckJSON(doc, maxDocumentDepth); err != nil {
			return nil, err
		}
		decoder := json.NewDecoder(bytes.NewReader(doc))
		decoder.UseNumber()
		if err := decoder.Decode(&root); err != nil {
			return nil, hookyard.Errorf(hookyard.Invalid, "not valid JSON: %v", err)
		}
	} else {
		var node yaml.Node
		if err := yaml.Unmarshal(doc, &node); err != nil {
			return nil, hookyard.Errorf(hookyard.Invalid, "not valid YAML: %s", hookyard.CleanLine(
				strings.TrimPrefix(err.Error(), "yaml: "), 300))
		}
		y := &yamlReader{left: maxValues}
		var err error
		if root, err = y.value(&node, 0); err != nil {
			return nil, err
		}
	}
	object, ok := root.(map[string]any)
	if !ok {
		return nil, hookyard.Errorf(hookyard.Invalid, "the document must be an object in JSON or YAML")
	}
	return object, nil
}

// yamlReader makes of YAML what JSON would have been.
type yamlReader struct {
	left int // values that aliases may still multiply to
}

func (y *yamlReader) value(n *yaml.Node, depth int) (any, error) {
	if y.left--; y.left < 0 || depth > maxDocumentDepth {
		return nil, hookyard.Errorf(hookyard.TooLarge,
			"the document has more than about %d values with its aliases, or more than %d levels", maxValues,
			maxDocumentDepth)
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return y.value(n.Content[0], depth)
	case yaml.AliasNode:
		return y.value(n.Alias, depth+1)
	case yaml.SequenceNode:
		out := make([]any, len(n.Content))
		for i, item := range n.Content {
			var err error
			if out[i], err = y.value(item, depth+1); err != nil {
				return nil, err
			}
		}
		return out, nil
	case yaml.MappingNode:
		return y.mapping(n, depth)
	case yaml.ScalarNode:
		return scalar(n)
	}
	return nil, nil
}

func (y *yamlReader) mapping(n *yaml.Node, depth int) (any, error) {
	out := map[string]any{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		v, err := y.value(n.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}
		if key.ShortTag() == "!!merge" {
			if more, ok := v.(map[string]any); ok {
				for name, member := range more {
					if _, given := out[name]; !given {
						out[name] = member
					}
				}
			}
			continue
		}
		if key.Kind != yaml.ScalarNode {
			return nil, hookyard.Errorf(hookyard.Invalid, "line %d: a name must be text", key.Line)
		}
		out[key.Value] = v
	}
	return out, nil
}

func scalar(n *yaml.Node) (any, error) {
	switch n.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!bool", "!!int", "!!float":
		var v any
		if err := n.Decode(&v); err != nil {
			return nil, hookyard.Errorf(hookyard.Invalid, "line %d: %s", n.Line, hookyard.CleanLine(err.Error(), 200))
		}
		if b, ok := v.(bool); ok {
			return b, nil
		}
		text := fmt.Sprint(v)
		if json.Valid([]byte(n.Value)) {
			text = n.Value // with all its digits
		}
		if !json.Valid([]byte(text)) {
			return nil, hookyard.Errorf(hookyard.Invalid, "line %d: %s is no number of JSON", n.Line,
				hookyard.Clean(n.Value, 50))
		}
		return json.Number(text), nil
	}
	return n.Value, nil
}
