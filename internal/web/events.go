package web

import (
	"html/template"
	"net/http"
	"net/url"
	"strconv"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
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
	p := &eventsPage{Query: map[string]string{}, Hooks: v.project.Snapshot.Hooks}
	p.Tab = "events"
	for _, name := range eventFields() {
		p.Query[name] = v.get(name)
		p.Searched = p.Searched || p.Query[name] != "" && name != "tz"
	}
	q, err := v.eventSearch()
	if err == nil {
		p.Events, err = v.project.Events(v.ctx(), q)
	}
	if err != nil {
		return v.showInvalid(searchFault(err), "Events", p)
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

// eventSearch reads the search in the URL.
func (v *visit) eventSearch() (q control.EventSearch, err error) {
	q.EventQuery = hookyard.EventQuery{
		Limit: eventsShown, ID: v.get("id"), Source: v.get("source"), Type: v.get("type"), Text: v.get("text"),
		State: hookyard.State(v.get("state")),
	}
	if err := q.RequireFields(v.form); err != nil {
		return q, err
	}
	q.Hook = v.get("hook")
	if b := v.get("before"); b != "" {
		if q.Before, err = strconv.ParseInt(b, 10, 64); err != nil || q.Before <= 0 {
			return q, hookyard.FieldErrorf("before", "The address was cut off; start again from the newest events.")
		}
	}
	if q.Since, err = v.time("since"); err != nil {
		return q, err
	}
	q.Until, err = v.time("until")
	return q, err
}

// searchFault returns err as the fault of a field of the search, if it is one.
func searchFault(err error) error {
	if hookyard.CodeOf(err) == hookyard.NotFound {
		return hookyard.FieldErrorf("hook", "There is no such hook or replay in this project.")
	}
	return err
}
