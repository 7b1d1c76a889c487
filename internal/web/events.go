package web

import (
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
)

// eventsPage lists and searches events. The search is the query of the URL, by the names of the REST API.
type eventsPage struct {
	base
	Query    map[string]string
	Events   control.EventsFound
	Fields   []string // whose values can be searched for
	Older    string   // URL of the next page, or ""
	Newest   string   // URL of the first page, or "" on that page
	Hooks    []*hookyard.Hook
	Searched bool
	Replay   template.URL // the search as the query of a bulk replay, or "" when there is none for it
}

// eventFields are the fields of the search, by the names of the REST API.
func eventFields() []string {
	return []string{"type", "source", "hook", "state", "since", "until", "tz", "id", "find", "in", "text", "path",
		"value"}
}

func listEvents(v *visit) error {
	p := &eventsPage{Query: map[string]string{}, Hooks: v.project.Snapshot.Hooks}
	p.Tab = "events"
	p.Fields = slices.Clone(v.project.Snapshot.Project.SearchFields)
	for name := range v.form {
		if path, ok := strings.CutPrefix(name, control.FieldQuery); ok && !slices.Contains(p.Fields, path) {
			p.Fields = append(p.Fields, path)
		}
	}
	names := eventFields()
	for _, path := range p.Fields {
		names = append(names, control.FieldQuery+path)
	}
	for _, name := range names {
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
		if p.Events.In != "" {
			keep.Set("in", p.Events.In)
		}
		keep.Set("before", strconv.FormatInt(p.Events.Next, 10))
		p.Older = "?" + keep.Encode()
	}
	return v.show(http.StatusOK, "Events", p)
}

// InBodies returns the URL of the same search for the text in bodies.
func (p *eventsPage) InBodies() string {
	keep := url.Values{"in": {control.InBodies}}
	for name, value := range p.Query {
		if value != "" && name != "in" {
			keep.Set(name, value)
		}
	}
	return "?" + keep.Encode()
}

// FieldsGiven reports whether the search names the value of a field.
func (p *eventsPage) FieldsGiven() bool {
	return slices.ContainsFunc(p.Fields, func(path string) bool { return p.Query[control.FieldQuery+path] != "" })
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
	fields := url.Values{}
	for name := range v.form { // an empty field of the form does not restrict
		if value := v.form.Get(name); value != "" {
			fields.Set(name, value)
		}
	}
	q.RequireFields(fields)
	q.Hook = v.get("hook")
	q.Find, q.In = v.get("find"), v.get("in")
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
