package client

import (
	"context"
	"net/http"
	"time"

	"github.com/hookyard/hookyard"
)

// Stats are the figures of a project or a hook. They are exact: they are counted as things happen.
type Stats struct {
	Since         time.Time `json:"since" doc:"start of the first period"`
	Until         time.Time `json:"until" doc:"end of the last period"`
	Step          string    `json:"step" doc:"length of the periods: minute, hour or day"`
	CountedSince  time.Time `json:"countedSince" doc:"nothing was counted before"`
	Waiting       int64     `json:"waiting" doc:"deliveries that are pending now"`
	OldestWaiting time.Time `json:"oldestWaiting,omitzero" doc:"when the first of them was or is due"`
	Totals        Figures   `json:"totals"`
	Series        []Period  `json:"series" doc:"all periods of the range, the oldest first"`
}

// Period is one period of a series.
type Period struct {
	Start time.Time `json:"start"`
	Figures
}

// Figures say what happened in some time.
type Figures struct {
	Events     int64            `json:"events" doc:"received and stored; of projects only"`
	Repeated   int64            `json:"repeated" doc:"events that came again and were not stored; of projects only"`
	Refused    int64            `json:"refused" doc:"requests that a source refused; of projects only"`
	RefusedFor map[string]int64 `json:"refusedFor,omitempty" doc:"refused requests by the code of the error"`
	Deliveries int64            `json:"deliveries" doc:"created, or reopened by a retry or a replay"`
	Delivered  int64            `json:"delivered"`
	Failed     int64            `json:"failed" doc:"deliveries that were given up"`
	Skipped    int64            `json:"skipped"`
	Canceled   int64            `json:"canceled"`
	Resent     int64            `json:"resent" doc:"deliveries that were sent again after a 2xx"`
	Attempts   int64            `json:"attempts"`
	Answers    map[string]int64 `json:"answers,omitempty" doc:"attempts by the class of the status: 2xx to 5xx, other"`
	NoAnswer   map[string]int64 `json:"noAnswer,omitempty" doc:"attempts without an answer, by errorKind"`
	Latency    *Latency         `json:"latency,omitempty" doc:"of the answers; absent if there was none"`
}

// Latency describes how long receivers took to answer. Quantiles are estimated from the buckets.
type Latency struct {
	Mean    hookyard.Duration `json:"mean"`
	P50     hookyard.Duration `json:"p50"`
	P95     hookyard.Duration `json:"p95"`
	P99     hookyard.Duration `json:"p99"`
	Buckets []LatencyBucket   `json:"buckets" doc:"those that are not empty"`
}

// LatencyBucket counts the answers that took longer than the bucket before and at most UpTo.
type LatencyBucket struct {
	UpTo  hookyard.Duration `json:"upTo,omitempty" doc:"absent: longer than 30s"`
	Count int64             `json:"count"`
}

// StatsQuery selects figures. A zero field is the server's default: the last day, in the shortest step that suits it.
type StatsQuery struct {
	Hook  string // id of a hook; "" is the whole project
	Since time.Time
	Until time.Time
	Step  string // minute, hour or day
}

// Stats returns the figures of a project or one of its hooks.
func (c *Client) Stats(ctx context.Context, project string, q StatsQuery) (Stats, error) {
	path := in(project, "stats")
	if q.Hook != "" {
		path = in(project, "hooks", q.Hook, "stats")
	}
	v := Page{}.query()
	addTimes(v, q.Since, q.Until)
	addText(v, "step", q.Step)
	var out Stats
	_, err := c.call(ctx, http.MethodGet, path+"?"+v.Encode(), nil, &out)
	return out, err
}
