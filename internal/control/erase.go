package control

import (
	"context"
	"errors"
	"strings"

	"github.com/hookyard/hookyard"
)

// Erased is what was erased, or would be.
type Erased struct {
	Events   int
	Canceled int    // deliveries that were pending; not known beforehand
	Next     int64  // where the search goes on (Before), 0 at its end
	In       string // where Find was looked for; to go on, give it again
}

// Bounds on what one transaction erases.
const (
	eraseEvents = 100
	eraseBytes  = 32 << 20 // of bodies, unless one is larger
)

// EraseEvent deletes an event with all that is kept of it, and cancels its pending deliveries.
func (p *Project) EraseEvent(ctx context.Context, id string) (Erased, error) {
	ctx, err := p.change(ctx, hookyard.RoleAdmin)
	if err != nil {
		return Erased{}, err
	}
	e, err := p.c.store.EventMeta(ctx, p.Key(), id)
	if errors.Is(err, hookyard.ErrNotFound) {
		return Erased{}, noSuchEvent(id)
	}
	if err != nil {
		return Erased{}, err
	}
	var out Erased
	out.Events, out.Canceled, err = p.c.store.EraseEvents(ctx, p.Key(), []int64{e.Seq}, e.ID, "")
	if err == nil && out.Events == 0 { // another was quicker
		return Erased{}, noSuchEvent(id)
	}
	return out, err
}

// EraseEvents erases the events of one page of a search; its caller goes on with Next. A search that selects nothing
// erases every event of the project, and what is kept of refused requests, if all is true, and else fails with
// Invalid. With dryRun it only counts.
func (p *Project) EraseEvents(ctx context.Context, q EventSearch, all, dryRun bool) (Erased, error) {
	ctx, err := p.change(ctx, hookyard.RoleAdmin)
	if err != nil {
		return Erased{}, err
	}
	selectors := q.selectors()
	switch {
	case selectors == "" && !all:
		return Erased{}, hookyard.FieldErrorf("all", "say which events to erase, or set all to erase every event of "+
			"the project")
	case selectors != "" && all:
		return Erased{}, hookyard.FieldErrorf("all", "all erases every event: leave the rest of the search away")
	}
	q.Bodies = false
	page, err := p.Events(ctx, q)
	if err != nil {
		return Erased{}, err
	}
	out := Erased{Next: page.Next, In: page.In}
	if dryRun {
		out.Events = len(page.Events)
		return out, nil
	}
	for left := page.Events; len(left) > 0; {
		n, bytes := 0, int64(0)
		var seqs []int64
		for ; n < len(left) && n < eraseEvents && (n == 0 || bytes+left[n].Size <= eraseBytes); n++ {
			bytes += left[n].Size
			seqs = append(seqs, left[n].Seq)
		}
		left = left[n:]
		erased, canceled, err := p.c.store.EraseEvents(ctx, p.Key(), seqs, "search", selectors)
		out.Events, out.Canceled = out.Events+erased, out.Canceled+canceled
		if err != nil {
			return out, err
		}
	}
	if all && page.Next == 0 {
		err = p.c.store.EraseRefused(ctx, p.Key())
	}
	return out, err
}

// selectors names what narrows a search, for the audit log: values that may be content are left out. It is empty if
// nothing does.
func (q *EventSearch) selectors() string {
	var b strings.Builder
	add := func(name, value string) {
		if value == "" {
			return
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(name + " " + hookyard.CleanLine(value, 100))
	}
	const hidden = hookyard.Masked
	add("type", q.Type)
	add("channel", q.Channel)
	add("source", q.Source)
	add("hook", q.Hook)
	add("state", string(q.State))
	add("id", q.ID)
	if !q.Since.IsZero() {
		add("since", q.Since.UTC().Format("2006-01-02T15:04:05Z"))
	}
	if !q.Until.IsZero() {
		add("until", q.Until.UTC().Format("2006-01-02T15:04:05Z"))
	}
	if q.Text != "" || q.Find != "" {
		add("text", hidden)
	}
	for _, f := range q.Fields {
		path := f.Path
		if path == "" {
			path = "field"
		}
		add(path, hidden)
	}
	return b.String()
}
