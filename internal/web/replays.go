package web

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
)

// replaysPage lists the bulk replays and starts one.
type replaysPage struct {
	base
	Replays []*hookyard.Replay
	Hooks   []*hookyard.Hook
	Form    map[string]string
	Running bool
}

// replayFields are the fields of the form, by the names of the REST API.
func replayFields() []string { return []string{"hook", "state", "type", "since", "until", "tz"} }

// listReplays shows the page. Its form is filled in from the URL or else selects what failed.
func listReplays(v *visit) error {
	form, filled := map[string]string{}, false
	for _, name := range replayFields() {
		form[name] = v.get(name)
		filled = filled || form[name] != ""
	}
	if !filled {
		form["state"] = string(hookyard.Failed)
	}
	return v.replays(&replaysPage{Form: form}, nil)
}

func (v *visit) replays(p *replaysPage, fault error) error {
	p.Tab, p.Hooks = "replays", v.project.Snapshot.Hooks
	var err error
	if p.Replays, err = v.project.Replays(v.ctx(), 30); err != nil {
		return err
	}
	p.Running = slices.ContainsFunc(p.Replays, func(r *hookyard.Replay) bool { return !r.Ended() })
	if fault != nil {
		return v.showInvalid(fault, "Replays", p)
	}
	return v.show(http.StatusOK, "Replays", p)
}

// createReplay starts a replay. It asks first, with what the replay would do.
func createReplay(v *visit) error {
	form := map[string]string{}
	for _, name := range replayFields() {
		form[name] = v.get(name)
	}
	p := &replaysPage{Form: form}
	in := control.ReplaySpec{Hook: form["hook"], Type: form["type"], State: hookyard.State(form["state"])}
	var err error
	if in.Since, err = v.time("since"); err != nil {
		return v.replays(p, err)
	}
	if in.Until, err = v.time("until"); err != nil {
		return v.replays(p, err)
	}
	if !v.has("confirm") {
		plan, err := v.project.PlanReplay(v.ctx(), in)
		if err != nil {
			return v.replays(p, err)
		}
		return v.askToReplay(plan, form)
	}
	r, err := v.project.CreateReplay(v.ctx(), in)
	if err != nil {
		return v.replays(p, err)
	}
	return v.redirect(v.home("replays", r.ID), "replaying")
}

// askToReplay asks for a confirmation: one wrong click would send years of events to every receiver.
func (v *visit) askToReplay(plan *hookyard.Replay, form map[string]string) error {
	n := plural(int(plan.Opened), "delivery")
	about := ""
	if plan.Approximate {
		about = "about "
	}
	p := &confirmPage{Count: int(plan.Opened), Fields: form, To: v.home("replays"), Back: v.home("replays"),
		Button: "Send " + about + n,
		Lines: []string{fmt.Sprintf("This searches %s and sends %s%s again.", plural(int(plan.Total), "event"), about,
			n)},
		Nothing: fmt.Sprintf("Nothing to send: %s searched, and no delivery to an enabled hook is selected.",
			plural(int(plan.Total), "event")),
		ByHook: plan.ByHook}
	if plan.TimeLeft > 0 {
		p.Lines = append(p.Lines, "That takes about "+wait(time.Duration(plan.TimeLeft))+
			" if the receivers answer as they did in the last days.")
	}
	p.Tab = "replays"
	return v.show(http.StatusOK, "Start this replay?", p)
}

// replayPage shows a bulk replay and its deliveries.
type replayPage struct {
	base
	Replay     *hookyard.Replay
	Ends       []replayEnd
	Finished   int64               // the sum of Ends
	Deliveries []hookyard.Delivery // the first of them
	More       bool
}

// replayEnd is how many deliveries of a replay ended in a state.
type replayEnd struct {
	State hookyard.State
	N     int64
}

func showReplay(v *visit) error {
	r, err := v.project.Replay(v.ctx(), v.r.PathValue("id"))
	if hookyard.CodeOf(err) == hookyard.NotFound {
		return hookyard.Errorf(hookyard.NotFound, "There is no such replay in this project.")
	}
	if err != nil {
		return err
	}
	p := &replayPage{Replay: r, Ends: []replayEnd{{hookyard.Delivered, r.Delivered}, {hookyard.Failed, r.Failed},
		{hookyard.Skipped, r.Skipped}, {hookyard.Canceled, r.Canceled}}}
	for _, end := range p.Ends {
		p.Finished += end.N
	}
	p.Tab = "replays"
	q := control.DeliverySearch{Replay: r.ID, DeliveryQuery: hookyard.DeliveryQuery{Limit: 20}}
	list, next, err := v.project.Deliveries(v.ctx(), q)
	if err != nil {
		return err
	}
	p.Deliveries, p.More = list, next != ""
	return v.show(http.StatusOK, "Replay "+short(r.ID), p)
}

func cancelReplay(v *visit) error {
	_, err := v.project.CancelReplay(v.ctx(), v.r.PathValue("id"))
	if err != nil && hookyard.CodeOf(err) != hookyard.Conflict { // a conflict: it has ended by itself
		return err
	}
	return v.redirect(v.home("replays", v.r.PathValue("id")), "canceled")
}
