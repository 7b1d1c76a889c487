package web

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/signature"
)

// sourceForm is the form of a source, as it was filled in.
type sourceForm struct {
	Name, Type, Secret, EventType, TypeHeader, TypeField, Scheme, Description string
	Active                                                                    bool
	Queue, QueueURL                                                           string
	edition
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
	for _, name := range slices.Sorted(maps.Keys(v.project.View.Sources)) {
		p.Sources = append(p.Sources, v.project.View.Sources[name])
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
		Name: v.get("name"), Type: v.get("type"), Secret: v.form.Get("secret"), EventType: v.get("eventType"),
		TypeHeader: v.get("typeHeader"), TypeField: v.get("typeField"), Scheme: v.get("scheme"),
		Description: v.get("description"), Active: v.has("active"), Queue: v.get("queue"), QueueURL: v.get("queueUrl"),
		edition: v.readEdition(),
	}
}

// settings makes the body for the API.
func (f *sourceForm) settings(fresh bool) (map[string]any, error) {
	out := map[string]any{"type": f.Type, "description": f.Description, "active": f.Active, "eventType": f.EventType,
		"typeHeader": f.TypeHeader, "typeField": f.TypeField}
	if f.Secret != "" {
		out["secret"] = f.Secret
	}
	if f.Scheme != "" {
		if !json.Valid([]byte(f.Scheme)) {
			return nil, hookyard.FieldErrorf("scheme", "The scheme is not JSON.")
		}
		out["scheme"] = json.RawMessage(f.Scheme)
	} else if !fresh {
		out["scheme"] = nil
	}
	if f.Type == "rabbitmq" {
		out["rabbitmq"] = map[string]any{"url": f.QueueURL, "queue": f.Queue}
	}
	return out, nil
}

func createSource(v *visit) error {
	f := v.readSourceForm()
	f.Active = true
	settings, err := f.settings(true)
	if err == nil && v.project.View.Sources[f.Name] != nil {
		err = hookyard.FieldErrorf("name", "There is a source of this name already.")
	}
	if err == nil && f.Name == "" {
		err = hookyard.FieldErrorf("name", "Name the source; the name becomes a part of its address.")
	}
	if err == nil {
		err = v.do(http.MethodPut, settings, nil, "sources", f.Name)
	}
	if err != nil {
		return v.sources(f, err)
	}
	return v.redirect(v.home("sources", f.Name), "created")
}
