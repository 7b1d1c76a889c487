package web

import (
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
)

// eventPage shows an event and what happened to it.
type eventPage struct {
	base
	Event    *hookyard.Event
	Counts   map[hookyard.State]int
	Body     bodyView
	Header   []headerLine
	Curl     string
	Outcomes []hookOutcome
	Missed   []control.Verdict // hooks without a delivery, and why
	Wanting  int               // how many of them would get it now
	Older    bool              // there are more deliveries than are shown
	URL      string            // in the form that sends the event to a new URL

	MayEdit bool // its body can be edited on a page
}

// hookOutcome is the delivery of an event to one hook.
type hookOutcome struct {
	hookyard.Delivery
	URL      string
	Deleted  bool
	Attempts []hookyard.Attempt
	Picture  template.HTML
}

// attemptRow is an attempt as the page of an event lists it.
type attemptRow struct{ *hookyard.Attempt }

// Outcome says how the attempt ended.
func (r attemptRow) Outcome() string { return outcome(r.Attempt) }

// attemptsShown is how many attempts of a delivery are shown unfolded.
const attemptsShown = 5

func attemptRows(list []hookyard.Attempt) (out []attemptRow) {
	for i := range list {
		out = append(out, attemptRow{&list[i]})
	}
	return out
}

// Earlier are the attempts that are folded.
func (o hookOutcome) Earlier() []attemptRow {
	return attemptRows(o.Attempts[:max(0, len(o.Attempts)-attemptsShown)])
}

// Newest are the others.
func (o hookOutcome) Newest() []attemptRow {
	return attemptRows(o.Attempts[max(0, len(o.Attempts)-attemptsShown):])
}

// Download is the URL of the event's bytes.
func (p *eventPage) Download() string {
	return "/api/projects" + join(p.Project.Owner, p.Project.Name, "events", p.Event.ID, "body")
}

// Like is the URL of the search for events of the same type.
func (p *eventPage) Like() string {
	return p.Href("events") + "?type=" + url.QueryEscape(p.Event.Type)
}

func showEvent(v *visit) error { return v.event(&eventPage{}, nil) }

// maxOutcomes is how many deliveries of an event are shown.
const maxOutcomes = 50

func (v *visit) event(p *eventPage, fault error) error {
	e, err := v.findEvent(v.r.PathValue("id"))
	if err != nil {
		return err
	}
	p.Tab, p.Event = "events", e
	p.Body, p.Header = viewBody(hookyard.Text(e.ContentType, e.Plain()), e.Size), headerLines(e.Header)
	p.Curl, p.MayEdit = v.curl(e), editable(e) == nil
	why, err := v.project.Explain(v.ctx(), e.ID)
	if err != nil {
		return err
	}
	p.Counts = why.Counts
	urls := map[string]string{}
	for _, verdict := range why.Verdicts {
		if verdict.Delivery == nil {
			p.Missed = append(p.Missed, verdict)
			if _, off := verdict.Hook.IsOff(); verdict.Wanted && !off {
				p.Wanting++
			}
		} else if verdict.Hook != nil {
			urls[verdict.Delivery.ID] = verdict.Hook.URL
		}
	}
	list, next, err := v.web.o.Store.Deliveries(v.ctx(),
		hookyard.DeliveryQuery{ProjectKey: v.key(), EventSeq: e.Seq, Limit: maxOutcomes})
	if err != nil {
		return err
	}
	if err := v.project.FillStatus(v.ctx(), list); err != nil {
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
		to := urls[d.ID]
		o := hookOutcome{Delivery: d, URL: to, Deleted: to == "", Attempts: outcomes[d.HookKey]}
		o.Picture = attemptsPicture(d, o.Attempts)
		p.Outcomes = append(p.Outcomes, o)
	}
	if fault != nil {
		return v.showInvalid(fault, "Event", p)
	}
	return v.show(http.StatusOK, "Event "+short(e.ID), p)
}

func (v *visit) findEvent(id string) (*hookyard.Event, error) {
	e, err := v.web.o.Store.Event(v.ctx(), v.key(), id)
	if hookyard.CodeOf(err) == hookyard.NotFound {
		return nil, hookyard.Errorf(hookyard.NotFound,
			"There is no such event in this project, or it is past its retention.")
	}
	return e, err
}

// replayEvent sends an event again: to every hook that it was for, to those that missed it, to one, or to a new URL.
func replayEvent(v *visit) error {
	id := v.r.PathValue("id")
	e, err := v.findEvent(id)
	if err != nil {
		return err
	}
	var in control.EventReplay
	switch to := v.get("to"); to {
	case "all", "":
	case "missed":
		in.Missed = true
	case "url":
		hook, err := v.createReplayHook()
		if err != nil {
			return v.event(&eventPage{URL: v.get("url")}, err)
		}
		in.Hooks = []string{hook}
	default:
		in.Hooks = []string{to}
	}
	if len(in.Hooks) == 0 && !v.has("confirm") {
		return v.askToReplayEvent(e, in)
	}
	if _, err := v.project.ReplayEvent(v.ctx(), e.ID, in); err != nil {
		return v.event(&eventPage{URL: v.get("url")}, err)
	}
	return v.redirect(v.home("events", id), "replayed")
}

// askToReplayEvent asks before an event is sent to several hooks.
func (v *visit) askToReplayEvent(e *hookyard.Event, in control.EventReplay) error {
	_, hooks, err := v.project.PlanEvent(v.ctx(), e.ID, in)
	if err != nil {
		return v.event(&eventPage{}, err)
	}
	p := &confirmPage{Count: len(hooks), ByHook: map[string]int64{}, Fields: map[string]string{"to": v.get("to")},
		To: v.home("events", e.ID), Back: v.home("events", e.ID), Button: "Send to " + plural(len(hooks), "hook"),
		Lines:   []string{"The event is sent to " + plural(len(hooks), "hook") + "."},
		Nothing: "No hook that is enabled would get the event."}
	for _, id := range hooks {
		p.ByHook[id] = 1
	}
	p.Tab = "events"
	return v.show(http.StatusOK, "Send the event again?", p)
}

// createReplayHook creates a hook that selects no events and expires after a day.
func (v *visit) createReplayHook() (string, error) {
	to := v.get("url")
	if to == "" {
		return "", hookyard.FieldErrorf("url", "Give the URL to send the event to.")
	}
	id := v.hookID(to)
	_, err := v.project.CreateHook(v.ctx(), id, control.HookPatch{
		URL:         control.Value(to),
		Events:      control.Value(hookyard.Selector{}),
		Description: control.Value("Made to send an event again to this URL"),
		ExpiresAt:   control.Value(time.Now().UTC().Add(24 * time.Hour)),
		Schedule:    control.Value([]hookyard.Duration{0, hookyard.Duration(5 * time.Second)}),
	})
	if err != nil {
		return "", err
	}
	return id, v.project.Reload(v.ctx())
}
