package svix

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
)

// task is a bulk replay as Svix shows it.
type task struct {
	ID        string          `json:"id"`
	Status    string          `json:"status"`
	Task      string          `json:"task"`
	UpdatedAt time.Time       `json:"updatedAt"`
	Data      json.RawMessage `json:"data,omitempty"`
}

const (
	maxRecover = 14*24*time.Hour + 5*time.Minute
	maxStats   = 28*24*time.Hour + 5*time.Minute
)

func taskOf(p *control.Project, r *hookyard.Replay, kind string) task {
	status := "finished"
	if !r.Ended() {
		status = "running"
	}
	return task{ID: "qtask_" + strings.TrimPrefix(r.ID, "rpl_") + "_" + p.Snapshot.Project.Name, Status: status,
		Task: kind, UpdatedAt: r.UpdatedAt}
}

// replay starts a bulk replay of an endpoint's messages in a state.
func (c *call) replay(kind string, state hookyard.State) (int, any, error) {
	p, h, o, err := c.endpointAndBody(false)
	if err != nil {
		return 0, nil, err
	}
	until := now()
	given := read[time.Time](c, o, "a time such as 2026-01-31T12:00:00Z", "until")
	if t, ok := given.Get(); ok && !given.IsNull() {
		until = t
	}
	since, ok := read[time.Time](c, o, "a time such as 2026-01-31T12:00:00Z", "since").Get()
	switch {
	case len(c.faults) > 0:
	case !ok || since.IsZero():
		c.faults.addJSON("missing field `since`", "", "")
	case !since.Before(until):
		c.faults.add("must be before until", "since")
	case until.Sub(since) > maxRecover:
		c.faults.add("must be at most 14 days before until", "since")
	}
	if err := c.faults.err(); err != nil {
		return 0, nil, err
	}
	if reason, off := h.IsOff(); off {
		return 0, nil, badRequest("The endpoint is disabled: " + reason)
	}
	r, err := p.CreateReplay(c.ctx(), control.ReplaySpec{Hook: h.ID, Since: since, Until: until, State: state})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusAccepted, taskOf(p, r, kind), nil
}

// recoverFailed sends again what was given up.
func recoverFailed(c *call) (int, any, error) { return c.replay("endpoint.recover", hookyard.Failed) }

// replayMissing sends what the endpoint did not get while it was disabled.
func replayMissing(c *call) (int, any, error) { return c.replay("endpoint.replay", hookyard.Skipped) }

// bulkReplay sends everything again.
func bulkReplay(c *call) (int, any, error) { return c.replay("endpoint.bulk-replay", "") }

// showTask shows how far a bulk replay is.
func showTask(c *call) (int, any, error) {
	rest, ok := strings.CutPrefix(c.param("task"), "qtask_")
	id, name, found := strings.Cut(rest, "_")
	if !ok || !found {
		return 0, nil, notFound()
	}
	p, err := c.appOf(name, control.Read)
	if err != nil {
		return 0, nil, notFound()
	}
	r, err := p.Replay(c.ctx(), "rpl_"+id)
	if err != nil {
		return 0, nil, err
	}
	out := taskOf(p, r, "endpoint.replay")
	out.Data, err = hookyard.EncodeJSON(map[string]int64{"messagesSent": r.Opened})
	return http.StatusOK, out, err
}

// endpointStats counts the attempts of an endpoint.
func endpointStats(c *call) (int, any, error) {
	p, h, err := c.endpoint(control.Read)
	if err != nil {
		return 0, nil, err
	}
	q, err := c.query()
	if err != nil {
		return 0, nil, err
	}
	since, err := queryTime(q, "since")
	if err != nil {
		return 0, nil, err
	}
	until, err := queryTime(q, "until")
	if err != nil {
		return 0, nil, err
	}
	at := now()
	if until.After(at.Add(time.Minute)) {
		return 0, nil, refuse(http.StatusBadRequest, "invalid_range", "until must not be in the future")
	}
	if until.IsZero() {
		until = at
	}
	if since.IsZero() {
		since = until.Add(-28 * 24 * time.Hour)
	}
	if !since.Before(until) || until.Sub(since) > maxStats {
		return 0, nil, refuse(http.StatusBadRequest, "invalid_range", "since must be at most 28 days before until")
	}
	stats, err := p.Stats(c.ctx(), hookyard.StatsQuery{Hook: h.ID, Since: since, Until: until})
	if err != nil {
		return 0, nil, err
	}
	var ok, all int64
	ok = stats.Total[hookyard.CountStatus2xx]
	for i := hookyard.CountStatus2xx; i <= hookyard.CountBroker; i++ {
		all += stats.Total[i]
	}
	return http.StatusOK, struct {
		Success  int64 `json:"success"`
		Pending  int64 `json:"pending"`
		Sending  int64 `json:"sending"`
		Fail     int64 `json:"fail"`
		Canceled int64 `json:"canceled"`
	}{Success: ok, Fail: all - ok, Sending: stats.Waiting, Canceled: stats.Total[hookyard.CountCanceled]}, nil
}
