package web

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
	"github.com/hookyard/hookyard/signature"
)

// sourceForm is the form of a source, as it was filled in.
type sourceForm struct {
	Name, Type, Secret, Scheme, Description string
	TypeFrom                                string // sender, text, header, field, or kept: as it is
	TypeName                                string
	Active                                  bool
	Queue, QueueURL                         string
	edition
}

// TypeSources returns the values of the field typeFrom and their labels.
func (f *sourceForm) TypeSources() [][2]string {
	all := [][2]string{{"sender", "the sender’s own"}, {"text", "a fixed text"}, {"header", "a header"},
		{"field", "a field of the body"}}
	if f.TypeFrom == "kept" {
		all = append(all, [2]string{"kept", "what was set through the API"})
	}
	return all
}

// setTypeFrom fills in where a source takes the type of its events from.
func (f *sourceForm) setTypeFrom(s *hookyard.Source) {
	f.TypeFrom = "sender"
	for choice, name := range map[string]string{"text": s.EventType, "header": s.TypeHeader, "field": s.TypeField} {
		switch {
		case name == "":
		case f.TypeFrom != "sender":
			f.TypeFrom, f.TypeName = "kept", ""
			return
		default:
			f.TypeFrom, f.TypeName = choice, name
		}
	}
}

// setType sets where the events get their type from.
func (f *sourceForm) setType(in *control.SourcePatch) error {
	if f.TypeFrom == "kept" {
		return nil
	}
	in.EventType = control.Value("")
	in.TypeHeader = control.Value("")
	in.TypeField = control.Value("")
	var field string
	var to *control.Optional[string]
	switch f.TypeFrom {
	case "text":
		field, to = "eventType", &in.EventType
	case "header":
		field, to = "typeHeader", &in.TypeHeader
	case "field":
		field, to = "typeField", &in.TypeField
	default:
		return nil
	}
	if f.TypeName == "" {
		return hookyard.FieldErrorf(field, "Say which, or let the sender name the type.")
	}
	*to = control.Value(f.TypeName)
	return nil
}

// provider is a type of source in the list to choose from.
type provider struct {
	Name, Title, Setup, Hint string
	NeedsSecret              bool
}

func providerList() []provider {
	var out []provider
	for _, name := range signature.Names() {
		info, _ := signature.Lookup(name)
		out = append(out, provider{name, info.Title, info.Setup, info.SecretHint, info.NeedsSecret})
	}
	out = append(out, provider{Name: "rabbitmq", Title: "RabbitMQ queue",
		Setup: "Give the broker's URL and the name of the queue to read."})
	slices.SortFunc(out, func(a, b provider) int {
		return strings.Compare(strings.ToLower(a.Title), strings.ToLower(b.Title))
	})
	return out
}

// sourcesPage lists the sources, with the form that creates one.
type sourcesPage struct {
	base
	Sources   []*hookyard.Source
	Providers []provider
	Chosen    *provider
	Form      sourceForm
	Refused   []hookyard.Refusal
}

// InURL returns the URL that senders send to.
func (b *base) InURL(s *hookyard.Source) string {
	return b.BaseURL + "/in" + join(b.Project.Owner, b.Project.Name, s.Name)
}

func listSources(v *visit) error {
	f := sourceForm{Type: v.get("type"), Active: true}
	if f.Type != "" {
		f.Name = f.Type
	}
	return v.sources(f, nil)
}

func (v *visit) sources(f sourceForm, fault error) error {
	p := &sourcesPage{Form: f, Providers: providerList()}
	p.Tab = "sources"
	for _, name := range slices.Sorted(maps.Keys(v.project.Snapshot.Sources)) {
		p.Sources = append(p.Sources, v.project.Snapshot.Sources[name])
	}
	for i := range p.Providers {
		if p.Providers[i].Name == f.Type {
			p.Chosen = &p.Providers[i]
		}
	}
	var err error
	if p.Refused, err = v.web.o.Store.Refused(v.ctx(), v.key(), "", 10); err != nil {
		return err
	}
	if fault != nil {
		return v.showInvalid(fault, "Sources", p)
	}
	return v.show(http.StatusOK, "Sources", p)
}

func (v *visit) readSourceForm() sourceForm {
	return sourceForm{
		Name: v.get("name"), Type: v.get("type"), Secret: v.form.Get("secret"), TypeFrom: v.get("typeFrom"),
		TypeName: v.get("typeName"), Scheme: v.get("scheme"),
		Description: v.get("description"), Active: v.has("active"), Queue: v.get("queue"), QueueURL: v.get("queueUrl"),
		edition: v.readEdition(),
	}
}

// patch returns what the form sets. before is the source that is changed, or nil for a new one.
func (f *sourceForm) patch(before *hookyard.Source) (in control.SourcePatch, err error) {
	in = control.SourcePatch{
		Type:        control.Value(f.Type),
		Description: control.Value(f.Description),
		Active:      control.Value(f.Active),
		Scheme:      control.Null[json.RawMessage](),
	}
	faults := []error{f.setType(&in)}
	if f.Secret != "" {
		in.Secret = control.Value(f.Secret)
	}
	if f.Scheme != "" {
		if !json.Valid([]byte(f.Scheme)) {
			faults = append(faults, hookyard.FieldErrorf("scheme", "The scheme is not JSON."))
		}
		in.Scheme = control.Value(json.RawMessage(f.Scheme))
	}
	if f.Type == control.TypeRabbitMQ {
		var q hookyard.QueueSource
		if before != nil && before.RabbitMQ != nil {
			q = *before.RabbitMQ // the form shows some of its settings only
		}
		q.URL, q.Queue = f.QueueURL, f.Queue
		in.RabbitMQ = control.Value(&q)
	}
	in.Revision, err = f.revision()
	return in, errors.Join(append(faults, err)...)
}

func createSource(v *visit) error {
	f := v.readSourceForm()
	f.Active = true
	in, err := f.patch(nil)
	switch {
	case f.Name == "":
		err = errors.Join(hookyard.FieldErrorf("name", "Name the source: the name becomes part of its URL."), err)
	case v.project.Snapshot.Sources[f.Name] != nil:
		err = errors.Join(hookyard.FieldErrorf("name", "There is already a source with this name."), err)
	}
	if err == nil {
		_, _, err = v.project.PutSource(v.ctx(), f.Name, in)
	}
	if err != nil {
		return v.sources(f, err)
	}
	return v.redirect(v.home("sources", f.Name), "created")
}
