package store

import (
	"context"
	"math"
	"time"

	"github.com/hookyard/hookyard"
)

// planTime bounds the work of a plan.
const planTime = 2 * time.Second

// PlanReplay counts what a bulk job would look at, which it stores in r.Total, and what it would open, by the key of
// the hook. It changes nothing. want is that of [DB.StepReplay]. If the count takes longer than two seconds, it is
// projected from the part that was counted, and r.Approximate is set.
func (db *DB) PlanReplay(ctx context.Context, r *hookyard.Replay,
	want func(e *hookyard.Event) (bool, error)) (map[int64]int64, error) {
	if err := db.bound(ctx, r); err != nil {
		return nil, err
	}
	count := db.planOpened
	if r.HookKey != 0 && r.State == "" {
		count = func(ctx context.Context, r *hookyard.Replay) (map[int64]int64, float64, error) {
			return db.planWanted(ctx, r, want)
		}
	}
	found, part, err := count(ctx, r)
	if err != nil {
		return nil, err
	}
	r.Approximate = part < 1
	for hook, n := range found {
		if r.Approximate {
			n = int64(float64(n) / part)
			found[hook] = n
		}
		r.Opened += n
	}
	return found, nil
}

// planOpened counts the deliveries that a job opens, by hook, from the newest event on. part is the share of the events
// that it came through.
func (db *DB) planOpened(ctx context.Context, r *hookyard.Replay) (found map[int64]int64, part float64, err error) {
	found = map[int64]int64{}
	began := time.Now()
	to, stretch := r.Last, int64(firstStretch)
	for ; to > r.Cursor && time.Since(began) < planTime; stretch *= 4 {
		low := max(r.Cursor+1, to-stretch+1)
		if err := db.countOpened(ctx, r, low, to, found); err != nil {
			return nil, 0, err
		}
		to = low - 1
	}
	if to <= r.Cursor {
		return found, 1, nil
	}
	return found, float64(r.Last-to) / float64(r.Last-r.Cursor), nil
}

// countOpened adds to found the deliveries that a job opens of the events from one seq to another.
func (db *DB) countOpened(ctx context.Context, r *hookyard.Replay, from, to int64, found map[int64]int64) error {
	until := int64(math.MaxInt64)
	if !r.Until.IsZero() {
		until = micros(r.Until)
	}
	rows, err := db.read.QueryContext(ctx, `select d.hook_key, e.type, count(*) from deliveries d
		join events e on e.seq = d.event_seq
		where d.project_key = $3 and d.event_seq >= $4 and d.event_seq <= $5
		and e.time >= $6 and e.time < $7 and `+opens+" group by d.hook_key, e.type",
		r.HookKey, string(r.State), r.ProjectKey, from, to, micros(r.Since), until)
	if err != nil {
		return err
	}
	_, err = collect(rows, func(row scanner) (none struct{}, err error) {
		var hook, n int64
		var eventType string
		err = row.Scan(&hook, &eventType, &n)
		if r.Type == "" || hookyard.MatchGlob(r.Type, eventType) {
			found[hook] += n
		}
		return none, err
	})
	return err
}

// planWanted counts the events that a job with a hook sends to it, from the oldest event on. part is the share of the
// events that it came through.
func (db *DB) planWanted(ctx context.Context, r *hookyard.Replay,
	want func(*hookyard.Event) (bool, error)) (found map[int64]int64, part float64, err error) {
	found = map[int64]int64{}
	began := time.Now()
	seen := int64(0)
	for at := r.Cursor; time.Since(began) < planTime; {
		p, err := db.planPage(ctx, r, at, want)
		if err != nil {
			return nil, 0, err
		}
		pending, err := db.pendingAmong(ctx, r.HookKey, p.wanted)
		if err != nil {
			return nil, 0, err
		}
		at = p.last
		seen += p.seen
		found[r.HookKey] += int64(len(p.wanted)) - pending
		if p.end {
			return found, 1, nil
		}
	}
	if seen == 0 {
		return found, 1, nil
	}
	return found, float64(seen) / float64(max(seen, r.Total)), nil
}

// planned is what a page of events comes to.
type planned struct {
	wanted []any // seqs
	seen   int64
	last   int64 // seq
	end    bool  // of the job
}

// planPage looks at the events after a seq, and drops their bodies.
func (db *DB) planPage(ctx context.Context, r *hookyard.Replay, after int64,
	want func(*hookyard.Event) (bool, error)) (p planned, err error) {
	ctx, drop := context.WithCancel(ForRequest(ctx)) // of its own: all it reads is dropped in the end
	defer drop()
	page, err := db.Events(ctx, hookyard.EventQuery{ProjectKey: r.ProjectKey, After: after, Ascending: true,
		Limit: replayStep, Bodies: true})
	if err != nil {
		return p, err
	}
	p.last = after
	for _, e := range page.Events {
		p.last = e.Seq
		if e.Seq > r.Last {
			break
		}
		p.seen++
		if !inReplay(r, e) {
			continue
		}
		if ok, err := want(e); err != nil {
			return p, err
		} else if ok {
			p.wanted = append(p.wanted, e.Seq)
		}
	}
	p.end = page.Next == 0 || p.last >= r.Last
	return p, nil
}

// pendingAmong returns for how many of the events a hook has a pending delivery.
func (db *DB) pendingAmong(ctx context.Context, hookKey int64, seqs []any) (n int64, err error) {
	if len(seqs) == 0 {
		return 0, nil
	}
	err = db.read.QueryRowContext(ctx, `select count(*) from deliveries where hook_key = $1
		and case when state = 'pending' then true else false end and event_seq in (`+
		placeholdersFrom(2, len(seqs))+")", append([]any{hookKey}, seqs...)...).Scan(&n)
	return n, err
}
