package web

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/signature"
)

// sourceForm is what stands in the form of a source.
type sourceForm struct {
	Name, Type, Secret, EventType, TypeHeader, TypeField, Scheme, Description string
	Active                                                                    bool
	Queue, QueueURL                                                           string
	edition
}

// provider is a kind of source to choose.
type provider struct {
	Name, Title, Setup, Hint string
	NeedsSecret              bool
}

func providerList() []provider {
	var out []provider
	for _, name := range signature.Types() {
		info, _ := signature.Describe(name)
		out = append(out, provider{name, info.Title, info.Setup, info.SecretHint, info.NeedsSecret})
	}
	out = append(out, provider{Name: "rabbitmq", Title: "RabbitMQ queue",
		Setup: "Give the broker's URL and the name of the queue to read."})
	slices.SortFunc(out, func(a, b provider) int {
		return strings.Compare(strings.ToLower(a.Title),
			strings.ToLower(b.Title))
	})
	return out
}

// sourcesPage lists the ways in.
type sourcesPage struct {
	base
	Sources   []*hookyard.Source
	Providers []provider
	Chosen    *provider
	Form      sourceForm
	Refused   []hookyard.Refusal
}

// InURL is the address that senders are given.
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
	for _, name := range slices.Sorted(maps.Keys(v.view.Sources)) {
		p.Sources = append(p.Sources, v.view.Sources[name])
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
		return v.again(fault, "Sources", p)
	}
	return v.show(http.StatusOK, "Sources", p)
}

func (v *visit) readSourceForm() sourceForm {
	return sourceForm{
		Name: v.get("name"), Type: v.get("type"), Secret: v.form.Get("secret"), EventType: v.get("eventType"),
		TypeHeader: v.get("typeHeader"),
		TypeField:  v.get("typeField"), Scheme: v.get("scheme"), Description: v.get("description"),
		Active: v.has("active"),
		Queue:  v.get("queue"), QueueURL: v.get("queueUrl"), edition: v.readEdition(),
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

func makeSource(v *visit) error {
	f := v.readSourceForm()
	f.Active = true
	settings, err := f.settings(true)
	if err == nil && v.view.Sources[f.Name] != nil {
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
	return v.see(v.home("sources", f.Name), "created")
}

// sourcePage is a way in: what to paste where, and what was refused.
type sourcePage struct {
	base
	Source  *hookyard.Source
	Info    provider
	Form    sourceForm
	Refused []refusal
	Secret  string
	Typed   bool // Form is what somebody typed
}

// refusal is a request that was not accepted.
type refusal struct {
	hookyard.Refusal
	Header []headerLine
	Body   bodyView
}

func showSource(v *visit) error { return v.source(&sourcePage{Secret: v.once()}, nil) }

func (v *visit) source(p *sourcePage, fault error) error {
	s := v.view.Sources[v.r.PathValue("name")]
	if s == nil {
		return hookyard.Errorf(hookyard.NotFound, "There is no such source in this project.")
	}
	p.Tab, p.Source = "sources", s
	for _, one := range providerList() {
		if one.Name == s.Type {
			p.Info = one
		}
	}
	if !p.Typed {
		p.Form = sourceForm{Name: s.Name, Type: s.Type, EventType: s.EventType, TypeHeader: s.TypeHeader,
			TypeField: s.TypeField,
			Scheme:    string(s.Scheme), Description: s.Description, Active: s.Active, edition: editionOf(s.Revision)}
		if p.Form.Scheme == "null" {
			p.Form.Scheme = "" // so the database has none
		}
		if s.RabbitMQ != nil {
			p.Form.Queue, p.Form.QueueURL = s.RabbitMQ.Queue, hideURL(s.RabbitMQ.URL)
		}
	}
	found, err := v.web.o.Store.Refused(v.ctx(), v.key(), s.Name, 20)
	if err != nil {
		return err
	}
	for _, r := range found {
		p.Refused = append(p.Refused, refusal{r, headerLines(hookyard.DecodeHeader(r.Header)),
			viewBody(r.Body, int64(len(r.Body)))})
	}
	if fault != nil {
		return v.again(fault, s.Name, p)
	}
	return v.show(http.StatusOK, s.Name, p)
}

func changeSource(v *visit) error {
	name := v.r.PathValue("name")
	switch v.get("do") {
	case "delete":
		if err := v.do(http.MethodDelete, nil, nil, "sources", name); err != nil {
			return err
		}
		return v.see(v.home("sources"), "deleted")
	case "rotate":
		var made client.NewSecret
		if err := v.do(http.MethodPost, map[string]any{}, &made, "sources", name, "rotate-secret"); err != nil {
			return v.source(&sourcePage{}, err)
		}
		return v.reveal(v.home("sources", name), made.Secret, "")
	case "update", "overwrite":
		return saveSource(v, name)
	}
	return hookyard.Errorf(hookyard.Invalid, "The form does not say what to do.")
}

func saveSource(v *visit, name string) error {
	f := v.readSourceForm()
	f.Name = name
	if s := v.view.Sources[name]; s != nil {
		f.Type = s.Type
	}
	settings, err := f.settings(false)
	if err == nil {
		err = v.doAt(f.Revision, http.MethodPatch, settings, "sources", name)
	}
	if err == nil {
		return v.see(v.home("sources", name), "saved")
	}
	if err := v.renew(); err != nil {
		return err
	}
	s := v.view.Sources[name]
	if s == nil {
		return v.sources(f, hookyard.FieldErrorf("name",
			"The source was deleted meanwhile. What you typed is below: adding it makes the source again."))
	}
	f.overtaken(err, s.Revision)
	return v.source(&sourcePage{Form: f, Typed: true}, err)
}
