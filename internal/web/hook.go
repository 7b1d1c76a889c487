package web

import (
	"errors"
	"html/template"
	"net/http"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
	"github.com/hookyard/hookyard/internal/store"
)

// hookPage shows how a hook is doing.
type hookPage struct {
	base
	Hook   *hookyard.Hook
	Format string
	Off    string                 // why nothing is sent, or "" when the hook is on
	Counts map[hookyard.State]int // of the span
	results
	Ratio    template.HTML
	Spans    []spanLink
	Span     span // that is shown
	Latency  chart
	Attempts chart
	P50, P95 string
	Sending  int // now, by this node
	Next     time.Time
	Newest   []hookyard.Delivery
	Missed   store.Missed
	Secret   string // that was just created
	Shown    string // that the customer wants to see
	About    string
	Schedule []string
	Examples []*hookyard.EventType // that can be sent as a test
}

// maxExamples is how many event types the form for a test offers.
const maxExamples = 200

func showHook(v *visit) error {
	return v.hook(v.r.PathValue("id"), &hookPage{Secret: v.onceSecret()}, nil)
}

func (v *visit) hook(id string, p *hookPage, fault error) error {
	h, err := v.project.Hook(v.ctx(), id)
	if errors.Is(err, hookyard.ErrNotFound) {
		return hookyard.Errorf(hookyard.NotFound, "There is no such hook in this project.")
	}
	if err != nil {
		return err
	}
	p.Tab = "webhooks"
	p.Hook, p.Format = h, v.project.Snapshot.Project.EffectiveFormat(h)
	p.Off, _ = h.IsOff()
	if h.Description != noDescription {
		p.About = h.Description
	}
	for _, w := range h.EffectiveSchedule() {
		p.Schedule = append(p.Schedule, wait(w))
	}
	if p.Missed, err = v.web.o.Store.HookMissed(v.ctx(), h.Key, 1000); err != nil {
		return err
	}
	results, err := v.web.results(v.ctx(), v.key(), []*hookyard.Hook{h})
	if err != nil {
		return err
	}
	p.results = results[h.Key]
	p.Ratio = ratioBar(p.Good, p.Ended)
	if due, ok, err := v.web.o.Store.NextDue(v.ctx(), h.Key); err != nil {
		return err
	} else if ok && !h.Ordered {
		p.Next = due
	}
	q := control.DeliverySearch{Hook: h.ID, DeliveryQuery: hookyard.DeliveryQuery{Limit: 15}}
	if p.Newest, _, err = v.project.Deliveries(v.ctx(), q); err != nil {
		return err
	}
	if p.Sending, err = v.project.Sending(h.ID); err != nil {
		return err
	}
	if p.Examples, err = v.project.EventTypes(v.ctx(), hookyard.EventTypeQuery{Limit: maxExamples}); err != nil {
		return err
	}
	if err := v.fillCharts(p, h); err != nil {
		return err
	}
	if fault != nil {
		return v.showInvalid(fault, h.ID, p)
	}
	return v.show(http.StatusOK, h.ID, p)
}

// fillCharts fills what the page says of a span of time.
func (v *visit) fillCharts(p *hookPage, h *hookyard.Hook) error {
	for _, link := range v.spanLinks() {
		if p.Spans = append(p.Spans, link); link.Shown {
			p.Span = link.span
		}
	}
	key := store.CountKey{Project: v.key(), Hook: h.Key}
	found, err := v.web.o.Store.Series(v.ctx(), store.Series{Keys: []store.CountKey{key}, Start: p.Span.start,
		Step: p.Span.step, Len: p.Span.n})
	if err != nil {
		return err
	}
	var sum hookyard.Counts
	rows := p.Span.bars()
	for i := range rows {
		rows[i].Parts = []int{0, 0, 0}
	}
	for i := range found[key] {
		c := &found[key][i]
		sum.Add(c)
		accepted := c[hookyard.CountStatus2xx]
		rows[i].Parts = []int{int(accepted), int(c.Responses() - accepted), int(c.NoResponses())}
	}
	p.Counts = map[hookyard.State]int{
		hookyard.Delivered: int(sum[hookyard.CountDelivered]), hookyard.Failed: int(sum[hookyard.CountFailed]),
		hookyard.Skipped: int(sum[hookyard.CountSkipped]), hookyard.Canceled: int(sum[hookyard.CountCanceled]),
	}
	if sum.Attempts() == 0 {
		return nil
	}
	if median, ok := sum.Quantile(.5); ok {
		slow, _ := sum.Quantile(.95)
		p.P50, p.P95 = took(median), took(slow)
		p.Latency = histogram("Time to answer in the "+p.Span.Label, &sum)
	}
	p.Attempts = stacked("Attempts in the "+p.Span.caption(), []string{"accepted", "rejected", "no answer"},
		[]string{"good", "bad", "none"}, rows)
	return nil
}

