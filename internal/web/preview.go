package web

import (
	"cmp"
	"slices"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/filter"
	"github.com/hookyard/hookyard/internal/format"
	"github.com/hookyard/hookyard/signature"
)

// preview shows what a hook would send, and which of the newest events it would select, before it is saved.
type preview struct {
	FilterFault string // why the filter cannot be read, or ""
	Language    string // of the filter, or ""
	Event       *hookyard.Event
	Shaped      *format.Shaped
	Body        bodyView
	Header      []headerLine
	Fault       string
	Events      []previewEvent
	Wanted      int
	Nothing     bool   // the project has no events yet
	OfTypes     bool   // Events are those of the types that the hook selects
	Why         string // why the hook selects none of them, if the reason is the same for all
}

// previewEvent is what the hook would do with an event.
type previewEvent struct {
	Event  *hookyard.Event
	Wanted bool
	Reason string
}

// previewEvents is how many of the newest events a preview reads, of at most previewTypes types, and previewBytes how
// large each may be: every user who types into a form has a set of them in memory.
const (
	previewEvents = 20
	previewBytes  = 256 << 10
	previewTypes  = 10
)

// recentEvents returns the newest events with their bodies, without those that are too large for a preview. With types,
// which may be patterns, it returns only events of these.
func (v *visit) recentEvents(types ...string) ([]*hookyard.Event, error) {
	if len(types) == 0 {
		types = []string{""}
	}
	var found []*hookyard.Event
	for _, name := range types[:min(len(types), previewTypes)] {
		page, err := v.web.o.Store.Events(v.ctx(), hookyard.EventQuery{ProjectKey: v.key(), Type: name,
			Limit: previewEvents})
		if err != nil {
			return nil, err
		}
		found = append(found, page.Events...)
	}
	slices.SortFunc(found, func(a, b *hookyard.Event) int { return cmp.Compare(b.Seq, a.Seq) })
	found = slices.CompactFunc(found, func(a, b *hookyard.Event) bool { return a.Seq == b.Seq })
	var out []*hookyard.Event
	for _, light := range found[:min(len(found), previewEvents)] {
		if light.Size > previewBytes {
			continue
		}
		e, err := v.web.o.Store.Event(v.ctx(), v.key(), light.ID)
		if hookyard.CodeOf(err) == hookyard.NotFound {
			continue // its retention has just ended
		}
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// fillPreview fills the preview of the form.
func (v *visit) fillPreview(f *hookForm) error {
	f.Preview = &preview{}
	h := &hookyard.Hook{
		ID: f.ID, URL: f.URL, Events: f.selector(v.project.Snapshot.Project), Features: words(f.Features), Active: true,
		Format: f.format(), ContentType: f.ContentType, Template: f.Template,
		DataAsBody: f.DataAsBody, Filter: f.Filter,
	}
	events, err := v.eventsFor(h, f.Preview)
	if err != nil {
		return err
	}
	f.Preview.readFilter(h.Filter)
	if f.Preview.Nothing = len(events) == 0; f.Preview.Nothing {
		e := hookyard.NewMeta(v.key(), "test", []byte(`{"message":"No event has come yet, so this is a made-up one"}`),
			time.Now())
		f.Preview.Event = e
	}
	for _, e := range events {
		e.Project = v.project.Snapshot.Project.Path()
		verdict := hookyard.Wants(v.project.Snapshot.Project, h, e, v.web.o.Filter)
		f.Preview.Events = append(f.Preview.Events, previewEvent{e, verdict.Wanted, verdict.Reason})
		if verdict.Wanted {
			f.Preview.Wanted++
		}
		if f.Preview.Event == nil || verdict.Wanted && f.Preview.Wanted == 1 {
			f.Preview.Event = e
		}
	}
	f.Preview.mergeReasons()
	v.renderPreview(f.Preview, h, f.Secret)
	return nil
}

// previewFault returns what is wrong with the filter of a form, which a page shows at the field. The part of a page
// that scripts ask for says it itself.
func (v *visit) previewFault(f *hookForm) error {
	if f.Preview.FilterFault == "" || v.has("part") {
		return nil
	}
	return hookyard.FieldErrorf("filter", "%s", f.Preview.FilterFault)
}

// eventsFor returns the newest events of the types that the hook selects or, if there are none, of all types.
func (v *visit) eventsFor(h *hookyard.Hook, p *preview) ([]*hookyard.Event, error) {
	if !h.Events.All && len(h.Events.Names) > 0 {
		events, err := v.recentEvents(h.Events.Names...)
		if err != nil || len(events) > 0 {
			p.OfTypes = true
			return events, err
		}
	}
	return v.recentEvents()
}

// readFilter fills in the language of the filter or why it cannot be read.
func (p *preview) readFilter(text string) {
	if text == "" {
		return
	}
	program, err := filter.Compile(text)
	if err != nil {
		p.FilterFault = err.Error()
		return
	}
	p.Language = program.Language()
}

// mergeReasons moves the reason of the events to the preview if it is the same for all, as that of an invalid filter
// is.
func (p *preview) mergeReasons() {
	for _, one := range p.Events {
		if one.Reason == "" || one.Reason != p.Events[0].Reason {
			return
		}
	}
	if len(p.Events) < 2 || p.FilterFault != "" {
		return
	}
	p.Why = p.Events[0].Reason
	for i := range p.Events {
		p.Events[i].Reason = ""
	}
}

// renderPreview fills in the request that the receiver would get for the preview's event.
func (v *visit) renderPreview(p *preview, h *hookyard.Hook, secret string) {
	name := v.project.Snapshot.Project.EffectiveFormat(h)
	err := format.Check(h, name)
	var shaped format.Shaped
	if err == nil {
		shaped, err = format.Shape(name, format.Input{Event: p.Event, Hook: h, Project: v.project.Snapshot.Project,
			BaseURL: v.web.o.BaseURL, Now: time.Now()})
	}
	if err == nil && secret != "" {
		err = signature.CheckSecret(secret)
	}
	if err != nil {
		p.Fault = err.Error()
		return
	}
	p.Shaped, p.Body = &shaped, viewBody(shaped.Body, int64(len(shaped.Body)))
	p.Header = headerLines(shaped.Header)
}
