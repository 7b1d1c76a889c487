package api

import (
	"encoding/json"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/control"
)

// maxInline is the largest body that is shown inside JSON.
const maxInline = 1 << 20

func listEvents(c *call) error {
	q, err := c.eventSearch()
	if err != nil {
		return err
	}
	page, err := c.project.Events(c.ctx(), q)
	if err != nil {
		return err
	}
	out := client.EventPage{Events: []client.Event{}, Cut: page.Cut, TooLarge: page.TooLarge, In: page.In}
	for i, e := range page.Events {
		out.Events = append(out.Events, eventJSON(e, page.Counts[i]))
	}
	if page.Next > 0 {
		out.Cursor = makeCursor(cursorOf(&q, page.In), c.project.Key(), position(page.Next))
	}
	return c.reply(http.StatusOK, out)
}

// cursorOf is the kind of the cursors of a search that looked for its text in fields, in bodies or for none.
func cursorOf(q *control.EventSearch, in string) string {
	switch {
	case in == control.InFields:
		return cursorFields
	case in == "" && q.Find != "":
		return cursorUndecided
	}
	return cursorEvents
}

// searchEvents searches all projects of the caller.
func searchEvents(c *call) error {
	q, err := c.eventQuery()
	if err != nil {
		return err
	}
	from, err := c.place(&q)
	if err != nil {
		return err
	}
	found, err := c.a.o.Control.Search(c.ctx(), c.id, q, from)
	if err != nil {
		return err
	}
	out := client.EventPage{Events: []client.Event{}, Cut: found.Cut, TooLarge: found.TooLarge, In: found.In}
	for _, f := range found.Events {
		e := eventJSON(f.Event, f.Counts)
		e.Project = f.Project.Path()
		out.Events = append(out.Events, e)
	}
	if found.Next.Project != "" {
		out.Cursor = makeCursor(cursorOf(&q, found.In), 0, found.Next.Project+":"+position(found.Next.Before))
	}
	return c.reply(http.StatusOK, out)
}

// place reads where a search over all projects goes on, and where it looks for its text.
func (c *call) place(q *control.EventSearch) (from control.Place, err error) {
	text, err := searchCursor(c, q, 0, readCursor)
	if err != nil || text == "" {
		return from, err
	}
	project, before, _ := strings.Cut(text, ":")
	from.Before, err = strconv.ParseInt(before, 10, 64)
	if from.Project = project; err != nil || from.Before < 0 || strings.Count(project, "/") != 1 {
		return from, hookyard.FieldErrorf("cursor", "cursor is not one that this list gave out; begin again without it")
	}
	return from, nil
}

func (c *call) eventSearch() (q control.EventSearch, err error) {
	if q, err = c.eventQuery(); err != nil {
		return q, err
	}
	q.Hook = c.q.Get("hook")
	q.Before, err = searchCursor(c, &q, c.project.Key(), readNumber)
	return q, err
}

// searchCursor reads the cursor of a search with read. One of a search for a text says where that was looked for.
func searchCursor[T any](c *call, q *control.EventSearch, project int64,
	read func(cursor, kind string, project int64) (T, error)) (T, error) {
	cursor := c.q.Get("cursor")
	if cursor == "" || q.Find == "" {
		return read(cursor, cursorEvents, project)
	}
	if position, err := read(cursor, cursorFields, project); err == nil {
		q.In = control.InFields
		return position, nil
	}
	if position, err := read(cursor, cursorUndecided, project); err == nil {
		q.In = ""
		return position, nil
	}
	q.In = control.InBodies
	return read(cursor, cursorEvents, project)
}

// eventQuery reads what selects events, but neither the hook nor the cursor.
func (c *call) eventQuery() (q control.EventSearch, err error) {
	q.EventQuery = hookyard.EventQuery{
		Source: c.q.Get("source"), Type: c.q.Get("type"), ID: c.q.Get("id"), State: hookyard.State(c.q.Get("state")),
		Text: c.q.Get("text"), Channel: c.q.Get("channel"),
	}
	q.RequireFields(c.q)
	q.Find, q.In = c.q.Get("find"), c.q.Get("in")
	if q.Limit, err = c.limit(); err != nil {
		return q, err
	}
	if q.Since, err = timeOrAgo("since", c.q.Get("since")); err != nil {
		return q, err
	}
	q.Until, err = timeOrAgo("until", c.q.Get("until"))
	return q, err
}

