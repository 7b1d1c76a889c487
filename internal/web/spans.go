package web

import "time"

// span is a span of time up to now, in periods of a step.
type span struct {
	Name, Label string
	start       time.Time // of the first period
	step        time.Duration
	n           int // number of periods
}

func newSpan(name, label string, step time.Duration, n int) span {
	return span{name, label, time.Now().UTC().Truncate(step).Add(-step * time.Duration(n-1)), step, n}
}

// spans are those that charts can show.
func spans() []span {
	return []span{
		newSpan("1h", "last hour", 2*time.Minute, 30),
		newSpan("24h", "last 24 hours", 30*time.Minute, 48),
		newSpan("30d", "last 30 days", 24*time.Hour, 30),
	}
}

// spanLink is a span that a page offers.
type spanLink struct {
	span
	Shown bool
}

// spanLinks returns all spans. Shown is the one that the URL names, by default a day.
func (v *visit) spanLinks() []spanLink {
	name := v.get("span")
	if name != "1h" && name != "30d" {
		name = "24h"
	}
	var out []spanLink
	for _, s := range spans() {
		out = append(out, spanLink{s, s.Name == name})
	}
	return out
}

// bars returns the bars of a chart, still empty. Days are those of UTC: no zone has others in the figures.
func (s span) bars() []bucket {
	out := make([]bucket, s.n)
	for i := range out {
		at := s.start.Add(s.step * time.Duration(i))
		if out[i] = (bucket{At: at, Label: at.Format(briefLayout)}); s.days() {
			out[i] = bucket{Label: at.Format("2 Jan")}
		}
	}
	return out
}

func (s span) days() bool { return s.step >= 24*time.Hour }

// caption is the span as the title of a chart names it.
func (s span) caption() string {
	if s.days() {
		return s.Label + ", by days in UTC"
	}
	return s.Label
}
