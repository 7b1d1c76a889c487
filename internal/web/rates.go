package web

import (
	"context"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
)

// periods returns the figures of a project for each period of a span.
func (w *Web) periods(ctx context.Context, project int64, s span) ([]hookyard.Counts, error) {
	key := store.CountKey{Project: project}
	found, err := w.o.Store.Series(ctx, store.Series{Keys: []store.CountKey{key}, Start: s.start, Step: s.step,
		Len: s.n})
	if err != nil {
		return nil, err
	}
	return append(found[key], make([]hookyard.Counts, s.n-len(found[key]))...), nil
}

// resultDays is for how many days, today included, pages show how many deliveries were accepted.
const resultDays = 7

// overdueAfter is how late the first waiting delivery of a hook must be before all that wait count as not delivered.
const overdueAfter = time.Minute

// results are how the deliveries of a hook fare.
type results struct {
	Good    int  // delivered in the last days
	Ended   int  // Good, those that were given up, and what a hook that is late or fails has not delivered
	Waiting int  // now
	Failing bool // someone must look after the hook, or after one of several
}

func (o *results) add(other results) {
	o.Good += other.Good
	o.Ended += other.Ended
	o.Waiting += other.Waiting
	o.Failing = o.Failing || other.Failing
}

// Share is how much of what ended or is overdue was delivered. "100 %" never stands beside a hook that fails, not even
// one that got no events for days.
func (o *results) Share() string {
	if o.Failing && o.Good == o.Ended {
		return "–"
	}
	return percent(o.Good, o.Ended)
}

// results returns the results of each hook of a project, by its key. The cost does not depend on how many deliveries
// there are.
func (w *Web) results(ctx context.Context, project int64, hooks []*hookyard.Hook) (map[int64]results, error) {
	totals, err := w.o.Store.Totals(ctx, project)
	if err != nil {
		return nil, err
	}
	const day = 24 * time.Hour
	s := store.Series{Start: time.Now().UTC().Truncate(day).Add(-(resultDays - 1) * day), Step: day, Len: resultDays}
	var late []int64 // hooks that may be late
	for _, h := range hooks {
		key := store.CountKey{Project: project, Hook: h.Key}
		if s.Keys = append(s.Keys, key); totals[key] != nil && totals[key][hookyard.CountWaiting] > 0 {
			late = append(late, h.Key)
		}
	}
	days, err := w.o.Store.Series(ctx, s)
	if err != nil {
		return nil, err
	}
	due, err := w.o.Store.OldestDue(ctx, late...)
	if err != nil {
		return nil, err
	}
	out := make(map[int64]results, len(hooks))
	for i, h := range hooks {
		var sum hookyard.Counts
		for j := range days[s.Keys[i]] {
			sum.Add(&days[s.Keys[i]][j])
		}
		waiting := int64(0)
		if total := totals[s.Keys[i]]; total != nil {
			waiting = total[hookyard.CountWaiting]
		}
		out[h.Key] = resultsOf(h, &sum, waiting, due[h.Key])
	}
	return out, nil
}

// resultsOf returns the results of a hook from its figures of the last days, what waits, and when the first of that was
// or is due.
func resultsOf(h *hookyard.Hook, sum *hookyard.Counts, waiting int64, due time.Time) results {
	now := time.Now()
	o := results{Good: int(sum[hookyard.CountDelivered]), Ended: int(sum.Ended()), Waiting: int(waiting),
		Failing: h.InTrouble(now)}
	if o.Failing || !due.IsZero() && now.Sub(due) > overdueAfter {
		o.Ended += o.Waiting // else a dead hook stands at 100 % until the first delivery is given up
	}
	if o.Failing && !h.Active {
		o.Ended += int(sum[hookyard.CountSkipped])
	}
	return o
}