func showEvent(c *call) error {
	e, counts, err := c.project.Event(c.ctx(), c.param("id"))
	if err != nil {
		return err
	}
	out := eventJSON(e, counts)
	out.Header = e.Header
	out.Warning = e.Warning()
	switch {
	case control.IsPruned(e):
		out.BodyLeftOut = "it is past its retention"
	case e.Size > maxInline:
		out.BodyLeftOut = "it is larger than " + strconv.Itoa(maxInline) + " bytes: get …/body"
	case e.IsJSON() && utf8.Valid(e.Plain()) && json.Valid(e.Plain()):
		out.Body = e.Plain()
	default:
		out.Text, out.Base64 = textOrBytes(e.Plain())
	}
	return c.reply(http.StatusOK, out)
}

// showEventBody gives the bytes as a download that no browser takes for a page of ours.
func showEventBody(c *call) error {
	e, _, err := c.project.Event(c.ctx(), c.param("id"))
	if err != nil {
		return err
	}
	body, err := control.Body(e)
	if err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Content-Type", contentTypeOf(e))
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Content-Disposition", `attachment; filename="`+e.ID+`"`)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Cache-Control", "private, no-store")
	_, _ = c.w.Write(body)
	return nil
}

// contentTypeOf is the sender's content type where it is one, else bytes.
func contentTypeOf(e *hookyard.Event) string {
	if _, _, err := mime.ParseMediaType(e.ContentType); err != nil || strings.ContainsFunc(e.ContentType, isControl) {
		return "application/octet-stream"
	}
	return e.ContentType
}

func replayEvent(c *call) error {
	var in client.EventReplay
	body, err := c.object()
	if err != nil {
		return err
	}
	if err := body.Decode(&in); err != nil {
		return err
	}
	if in.Hook != "" {
		in.Hooks = append(in.Hooks, in.Hook)
	}
	spec := control.EventReplay{Hooks: in.Hooks, Missed: in.Missed}
	if in.DryRun {
		planned, _, err := c.project.PlanEvent(c.ctx(), c.param("id"), spec)
		if err != nil {
			return err
		}
		return c.reply(http.StatusOK, client.Reopened{Deliveries: planned})
	}
	opened, err := c.project.ReplayEvent(c.ctx(), c.param("id"), spec)
	if err != nil {
		return err
	}
	return c.reply(http.StatusAccepted, client.Reopened{Deliveries: opened})
}

func signEvent(c *call) error {
	var in client.EventSigning
	body, err := c.object()
	if err != nil {
		return err
	}
	if err := body.Decode(&in); err != nil {
		return err
	}
	header, err := c.project.SignEvent(c.ctx(), c.param("id"), in.URL)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, client.EventSignature{Header: header})
}

// explainEvent answers "why did I not get it?" for every hook.
func explainEvent(c *call) error {
	why, err := c.project.Explain(c.ctx(), c.param("id"))
	if err != nil {
		return err
	}
	out := client.Explanation{Event: eventJSON(why.Event, why.Counts), Hooks: []client.HookVerdict{}}
	for _, v := range why.Verdicts {
		one := client.HookVerdict{Hook: v.HookID, Wanted: v.Wanted, Reason: v.Reason}
		if v.Hook != nil {
			one.URL = hookyard.MaskURL(v.Hook.URL)
		}
		if d := v.Delivery; d != nil {
			one.DeliveryID, one.State = d.ID, d.State
			one.Attempts = d.Attempts
		}
		out.Hooks = append(out.Hooks, one)
	}
	return c.reply(http.StatusOK, out)
}

func eventJSON(e *hookyard.Event, counts map[hookyard.State]int) client.Event {
	return client.Event{
		ID: e.ID, Type: e.Type, Channels: e.Channels, UID: e.UID, Source: e.Source,
		Time: e.Time, ContentType: e.ContentType, Size: e.Size,
		Method: e.Method,
		Target: e.Target, Remote: e.Remote, Verified: e.Verified, Deliveries: counts,
		Duplicates: e.Duplicates, LastDuplicateAt: e.LastDuplicateAt,
	}
}
