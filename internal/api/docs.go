package api

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed docs.html
var docsHTML string

// docsOperation is one operation on the docs page.
type docsOperation struct {
	Method, Path, Summary, Description string
	Params                             []*huma.Param
	Takes                              []docsBody
	Answers                            []docsBody
}

// docsBody is a body, or the lack of one, by status or media type.
type docsBody struct {
	Name   string
	Schema string // the schema in words
	Link   string // name of the schema, or ""
}

// docsField is a member of a schema.
type docsField struct {
	Name, Type, Doc string
	Link            string // name of the schema, or ""
}

type docsSchema struct {
	Name   string
	Kind   string // what it is, if it has no fields
	Fields []docsField
}

type docsGroup struct {
	Tag         string
	Description string
	Operations  []docsOperation
}

// Docs returns the description of the API as the content of a page. Its links begin with / or #.
func (a *API) Docs() (template.HTML, error) {
	page, err := template.New("docs").Parse(docsHTML)
	if err != nil {
		return "", fmt.Errorf("parse the description of the API: %w", err)
	}
	var b bytes.Buffer
	err = page.Execute(&b, map[string]any{"Info": a.spec.doc.Info, "Groups": a.spec.groups(),
		"Schemas": a.spec.schemas()})
	if err != nil {
		return "", fmt.Errorf("describe the API: %w", err)
	}
	return template.HTML(b.String()), nil
}

// groups are the operations by tag, in the order of paths and methods.
func (s *spec) groups() []docsGroup {
	var out []docsGroup
	for _, path := range sortedKeys(s.doc.Paths) {
		item := s.doc.Paths[path]
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op == nil {
				continue
			}
			i := slices.IndexFunc(out, func(g docsGroup) bool { return g.Tag == op.Tags[0] })
			if i < 0 {
				out = append(out, docsGroup{Tag: op.Tags[0], Description: s.tagHelp(op.Tags[0])})
				i = len(out) - 1
			}
			out[i].Operations = append(out[i].Operations, describeOperation(op))
		}
	}
	return out
}

// tagHelp returns the description of a tag.
func (s *spec) tagHelp(name string) string {
	for _, tag := range s.doc.Tags {
		if tag.Name == name {
			return tag.Description
		}
	}
	return ""
}

func describeOperation(op *huma.Operation) docsOperation {
	out := docsOperation{Method: op.Method, Path: strings.TrimSuffix("/api"+op.Path, "/"), Summary: op.Summary,
		Description: op.Description}
	for _, p := range op.Parameters {
		if p.In != "path" {
			out.Params = append(out.Params, p)
		}
	}
	if op.RequestBody != nil {
		for _, media := range sortedKeys(op.RequestBody.Content) {
			out.Takes = append(out.Takes, bodyOf(media, op.RequestBody.Content[media]))
		}
	}
	for _, status := range sortedKeys(op.Responses) {
		out.Answers = append(out.Answers, bodyOf(status, op.Responses[status].Content["application/json"]))
	}
	return out
}

func bodyOf(name string, m *huma.MediaType) docsBody {
	if m == nil {
		return docsBody{Name: name, Schema: "no body"}
	}
	kind, link := typeOf(m.Schema)
	return docsBody{Name: name, Schema: kind, Link: link}
}

// typeOf names a schema for people; link is the name of the schema to look at, or "".
func typeOf(s *huma.Schema) (kind, link string) {
	switch {
	case s == nil:
		return "any", ""
	case s.Ref != "":
		name := s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
		return name, name
	case len(s.OneOf) > 0:
		var kinds []string
		for _, one := range s.OneOf {
			k, _ := typeOf(one)
			kinds = append(kinds, k)
		}
		return strings.Join(kinds, " or "), ""
	case s.Type == huma.TypeArray:
		kind, link = typeOf(s.Items)
		return "list of " + kind, link
	case s.Type == huma.TypeObject:
		if values, ok := s.AdditionalProperties.(*huma.Schema); ok {
			kind, link = typeOf(values)
			return "map to " + kind, link
		}
		return "object", ""
	case s.Type == "":
		return "any", ""
	}
	return s.Type, ""
}

func (s *spec) schemas() []docsSchema {
	var out []docsSchema
	all := s.doc.Components.Schemas.Map()
	for _, name := range sortedKeys(all) {
		one := docsSchema{Name: name}
		if len(all[name].Properties) == 0 {
			one.Kind, _ = typeOf(all[name])
		}
		for _, field := range sortedKeys(all[name].Properties) {
			p := all[name].Properties[field]
			kind, link := typeOf(p)
			one.Fields = append(one.Fields, docsField{Name: field, Type: kind, Doc: p.Description, Link: link})
		}
		out = append(out, one)
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
