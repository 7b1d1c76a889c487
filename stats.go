package hookyard

import "time"

// CountStep is the length of the periods for which figures are kept, and for how long they are.
type CountStep struct {
	Name string
	Step time.Duration
	Keep time.Duration
}

// CountSteps are the periods for which figures are kept, the shortest first. They begin at multiples of the step in
// UTC.
var CountSteps = [...]CountStep{
	{"minute", time.Minute, 2 * 24 * time.Hour},
	{"hour", time.Hour, 60 * 24 * time.Hour},
	{"day", 24 * time.Hour, 2 * 366 * 24 * time.Hour},
}

// Stats are the figures of a project or a hook in a range of time, period by period.
type Stats struct {
	Since, Until time.Time // the periods begin at Since and end at Until
	Step         CountStep
	Total        Counts
	Series       []Counts  // one for each period
	Waiting      int64     // deliveries that are pending now
	Oldest       time.Time // when the first of them was or is due; zero if none waits
	Begin        time.Time // nothing was counted before
}

// StatsQuery asks for [Stats].
type StatsQuery struct {
	Hook         string    // id of a hook; "" is the whole project
	Since, Until time.Time // zero: a day before Until, and now
	Step         string    // name of one of CountSteps; "" is the shortest that suits the range
}

// maxPeriods is the most periods of one answer: all minutes that are kept, with those at both ends.
const maxPeriods = 2*24*60 + 2

// autoPeriods is the most periods of a step that nobody asked for.
const autoPeriods = 400

// Range returns the periods that a query asks for: those that Since and Until are in are whole. It is an error if the
// step is unknown, if the range is empty or has too many periods, or if the figures of such periods are not kept for so
// long.
func (q StatsQuery) Range(now time.Time) (start time.Time, step CountStep, periods int, err error) {
	until := q.Until
	if until.IsZero() || until.After(now) {
		until = now
	}
	since := q.Since
	if since.IsZero() {
		since = until.Add(-24 * time.Hour)
	}
	if !since.Before(until) {
		return start, step, 0, FieldErrorf("since", "since must be before until and before now")
	}
	found := false
	for _, s := range CountSteps {
		if q.Step == s.Name || q.Step == "" && until.Sub(since) <= autoPeriods*s.Step && now.Sub(since) <= s.Keep {
			step, found = s, true
			break
		}
	}
	switch {
	case !found && q.Step == "":
		step = CountSteps[len(CountSteps)-1]
	case !found:
		return start, step, 0, FieldErrorf("step", "step must be minute, hour or day")
	}
	if now.Sub(since) > step.Keep+step.Step {
		return start, step, 0, FieldErrorf("since", "figures by the %s are kept for %s: use a later since%s", step.Name,
			Count(int(step.Keep/(24*time.Hour)), "day"), longerStep(step))
	}
	start = since.UTC().Truncate(step.Step)
	periods = int((until.Sub(start) + step.Step - 1) / step.Step)
	if periods > maxPeriods {
		return start, step, 0, FieldErrorf("step", "the range has %s; at most %d are answered: use a longer step",
			Count(periods, "period"), maxPeriods)
	}
	return start, step, periods, nil
}

// longerStep is the end of a message about figures that are not kept.
func longerStep(step CountStep) string {
	if step.Step == CountSteps[len(CountSteps)-1].Step {
		return ""
	}
	return " or a longer step"
}
