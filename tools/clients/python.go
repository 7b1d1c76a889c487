// Package clients generates the client for Python from /api/openapi.json, and tries it and clients that other
// generators make: they compile, and they publish, create and list against a server.
package clients

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// schema is a JSON schema, as far as hookyard's description uses it.
type schema struct {
	Ref         string             `json:"$ref"`
	Type        any                `json:"type"` // a string, or a list with "null"
	Description string             `json:"description"`
	Enum        []string           `json:"enum"`
	OneOf       []schema           `json:"oneOf"`
	Items       *schema            `json:"items"`
	Properties  map[string]*schema `json:"properties"`
	Required    []string           `json:"required"`
	Additional  json.RawMessage    `json:"additionalProperties"` // a schema or a bool
}

type content map[string]struct {
	Schema *schema `json:"schema"`
}

type parameter struct {
	Name        string `json:"name"`
	In          string `json:"in"`
	Description string `json:"description"`
	Schema      schema `json:"schema"`
}

type operation struct {
	ID          string      `json:"operationId"`
	Summary     string      `json:"summary"`
	Description string      `json:"description"`
	Parameters  []parameter `json:"parameters"`
	RequestBody *struct {
		Required bool    `json:"required"`
		Content  content `json:"content"`
	} `json:"requestBody"`
	Responses map[string]struct {
		Content content `json:"content"`
	} `json:"responses"`
}

