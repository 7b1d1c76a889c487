package control

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
)

// EventSearch asks for events of a project, the newest first. Fields at zero do not restrict.
type EventSearch struct {
	hookyard.EventQuery        // without ProjectKey and HookKey
	Hook                string // id of the hook the events were for
	Find                string // a text: the value of a search field, or, if no event has it there, part of the body
	In                  string // where Find looks; "": in fields and, if it is in none, then in all bodies
}

// Where a text is looked for.
const (
	InFields = "fields"
	InBodies = "bodies"
)

// EventsFound is a page of the result of a search.
type EventsFound struct {
	hookyard.EventPage
	In string // where Find was looked for; "": in fields, where it was not found yet. To go on, give it again.
}

// Events searches the project's events. It fails with Invalid for a search that is out of bounds, and with NotFound
// when there is no such hook.
func (p *Project) Events(ctx context.Context, q EventSearch) (EventsFound, error) {
	if err := p.allow(hookyard.RoleRead); err != nil {
		return EventsFound{}, err
	}
	if err := q.check(); err != nil {
		return EventsFound{}, err
	}
	if q.Find != "" && q.In != InBodies && len(p.Snapshot.Project.SearchFields) > 0 {
		page, err := p.events(ctx, q.inFields())
		if err != nil || q.In == InFields || page.Cut || len(page.Events) > 0 {
			return EventsFound{page, decided(q.In, len(page.Events))}, err
		}
		q.Before = 0
	}
	if q.Find == "" {
		page, err := p.events(ctx, q)
		return EventsFound{EventPage: page}, err
	}
	page, err := p.events(ctx, q.inBodies())
	return EventsFound{page, InBodies}, err
}

// decided returns where a search goes on that has looked into fields and found so many events.
func decided(in string, found int) string {
	if in == "" && found == 0 {
		return ""
	}
	return InFields
}

// inFields returns the search with the text of Find in any search field.
func (q EventSearch) inFields() EventSearch {
	q.Fields = append(slices.Clip(q.Fields), hookyard.FieldMatch{Value: q.Find})
	return q
}

// inBodies returns the search with the text of Find in the body.
func (q EventSearch) inBodies() EventSearch {
	q.Text = q.Find
	return q
}

// check checks what does not depend on the project.
func (q *EventSearch) check() error {
	var err error
	if q.State, err = checkState(q.State); err != nil {
		return err
	}
	switch {
	case len(q.Text) > 1000 || len(q.Type) > 1000 || len(q.Find) > 1000:
		return hookyard.Errorf(hookyard.Invalid, "text, find and type may have 1000 bytes")
	case q.Find != "" && q.Text != "":
		return hookyard.FieldErrorf("find", "a search has find or text, not both")
	case q.In != "" && q.In != InFields && q.In != InBodies:
		return hookyard.FieldErrorf("in", "in must be fields or bodies")
	}
	return nil
}

// events runs a search without Find.
func (p *Project) events(ctx context.Context, q EventSearch) (hookyard.EventPage, error) {
	if err := p.checkFields(q.Fields); err != nil {
		return hookyard.EventPage{}, err
	}
	var err error
	q.ProjectKey = p.Key()
	if q.HookKey, err = p.hookKey(q.Hook); err != nil {
		return hookyard.EventPage{}, err
	}
	return p.c.store.Events(ctx, q.EventQuery)
}

// Place is where a search over all projects goes on: in a project, below a seq or, if that is 0, from its newest event.
type Place struct {
	Project string // owner/name; "": before the first project
	Before  int64
}

// FoundEvent is an event that was found in one of several projects.
type FoundEvent struct {
	Project *hookyard.Project
	Event   *hookyard.Event
	Counts  map[hookyard.State]int // its deliveries by state
}

// AllFound is a page of the result of a search over all projects: by the paths of the projects, and in each of them the
// newest event first.
type AllFound struct {
	Events   []FoundEvent
	Next     Place  // of the next page; zero after the last
	Cut      bool   // the search reached its limit on time; continue from Next
	In       string // as in [EventsFound]
	TooLarge int64  // events that were left out because their bodies are too large for search fields
}

// searchTime is how long a search over all projects may begin with another project.
const searchTime = 2 * time.Second

// Search is [Project.Events] over all projects that the caller may read, from a place on. Hook must be "".
func (c *Control) Search(ctx context.Context, id *auth.Identity, q EventSearch, from Place) (*AllFound, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	switch {
	case len(q.Fields) == 0 && q.Find == "" && q.Text == "" && q.ID == "":
		return nil, hookyard.FieldErrorf("find", "a search over all projects needs find, text, id or the "+
			"value of a field")
	case q.ID != "":
		return c.searchID(ctx, id, q)
	}
	s := searchAll{c: c, id: id}
	if isEventID(q.Find) {
		byID := q
		byID.ID, byID.Find = q.Find, ""
		if found, err := c.searchID(ctx, id, byID); err != nil || len(found.Events) > 0 {
			return found, err
		}
	}
	if q.Find == "" {
		return s.run(ctx, q, from)
	}
	if q.In != InBodies {
		found, err := s.run(ctx, q, from)
		if err != nil || q.In == InFields || found.Cut || len(found.Events) > 0 {
			if found != nil {
				found.In = decided(q.In, len(found.Events))
			}
			return found, err
		}
		from = Place{}
	}
	q.In = InBodies
	found, err := s.run(ctx, q, from)
	if found != nil {
		found.In = InBodies
	}
	return found, err
}

// isEventID reports whether a text has the form of the id of an event.
func isEventID(text string) bool {
	return strings.HasPrefix(text, "evt_") && len(text) == len(hookyard.NewID("evt"))
}

