package web

import (
	"bytes"
	"errors"
	"maps"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
)

// resendPage is the form that publishes an event, or a changed copy of one.
type resendPage struct {
	base
	Event *hookyard.Event
	Type  string
	Kind  string // content type
	Body  string
	New   bool // it is no copy
}

// maxEdited is the largest body that can be edited on a page.
const maxEdited = 1 << 20

func editEvent(v *visit) error {
	if v.r.PathValue("id") == "" {
		p := &resendPage{New: true, Type: "order.created", Body: "{\n  \"id\": 1\n}"}
		p.Tab = "events"
		return v.show(http.StatusOK, "Publish an event", p)
	}
	e, err := v.findEvent(v.r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := editable(e); err != nil {
		return err
	}
	p := &resendPage{Event: e, Type: e.Type, Kind: e.ContentType, Body: string(e.Data())}
	p.Tab = "events"
	return v.show(http.StatusOK, "Edit and send", p)
}

// editable returns an error that says why the body of an event cannot be edited on a page, or nil.
func editable(e *hookyard.Event) error {
	if e.Body == nil && e.Size > 0 {
		return hookyard.Errorf(hookyard.Gone,
			"The bytes of this event are past their retention (setting: --retention).")
	}
	if data := e.Data(); len(data) > maxEdited || !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return hookyard.Errorf(hookyard.Invalid,
			"The body of this event is not text, or larger than %d bytes: it cannot be edited here.", maxEdited)
	}
	return nil
}

// sendEdited accepts the event of the form. A copy is published if its original was; else it arrives by the same
// source.
func sendEdited(v *visit) error {
	p := &resendPage{Type: v.get("type"), Kind: v.get("kind"), Body: v.form.Get("body"), New: v.r.PathValue("id") == ""}
	p.Tab = "events"
	title := "Publish an event"
	if !p.New {
		var err error
		if p.Event, err = v.findEvent(v.r.PathValue("id")); err != nil {
			return err
		}
		title = "Edit and send"
	}
	e, err := v.edited(p)
	if err != nil {
		return v.showInvalid(err, title, p)
	}
	if e.Source == hookyard.SourceAPI {
		_, err = v.web.o.Control.Conform(v.ctx(), v.project.Snapshot, []*hookyard.Event{e})
	}
	var receipt hookyard.Receipt
	if err == nil {
		receipt, err = v.web.o.Ingest.Accept(v.ctx(), v.project.Snapshot, e)
	}
	if err != nil {
		return v.showInvalid(err, title, p)
	}
	return v.redirect(v.home("events", receipt.ID), "published")
}

// edited returns the event of the form. An error about no field in particular is about its body.
func (v *visit) edited(p *resendPage) (*hookyard.Event, error) {
	now := time.Now()
	if p.New || p.Event.DataOffset > 0 {
		e, err := hookyard.Publish(hookyard.Publication{Type: p.Type, Data: []byte(strings.TrimSpace(p.Body))}, now,
			v.web.o.Limits)
		var invalid *hookyard.Error
		if errors.As(err, &invalid) && invalid.Code == hookyard.Invalid && invalid.Field == "" {
			return nil, hookyard.FieldErrorf("data", "%s", invalid.Message)
		}
		return e, err
	}
	if p.Type != "" {
		if err := hookyard.CheckType(p.Type, v.web.o.Limits); err != nil {
			return nil, err
		}
	}
	if int64(len(p.Body)) > v.web.o.Limits.Body {
		return nil, hookyard.FieldErrorf("data",
			"The body is %d bytes long, at most %d are allowed (setting: --max-body).", len(p.Body),
			v.web.o.Limits.Body)
	}
	e := hookyard.NewEvent(p.Event.Source, p.Type, []byte(p.Body), now)
	e.Method, e.Target = p.Event.Method, p.Event.Target
	e.ContentType, e.Header = p.Event.ContentType, maps.Clone(p.Event.Header)
	delete(e.Header, "Content-Encoding") // what was typed is not compressed
	return e, nil
}
