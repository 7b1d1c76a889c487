package web

import (
	"context"
	"sync"
	"time"

	"github.com/hookyard/hookyard/internal/store"
)

// rates counts events over time. It caches the counts, because the past does not change. It is safe for concurrent use.
type rates struct {
	store *store.DB

	mu     sync.Mutex // guards what follows
	marks  map[int64]int64
	counts map[interval]store.Count
}

// interval is an interval of time in a project.
type interval struct {
	project     int64
	start, step int64 // in seconds
}

const (
	maxCached  = 20_000          // marks, and counts
	settleTime = 2 * time.Minute // an interval that ended longer ago gets no more events: clocks of nodes may differ
)

func newRates(db *store.DB) *rates {
	return &rates{store: db, marks: map[int64]int64{}, counts: map[interval]store.Count{}}
}

// of counts a project's events in the n intervals of step, whole seconds, up to now, the oldest first.
func (r *rates) of(ctx context.Context, project int64, step time.Duration, n int) ([]store.Count, error) {
	end := time.Now().Truncate(step).Add(step)
	begin := func(i int) time.Time { return end.Add(-step * time.Duration(n-i)) }
	key := func(i int) interval { return interval{project, begin(i).Unix(), int64(step / time.Second)} }
	out := r.cached(n, key)
	if len(out) == n {
		return out, nil
	}
	var marks []int64
	for i := len(out); i < n; i++ {
		seq, err := r.markAt(ctx, begin(i))
		if err != nil {
			return nil, err
		}
		marks = append(marks, seq)
	}
	_, newest, err := r.store.Bounds(ctx, project)
	if err != nil {
		return nil, err
	}
	found, err := r.store.CountBetween(ctx, project, append(marks, newest))
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.counts)+n > maxCached {
		clear(r.counts)
	}
	for i, c := range found {
		if at := len(out) + i; time.Since(begin(at+1)) > settleTime {
			r.counts[key(at)] = c
		}
	}
	return append(out, found...), nil
}

// cached returns the counts up to the first that is not cached.
func (r *rates) cached(n int, key func(int) interval) []store.Count {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]store.Count, 0, n)
	for i := range n {
		c, known := r.counts[key(i)]
		if !known {
			break
		}
		out = append(out, c)
	}
	return out
}

// markAt returns the seq at a time, which must be in whole seconds.
func (r *rates) markAt(ctx context.Context, t time.Time) (int64, error) {
	r.mu.Lock()
	seq, known := r.marks[t.Unix()]
	r.mu.Unlock()
	if known {
		return seq, nil
	}
	seq, err := r.store.SeqAt(ctx, t)
	if err != nil || time.Since(t) < settleTime {
		return seq, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.marks) >= maxCached {
		clear(r.marks)
	}
	r.marks[t.Unix()] = seq
	return seq, nil
}