// Python returns the module api of the Python client for an OpenAPI description: the types of what goes over the wire,
// and a class with a method for each operation.
func Python(description []byte) (string, error) {
	var d struct {
		Paths      map[string]map[string]operation `json:"paths"`
		Components struct {
			Schemas map[string]*schema `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(description, &d); err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(pythonHead)
	for _, name := range slices.Sorted(maps.Keys(d.Components.Schemas)) {
		b.WriteString(pythonType(name, d.Components.Schemas[name]))
	}
	b.WriteString("\n\nclass API(Base):\n    \"\"\"Has a method for each operation of the API.\"\"\"\n")
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for _, method := range []string{"get", "post", "put", "patch", "delete"} {
			if o, ok := d.Paths[path][method]; ok {
				b.WriteString(pythonMethod(method, path, &o))
			}
		}
	}
	return b.String(), nil
}

const pythonHead = `# Generated from hookyard's OpenAPI description by "make clients-update". Do not edit.
"""The types and operations of hookyard's REST API."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Literal, Optional, TypedDict, Union

from .base import Base
`

// hint returns the type of a value. References are strings, because what they name may follow.
func hint(s *schema) string {
	switch {
	case s == nil:
		return "Any"
	case s.Ref != "":
		return `"` + s.Ref[strings.LastIndex(s.Ref, "/")+1:] + `"`
	case len(s.OneOf) > 0:
		var all []string
		for i := range s.OneOf {
			all = append(all, hint(&s.OneOf[i]))
		}
		return "Union[" + strings.Join(all, ", ") + "]"
	case len(s.Enum) > 0:
		return `Literal["` + strings.Join(s.Enum, `", "`) + `"]`
	}
	kinds, _ := s.Type.([]any)
	if kinds == nil {
		kinds = []any{s.Type}
	}
	nullable := slices.Contains(kinds, any("null"))
	out := "Any"
	switch kinds[0] {
	case "string":
		out = "str"
	case "integer":
		out = "int"
	case "number":
		out = "float"
	case "boolean":
		out = "bool"
	case "null":
		return "None"
	case "array":
		out = "List[" + hint(s.Items) + "]"
	case "object":
		of := &schema{}
		if json.Unmarshal(s.Additional, of) != nil {
			of = nil
		}
		out = "Dict[str, " + hint(of) + "]"
	}
	if nullable {
		out = "Optional[" + out + "]"
	}
	return out
}

// pythonType declares a schema: an object as a dictionary with known keys, anything else as an alias.
func pythonType(name string, s *schema) string {
	if s.Type != "object" || len(s.Properties) == 0 {
		return fmt.Sprintf("\n%s = %s\n", name, hint(s))
	}
	var must, may strings.Builder
	for _, key := range slices.Sorted(maps.Keys(s.Properties)) {
		to := &may
		if slices.Contains(s.Required, key) {
			to = &must
		}
		fmt.Fprintf(to, "    %q: %s,\n", key, hint(s.Properties[key]))
	}
	if must.Len() == 0 {
		return fmt.Sprintf("\n%s = TypedDict(%q, {\n%s}, total=False)\n", name, name, may.String())
	}
	if may.Len() == 0 {
		return fmt.Sprintf("\n%s = TypedDict(%q, {\n%s})\n", name, name, must.String())
	}
	return fmt.Sprintf("\n_%s = TypedDict(%q, {\n%s}, total=False)\n\n\nclass %s(_%s):\n%s", name, "_"+name,
		may.String(), name, name, fields(must.String()))
}

// fields turns the keys of a dictionary into those of a class.
func fields(keys string) string {
	return regexp.MustCompile(`(?m)^    "(\w+)": (.*),$`).ReplaceAllString(keys, "    $1: $2")
}

var upper = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// snake turns listEvents and Last-Event-ID into list_events and last_event_id.
func snake(name string) string {
	name = upper.ReplaceAllString(strings.ReplaceAll(name, "-", "_"), "${1}_$2")
	name = strings.ToLower(name)
	if slices.Contains([]string{"in", "from", "class", "import"}, name) {
		name += "_"
	}
	return name
}

// pythonMethod declares the method of an operation. Owner and project are one argument, as everywhere else.
func pythonMethod(method, path string, o *operation) string {
	args, query, header := []string{"self"}, []string{}, []string{}
	expr := regexp.MustCompile(`\{(\w+)\}`).ReplaceAllStringFunc(path, func(p string) string {
		p = strings.Trim(p, "{}")
		if p == "owner" && strings.Contains(path, "{project}") {
			return "{self._project(project)}"
		}
		if p != "project" {
			args = append(args, snake(p)+": str")
			return "{self._quote(" + snake(p) + ")}"
		}
		args = append(args, "project: str")
		return ""
	})
	expr = strings.ReplaceAll(expr, "{self._project(project)}/", "{self._project(project)}")
	if body := o.RequestBody; body != nil {
		of := "body: " + hint(body.Content["application/json"].Schema)
		if !body.Required {
			of = "body: Optional[" + hint(body.Content["application/json"].Schema) + "] = None"
		}
		args = append(args, of)
	}
	first := true
	for _, p := range o.Parameters {
		if p.In == "path" {
			continue
		}
		if first {
			args = append(args, "*")
			first = false
		}
		args = append(args, snake(p.Name)+": Optional["+hint(&p.Schema)+"] = None")
		pair := fmt.Sprintf("%q: %s", p.Name, snake(p.Name))
		if p.In == "query" {
			query = append(query, pair)
		} else {
			header = append(header, pair)
		}
	}
	result, kind := "None", "none"
	for _, status := range slices.Sorted(maps.Keys(o.Responses)) {
		if status[0] == '2' {
			result, kind = returned(o.Responses[status].Content)
			break
		}
	}
	call := []string{fmt.Sprintf("%q", strings.ToUpper(method)), "f" + fmt.Sprintf("%q", expr), fmt.Sprintf("%q", kind)}
	if o.RequestBody != nil {
		call = append(call, "body=body")
	}
	if len(query) > 0 {
		call = append(call, "query={"+strings.Join(query, ", ")+"}")
	}
	if len(header) > 0 {
		call = append(call, "header={"+strings.Join(header, ", ")+"}")
	}
	doc := strings.TrimSuffix(o.Summary, ".") + "."
	if o.Description != "" {
		doc += "\n\n        " + o.Description + "\n        "
	}
	return fmt.Sprintf("\n    def %s(%s) -> %s:\n        \"\"\"%s\"\"\"\n        return self._call(%s)\n", snake(o.ID),
		strings.Join(args, ", "), result, doc, strings.Join(call, ", "))
}

// returned is the type of a response, and how the body is read.
func returned(c content) (result, kind string) {
	if json, ok := c["application/json"]; ok {
		return hint(json.Schema), "json"
	}
	if _, ok := c["application/x-ndjson"]; ok {
		return "Iterator[Any]", "lines"
	}
	if len(c) == 0 {
		return "None", "none"
	}
	return "bytes", "bytes"
}
