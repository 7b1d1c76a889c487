package format

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/hookyard/hookyard"
)

// functions returns the functions of templates. Builtins that produce text are replaced by ones that spend budget:
// print in a loop can double a string each time, printf takes a width, and js doubles backslashes.
func (w *budget) functions() template.FuncMap {
	return template.FuncMap{
		"tick": func() (string, error) { return "", w.spend(0) },
		"show": w.text,

		"json":     w.json,
		"get":      w.get,
		"upper":    func(v any) (string, error) { return w.change(v, strings.ToUpper) },
		"lower":    func(v any) (string, error) { return w.change(v, strings.ToLower) },
		"trim":     func(v any) (string, error) { return w.change(v, strings.TrimSpace) },
		"html":     func(v any) (string, error) { return w.change(v, html.EscapeString) },
		"urlquery": func(v any) (string, error) { return w.change(v, url.QueryEscape) },
		"default":  func(fallback, v any) any { return orDefault(fallback, v) },
		"truncate": w.truncate,
		"join":     w.join,
		"date":     w.date,
		"contains": w.contains,
		"print":    w.concat,

		"println": func(vs ...any) (string, error) { return w.concat(append(vs, "\n")...) },
		"printf":  unavailable("printf", "print"),
		"js":      unavailable("js", "json"),
		"call":    unavailable("call", ""),

		"eq": w.equalAny,
		"ne": func(a, b any) (bool, error) { c, err := w.compare(a, b); return c != 0, err },
		"lt": func(a, b any) (bool, error) { c, err := w.compare(a, b); return c < 0, err },
		"le": func(a, b any) (bool, error) { c, err := w.compare(a, b); return c <= 0, err },
		"gt": func(a, b any) (bool, error) { c, err := w.compare(a, b); return c > 0, err },
		"ge": func(a, b any) (bool, error) { c, err := w.compare(a, b); return c >= 0, err },
	}
}

// unavailable returns a function that fails and names another to use instead, unless that is "".
func unavailable(name, instead string) func(...any) (string, error) {
	return func(...any) (string, error) {
		if instead == "" {
			return "", hookyard.FieldErrorf("template", "function %s is not available in templates", name)
		}
		return "", hookyard.FieldErrorf("template", "function %s is not available in templates; use %s", name, instead)
	}
}

// text returns a value as it is printed: strings and numbers unchanged, nil as "", objects and arrays as JSON.
func (w *budget) text(v any) (string, error) {
	if v == nil {
		return "", w.spend(0)
	}
	switch v := v.(type) {
	case string:
		return v, w.spend(len(v))
	case json.Number:
		return string(v), w.spend(len(v))
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Float64, reflect.Int64:
		s := fmt.Sprint(v)
		return s, w.spend(len(s))
	}
	return w.json(v)
}

// json returns a value as JSON, so that {"text": {{ json .Data.title }}} is always valid.
func (w *budget) json(v any) (string, error) {
	if _, ok := v.(*templateData); ok {
		return "", hookyard.FieldErrorf("template", "json: give one of the fields, for example json .Data")
	}
	b, err := hookyard.EncodeJSON(v)
	if err != nil {
		return "", hookyard.FieldErrorf("template", "json: %v", err)
	}
	return string(b), w.spend(len(b))
}

// get returns the value at a path in the data, {{ get "items.0.name" }}, or in another value, {{ get "name" . }}. The
// parts of a path are names of members and indexes. A missing value is nil.
func (w *budget) get(path string, from ...any) (any, error) {
	if err := w.spend(len(path)); err != nil {
		return nil, err
	}
	if len(from) == 0 {
		data, err := w.root.Data()
		return lookup(data, path), err
	}
	if d, ok := from[0].(*templateData); ok {
		data, err := d.Data()
		return lookup(data, path), err
	}
	return lookup(from[0], path), nil
}

// lookup returns the value at a dotted path in decoded JSON, or nil.
func lookup(v any, path string) any {
	for step := range strings.SplitSeq(path, ".") {
		switch node := v.(type) {
		case map[string]any:
			v = node[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(node) {
				return nil
			}
			v = node[i]
		default:
			return nil
		}
	}
	return v
}

// change returns f applied to the text of a value.
func (w *budget) change(v any, f func(string) string) (string, error) {
	s, err := w.text(v)
	if err != nil {
		return "", err
	}
	s = f(s)
	return s, w.spend(len(s))
}

// orDefault returns v, or fallback if v is nil or "": {{ .Data.name | default "unknown" }}.
func orDefault(fallback, v any) any {
	if v == nil || v == "" {
		return fallback
	}
	return v
}

// truncate returns at most n characters of a text, ending in an ellipsis if truncated: {{ .Data.title | truncate 80 }}.
func (w *budget) truncate(n int, v any) (string, error) {
	s, err := w.text(v)
	return clip(s, n), err
}

// join concatenates the elements of an array: {{ join ", " .Data.labels }}.
func (w *budget) join(separator string, v any) (string, error) {
	list, ok := v.([]any)
	if !ok {
		return w.text(v)
	}
	var b strings.Builder
	for i, one := range list {
		s, err := w.text(one)
		if err != nil {
			return "", err
		}
		if i > 0 {
			if err := w.spend(len(separator)); err != nil {
				return "", err
			}
			b.WriteString(separator)
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

// date formats a time, given in RFC 3339 or in Unix seconds, in UTC with Go's layout: {{ date "2006-01-02" .Time }}.
// Other text is returned unchanged.
func (w *budget) date(layout string, v any) (string, error) {
	s, err := w.text(v)
	if err != nil {
		return "", err
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		seconds, numeric := strconv.ParseInt(s, 10, 40)
		if numeric != nil {
			return s, nil //nolint:nilerr // other text is returned unchanged
		}
		t = time.Unix(seconds, 0)
	}
	out := t.UTC().Format(layout)
	return out, w.spend(len(out))
}

// contains reports whether a text contains a part, or an array an element: {{ if contains "urgent" .Data.labels }}.
func (w *budget) contains(part, v any) (bool, error) {
	want, err := w.text(part)
	if err != nil {
		return false, err
	}
	list, ok := v.([]any)
	if !ok {
		s, err := w.text(v)
		return strings.Contains(s, want), err
	}
	for _, one := range list {
		s, err := w.text(one)
		if err != nil || s == want {
			return err == nil, err
		}
	}
	return false, nil
}

// concat concatenates values without spaces.
func (w *budget) concat(vs ...any) (string, error) {
	var b strings.Builder
	for _, v := range vs {
		s, err := w.text(v)
		if err != nil {
			return "", err
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

// equalAny reports whether a equals one of the others.
func (w *budget) equalAny(a any, others ...any) (bool, error) {
	for _, b := range others {
		if c, err := w.compare(a, b); err != nil || c == 0 {
			return err == nil, err
		}
	}
	return false, nil
}

// compare compares two values, as numbers if both are numbers and otherwise as text. The comparisons of text/template
// treat numbers in a body as strings and would refuse {{ if gt .Data.amount 100 }}.
func (w *budget) compare(a, b any) (int, error) {
	s, err := w.text(a)
	if err != nil {
		return 0, err
	}
	t, err := w.text(b)
	if err != nil || s == t {
		return 0, err
	}
	x, okX := number(a)
	y, okY := number(b)
	if okX && okY && x != y {
		return cmp.Compare(x, y), nil
	}
	return strings.Compare(s, t), nil
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	case int:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}
