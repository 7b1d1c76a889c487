package format

import (
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
)

func TestTemplate(t *testing.T) {
	t.Parallel()
	const data = `{"id":12345678901234567890,"amount":1.50,"title":"a \"b\" <c>","items":[{"name":"x"},` +
		`{"name":"y"}],"labels":["p","q"],"none":null}`
	for _, c := range []struct{ text, want, contentType string }{
		{`{"text": {{ json .Data.title }}}`, `{"text": "a \"b\" <c>"}`, typeJSON},
		{`{{ .Type }} {{ .ID }} {{ .Project }} {{ .Owner }} {{ .Name }} {{ .Source }} {{ .Hook }}`,
			`order.paid evt_01 guest/MyProject guest MyProject api MyWebHook`, typeText},
		{`{{ .Data.id }} {{ .Data.amount }}`, `12345678901234567890 1.50`, typeText},
		{`[{{ range $i, $item := .Data.items }}{{ if $i }},{{ end }}{{ json $item.name }}{{ end }}]`, `["x","y"]`,
			typeJSON},
		{`{{ get "items.1.name" }}{{ range .Data.items }}{{ get "name" . }}{{ end }}{{ get "no.such.9" }}`, `yxy`,
			typeText},
		{`{{ .Data.items }}`, `[{"name":"x"},{"name":"y"}]`, typeJSON},
		{`{{ upper "é" }}{{ lower "A" }}{{ .Data.missing | default "d" }}{{ .Data.none | default "e" }}{{ truncate ` +
			`3 "abcdé" }}`, `Éadeab…`, typeText},
		{`{{ join ", " .Data.labels }} {{ contains "p" .Data.labels }} {{ contains "z" .Data.title }}`,
			`p, q true false`, typeText},
		{`{{ date "2006-01-02" .Time }} {{ date "15:04" 60 }} {{ date "15:04" "no" }}`, `2026-03-04 00:01 no`,
			typeText},
		{`{{ if gt .Data.amount 1 }}more{{ end }}{{ if eq .Data.labels "no" (json .Data.labels) }} eq{{ end }}`,
			`more eq`, typeText},
		{`{{ .Data.missing }}{{ .Header.Missing }}{{ index .Header "X-A" }}`, ``, typeText},
		{`{{ define "a" }}[{{ . }}]{{ end }}{{ template "a" .Type }}`, `[order.paid]`, typeText},
	} {
		in := input(published(t, "order.paid", data))
		in.Hook.Template = c.text
		s, err := Shape(Template, in)
		if err != nil || string(s.Body) != c.want || s.ContentType != c.contentType {
			t.Errorf("%s\n = %s (%s), %v\nwant %s (%s)", c.text, s.Body, s.ContentType, err, c.want, c.contentType)
		}
	}
}

// TestTemplateBody: of a published event .Data is the data and .Body the whole body, as in filters and in the API,
// except in the templates of hooks that were made before there was .Data.
func TestTemplateBody(t *testing.T) {
	t.Parallel()
	const data = `{"n": 1}`
	event := published(t, "order.paid", data)
	for _, c := range []struct {
		text, want string
		dataAsBody bool
	}{
		{`{{ json .Data }}`, `{"n":1}`, false},
		{`{{ .Body.type }} {{ .Body.data.n }} {{ .Body.n }}{{ get "n" }}`, `order.paid 1 1`, false},
		{`{{ json .Body }}{{ json .Data }}{{ get "n" . }}`, `{"n":1}{"n":1}1`, true},
	} {
		in := input(event)
		in.Hook.Template, in.Hook.DataAsBody = c.text, c.dataAsBody
		s, err := Shape(Template, in)
		if err != nil || string(s.Body) != c.want {
			t.Errorf("%s = %s, %v; want %s", c.text, s.Body, err, c.want)
		}
	}
	in := input(inbound("x", "application/json", `{"data":{"n":1}}`))
	in.Hook.Template = `{{ .Body.data.n }}{{ .Data.data.n }}`
	if s, err := Shape(Template, in); err != nil || string(s.Body) != "11" {
		t.Errorf("of a received event: %s, %v", s.Body, err)
	}
}

// TestTemplateContentType holds that no event turns JSON into text, and that a hook can choose text for all events.
func TestTemplateContentType(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, setting, title, want string }{
		{`{"text": "{{ .Data.title }}"}`, "", "plain", typeJSON},
		{`{"text": "{{ .Data.title }}"}`, "", `a \"quote\"`, ""},
		{`{"text": "{{ .Data.title }}"}`, "text", `a \"quote\"`, typeText},
		{`["{{ .Data.title }}"]`, "json", `a \"quote\"`, ""},
		{`[ {{ .Data.title }} ]`, "", `plain`, ""},
		{`[{{ json .Data.title }}]`, "", `a \"quote\"`, typeJSON},
		{`[info] {{ .Data.title }}`, "", `a \"quote\"`, typeText},
		{`{{ .Data.title }}`, "", "plain", typeText},
		{`{{ .Data.title }}`, "", "7", typeJSON},
		{`{{ .Data.title }}`, "text", "7", typeText},
	} {
		in := input(published(t, "order.paid", `{"title": "`+c.title+`"}`))
		in.Hook.Template, in.Hook.ContentType = c.text, c.setting
		if err := Check(in.Hook, Template); err != nil {
			t.Errorf("%s: %v", c.text, err)
		}
		s, err := Shape(Template, in)
		if s.ContentType != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s, contentType %q, title %s: %s (%s), %v; want %s", c.text, c.setting, c.title, s.Body,
				s.ContentType, err, c.want)
		}
	}
}

