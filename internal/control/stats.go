package control

import (
	"context"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
)

// Stats returns the figures of the project, or of one hook. They are exact, and cost the same however many events there
// are. It fails with NotFound when there is no such hook, and as [hookyard.StatsQuery.Range] does.
func (p *Project) Stats(ctx context.Context, q hookyard.StatsQuery) (*hookyard.Stats, error) {
	if err := p.allow(hookyard.RoleRead); err != nil {
		return nil, err
	}
	hook, err := p.hookKey(q.Hook)
	if err != nil {
		return nil, err
	}
	start, step, periods, err := q.Range(now())
	if err != nil {
		return nil, err
	}
	out := &hookyard.Stats{Since: start, Until: start.Add(time.Duration(periods) * step.Step), Step: step}
	if out.Begin, err = p.c.store.CountsSince(ctx); err != nil {
		return nil, err
	}
	key := store.CountKey{Project: p.Key(), Hook: hook}
	series, err := p.c.store.Series(ctx, store.Series{Keys: []store.CountKey{key}, Start: start, Step: step.Step,
		Len: periods})
	if err != nil {
		return nil, err
	}
	if out.Series = series[key]; out.Series == nil {
		out.Series = make([]hookyard.Counts, periods)
	}
	for i := range out.Series {
		out.Total.Add(&out.Series[i])
	}
	return out, p.fillWaiting(ctx, key, out)
}

// fillWaiting fills what waits now.
func (p *Project) fillWaiting(ctx context.Context, key store.CountKey, s *hookyard.Stats) error {
	totals, err := p.c.store.Totals(ctx, p.Key())
	if err != nil {
		return err
	}
	if total := totals[key]; total != nil {
		s.Waiting = total[hookyard.CountWaiting]
	}
	var hooks []int64
	for k, c := range totals {
		if k.Hook != 0 && (key.Hook == 0 || key.Hook == k.Hook) && c[hookyard.CountWaiting] > 0 {
			hooks = append(hooks, k.Hook)
		}
	}
	due, err := p.c.store.OldestDue(ctx, hooks...)
	for _, at := range due {
		if s.Oldest.IsZero() || at.Before(s.Oldest) {
			s.Oldest = at
		}
	}
	return err
}
