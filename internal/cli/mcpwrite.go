package cli

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"sync"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// planTime is how long a call can be confirmed.
const planTime = 10 * time.Minute

// maxPlans is how many calls can wait to be confirmed; the oldest are forgotten.
const maxPlans = 100

// plans are the calls that wait to be confirmed. It is safe for concurrent use.
type plans struct {
	mu  sync.Mutex
	all []plan
}

// plan is a call, without its token, as JSON, and what it does: also later what the user was shown.
type plan struct {
	token, call string
	run         func(context.Context) (any, error)
	until       time.Time
}

// add returns the token that confirms a call.
func (p *plans) add(call string, run func(context.Context) (any, error), now time.Time) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.all) == maxPlans {
		p.all = p.all[1:]
	}
	p.all = append(p.all, plan{token: rand.Text(), call: call, run: run, until: now.Add(planTime)})
	return p.all[len(p.all)-1].token
}

// take returns what a token confirms, once, or nil if it does not confirm the call.
func (p *plans) take(token, call string, now time.Time) func(context.Context) (any, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, one := range p.all {
		if one.token == token && one.call == call && now.Before(one.until) {
			p.all = append(p.all[:i], p.all[i+1:]...)
			return one.run
		}
	}
	return nil
}

// confirmed is embedded by the arguments of tools that have to be called twice.
type confirmed struct {
	Confirm string `json:"confirm,omitempty" jsonschema:"the token that the same call without it answered"`
}

// plannedCall is what a call that is not confirmed answers.
type plannedCall struct {
	Would   any    `json:"would"`
	Confirm string `json:"confirm"`
	Next    string `json:"next"`
}

// confirm does what the same call before was to do, if the token is of that. Without a token it answers what the call
// would do, and the token. in is the call without its token.
func (t *tools) confirm(ctx context.Context, c confirmed, in any, would func() (any, error),
	run func(context.Context) (any, error)) (any, error) {
	call, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	if c.Confirm != "" {
		run := t.plans.take(c.Confirm, string(call), time.Now())
		if run == nil {
			return nil, usagef("confirm does not belong to this call, was used, or is older than %s",
				hookyard.FormatDuration(planTime)).then("call it without confirm, and ask the user again")
		}
		return run(ctx)
	}
	what, err := would()
	if err != nil {
		return nil, err
	}
	return plannedCall{Would: what, Confirm: t.plans.add(string(call), run, time.Now()),
		Next: "nothing was sent; show this to the user, and if they agree make the same call with confirm"}, nil
}

// publication is an event to publish.
type publication struct {
	inProject
	confirmed
	Type string `json:"type" jsonschema:"such as order.created"`
	Data any    `json:"data" jsonschema:"any JSON"`
	ID   string `json:"id,omitempty" jsonschema:"an id of your own; a repeat of one is a duplicate and is not stored"`
}

// resentEvent is an event to send again.
type resentEvent struct {
	oneEvent
	confirmed
	Hook string `json:"hook,omitempty" jsonschema:"only to this hook; default: all that have a delivery of it"`
}

// resentMany selects events to send again.
type resentMany struct {
	inProject
	within
	confirmed
	Hook  string `json:"hook,omitempty" jsonschema:"only to this hook; without state also events that it did not get"`
	Type  string `json:"type,omitempty" jsonschema:"a type or a pattern such as order.*"`
	State string `json:"state,omitempty" jsonschema:"only deliveries failed, skipped, canceled, delivered or pending"`
}

// write adds the tools that send.
func (t *tools) write() {
	tool(t, "publish", "Publishes an event, which is sent to every hook that selects it. Call it twice: see confirm.",
		false, about(t, t.publish))
	tool(t, "replay_event", "Sends an event to its hooks again. Call it twice: see confirm.", false,
		about(t, t.replayEvent))
	tool(t, "replay", "Sends many events again, by hook, type, state and time, as a job that runs on the server. "+
		"Call it twice: see confirm.", false, about(t, t.replay))
	tool(t, "show_replay", "Shows the progress of a job that replay started.", true,
		about(t, func(ctx context.Context, project string, in oneReplay) (any, error) {
			return t.client.Replay(ctx, project, in.Replay)
		}))
}

// oneReplay names a bulk replay.
type oneReplay struct {
	inProject
	Replay string `json:"replay" jsonschema:"its id, rpl_…"`
}

func (t *tools) publish(ctx context.Context, project string, in publication) (any, error) {
	c := in.confirmed
	in.confirmed, in.Project = confirmed{}, project
	return t.confirm(ctx, c, in, func() (any, error) {
		hooks, err := t.client.Hooks(ctx, project)
		return map[string]any{"publish": in, "hooks": len(hooks)}, err
	}, func(ctx context.Context) (any, error) {
		return t.client.Publish(ctx, project, client.Publication{ID: in.ID, Type: in.Type, Data: in.Data})
	})
}

func (t *tools) replayEvent(ctx context.Context, project string, in resentEvent) (any, error) {
	c := in.confirmed
	in.confirmed, in.Project = confirmed{}, project
	r := client.EventReplay{Hook: in.Hook, DryRun: true}
	send := func(ctx context.Context) (any, error) {
		ids, err := t.client.ReplayEventTo(ctx, project, in.Event, r)
		return map[string]any{"count": len(ids), "deliveries": ids}, err
	}
	return t.confirm(ctx, c, in, func() (any, error) { return send(ctx) }, func(ctx context.Context) (any, error) {
		r.DryRun = false
		return send(ctx)
	})
}

func (t *tools) replay(ctx context.Context, project string, in resentMany) (any, error) {
	c := in.confirmed
	in.confirmed, in.Project = confirmed{}, project
	since, until, err := in.times()
	if err != nil {
		return nil, err
	}
	r := client.ReplayRequest{Hook: in.Hook, Type: in.Type, State: hookyard.State(in.State), Since: since, Until: until,
		DryRun: true}
	start := func(ctx context.Context) (any, error) { return t.client.CreateReplay(ctx, project, r) }
	return t.confirm(ctx, c, in, func() (any, error) { return start(ctx) }, func(ctx context.Context) (any, error) {
		r.DryRun = false
		return start(ctx)
	})
}
