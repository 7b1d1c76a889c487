package api

import (
	"net/http"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// showStats answers with the figures of a project, or of the hook in the path.
func showStats(c *call) error {
	q := hookyard.StatsQuery{Hook: c.param("id"), Step: c.q.Get("step")}
	var err error
	if q.Since, err = timeOrAgo("since", c.q.Get("since")); err != nil {
		return err
	}
	if q.Until, err = timeOrAgo("until", c.q.Get("until")); err != nil {
		return err
	}
	s, err := c.project.Stats(c.ctx(), q)
	if err != nil {
		return err
	}
	out := client.Stats{Since: s.Since, Until: s.Until, Step: s.Step.Name, CountedSince: s.Begin, Waiting: s.Waiting,
		OldestWaiting: s.Oldest, Totals: figuresJSON(&s.Total), Series: make([]client.Period, len(s.Series))}
	for i := range s.Series {
		out.Series[i] = client.Period{Start: s.Since.Add(time.Duration(i) * s.Step.Step),
			Figures: figuresJSON(&s.Series[i])}
	}
	return c.reply(http.StatusOK, out)
}

func figuresJSON(c *hookyard.Counts) client.Figures {
	return client.Figures{
		Events: c[hookyard.CountEvents], Repeated: c[hookyard.CountRepeated], Refused: c[hookyard.CountRefused],
		RefusedFor: c.Refusals(), Deliveries: c[hookyard.CountOpened], Resent: c[hookyard.CountResent],
		Delivered: c[hookyard.CountDelivered], Failed: c[hookyard.CountFailed], Skipped: c[hookyard.CountSkipped],
		Canceled: c[hookyard.CountCanceled], Attempts: c.Attempts(), Answers: c.Answers(),
		NoAnswer: c.NoAnswers(), Latency: latencyJSON(c),
	}
}

func latencyJSON(c *hookyard.Counts) *client.Latency {
	if c.Responses() == 0 {
		return nil
	}
	quantile := func(share float64) hookyard.Duration {
		d, _ := c.Quantile(share)
		return hookyard.Duration(d.Round(time.Microsecond))
	}
	out := &client.Latency{Mean: hookyard.Duration(c.Mean()), P50: quantile(.5), P95: quantile(.95), P99: quantile(.99)}
	for i, n := range c.Buckets() {
		if n == 0 {
			continue
		}
		b := client.LatencyBucket{Count: n}
		if i < len(hookyard.LatencyBounds) {
			b.UpTo = hookyard.Duration(hookyard.LatencyBounds[i])
		}
		out.Buckets = append(out.Buckets, b)
	}
	return out
}
