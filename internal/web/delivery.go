package web

import (
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
)

// deliveryPage shows each attempt of a delivery and how it differs from the attempt before it.
type deliveryPage struct {
	base
	Delivery hookyard.Delivery
	Hook     *hookyard.Hook
	Event    *hookyard.Event
	Picture  template.HTML
	Attempts []attemptView // newest first
	Open     bool          // it can still be canceled
}

// attemptView is an attempt as its page shows it.
type attemptView struct {
	hookyard.Attempt
	OK       bool
	Outcome  string
	Sent     []headerLine
	SentBody bodyView
	AsEvent  bool // the request's body was the event's own bytes
	Got      []headerLine
	GotBody  bodyView
	Changes  []change
	Phases   []phase
}

// phase is a part of the time that an attempt took.
type phase struct {
	Name string
	Took time.Duration
}

// change is a difference from the attempt before.
type change struct{ What, Was, Is string }

func showDelivery(v *visit) error { return v.delivery(nil) }

func (v *visit) delivery(fault error) error {
	d, err := v.project.Delivery(v.ctx(), v.r.PathValue("id"))
	if hookyard.CodeOf(err) == hookyard.NotFound {
		return hookyard.Errorf(hookyard.NotFound,
			"There is no such delivery in this project, or its event is past its retention.")
	}
	if err != nil {
		return err
	}
	p := &deliveryPage{Delivery: d, Open: d.Open()}
	p.Tab = "deliveries"
	if p.Hook, err = v.web.o.Store.HookByKey(v.ctx(), d.HookKey); err != nil {
		return err
	}
	if p.Event, err = v.findEvent(d.EventID); err != nil {
		return err
	}
	attempts, err := v.project.Attempts(v.ctx(), &d)
	if err != nil {
		return err
	}
	p.Picture = attemptsPicture(d, attempts)
	for i := range attempts {
		view := viewAttempt(&attempts[i])
		if i > 0 {
			view.Changes = changes(&attempts[i-1], &attempts[i])
		}
		p.Attempts = append(p.Attempts, view)
	}
	if v.portal != nil {
		p.showEvent()
	}
	slices.Reverse(p.Attempts)
	if fault != nil {
		return v.showInvalid(fault, "Delivery", p)
	}
	return v.show(http.StatusOK, "Delivery of "+short(d.EventID)+" to "+d.HookID, p)
}

// showEvent shows the bytes of the event where the page would link to them: a portal has no pages of events.
func (p *deliveryPage) showEvent() {
	for i := range p.Attempts {
		if a := &p.Attempts[i]; a.AsEvent {
			a.AsEvent = false
			a.SentBody = viewBody(hookyard.Text(p.Event.ContentType, p.Event.Plain()), p.Event.Size)
		}
	}
}

func viewAttempt(a *hookyard.Attempt) attemptView {
	view := attemptView{
		Attempt: *a, Outcome: outcome(a), OK: a.Status >= 200 && a.Status < 300 && a.ErrorKind == "",
		Sent: headerLines(a.RequestHeader), SentBody: viewBody(a.RequestBody, int64(len(a.RequestBody))),
		AsEvent: a.RequestBody == nil && a.RequestSize > 0,
		Got:     headerLines(a.ResponseHeader), GotBody: viewBody(a.ResponseBody, int64(len(a.ResponseBody))),
	}
	for _, p := range []phase{{"DNS", a.Timing.DNS}, {"connect", a.Timing.Connect}, {"TLS", a.Timing.TLS},
		{"waiting for the response", a.Timing.Wait}} {
		if p.Took > 0 {
			view.Phases = append(view.Phases, p)
		}
	}
	return view
}

// changes lists how an attempt differs from the one before it.
func changes(was, is *hookyard.Attempt) []change {
	var out []change
	add := func(what, a, b string) {
		if a != b {
			out = append(out, change{what, a, b})
		}
	}
	add("outcome", outcome(was), outcome(is))
	add("URL", hookyard.MaskURL(was.URL), hookyard.MaskURL(is.URL))
	add("address", was.Remote, is.Remote)
	out = append(out, headerChanges("request header ", was.RequestHeader, is.RequestHeader)...)
	out = append(out, headerChanges("answer's header ", was.ResponseHeader, is.ResponseHeader)...)
	if string(was.RequestBody) != string(is.RequestBody) {
		out = append(out, lineChanges("request", string(was.RequestBody), string(is.RequestBody))...)
	}
	if string(was.ResponseBody) != string(is.ResponseBody) {
		out = append(out, lineChanges("answer", string(was.ResponseBody), string(is.ResponseBody))...)
	}
	return out
}

func headerChanges(what string, was, is http.Header) []change {
	names := map[string]bool{}
	for n := range was {
		names[n] = true
	}
	for n := range is {
		names[n] = true
	}
	var out []change
	for n := range names {
		switch n {
		case "Date", "Webhook-Timestamp", "Webhook-Signature", "X-Hub-Signature-256":
			continue // differs every time
		}
		if a, b := strings.Join(was[n], ", "), strings.Join(is[n], ", "); a != b {
			out = append(out, change{what + n, a, b})
		}
	}
	slices.SortFunc(out, func(a, b change) int { return strings.Compare(a.What, b.What) })
	return out
}

// maxLines is how many lines of each body are compared.
const maxLines = 200

// lineChanges compares two bodies line by line and leaves out the lines that both begin and end with.
func lineChanges(what, was, is string) []change {
	a, b := strings.Split(was, "\n"), strings.Split(is, "\n")
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	a, b = a[:min(len(a), maxLines)], b[:min(len(b), maxLines)]
	return []change{{what + "'s body", hookyard.Clean(strings.Join(a, "\n"), 2000),
		hookyard.Clean(strings.Join(b, "\n"), 2000)}}
}

// deliveryAction retries or cancels a delivery.
func deliveryAction(v *visit) error {
	id := v.r.PathValue("id")
	var err error
	note := "replayed"
	switch v.get("do") {
	case "retry":
		_, err = v.project.RetryDelivery(v.ctx(), id)
	case "cancel":
		_, err = v.project.CancelDelivery(v.ctx(), id)
		note = "canceled"
	default:
		return hookyard.Errorf(hookyard.Invalid, "The form does not say what to do.")
	}
	if err != nil {
		return v.delivery(err)
	}
	return v.redirect(v.home("deliveries", id), note)
}
