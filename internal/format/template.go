package format

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
	"time"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
)

// templateData is the dot of a template. Its exported fields and methods do not allow changes to the event: Header is a
// copy, with one value for each name, because http.Header has methods that modify it.
type templateData struct {
	Type    string
	ID      string
	Time    string // RFC 3339, UTC
	Project string // owner/name
	Owner   string
	Name    string
	Source  string
	Hook    string // id of the hook
	Header  map[string]string
	Method  string            // of the received request, or ""
	Path    string            // after the source in its URL, or ""
	Query   map[string]string // the first value of each parameter

	in   Input
	data *any // decoded; nil until it is used
	body *any
}

// Data returns the data of the event, decoded on first use: JSON with numbers that keep all digits, the JSON in a form
// or its fields, or text. It fails for a body that is too large to be decoded.
func (d *templateData) Data() (any, error) {
	return d.decodeOnce(".Data", &d.data, func() any { return decodeData(d.in.Event) })
}

// Body returns the whole body, decoded as Data, which differs for published events only. In the template of a hook that
// says so it is Data.
func (d *templateData) Body() (any, error) {
	e := d.in.Event
	if e.DataOffset == 0 || d.in.Hook.DataAsBody {
		return d.Data()
	}
	return d.decodeOnce(".Body", &d.body, func() any { return decode(e.Body) })
}

// decodeOnce returns what into holds, which decoded returns on first use. name is what the template uses.
func (d *templateData) decodeOnce(name string, into **any, decoded func() any) (any, error) {
	if why := d.in.tooLarge(); why != "" {
		return nil, hookyard.FieldErrorf("template", "template uses %s, but %s", name, why)
	}
	if *into == nil {
		v := decoded()
		*into = &v
	}
	return **into, nil
}

func decodeData(e *hookyard.Event) any {
	if data, ok := jsonData(e); ok {
		return decode(data)
	}
	if doc := e.Payload(); isForm(e) && json.Valid(doc) {
		return decode(doc)
	}
	return string(hookyard.Text(e.ContentType, e.Data()))
}

// decode decodes valid JSON with numbers as json.Number.
func decode(data []byte) any {
	var v any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return nil
	}
	return v
}

// shapeTemplate executes the template of the hook for the event. The content type is that of text if the hook says so,
// else of JSON if the result is valid JSON, else of text. A template that begins as JSON must yield it: a quote in the
// event would otherwise turn the request into text that its receiver cannot read.
func shapeTemplate(in Input) (Shaped, error) {
	work := newBudget()
	t, err := parseTemplate(in.Hook.Template, work)
	if err != nil {
		return Shaped{}, err
	}
	out := &cappedBuffer{}
	work.root = newTemplateData(in)
	if err := t.Execute(out, work.root); err != nil {
		return Shaped{}, hookyard.FieldErrorf("template", "%s", templateMessage(err))
	}
	body := out.buf.Bytes()
	if in.Hook.ContentType == contentText {
		return Shaped{Body: body, ContentType: typeText}, nil
	}
	if utf8.Valid(body) && json.Valid(body) {
		return Shaped{Body: body, ContentType: typeJSON}, nil
	}
	if beginsAsJSON(in.Hook.Template) {
		const depth = 1000
		why := hookyard.CheckJSON(body, depth)
		return Shaped{}, hookyard.FieldErrorf("template", "the template begins as JSON and its result is not (%v): "+
			"write a value as {{json .Data.name}}, without quotes around it, or set contentType to \"text\"", why)
	}
	return Shaped{Body: body, ContentType: typeText}, nil
}

// beginsAsJSON reports whether a template begins with the brace of a JSON object, and not of an action, or with an
// array that begins with a string, an object, an array or an action. Other text may begin with a bracket, too.
func beginsAsJSON(text string) bool {
	text = strings.TrimSpace(text)
	if inner, ok := strings.CutPrefix(text, "["); ok {
		inner = strings.TrimSpace(inner)
		return inner != "" && strings.ContainsAny(inner[:1], "[{\"")
	}
	return strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "{{")
}

func newTemplateData(in Input) *templateData {
	e := in.Event
	d := &templateData{
		Type: e.Type, ID: e.ID, Time: happened(e).UTC().Format(time.RFC3339Nano),
		Project: in.Project.Path(), Owner: in.Project.Owner, Name: in.Project.Name,
		Source: e.Source, Hook: in.Hook.ID, Method: e.Method,
		Path: e.Path(), Query: e.Query(), Header: make(map[string]string, len(e.Header)), in: in,
	}
	for name, values := range e.Header {
		if len(values) > 0 && !hookyard.IsSensitive(name) {
			d.Header[http.CanonicalHeaderKey(name)] = values[0]
		}
	}
	return d
}

// checkTemplate parses the text as for a delivery and executes it for an event without data. It ignores most errors of
// execution, because other events have data, but not a field that no event has.
func checkTemplate(text string) error {
	work := newBudget()
	t, err := parseTemplate(text, work)
	if err != nil {
		return err
	}
	e := &hookyard.Event{ID: "evt", Type: "test", Source: hookyard.SourceAPI}
	work.root = newTemplateData(Input{Event: e, Project: &hookyard.Project{Owner: "owner", Name: "name"},
		Hook: &hookyard.Hook{ID: "hook"}})
	if err := t.Execute(&cappedBuffer{}, work.root); err != nil && strings.Contains(err.Error(), noSuchField) {
		return hookyard.FieldErrorf("template", "%s", templateMessage(err))
	}
	return nil
}

