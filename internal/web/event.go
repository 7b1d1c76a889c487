package web

import (
	"bytes"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// eventPage answers what happened to an event.
type eventPage struct {
	base
	Event  *hookyard.Event
	Counts map[hookyard.State]int
	Body   bodyView
	Header []headerLine
	Curl   string
	Ways   []way
	Missed []client.HookVerdict // hooks that got nothing, and why
	Older  bool                 // there are more deliveries than are shown
	URL    string               // of the form

	MayEdit bool // its body can be edited on a page
}

// way is what became of an event for one hook.
type way struct {
	hookyard.Delivery
	URL      string
	Deleted  bool
	Attempts []hookyard.Attempt
	Picture  template.HTML
}

// try is an attempt as the event's page lists it.
type try struct{ *hookyard.Attempt }

// Outcome is what it came to, in words.
func (t try) Outcome() string { return outcome(t.Attempt) }

// triesShown is how many attempts of a hook stand in the open.
const triesShown = 5

func triesOf(list []hookyard.Attempt) (out []try) {
	for i := range list {
		out = append(out, try{&list[i]})
	}
	return out
}

// Earlier are the attempts that are folded away.
func (w way) Earlier() []try { return triesOf(w.Attempts[:max(0, len(w.Attempts)-triesShown)]) }

// Newest are the others.
func (w way) Newest() []try { return triesOf(w.Attempts[max(0, len(w.Attempts)-triesShown):]) }

func showEvent(v *visit) error { return v.event(&eventPage{}, nil) }

// maxWays is how many hooks of an event are shown with their attempts.
const maxWays = 50

func (v *visit) event(p *eventPage, fault error) error {
	e, err := v.eventOf(v.r.PathValue("id"))
	if err != nil {
		return err
	}
	p.Tab, p.Event = "events", e
	p.Body, p.Header = viewBody(e.Body, e.Size), headerLines(e.Header)
	p.Curl, p.MayEdit = v.curl(e), editable(e) == nil
	var why client.Explanation
	if err := v.do(http.MethodGet, nil, &why, "events", e.ID, "explain"); err != nil {
		return err
	}
	p.Counts = why.Event.Deliveries
	urls := map[string]string{}
	for _, h := range why.Hooks {
		if h.DeliveryID == "" {
			p.Missed = append(p.Missed, h)
		}
		urls[h.DeliveryID] = h.URL
	}
	list, next, err := v.web.o.Store.Deliveries(v.ctx(),
		hookyard.DeliveryQuery{ProjectKey: v.key(), EventSeq: e.Seq, Limit: maxWays})
	if err != nil {
		return err
	}
	p.Older = next != ""
	var hookKeys []int64
	for i := range list {
		hookKeys = append(hookKeys, list[i].HookKey)
	}
	outcomes, err := v.web.o.Store.Outcomes(v.ctx(), e.Seq, hookKeys)
	if err != nil {
		return err
	}
	for _, d := range slices.Backward(list) {
		w := way{Delivery: d, URL: urls[d.ID], Deleted: urls[d.ID] == "", Attempts: outcomes[d.HookKey]}
		w.Picture = attemptsPicture(d, w.Attempts)
		p.Ways = append(p.Ways, w)
	}
	if fault != nil {
		return v.again(fault, "Event", p)
	}
	return v.show(http.StatusOK, "Event "+short(e.ID), p)
}

// attemptsPicture draws when a delivery was tried, where there is more than one mark to see.
func attemptsPicture(d hookyard.Delivery, attempts []hookyard.Attempt) template.HTML {
	if len(attempts) == 0 {
		return ""
	}
	end := d.EventTime.Add(time.Second)
	var marks []mark
	for i := range attempts {
		a := &attempts[i]
		m := mark{At: a.StartedAt, Took: a.Duration, Class: "bad",
			Title: "attempt " + num(a.N) + ": " + outcome(a) + ", " + took(a.Duration)}
		if a.Status >= 200 && a.Status < 300 && a.ErrorKind == "" {
			m.Class = "good"
		}
		marks = append(marks, m)
		if done := a.StartedAt.Add(a.Duration); done.After(end) {
			end = done
		}
	}
	if d.Due.After(end) {
		marks = append(marks, mark{At: d.Due, Class: "planned", Title: "next attempt " +
			d.Due.UTC().Format("2006-01-02 15:04:05 UTC")})
		end = d.Due
	}
	if len(marks) < 2 {
		return ""
	}
	return timeline(plural(len(attempts), "attempt")+", "+string(d.State), d.EventTime, end, marks)
}

// outcome is what an attempt came to, in a few words.
func outcome(a *hookyard.Attempt) string {
	switch {
	case a.Error != "" && a.Status != 0:
		return num(a.Status) + " " + a.Error
	case a.Error != "":
		return a.Error
	}
	return num(a.Status) + " " + http.StatusText(a.Status)
}

func (v *visit) eventOf(id string) (*hookyard.Event, error) {
	e, err := v.web.o.Store.Event(v.ctx(), v.key(), id)
	if hookyard.CodeOf(err) == hookyard.NotFound {
		return nil, hookyard.Errorf(hookyard.NotFound,
			"There is no such event in this project, or it is past its retention.")
	}
	return e, err
}

// curl is a command that sends the event anew, as it came; "" when it holds what does not survive being copied.
func (v *visit) curl(e *hookyard.Event) string {
	s := v.curlOf(e)
	if !utf8.ValidString(s) || strings.ContainsFunc(s, hidden) {
		return ""
	}
	return s
}

func (v *visit) curlOf(e *hookyard.Event) string {
	if e.Body == nil && e.Size > 0 || len(e.Body) > 32<<10 || !utf8.Valid(e.Body) {
		return ""
	}
	var b strings.Builder
	p := v.view.Project
	method, to := "POST", v.web.o.BaseURL+"/api/projects"+join(p.Owner, p.Name, "events")
	if s := v.view.Sources[e.Source]; s != nil && e.Method != "" {
		method, to = e.Method, v.web.o.BaseURL+"/in"+join(p.Owner, p.Name, e.Source)+e.Target
	}
	b.WriteString("curl -X " + quote(method) + " " + quote(to))
	if e.Method == "" {
		b.WriteString(" \\\n  -H \"Authorization: Bearer $HOOKYARD_TOKEN\" \\\n  -H 'Content-Type: application/json'")
		b.WriteString(" \\\n  --data-binary " +
			quote(`{"type":`+string(hookyard.AppendJSONString(nil, e.Type))+`,"data":`+string(e.Data())+`}`))
		return b.String()
	}
	for _, h := range headerLines(e.Header) {
		switch http.CanonicalHeaderKey(h.Name) {
		case "Content-Length", "Host", "Connection", "Accept-Encoding", "X-Forwarded-For", "X-Real-Ip":
			continue
		}
		b.WriteString(" \\\n  -H " + quote(h.Name+": "+h.Value))
	}
	if len(e.Body) > 0 {
		b.WriteString(" \\\n  --data-binary " + quote(string(e.Body)))
	}
	return b.String()
}

// quote makes a word of a shell.
func quote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// replayEvent sends an event again: to all hooks, to some, or to a new URL.
func replayEvent(v *visit) error {
	id := v.r.PathValue("id")
	e, err := v.eventOf(id)
	if err != nil {
		return err
	}
	in := client.EventReplay{}
	switch to := v.get("to"); to {
	case "all", "":
	case "url":
		hook, err := v.hookForReplay()
		if err != nil {
			return v.event(&eventPage{URL: v.get("url")}, err)
		}
		in.Hooks = []string{hook}
	default:
		in.Hooks = []string{to}
	}
	if err := v.do(http.MethodPost, in, nil, "events", e.ID, "replay"); err != nil {
		return v.event(&eventPage{URL: v.get("url")}, err)
	}
	return v.see(v.home("events", id), "replayed")
}

// hookForReplay makes a hook that wants no events of itself and goes away after a day.
func (v *visit) hookForReplay() (string, error) {
	to := v.get("url")
	if to == "" {
		return "", hookyard.FieldErrorf("url", "Give the URL to send the event to.")
	}
	id := v.hookID(to)
	settings := map[string]any{"url": to, "events": []string{}, "active": true,
		"description": "Made to send an event again to this URL",
		"expiresAt":   time.Now().UTC().Add(24 * time.Hour), "schedule": []string{"0s", "5s"}}
	return id, v.do(http.MethodPut, settings, nil, "hooks", id)
}

// resendPage lets somebody change an event and send it as a new one.
type resendPage struct {
	base
	Event *hookyard.Event
	Type  string
	Kind  string // content type
	Body  string
	New   bool // nothing is copied
}

// maxEdited is the largest body that can be edited on a page.
const maxEdited = 1 << 20

func editEvent(v *visit) error {
	if v.r.PathValue("id") == "" {
		p := &resendPage{New: true, Type: "order.created", Body: "{\n  \"id\": 1\n}"}
		p.Tab = "events"
		return v.show(http.StatusOK, "Publish an event", p)
	}
	e, err := v.eventOf(v.r.PathValue("id"))
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

// editable says why an event's body cannot be edited on a page.
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

// sendEdited keeps a new event: published where the old one was, else as if it had come by the same source.
func sendEdited(v *visit) error {
	p := &resendPage{Type: v.get("type"), Kind: v.get("kind"), Body: v.form.Get("body"), New: v.r.PathValue("id") == ""}
	p.Tab = "events"
	title := "Publish an event"
	if !p.New {
		var err error
		if p.Event, err = v.eventOf(v.r.PathValue("id")); err != nil {
			return err
		}
		title = "Edit and send"
	}
	e, err := v.edited(p)
	if err != nil {
		return v.again(err, title, p)
	}
	receipt, err := v.web.o.Ingest.Accept(v.ctx(), v.view, e)
	if err != nil {
		return v.again(err, title, p)
	}
	return v.see(v.home("events", receipt.ID), "published")
}

func (v *visit) edited(p *resendPage) (*hookyard.Event, error) {
	now := time.Now()
	if p.New || p.Event.DataOffset > 0 {
		e, err := hookyard.Publish(hookyard.Publication{Type: p.Type, Data: []byte(strings.TrimSpace(p.Body))}, now,
			v.web.o.Limits)
		if err != nil && hookyard.CodeOf(err) == hookyard.Invalid {
			if own := new(hookyard.Error); asError(err, own) && own.Field == "" {
				return nil, hookyard.FieldErrorf("data", "%s", own.Message)
			}
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
	e.Method, e.Target, e.ContentType, e.Header = p.Event.Method, p.Event.Target, p.Event.ContentType,
		maps.Clone(p.Event.Header)
	return e, nil
}

// downloadName is where the bytes of an event are.
func (p *eventPage) Download() string {
	return "/api/projects" + join(p.Project.Owner, p.Project.Name, "events", p.Event.ID, "body")
}

// Like is the search for events of the same type.
func (p *eventPage) Like() string {
	return p.Href("events") + "?type=" + url.QueryEscape(p.Event.Type)
}