// NotDelivered is how many of the newest deliveries the hook can catch up on.
func (p *hookPage) NotDelivered() int { return p.Missed.Skipped + p.Missed.Failed }

// hookAction does what the pressed button of a form says. A form without one is Yobi's and deletes the hook.
func hookAction(v *visit) error {
	id := v.r.PathValue("id")
	here := v.home("webhooks", id)
	switch v.get("do") {
	case "":
		return deleteHook(v)
	case "delete":
		if err := v.project.DeleteHook(v.ctx(), id, 0); err != nil {
			return err
		}
		return v.redirect(v.home("webhooks"), "deleted")
	case "test":
		var err error
		if eventType := v.get("type"); eventType != "" {
			_, err = v.project.SendExample(v.ctx(), id, eventType)
		} else {
			_, err = v.project.TestHook(v.ctx(), id)
		}
		return v.hookActionDone(err, here, "tested")
	case "enable":
		_, err := v.project.EnableHook(v.ctx(), id)
		return v.hookActionDone(err, here, "on")
	case "disable":
		_, err := v.project.UpdateHook(v.ctx(), id, control.HookPatch{Active: control.Value(false)})
		return v.hookActionDone(err, here, "off")
	case "show":
		return showHookSecret(v, id)
	case "rotate":
		return rotateHook(v, id)
	case "update", "overwrite", "preview":
		return updateHook(v, id)
	}
	return hookyard.Errorf(hookyard.Invalid, "The form does not say what to do.")
}

// hookActionDone redirects to a page, or shows the page of the hook with err.
func (v *visit) hookActionDone(err error, to, note string) error {
	if err != nil {
		return v.hook(v.r.PathValue("id"), &hookPage{}, err)
	}
	return v.redirect(to, note)
}

func rotateHook(v *visit, id string) error {
	in, err := v.rotation()
	if err != nil {
		return v.hook(id, &hookPage{}, err)
	}
	secret, err := v.project.RotateHookSecret(v.ctx(), id, in)
	if err != nil {
		return v.hook(id, &hookPage{}, err)
	}
	return v.showOnce(v.home("webhooks", id), secret, "")
}

// showHookSecret shows the secret of a hook to a customer, who has no other place to look it up.
func showHookSecret(v *visit, id string) error {
	if v.portal == nil {
		return hookyard.Errorf(hookyard.Invalid, "The secret is shown only once, when it is created.")
	}
	secret, err := v.project.ShowHookSecret(v.ctx(), id)
	if err != nil {
		return err
	}
	return v.hook(id, &hookPage{Shown: secret}, nil)
}

// rotation reads the form that replaces a secret. Without a choice the old secret stays valid for the default time.
func (v *visit) rotation() (in control.Rotation, err error) {
	switch {
	case v.get("old") == "stop":
		in.Overlap = control.Value(hookyard.Duration(0))
	case v.has("overlap"):
		d, err := hookyard.ParseDuration(v.get("overlap"))
		if err != nil {
			return in, hookyard.FieldErrorf("overlap", "Choose how long the old secret stays valid.")
		}
		in.Overlap = control.Value(hookyard.Duration(d))
	}
	return in, nil
}
