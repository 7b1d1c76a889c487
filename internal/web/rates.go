package web

import (
	"context"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
)

// rate counts a project's events in the n periods of a step up to now, the oldest first.
func (w *Web) rate(ctx context.Context, project int64, step time.Duration, n int) ([]int, error) {
	key := store.CountKey{Project: project}
	found, err := w.o.Store.Series(ctx, store.Series{Keys: []store.CountKey{key}, Step: step, Len: n,
		Start: time.Now().UTC().Truncate(step).Add(-step * time.Duration(n-1))})
	if err != nil {
		return nil, err
	}
	out := make([]int, n)
	for i := range found[key] {
		out[i] = int(found[key][i][hookyard.CountEvents])
	}
	return out, nil
}

// resultDays is for how many days, today included, pages show how many deliveries were accepted.
const resultDays = 7

// results are how the deliveries of a hook fare.
type results struct {
	Good    int // delivered in the last days
	Ended   int // Good, those that were given up, and those that wait because the hook is in trouble
	Waiting int // now
}

func (o *results) add(other results) {
	o.Good += other.Good
	o.Ended += other.Ended
	o.Waiting += other.Waiting
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
	for _, h := range hooks {
		s.Keys = append(s.Keys, store.CountKey{Project: project, Hook: h.Key})
	}
	days, err := w.o.Store.Series(ctx, s)
	if err != nil {
		return nil, err
	}
	out := make(map[int64]results, len(hooks))
	for i, h := range hooks {
		var sum hookyard.Counts
		for j := range days[s.Keys[i]] {
			sum.Add(&days[s.Keys[i]][j])
		}
		o := results{Good: int(sum[hookyard.CountDelivered]), Ended: int(sum.Ended())}
		if total := totals[s.Keys[i]]; total != nil {
			o.Waiting = int(total[hookyard.CountWaiting])
		}
		if inTrouble(h) {
			o.Ended += o.Waiting // else a dead hook stands at 100 % until the first delivery is given up
		}
		out[h.Key] = o
	}
	return out, nil
}
