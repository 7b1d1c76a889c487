package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

func listReplays(c *call) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	found, err := c.a.o.Store.Replays(c.ctx(), c.key(), limit)
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
	r, err := c.a.o.Store.Replay(c.ctx(), c.key(), c.param("id"))
	if errors.Is(err, hookyard.ErrNotFound) {
		return hookyard.Errorf(hookyard.NotFound, "no such replay [%s]", hookyard.Clean(c.param("id"), 100))
	}
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, r)
}

// createReplay begins a bulk job; the dispatcher does it, step by step.
func createReplay(c *call) error {
	var in client.ReplayRequest
	body, err := c.object()
	if err != nil {
		return err
	}
	err = body.read(map[string]field{"hook": into(&in.Hook), "since": instant("since", &in.Since),
		"until": instant("until", &in.Until), "type": into(&in.Type), "state": into(&in.State)})
	if err != nil {
		return err
	}
	if in.State, err = checkState(in.State); err != nil {
		return err
	}
	switch {
	case in.State == hookyard.Pending:
		return hookyard.FieldErrorf("state",
			"what is pending is sent anyway; replay delivered, failed, skipped or canceled")
	case len(in.Type) > c.a.o.Limits.EventType || hookyard.Clean(in.Type, 1000) != in.Type:
		return hookyard.FieldErrorf("type", "type must be printable text of at most %d bytes", c.a.o.Limits.EventType)
	case !in.Since.IsZero() && !storable(in.Since), !in.Until.IsZero() && !storable(in.Until):
		return hookyard.FieldErrorf("since", "since and until must be between the years 1 and 9999")
	case !in.Since.IsZero() && !in.Until.IsZero() && !in.Since.Before(in.Until):
		return hookyard.FieldErrorf("until", "until must be after since")
	}
	r := &hookyard.Replay{ProjectKey: c.key(), Since: in.Since, Until: in.Until, Type: in.Type, State: in.State}
	if in.Hook != "" {
		h, err := c.hookNamed(in.Hook)
		if err != nil {
			return err
		}
		if err := mustBeOn(h); err != nil {
			return err
		}
		r.HookKey, r.Hook = h.Key, h.ID
	}
	if err := c.a.o.Store.CreateReplay(c.ctx(), r); err != nil {
		return err
	}
	c.a.o.Dispatcher.WakeReplays()
	return c.reply(http.StatusAccepted, r)
}

// instant is the field of a time, or of a duration that means so long ago, as the lists have it.
func instant(name string, dst *time.Time) field {
	return func(raw json.RawMessage) error {
		var text string
		err := into(&text)(raw)
		if err != nil || text == "" {
			return err
		}
		*dst, err = readTime(name, text)
		return err
	}
}

func cancelReplay(c *call) error {
	if err := c.a.o.Store.CancelReplay(c.ctx(), c.key(), c.param("id")); err != nil {
		if _, none := c.a.o.Store.Replay(c.ctx(), c.key(), c.param("id")); errors.Is(none, hookyard.ErrNotFound) {
			return showReplay(c)
		}
		return err
	}
	return showReplay(c)
}
