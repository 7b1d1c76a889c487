package web

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
	"github.com/hookyard/hookyard/signature"
)

// sourcePage shows a source: how to set up its sender, and which requests were refused.
type sourcePage struct {
	base
	Source  *hookyard.Source
	Info    provider
	Form    sourceForm
	Refused []refusal
	Kept    int // rejected requests in all

	Rechecked []control.Rechecked // of the requests that were just checked again
	Secret    string
	Typed     bool // Form holds what the user typed
	Types     []provider
	Open      bool // requests are not verified
}

// Accepted are those of Rechecked that are events now.
func (p *sourcePage) Accepted() []control.Rechecked {
	return slices.DeleteFunc(slices.Clone(p.Rechecked), func(r control.Rechecked) bool { return r.Reason != "" })
}

// refusal is a request to the source that was not accepted.
type refusal struct {
	hookyard.Refusal
	Header []headerLine
	Body   bodyView
}

func showSource(v *visit) error { return v.source(&sourcePage{Secret: v.onceSecret()}, nil) }

func (v *visit) source(p *sourcePage, fault error) error {
	s, err := v.project.Source(v.r.PathValue("name"))
	if err != nil {
		return hookyard.Errorf(hookyard.NotFound, "There is no such source in this project.")
	}
	p.Tab, p.Source = "sources", s
	p.Open = s.Type == signature.None
	for _, one := range providerList() {
		if one.Name == s.Type {
			p.Info = one
		}
		if one.Name != control.TypeRabbitMQ {
			p.Types = append(p.Types, one)
		}
	}
	if !p.Typed {
		p.Form = sourceForm{
			Name: s.Name, Type: s.Type,
			Scheme: string(s.Scheme), Description: s.Description, Active: s.Active, edition: editionOf(s.Revision),
		}
		p.Form.setTypeFrom(s)
		if p.Form.Scheme == "null" {
			p.Form.Scheme = "" // how the store keeps a source without a scheme
		}
		if s.RabbitMQ != nil {
			p.Form.Queue, p.Form.QueueURL = s.RabbitMQ.Queue, hookyard.MaskURL(s.RabbitMQ.URL)
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
	keys, err := v.web.o.Store.RefusedKeys(v.ctx(), v.key(), s.Name)
	if err != nil {
		return err
	}
	p.Kept = len(keys)
	if fault != nil {
		return v.showInvalid(fault, s.Name, p)
	}
	return v.show(http.StatusOK, s.Name, p)
}

func sourceAction(v *visit) error {
	name := v.r.PathValue("name")
	switch v.get("do") {
	case "delete":
		if err := v.project.DeleteSource(v.ctx(), name, 0); err != nil {
			return err
		}
		return v.redirect(v.home("sources"), "deleted")
	case "rotate":
		in, err := v.rotation()
		if err != nil {
			return v.source(&sourcePage{}, err)
		}
		secret, err := v.project.RotateSourceSecret(v.ctx(), name, in)
		if err != nil {
			return v.source(&sourcePage{}, err)
		}
		return v.showOnce(v.home("sources", name), secret, "")
	case "recheck", "recheck-all":
		return recheckSource(v, name)
	case "update", "overwrite":
		return updateSource(v, name)
	}
	return hookyard.Errorf(hookyard.Invalid, "The form does not say what to do.")
}

// Stopped is why the last of Rechecked were not checked, or "".
func (p *sourcePage) Stopped() string {
	for _, r := range p.Rechecked {
		if r.Reason != "" && !r.Checked {
			return r.Reason
		}
	}
	return ""
}

// recheckSource checks the chosen rejected requests again, or all.
func recheckSource(v *visit, name string) error {
	var keys []int64
	if v.get("do") == "recheck" {
		for _, text := range v.form["id"] {
			key, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return v.source(&sourcePage{}, hookyard.FieldErrorf("id", "The form names no rejected request."))
			}
			keys = append(keys, key)
		}
		if len(keys) == 0 {
			return v.source(&sourcePage{}, hookyard.FieldErrorf("id", "Choose the requests to check again."))
		}
	} else if !v.has("confirm") {
		return v.askToRecheck(name)
	}
	done, err := v.project.Recheck(v.ctx(), name, keys)
	if err != nil {
		return v.source(&sourcePage{}, err)
	}
	return v.source(&sourcePage{Rechecked: done}, nil)
}

// askToRecheck asks before all rejected requests are checked again: those that pass are sent to the receivers.
func (v *visit) askToRecheck(name string) error {
	if v.project.Snapshot.Sources[name] == nil {
		return v.source(&sourcePage{}, nil)
	}
	keys, err := v.web.o.Store.RefusedKeys(v.ctx(), v.key(), name)
	if err != nil {
		return err
	}
	here := v.home("sources", name)
	p := &confirmPage{Count: len(keys), Fields: map[string]string{"do": "recheck-all"}, To: here, Back: here,
		Button: "Check " + plural(len(keys), "request") + " again",
		Lines: []string{"This checks " + plural(len(keys), "rejected request") + " with the current settings. " +
			"Each that passes becomes an event and is sent to the hooks that want it."},
		Nothing: "The source has no rejected requests."}
	p.Tab = "sources"
	return v.show(http.StatusOK, "Check all rejected requests again?", p)
}

func updateSource(v *visit, name string) error {
	f := v.readSourceForm()
	f.Name = name
	before := v.project.Snapshot.Sources[name]
	if before != nil && f.Type == "" {
		f.Type = before.Type
	}
	in, err := f.patch(before)
	if err == nil {
		_, err = v.project.UpdateSource(v.ctx(), name, in)
	}
	if err == nil {
		return v.redirect(v.home("sources", name), "saved")
	}
	if err := v.project.Reload(v.ctx()); err != nil {
		return err
	}
	s := v.project.Snapshot.Sources[name]
	if s == nil {
		return v.sources(f, hookyard.FieldErrorf("name",
			"The source has been deleted. What you typed is still below: add it to create the source again."))
	}
	f.noteConflict(err, s.Revision)
	return v.source(&sourcePage{Form: f, Typed: true}, err)
}
