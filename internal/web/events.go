package web

import (
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/hookyard/hookyard"
)

// eventsPage lists and searches events. The search is the query of the URL, by the names of the REST API.
type eventsPage struct {
	base
	Query    map[string]string
	Events   hookyard.EventPage
	Older    string // URL of the next page, or ""
	Newest   string // URL of the first page, or "" on that page
	Hooks    []*hookyard.Hook
	Searched bool
	Replay   template.URL // the search as the query of a bulk replay, or "" when there is none for it
}

// eventFields are the fields of the search, by the names of the REST API.
func eventFields() []string {
	return []string{"type", "source", "hook", "state", "since", "until", "tz", "id", "text", "path", "value"}
}

func listEvents(v *visit) error {
	p := &eventsPage{Query: map[string]string{}, Hooks: v.project.View.Hooks}
	p.Tab = "events"
	for _, name := range eventFields() {
		p.Query[name] = v.get(name)
		p.Searched = p.Searched || p.Query[name] != "" && name != "tz"
	}
	q, err := v.eventQuery()
	if err == nil {
		p.Events, err = v.web.o.Store.Events(v.ctx(), q)
	}
	if err != nil {
		return v.showInvalid(err, "Events", p)
	}
	p.Live = q.Before == 0 && p.Query["until"] == ""
	if len(p.Events.Events) > 0 {
		p.Replay = asReplay(p.Query)
	}
	keep := url.Values{}
	for name, value := range p.Query {
		if value != "" {
			keep.Set(name, value)
		}
	}
	if q.Before > 0 {
		p.Newest = "?" + keep.Encode()
	}
	if p.Events.Next > 0 {
		keep.Set("before", strconv.FormatInt(p.Events.Next, 10))
		p.Older = "?" + keep.Encode()
	}
	return v.show(http.StatusOK, "Events", p)
}

// asReplay returns a search as the query of a bulk replay, or "" when that would replay more than was found.
func asReplay(search map[string]string) template.URL {
	out := url.Values{}
	for name, value := range search {
		switch name {
		case "hook", "state", "type", "since", "until", "tz":
			if value != "" {
				out.Set(name, value)
			}
		default:
			if value != "" {
				return ""
			}
		}
	}
	return template.URL(out.Encode())
}

// eventsShown is how many events a page lists.
const eventsShown = 50

func (v *visit) eventQuery() (q hookyard.EventQuery, err error) {
	q = hookyard.EventQuery{
		ProjectKey: v.key(), Limit: eventsShown, ID: v.get("id"), Source: v.get("source"), Type: v.get("type"),
		Text: v.get("text"), Path: v.get("path"), Value: v.get("value"), State: hookyard.State(v.get("state")),
	}
	if b := v.get("before"); b != "" {
		if q.Before, err = strconv.ParseInt(b, 10, 64); err != nil || q.Before <= 0 {
			return q, hookyard.FieldErrorf("before", "The address was cut; begin again from the newest events.")
		}
	}
	if q.Since, err = v.time("since"); err != nil {
		return q, err
	}
	if q.Until, err = v.time("until"); err != nil {
		return q, err
	}
	switch {
	case len(q.Text) > 1000 || len(q.Path) > 200 || len(q.Value) > 1000 || len(q.Type) > 1000:
		return q, hookyard.FieldErrorf("text", "Text, value and type may have 1000 bytes, the path 200.")
	case q.Value != "" && q.Path == "":
		return q, hookyard.FieldErrorf("path",
			"A value needs a path: where in the body it must stand, such as data.order.id.")
	case strings.ContainsAny(q.Path, "#@|*?"):
		return q, hookyard.FieldErrorf("path", "The path names members and positions only, such as data.items.0.sku.")
	}
	switch q.State {
	case "", hookyard.Pending, hookyard.Delivered, hookyard.Failed, hookyard.Skipped, hookyard.Canceled:
	default:
		return q, hookyard.FieldErrorf("state", "There is no such state.")
	}
	if id := v.get("hook"); id != "" {
		h := v.project.View.Hook(id)
		if h == nil {
			return q, hookyard.FieldErrorf("hook", "There is no such hook in this project.")
		}
		q.HookKey = h.Key
	}
	return q, nil
}
