package hookyard

import (
	"strings"
	"testing"
	"time"
)

func TestStatsRange(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 5, 12, 30, 30, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		q       StatsQuery
		start   string
		step    string
		periods int
		fault   string // a part of the error
	}{
		"by default the last day": {start: "03-04 12:00", step: "hour", periods: 25},
		"an hour": {q: StatsQuery{Since: ago(time.Hour)}, start: "03-05 11:30", step: "minute",
			periods: 61},
		"a day by the minute": {q: StatsQuery{Step: "minute"}, start: "03-04 12:30", step: "minute", periods: 1441},
		"all minutes that we have": {q: StatsQuery{Since: ago(2 * day), Step: "minute"}, start: "03-03 12:30",
			step: "minute", periods: 2881},
		"an hour long ago": {q: StatsQuery{Since: ago(4 * day), Until: ago(4*day - time.Hour)}, start: "03-01 12:00",
			step: "hour", periods: 2},
		"a season":             {q: StatsQuery{Since: ago(50 * day)}, start: "01-14 00:00", step: "day", periods: 51},
		"until later than now": {q: StatsQuery{Until: now.Add(day)}, start: "03-04 12:00", step: "hour", periods: 25},
		"minutes long ago": {q: StatsQuery{Since: ago(3 * day), Step: "minute"},
			fault: "kept for 2 days: use a later since or a longer step"},
		"too long ago":    {q: StatsQuery{Since: ago(900 * day)}, fault: "kept for 732 days: use a later since"},
		"an unknown step": {q: StatsQuery{Step: "week"}, fault: "minute, hour or day"},
		"since after until": {q: StatsQuery{Since: ago(time.Hour), Until: ago(2 * time.Hour)},
			fault: "before until"},
		"since in the future": {q: StatsQuery{Since: now.Add(time.Hour)}, fault: "before now"},
	} {
		start, step, periods, err := c.q.Range(now)
		if c.fault != "" {
			if CodeOf(err) != Invalid || !strings.Contains(err.Error(), c.fault) {
				t.Errorf("%s: error %v; want one with %q", name, err, c.fault)
			}
			continue
		}
		if err != nil || start.Format("01-02 15:04") != c.start || step.Name != c.step || periods != c.periods {
			t.Errorf("%s: %d periods from %s by the %s, error %v; want %d from %s by the %s", name, periods, start,
				step.Name, err, c.periods, c.start, c.step)
		}
	}
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	var c Counts
	if d, ok := c.Quantile(.5); ok || d != 0 || c.Mean() != 0 {
		t.Errorf("of nothing: %s, %t", d, ok)
	}
	for i := range 100 { // 50 in the bucket up to 10 ms, 50 in that up to 2.5 s
		c.Attempt(&Attempt{Status: 200 + i, Duration: []time.Duration{7 * time.Millisecond, 2 * time.Second}[i%2]})
	}
	c.Attempt(&Attempt{ErrorKind: KindTimeout, Duration: time.Hour}) // without a response
	for share, want := range map[float64]time.Duration{
		.25: 7500 * time.Microsecond, .5: 10 * time.Millisecond, .75: 1750 * time.Millisecond,
		1: 2500 * time.Millisecond,
	} {
		if d, ok := c.Quantile(share); !ok || d != want {
			t.Errorf("%g: %s, %t; want %s", share, d, ok, want)
		}
	}
	if want := 1003500 * time.Microsecond; c.Mean() != want {
		t.Errorf("mean %s, want %s", c.Mean(), want)
	}
	slow := Counts{}
	slow.Attempt(&Attempt{Status: 200, Duration: time.Minute})
	if d, ok := slow.Quantile(.5); !ok || d != 30*time.Second {
		t.Errorf("slower than the last bound: %s, %t", d, ok)
	}
}
