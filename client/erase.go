package client

import (
	"context"
	"net/http"
)

// Erased says what was erased.
type Erased struct {
	Events   int    `json:"events"`
	Canceled int    `json:"canceled" doc:"deliveries that were pending"`
	Cursor   string `json:"cursor,omitempty" doc:"to continue with; absent when nothing is left"`
}

// EventErasure selects the events to erase. Without anything in EventQuery, All must be set.
type EventErasure struct {
	EventQuery
	All    bool // every event of the project, and what is kept of refused requests
	DryRun bool // only count
}

// EraseEvent deletes an event with all that is kept of it, for good, and cancels its pending deliveries.
func (c *Client) EraseEvent(ctx context.Context, project, id string) (Erased, error) {
	var out Erased
	_, err := c.call(ctx, http.MethodDelete, in(project, "events", id), nil, &out)
	return out, err
}

// EraseEvents does what EraseEvent does with the events that q selects, at most q.Limit of them. While the result has a
// cursor, others may be left: call it again with the cursor.
func (c *Client) EraseEvents(ctx context.Context, project string, q EventErasure) (Erased, error) {
	v := q.values()
	if q.All {
		v.Set("all", "true")
	}
	if q.DryRun {
		v.Set("dryRun", "true")
	}
	var out Erased
	_, err := c.call(ctx, http.MethodDelete, in(project, "events")+"?"+v.Encode(), nil, &out)
	return out, err
}
