package web

import (
	"net/http"
	"slices"

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
	Confirm bool // the form selects every event, and must be confirmed
	Events  int  // if so, how many events the project has
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
	if in.Hook == "" && in.Type == "" && in.Since.IsZero() && !v.has("confirm") {
		return v.askToReplayAll(p)
	}
	if _, err := v.project.CreateReplay(v.ctx(), in); err != nil {
		return v.replays(p, err)
	}
	return v.redirect(v.home("replays"), "replaying")
}

// askToReplayAll asks for a confirmation: one wrong click would send years of events to every receiver.
func (v *visit) askToReplayAll(p *replaysPage) error {
	kept, err := v.web.o.Store.CountEvents(v.ctx(), v.key())
	if err != nil {
		return err
	}
	p.Confirm, p.Events = true, kept
	return v.replays(p, nil)
}

func cancelReplay(v *visit) error {
	_, err := v.project.CancelReplay(v.ctx(), v.r.PathValue("id"))
	if err != nil && hookyard.CodeOf(err) != hookyard.Conflict { // a conflict: it has ended by itself
		return err
	}
	return v.redirect(v.home("replays"), "canceled")
}
