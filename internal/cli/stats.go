package cli

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

func newStats(s *session) *cobra.Command {
	var q client.StatsQuery
	var times span
	var step stepFlag
	c := &cobra.Command{
		Use: "stats [PROJECT] [HOOK]", Short: "Figures of a project or a hook, by minute, hour or day",
		Long: `Show what came in, what was delivered, what receivers answered and how long they
took, by minute, hour or day, and what waits now. The figures are exact and cost
the same however many events there are. A PROJECT is given as owner/name.`,
		Example: `  hookyard stats -p shop/orders                       the last day by the hour
  hookyard stats shop/orders billing --since 7d
  hookyard stats billing --since 1h --step minute --json`,
	}
	times.flags(c.Flags())
	c.Flags().Var(&step, "step", "length of the periods: minute, hour or day (default: what suits the range)")
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 0 && strings.Contains(args[0], "/") {
			s.project = args[0]
			args = args[1:]
		}
		if len(args) > 1 {
			return usagef("a project is owner/name; usage: %s", c.UseLine())
		}
		if len(args) > 0 {
			q.Hook = args[0]
		}
		cl, project, err := s.clientAndProject()
		if err != nil {
			return err
		}
		q.Since, q.Until = times.since.t, times.until.t
		q.Step = string(step)
		out, err := cl.Stats(c.Context(), project, q)
		if err != nil {
			return err
		}
		return s.show(out, func() error { return s.showStats(&out, q.Hook != "") })
	}
	return takes(c, 0, 2)
}

// stepFlag is the name of one of hookyard.CountSteps.
type stepFlag string

func (f *stepFlag) Type() string   { return "step" }
func (f *stepFlag) String() string { return string(*f) }

func (f *stepFlag) Set(text string) error {
	for _, step := range hookyard.CountSteps {
		if text == step.Name {
			*f = stepFlag(text)
			return nil
		}
	}
	return usagef("use minute, hour or day")
}

// showStats prints a line for each period in which something happened, and one for all. Those of a hook have no events.
func (s *session) showStats(st *client.Stats, hook bool) error {
	head := []string{"TIME", "EVENTS", "REFUSED", "DELIVERED", "FAILED", "ATTEMPTS", "2XX", "OTHER", "NO ANSWER", "P50",
		"P95"}
	skip := 0
	if hook {
		skip = 2
	}
	line := func(first string, f *client.Figures) []string {
		noAnswer := sum(f.NoAnswer)
		p50, p95 := "-", "-"
		if f.Latency != nil {
			p50, p95 = roughly(f.Latency.P50), roughly(f.Latency.P95)
		}
		row := []string{first}
		for _, n := range []int64{f.Events, f.Refused, f.Delivered, f.Failed, f.Attempts, f.Answers["2xx"],
			f.Attempts - noAnswer - f.Answers["2xx"], noAnswer}[skip:] {
			row = append(row, strconv.FormatInt(n, 10))
		}
		return append(row, p50, p95)
	}
	var rows [][]string
	for i := range st.Series {
		p := &st.Series[i]
		if p.Events+p.Refused+p.Deliveries+p.Delivered+p.Failed+p.Skipped+p.Canceled+p.Attempts > 0 {
			rows = append(rows, line(s.when(p.Start), &p.Figures))
		}
	}
	rows = append(rows, line("all", &st.Totals))
	if err := s.list(append(head[:1:1], head[1+skip:]...), rows); err != nil {
		return err
	}
	waiting := hookyard.Count(st.Waiting, "delivery")
	if !st.OldestWaiting.IsZero() {
		waiting += fmt.Sprintf(", the oldest due %s", localTime(st.OldestWaiting))
	}
	if also := alsoHappened(&st.Totals); also != "" {
		s.say("%s", also)
	}
	s.say("waiting now: %s; from %s, by the %s", waiting, localTime(st.Since), st.Step)
	if st.CountedSince.After(st.Since) {
		s.say("counted since %s", localTime(st.CountedSince))
	}
	return nil
}

// alsoHappened says what the table has no columns for, "" if there was nothing of it.
func alsoHappened(f *client.Figures) string {
	var parts []string
	if f.Repeated > 0 {
		parts = append(parts, hookyard.Count(f.Repeated, "event")+" repeated and not stored")
	}
	for _, code := range slices.Sorted(maps.Keys(f.RefusedFor)) {
		parts = append(parts, fmt.Sprintf("%d refused as %s", f.RefusedFor[code], code))
	}
	if f.Resent > 0 {
		parts = append(parts, hookyard.Count(f.Resent, "delivery")+" sent again after a 2xx")
	}
	return strings.Join(parts, "; ")
}

func sum(counts map[string]int64) (n int64) {
	for _, one := range counts {
		n += one
	}
	return n
}

// roughly is a duration with two or three digits.
func roughly(d hookyard.Duration) string {
	unit := time.Microsecond
	for _, u := range []time.Duration{time.Millisecond, 100 * time.Millisecond} {
		if time.Duration(d) >= 10*u {
			unit = u
		}
	}
	return hookyard.FormatDuration(time.Duration(d).Round(unit))
}
