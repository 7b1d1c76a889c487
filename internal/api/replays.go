package api

import (
	"net/http"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/control"
)

func listReplays(c *call) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	found, err := c.project.Replays(c.ctx(), limit)
	if err != nil {
		return err
	}
	out := client.Replays{Replays: []hookyard.Replay{}}
	for _, r := range found {
		out.Replays = append(out.Replays, *r)
	}
	return c.reply(http.StatusOK, out)
}

func showReplay(c *call) error {
	r, err := c.project.Replay(c.ctx(), c.param("id"))
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, r)
}

func createReplay(c *call) error {
	in, dryRun, err := c.replaySpec()
	if err != nil {
		return err
	}
	if dryRun {
		r, err := c.project.PlanReplay(c.ctx(), in)
		if err != nil {
			return err
		}
		return c.reply(http.StatusOK, r)
	}
	r, err := c.project.CreateReplay(c.ctx(), in)
	if err != nil {
		return err
	}
	return c.reply(http.StatusAccepted, r)
}

func cancelReplay(c *call) error {
	r, err := c.project.CancelReplay(c.ctx(), c.param("id"))
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, r)
}

// replaySpec reads which events to send again. Each time may be a duration that means so long ago, as in the lists.
func (c *call) replaySpec() (spec control.ReplaySpec, dryRun bool, err error) {
	var in struct {
		Hook  string         `json:"hook"`
		Since string         `json:"since"`
		Until string         `json:"until"`
		Type  string         `json:"type"`
		State hookyard.State `json:"state"`

		DryRun bool `json:"dryRun"`
	}
	body, err := c.object()
	if err != nil {
		return spec, false, err
	}
	if err := body.Decode(&in); err != nil {
		return spec, false, err
	}
	spec = control.ReplaySpec{Hook: in.Hook, Type: in.Type, State: in.State}
	if spec.Since, err = timeOrAgo("since", in.Since); err != nil {
		return spec, false, err
	}
	spec.Until, err = timeOrAgo("until", in.Until)
	return spec, in.DryRun, err
}

// timeOrAgo reads a time, or a duration such as 24h that means so long ago. The zero time is that of no text.
func timeOrAgo(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := hookyard.ParseDuration(text); err == nil && ago >= 0 {
		return now().Add(-ago), nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || !control.Storable(t) {
		return time.Time{}, hookyard.FieldErrorf(name,
			"%s must be a time such as 2026-01-31T12:00:00Z, or a duration such as 24h or 7d that means so long ago",
			name)
	}
	return t, nil
}
