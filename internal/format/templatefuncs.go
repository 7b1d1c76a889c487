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

// functions are all that a template can call. Those of text/template that make text are replaced by ones that draw on
// the budget: print in a loop doubles a string with each turn, printf takes a width, js doubles backslashes.
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
		"print":    w.print,

		"println": func(vs ...any) (string, error) { return w.print(append(vs, "\n")...) },
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

func unavailable(name, instead string) func(...any) (string, error) {
	return func(...any) (string, error) {
		if instead == "" {
			return "", hookyard.FieldErrorf("template", "function %s is not available in templates", name)
		}
		return "", hookyard.FieldErrorf("template", "function %s is not available in templates; use %s", name, instead)
	}
}

// text is how a value prints: text and numbers as they are, nothing as nothing, objects and arrays as JSON.
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

// json writes a value as JSON: {"text": {{ json .Body.title }}} is always valid.
func (w *budget) json(v any) (string, error) {
	if _, ok := v.(*templateData); ok {
		return "", hookyard.FieldErrorf("template", "json: give one of the fields, for example json .Body")
	}
	b, err := marshal(v)
	if err != nil {
		return "", hookyard.FieldErrorf("template", "json: %v", err)
	}
	return string(b), w.spend(len(b))
}

// get looks a path up in the event's body, {{ get "items.0.name" }}, or in the value given second, {{ get "name" . }}.
// A step is a member's name or an element's number; what is not there is nil.
func (w *budget) get(path string, from ...any) (any, error) {
	if err := w.spend(len(path)); err != nil {
		return nil, err
	}
	if len(from) == 0 {
		return lookup(w.root.Body(), path), nil
	}
	if d, ok := from[0].(*templateData); ok {
		return lookup(d.Body(), path), nil
	}
	return lookup(from[0], path), nil
}

// lookup walks decoded JSON along a dotted path.
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

func (w *budget) change(v any, f func(string) string) (string, error) {
	s, err := w.text(v)
	if err != nil {
		return "", err
	}
	s = f(s)
	return s, w.spend(len(s))
}

// orDefault returns v unless it is nil or an empty text: {{ .Body.name | default "nobody" }}.
func orDefault(fallback, v any) any {
	if v == nil || v == "" {
		return fallback
	}
	return v
}

// truncate cuts to n characters, the last of which is then an ellipsis: {{ .Body.title | truncate 80 }}.
func (w *budget) truncate(n int, v any) (string, error) {
	s, err := w.text(v)
	return clip(s, n), err
}

// join puts the elements of an array together: {{ join ", " .Body.labels }}.
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

// date writes a time of RFC 3339, or of seconds since 1970, in Go's layout, in UTC: {{ date "2006-01-02" .Time }}. What
// is no time stays as it is.
func (w *budget) date(layout string, v any) (string, error) {
	s, err := w.text(v)
	if err != nil {
		return "", err
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		seconds, numeric := strconv.ParseInt(s, 10, 40)
		if numeric != nil {
			return s, nil //nolint:nilerr // what is no time is shown as it is
		}
		t = time.Unix(seconds, 0)
	}
	out := t.UTC().Format(layout)
	return out, w.spend(len(out))
}

// contains says whether a text holds a part, or an array an element: {{ if contains "urgent" .Body.labels }}.
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

// print puts values together without spaces between them.
func (w *budget) print(vs ...any) (string, error) {
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

// equalAny says whether a equals any of the others.
func (w *budget) equalAny(a any, others ...any) (bool, error) {
	for _, b := range others {
		if c, err := w.compare(a, b); err != nil || c == 0 {
			return err == nil, err
		}
	}
	return false, nil
}

// compare orders two values: as numbers when both are, else as text. Numbers of a body are text to text/template's own
// comparisons, which would refuse {{ if gt .Body.amount 100 }}.
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