// parseTemplate parses the text and bounds its execution. A running text/template cannot be canceled: it ends early
// only if a function or its writer fails. So each block gets a first action that spends budget, which ends nested
// ranges and ranges over huge numbers even without output. Each printed value passes a function that spends budget,
// each builtin that produces text is replaced by one that does, and recursive templates are refused.
func parseTemplate(text string, work *budget) (*template.Template, error) {
	if strings.TrimSpace(text) == "" {
		return nil, hookyard.FieldErrorf("template",
			"template is empty: format template needs the text of a Go template")
	}
	if len(text) > maxTemplate {
		return nil, hookyard.FieldErrorf("template", "template is %d bytes long, at most %d are allowed", len(text),
			maxTemplate)
	}
	t, err := template.New("template").Option("missingkey=zero").Funcs(work.functions()).Parse(text)
	if err != nil {
		return nil, hookyard.FieldErrorf("template", "%s", templateMessage(err))
	}
	calls := map[string][]string{}
	for _, one := range t.Templates() {
		i := instrument{template: one.Name(), calls: calls}
		i.list(one.Root)
	}
	for _, names := range calls {
		for _, name := range names {
			if t.Lookup(name) == nil {
				return nil, hookyard.FieldErrorf("template", "template %q is called and not defined", name)
			}
		}
	}
	if name := cycle(calls); name != "" {
		return nil, hookyard.FieldErrorf("template", "template %q calls itself; recursion is not allowed", name)
	}
	return t, nil
}

// templateMessage returns the text of an error of text/template without its prefix, or the message of a *hookyard.Error
// from a function.
func templateMessage(err error) string {
	var own *hookyard.Error
	if errors.As(err, &own) {
		return own.Message
	}
	text := strings.TrimPrefix(err.Error(), "template: ")
	if place, ok := strings.CutSuffix(text, noSuchField); ok {
		text = place + "; there are .Type, .ID, .Time, .Project, .Owner, .Name, .Source, .Hook, .Method, .Path, " +
			".Query, .Header, .Data and .Body"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// noSuchField is the end of text/template's error about a field that templateData does not have.
const noSuchField = " in type *format.templateData"

// instrument adds budget actions to one parsed template and records which others it calls.
type instrument struct {
	template string
	calls    map[string][]string
}

func (i *instrument) list(l *parse.ListNode) {
	if l == nil {
		return
	}
	for _, n := range l.Nodes {
		i.node(n)
	}
	l.Nodes = append([]parse.Node{call("tick")}, l.Nodes...)
}

func (i *instrument) node(n parse.Node) {
	switch n := n.(type) {
	case *parse.ActionNode:
		if len(n.Pipe.Decl) == 0 {
			n.Pipe.Cmds = append(n.Pipe.Cmds, call("show").Pipe.Cmds...)
		}
	case *parse.IfNode:
		i.list(n.List)
		i.list(n.ElseList)
	case *parse.WithNode:
		i.list(n.List)
		i.list(n.ElseList)
	case *parse.RangeNode:
		i.list(n.List)
		i.list(n.ElseList)
	case *parse.TemplateNode:
		i.calls[i.template] = append(i.calls[i.template], n.Name)
	}
}

// call returns the action {{name}}.
func call(name string) *parse.ActionNode {
	identifier := parse.NewIdentifier(name)
	command := &parse.CommandNode{NodeType: parse.NodeCommand, Args: []parse.Node{identifier}}
	pipe := &parse.PipeNode{NodeType: parse.NodePipe, Cmds: []*parse.CommandNode{command}}
	return &parse.ActionNode{NodeType: parse.NodeAction, Pipe: pipe}
}

// cycle returns the name of a template that can call itself, or "".
func cycle(calls map[string][]string) string {
	const busy, done = 1, 2
	state := map[string]int{}
	var visit func(name string) string
	visit = func(name string) string {
		state[name] = busy
		for _, next := range calls[name] {
			if state[next] == busy {
				return next
			}
			if state[next] == done {
				continue
			}
			if found := visit(next); found != "" {
				return found
			}
		}
		state[name] = done
		return ""
	}
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		if state[name] != 0 {
			continue
		}
		if found := visit(name); found != "" {
			return found
		}
	}
	return ""
}

// Limits on the execution of a template. Because they count work and not time, a template that exceeds them does so on
// every machine and at every attempt. The deadline bounds what the counts miss.
const (
	maxTemplate = 64 << 10
	maxOutput   = 1 << 20
	maxSteps    = 100_000  // blocks entered, values printed, functions called
	maxBytes    = 16 << 20 // bytes that functions read or produced
	maxTime     = 2 * time.Second
)

// budget is the remaining budget of one execution. It is not safe for concurrent use.
type budget struct {
	steps    int
	bytes    int
	deadline time.Time
	root     *templateData // the default for get
}

func newBudget() *budget {
	return &budget{steps: maxSteps, bytes: maxBytes, deadline: time.Now().Add(maxTime)}
}

// spend takes one step and n bytes from the budget. It fails if the budget is exhausted.
func (w *budget) spend(n int) error {
	w.steps--
	w.bytes -= n
	switch {
	case w.steps < 0:
		return hookyard.FieldErrorf("template", "template takes more than %d steps with this event", maxSteps)
	case w.bytes < 0:
		return hookyard.FieldErrorf("template", "template handles more than %d bytes of text with this event", maxBytes)
	case time.Now().After(w.deadline):
		return hookyard.FieldErrorf("template", "template takes longer than %s with this event",
			hookyard.FormatDuration(maxTime))
	}
	return nil
}

// cappedBuffer is a buffer whose Write fails beyond maxOutput.
type cappedBuffer struct{ buf bytes.Buffer }

func (c *cappedBuffer) Write(p []byte) (int, error) {
	if c.buf.Len()+len(p) > maxOutput {
		return 0, hookyard.FieldErrorf("template", "template writes more than %d bytes with this event", maxOutput)
	}
	return c.buf.Write(p)
}