func TestTemplateBodies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ contentType, body, want string }{
		{"application/x-www-form-urlencoded", "a=1&b=2", `{"a":"1","b":"2"}`},
		{"application/x-www-form-urlencoded", "payload=%7B%22a%22%3A1%7D", `{"a":1}`},
		{"text/plain", "hi", `"hi"`},
		{"application/json", "{", `"{"`},
	} {
		in := input(inbound("x", c.contentType, c.body))
		in.Hook.Template = "{{ json .Body }}"
		s, err := Shape(Template, in)
		if err != nil || string(s.Body) != c.want {
			t.Errorf("%s %s = %s, %v; want %s", c.contentType, c.body, s.Body, err, c.want)
		}
	}
}

// hostileTemplates would run for minutes or exhaust memory without the budget.
func hostileTemplates() []string {
	return []string{
		`{{ range 9999999999 }}{{ end }}`,
		`{{ range 1000000 }}{{ range 1000000 }}{{ range 1000000 }}{{ end }}{{ end }}{{ end }}`,
		`{{ range $.Data.list }}{{ range $.Data.list }}{{ range $.Data.list }}{{ if false }}x{{ end }}{{ end }}{{ ` +
			`end }}{{ end }}`,
		`{{ range 1000000 }}0123456789012345678901234567890123456789{{ end }}`,
		`{{ $x := "ab" }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}`,
		`{{ range 99999 }}{{ range $.Data.list }}{{ break }}{{ end }}{{ end }}`,
		strings.Repeat(`{{ $a := json .Body }}`, 2900),
		doubling(40),
	}
}

// doubling returns templates each of which calls the next twice.
func doubling(n int) string {
	name := func(i int) string { return `"` + strings.Repeat("a", i+1) + `"` }
	var b strings.Builder
	for i := range n {
		b.WriteString(`{{ define ` + name(i) + ` }}{{ template ` + name(i+1) + ` }}{{ template ` + name(i+1) +
			` }}{{ end }}`)
	}
	return b.String() + `{{ define ` + name(n) + ` }}{{ end }}{{ template ` + name(0) + ` }}`
}

func TestHostileTemplatesStop(t *testing.T) {
	t.Parallel()
	list := `{"list":[` + strings.Repeat(`"0123456789",`, 2000) + `1]}`
	for _, text := range hostileTemplates() {
		in := input(published(t, "x", list))
		in.Hook.Template = text
		start := time.Now()
		_, err := Shape(Template, in)
		if hookyard.CodeOf(err) != hookyard.Invalid {
			t.Errorf("%.60s: %v, want it refused", text, err)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%.60s took %s", text, took)
		}
	}
}

func TestTemplateRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, says string }{
		{``, "empty"},
		{`{{ define "a" }}{{ template "a" }}{{ end }}{{ template "a" }}`, "calls itself"},
		{`{{ define "a" }}{{ if .x }}{{ template "b" }}{{ end }}{{ end }}{{ define "b" }}{{ range 3 }}{{ template ` +
			`"a" }}{{ end }}{{ end }}`, "calls itself"},
		{`{{ template "nobody" }}`, "not defined"},
		{`{{ nosuch 1 }}`, "nosuch"},
		{`{{ if }}`, "missing value"},
		{`hi {{ .Event.Type }}`, "there are .Type"},
		{`{{ with .Type }}{{ $.type }}{{ end }}`, "can't evaluate field type; there are"},
	} {
		err := Check(&hookyard.Hook{Template: c.text}, Template)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want it to say %q", c.text, err, c.says)
		}
	}
	for _, text := range []string{`{{ .Body.a.b }}{{ .Body.Event }}`, `{{ if .Body.x }}{{ .Header.A }}{{ end }}`,
		`{{ index .Body.items 3 }}`, `{{ range .Body.list }}{{ .name }}{{ end }}`} {
		if err := Check(&hookyard.Hook{Template: text}, Template); err != nil {
			t.Errorf("%s: %v; another event may have what one without data has not", text, err)
		}
	}
	for _, text := range []string{`{{ printf "%999999999d" 1 }}`, `{{ call .Type }}`, `{{ js "x" }}`, `{{ . }}`,
		`{{ .Header.Set "a" "b" }}`, `{{ .Body.a.b.c }}`} {
		in := input(published(t, "x", `{}`))
		in.Hook.Template = text
		if s, err := Shape(Template, in); hookyard.CodeOf(err) != hookyard.Invalid {
			t.Errorf("%s = %s, %v; want it refused", text, s.Body, err)
		}
	}
}

// TestTemplateRequest checks that a template sees the request that was received.
func TestTemplateRequest(t *testing.T) {
	t.Parallel()
	e := &hookyard.Event{ID: "evt_1", Type: "in", Method: "GET", Target: "/status/7?Sid=SM1&b=2"}
	got, err := Shape(Template, Input{Event: e, Project: &hookyard.Project{}, Hook: &hookyard.Hook{
		Template: `{{.Method}} {{.Path}} {{.Query.Sid}} {{len .Query}}`}})
	if want := "GET /status/7 SM1 2"; err != nil || string(got.Body) != want {
		t.Errorf("%q, %v; want %q", got.Body, err, want)
	}
}
