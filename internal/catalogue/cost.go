package catalogue

import (
	"encoding/json"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// printer writes the library's errors.
var printer = message.NewPrinter(language.English)

// count makes every part of a compiled schema count its steps before it looks into a value. The library calls the
// format of a part at that point. What it does before, the part that led to it has counted.
func (s *Schema) count(part *jsonschema.Schema, seen map[*jsonschema.Schema]bool) {
	if part == nil || seen[part] {
		return
	}
	seen[part] = true
	same := inPlace(part)
	once, each := members(part), items(part)
	c := &counter{schema: s, format: part.Format, unique: part.UniqueItems, once: costOf(once),
		each: 1 + costOf(same) + costOf(each) + len(part.PatternProperties)}
	if part.Format != nil && part.Format.Name == "regex" {
		c.format = nil // it would compile patterns without bounds
	}
	part.Format = &jsonschema.Format{Validate: c.validate}
	if c.format != nil {
		part.Format.Name = c.format.Name
	}
	for _, list := range [][]*jsonschema.Schema{same, once, each} {
		for _, p := range list {
			s.count(p, seen)
		}
	}
}

// counter is the format of a part of a schema.
type counter struct {
	schema *Schema
	format *jsonschema.Format // that the schema says, or nil
	unique bool               // items are compared with each other
	once   int                // steps for a value
	each   int                // steps for a value and for each of its members
}

func (c *counter) validate(v any) error {
	size := 1
	switch v := v.(type) {
	case map[string]any:
		size += len(v)
	case []any:
		size += len(v)
	case json.Number:
		size += exponentOf(v) / 10 // it is written out to be compared
	}
	c.schema.spend(c.once + c.each*size)
	if c.unique {
		c.schema.spend(valuesIn(v))
	}
	if c.format == nil {
		return nil
	}
	return c.format.Validate(v)
}

// costOf returns the steps that parts of a schema take before they count their own: they compare with constants.
func costOf(parts []*jsonschema.Schema) (n int) {
	for _, p := range parts {
		if p == nil {
			continue
		}
		n++
		if p.Const != nil {
			n += valuesIn(*p.Const)
		}
		if p.Enum != nil {
			for _, v := range p.Enum.Values {
				n += valuesIn(v)
			}
		}
	}
	return n
}

// valuesIn returns how many values a value holds.
func valuesIn(v any) int {
	n := 1
	switch v := v.(type) {
	case map[string]any:
		for _, member := range v {
			n += valuesIn(member)
		}
	case []any:
		for _, item := range v {
			n += valuesIn(item)
		}
	}
	return n
}

// inPlace returns the parts that look at the same value as a part.
func inPlace(s *jsonschema.Schema) []*jsonschema.Schema {
	var out []*jsonschema.Schema
	for _, p := range []*jsonschema.Schema{s.Ref, s.Not, s.If, s.Then, s.Else} {
		if p != nil {
			out = append(out, p)
		}
	}
	out = append(out, s.AllOf...)
	out = append(out, s.AnyOf...)
	out = append(out, s.OneOf...)
	for _, d := range s.Dependencies {
		if p, ok := d.(*jsonschema.Schema); ok {
			out = append(out, p)
		}
	}
	for _, p := range s.DependentSchemas {
		out = append(out, p)
	}
	return out
}

// members returns the parts that look at one member of a value each.
func members(s *jsonschema.Schema) []*jsonschema.Schema {
	out := slices.Clone(s.PrefixItems)
	for _, p := range s.Properties {
		out = append(out, p)
	}
	if list, ok := s.Items.([]*jsonschema.Schema); ok {
		out = append(out, list...)
	}
	return out
}

// items returns the parts that look at many members of a value.
func items(s *jsonschema.Schema) []*jsonschema.Schema {
	out := []*jsonschema.Schema{s.PropertyNames, s.UnevaluatedProperties, s.Contains, s.Items2020, s.UnevaluatedItems,
		s.ContentSchema}
	for _, p := range s.PatternProperties {
		out = append(out, p)
	}
	for _, one := range []any{s.AdditionalProperties, s.Items, s.AdditionalItems} {
		if p, ok := one.(*jsonschema.Schema); ok {
			out = append(out, p)
		}
	}
	return out
}