// searchID finds an event by its id, whatever project it is of.
func (c *Control) searchID(ctx context.Context, id *auth.Identity, q EventSearch) (*AllFound, error) {
	e, err := c.store.EventMeta(ctx, 0, q.ID)
	if hookyard.CodeOf(err) == hookyard.NotFound {
		return &AllFound{}, nil
	}
	if err != nil {
		return nil, err
	}
	snapshot, err := c.store.SnapshotByKey(ctx, e.ProjectKey)
	if hookyard.CodeOf(err) == hookyard.NotFound { // it was deleted
		return &AllFound{}, nil
	}
	if err != nil {
		return nil, err
	}
	s := searchAll{c: c, id: id}
	return &s.found, s.project(ctx, q, snapshot.Project)
}

// searchAll is a search over all projects under way.
type searchAll struct {
	c     *Control
	id    *auth.Identity
	found AllFound
}

// run searches one project after the other. Each of them is bounded as [Project.Events] is.
func (s *searchAll) run(ctx context.Context, q EventSearch, from Place) (*AllFound, error) {
	s.found = AllFound{}
	until := time.Now().Add(searchTime)
	limit := q.Limit
	if from.Before > 0 {
		owner, name, _ := strings.Cut(from.Project, "/")
		snapshot, err := s.c.store.Snapshot(ctx, owner, name)
		if err != nil && hookyard.CodeOf(err) != hookyard.NotFound {
			return nil, err
		}
		if err == nil {
			q.Before = from.Before
			if err := s.project(ctx, q, snapshot.Project); err != nil || s.found.Next.Project != "" {
				return &s.found, err
			}
		}
	}
	q.Before = 0
	for after := from.Project; ; {
		projects, next, err := s.c.Projects(ctx, s.id, after, MaxPage)
		if err != nil {
			return nil, err
		}
		for _, p := range projects {
			full := len(s.found.Events) == limit
			if full || time.Now().After(until) {
				s.found.Next, s.found.Cut = Place{Project: after}, !full
				return &s.found, nil
			}
			q.Limit = limit - len(s.found.Events)
			if err := s.project(ctx, q, p); err != nil || s.found.Next.Project != "" {
				return &s.found, err
			}
			after = p.Path()
		}
		if next == "" {
			return &s.found, nil
		}
		after = next
	}
}

// project searches one project, if the caller may read it. It sets where the search goes on if that is in the project.
// If Find is to be looked for in fields and the project has none, it is looked for in bodies.
func (s *searchAll) project(ctx context.Context, q EventSearch, project *hookyard.Project) error {
	p, err := s.c.project(ctx, s.id, project.Owner, project.Name)
	if err != nil || !p.Role.Allows(hookyard.RoleRead) || p.Key() == 0 {
		return err
	}
	noFields := len(p.Snapshot.Project.SearchFields) == 0
	switch {
	case q.Find == "":
	case q.In == InBodies || noFields:
		q = q.inBodies()
	default:
		q = q.inFields()
	}
	if noFields && slices.ContainsFunc(q.Fields, func(f hookyard.FieldMatch) bool { return f.Path == "" }) {
		return nil
	}
	page, err := p.events(ctx, q)
	if err != nil {
		return err
	}
	for i, e := range page.Events {
		s.found.Events = append(s.found.Events, FoundEvent{p.Snapshot.Project, e, page.Counts[i]})
	}
	s.found.TooLarge += page.TooLarge
	if page.Next > 0 {
		s.found.Next, s.found.Cut = Place{p.Path(), page.Next}, page.Cut
	}
	return nil
}

// maxFieldMatches is how many values a search may require.
const maxFieldMatches = 8

// FieldQuery begins the names of the parameters that require values of fields: field.data.order.id=4711.
const FieldQuery = "field."

// RequireFields adds the values that the query of a request requires: those of field.PATH, and of path and value, where
// a value without a path is that of any search field.
func (q *EventSearch) RequireFields(query url.Values) {
	path, value := query.Get("path"), query.Get("value")
	switch {
	case path != "":
		q.Fields = append(q.Fields, hookyard.FieldMatch{Path: path, Value: value})
	case value != "":
		q.Fields = append(q.Fields, hookyard.FieldMatch{Value: value})
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if path, ok := strings.CutPrefix(name, FieldQuery); ok {
			q.Fields = append(q.Fields, hookyard.FieldMatch{Path: path, Value: query.Get(name)})
		}
	}
}

// SearchFields returns how far the project's search fields have been filled in.
func (p *Project) SearchFields(ctx context.Context) ([]hookyard.SearchFieldState, error) {
	if err := p.allow(hookyard.RoleRead); err != nil {
		return nil, err
	}
	return p.c.store.SearchFieldStates(ctx, p.Key())
}

// checkFields checks the values that a search requires.
func (p *Project) checkFields(fields []hookyard.FieldMatch) error {
	if len(fields) > maxFieldMatches {
		return hookyard.Errorf(hookyard.Invalid, "a search may require the values of %d fields, not of %d",
			maxFieldMatches, len(fields))
	}
	for _, f := range fields {
		if f.Path == "" && len(p.Snapshot.Project.SearchFields) == 0 {
			return hookyard.FieldErrorf("path", "value needs path, where in the body it must stand, such as "+
				"data.order.id, or search fields (setting of the project: searchFields)")
		}
		if f.Path != "" {
			if err := hookyard.CheckFieldPath("path", f.Path); err != nil {
				return err
			}
		}
		if len(f.Value) > hookyard.MaxFieldValue {
			return hookyard.FieldErrorf("value", "a value is %d bytes long, at most %d are allowed", len(f.Value),
				hookyard.MaxFieldValue)
		}
	}
	return nil
}
