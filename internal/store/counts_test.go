package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// TestCountsExact lets many callers do at random what changes deliveries, while their figures are folded, and compares
// the figures with the rows: on PostgreSQL through two nodes.
func TestCountsExact(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		dbs := []*store.DB{storetest.Open(t, dsn)}
		if dbs[0].Name() == "postgres" {
			dbs = append(dbs, storetest.OpenWith(t, dsn, store.Options{NodeName: "second"}))
		}
		a := storetest.Project(t, dbs[0], "ann", "a", "http://one.test", "http://two.test", "http://off.test")
		b := storetest.Project(t, dbs[0], "ann", "b", "http://one.test")
		a.Hooks[2].Active = false
		w := &mixer{t: t, snapshots: []*hookyard.Snapshot{a, b}}
		for round := range 3 {
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					r := rand.New(rand.NewPCG(uint64(round), uint64(i)))
					for range 60 {
						w.step(dbs[i%len(dbs)], r)
					}
				})
			}
			wg.Go(func() {
				for i := range 10 {
					dbs[i%len(dbs)].FoldCounts(t)
				}
			})
			wg.Wait()
			w.check(dbs[round%len(dbs)], "before the fold")
			dbs[0].FoldCounts(t)
			w.check(dbs[0], "after the fold")
		}
	})
}

// mixer does things at random and knows what it did.
type mixer struct {
	t                      *testing.T
	snapshots              []*hookyard.Snapshot
	events, refused, ended atomic.Int64
	repeated               atomic.Int64

	mu       sync.Mutex // guards attempts
	attempts hookyard.Counts
}

func (w *mixer) attempt(a *hookyard.Attempt) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.attempts.Attempt(a)
}

func (w *mixer) step(db *store.DB, r *rand.Rand) {
	ctx := context.Background()
	v := w.snapshots[r.IntN(len(w.snapshots))]
	h := v.Hooks[r.IntN(len(v.Hooks))]
	seq := 1 + r.Int64N(1+w.events.Load())
	var err error
	switch r.IntN(12) {
	case 0, 1, 2, 3:
		w.accept(db, v, fmt.Sprint(r.IntN(200)))
	case 4, 5, 6:
		w.send(db, h.Key, r)
	case 7:
		if err = db.Cancel(ctx, seq, h.Key, "test"); err == nil {
			w.ended.Add(1)
		}
	case 8:
		if r.IntN(2) == 0 {
			err = db.Reopen(ctx, seq, h.Key)
		} else if seq%2 == 0 && h.ProjectKey == v.Project.Key {
			err = w.create(db, seq, h)
		}
	case 9:
		var n int
		n, err = db.EndPending(ctx, h.Key, hookyard.Skipped, "test", 3)
		w.ended.Add(int64(n))
	case 10:
		at := &hookyard.Attempt{EventSeq: seq, HookKey: h.Key, Status: 200, StartedAt: time.Now(),
			Duration: time.Millisecond}
		if err = db.RecordForwarded(ctx, v.Project.Key, at, hookyard.Delivered, ""); err == nil {
			w.attempt(at)
			w.ended.Add(1)
		}
	case 11:
		rf := &hookyard.Refusal{ProjectKey: v.Project.Key, Source: "in", Code: hookyard.Forbidden}
		if err = db.Refuse(ctx, rf); err == nil {
			w.refused.Add(1)
		}
	}
	if err != nil && !errors.Is(err, hookyard.ErrNotFound) && !errors.Is(err, hookyard.ErrConflict) &&
		hookyard.CodeOf(err) != hookyard.Conflict {
		w.t.Error(err)
	}
}

func (w *mixer) create(db *store.DB, seq int64, h *hookyard.Hook) error {
	var project int64
	err := db.Pool().QueryRow("select project_key from events where seq = $1", seq).Scan(&project)
	if err != nil || project != h.ProjectKey {
		return nil //nolint:nilerr // the event has gone: there is nothing to create
	}
	return db.CreateDelivery(context.Background(), seq, h.Key)
}

func (w *mixer) accept(db *store.DB, v *hookyard.Snapshot, dedup string) {
	e := hookyard.NewEvent("in", "x", []byte("1"), time.Now())
	e.ProjectKey, e.DedupKey = v.Project.Key, dedup
	routed := &hookyard.RoutedEvent{Event: e}
	for _, h := range v.Hooks {
		routed.Add(h)
	}
	receipt, err := db.Accept(context.Background(), routed)
	if err != nil {
		w.t.Error(err)
		return
	}
	if receipt.Duplicate {
		w.repeated.Add(1)
		return
	}
	w.events.Add(1)
	for _, d := range routed.Deliveries {
		if d.State == hookyard.Skipped {
			w.ended.Add(1)
		}
	}
}

// send claims deliveries and ends some; it gives the others back to be sent again.
func (w *mixer) send(db *store.DB, hook int64, r *rand.Rand) {
	work, err := db.Claim(context.Background(), hook, time.Now().Add(time.Second), 4)
	if err != nil {
		w.t.Error(err)
	}
	for i := range work {
		at := &hookyard.Attempt{EventSeq: work[i].Delivery.EventSeq, HookKey: hook, N: work[i].Delivery.Attempts + 1,
			StartedAt: time.Now(), Duration: time.Duration(r.IntN(40)) * time.Second / 4, Status: 200 + 100*r.IntN(5)}
		if r.IntN(3) == 0 {
			at.Status, at.ErrorKind = 0, hookyard.ErrorKinds[r.IntN(len(hookyard.ErrorKinds))]
		}
		states := []hookyard.State{hookyard.Pending, hookyard.Delivered, hookyard.Failed}
		result := &hookyard.Result{Work: &work[i], Attempt: at,
			Decision: hookyard.Decision{State: states[r.IntN(3)], Due: time.Now()}}
		w.attempt(at)
		switch err := db.Finish(context.Background(), result); {
		case errors.Is(err, hookyard.ErrLost):
		case err != nil:
			w.t.Error(err)
		case result.Decision.State != hookyard.Pending:
			w.ended.Add(1)
		}
	}
}

// check compares the figures with what was done, and with the rows.
func (w *mixer) check(db *store.DB, when string) {
	w.t.Helper()
	projects := []int64{store.AllProjects}
	for _, v := range w.snapshots {
		projects = append(projects, v.Project.Key)
	}
	totals, err := db.Totals(context.Background(), projects...)
	if err != nil {
		w.t.Fatal(err)
	}
	var all hookyard.Counts
	whole := totals[store.CountKey{Project: store.AllProjects}]
	delete(totals, store.CountKey{Project: store.AllProjects})
	same := func(what string, got, want int64) {
		w.t.Helper()
		if got != want {
			w.t.Errorf("%s: %s: %d, want %d", when, what, got, want)
		}
	}
	rows := func(query string, args ...any) (n int64) {
		if err := db.Pool().QueryRow(query, args...).Scan(&n); err != nil {
			w.t.Fatal(err)
		}
		return n
	}
	for key, c := range totals {
		ended := c.Ended() + c[hookyard.CountSkipped] + c[hookyard.CountCanceled] + c[hookyard.CountResent]
		same(fmt.Sprint(key, " waiting"), c[hookyard.CountWaiting], c[hookyard.CountOpened]-ended)
		if key.Hook == 0 {
			all.Add(c)
			same("events", c[hookyard.CountEvents],
				rows("select count(*) from events where project_key = $1", key.Project))
			continue
		}
		same("waiting", c[hookyard.CountWaiting],
			rows("select count(*) from deliveries where state = 'pending' and hook_key = $1", key.Hook))
		same("delivered", c[hookyard.CountDelivered],
			rows("select count(*) from deliveries where (state = 'delivered' or delivered > 0) and hook_key = $1",
				key.Hook))
		// Of two attempts with one number, by nodes of which one had lost the delivery, one is stored.
		if stored := rows("select count(*) from attempts where hook_key = $1", key.Hook); c.Attempts() < stored {
			w.t.Errorf("%s: %d attempts, %d are stored", when, c.Attempts(), stored)
		}
		if median, ok := c.Quantile(0.5); ok && median <= 0 {
			w.t.Errorf("median %s", median)
		}
	}
	same("events", all[hookyard.CountEvents], w.events.Load())
	if whole == nil || *whole != all {
		w.t.Errorf("%s: all projects: %v, their sum is %v", when, whole, all)
	}
	same("repeated", all[hookyard.CountRepeated], w.repeated.Load())
	same("refused", all[hookyard.CountRefused], w.refused.Load())
	same("forbidden", all[hookyard.CountRefusedFor+1], w.refused.Load())
	same("ended", all.Ended()+all[hookyard.CountSkipped]+all[hookyard.CountCanceled]+all[hookyard.CountResent],
		w.ended.Load())
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := hookyard.CountStatus2xx; i < hookyard.CountResent; i++ {
		same(fmt.Sprint("attempts, counter ", i), all[i], w.attempts[i])
	}
	w.checkSeries(db, totals, when)
}

// checkSeries compares the sums of the periods with the totals.
func (w *mixer) checkSeries(db *store.DB, totals map[store.CountKey]*hookyard.Counts, when string) {
	w.t.Helper()
	s := store.Series{Len: 2}
	for key := range totals {
		s.Keys = append(s.Keys, key)
	}
	for _, s.Step = range []time.Duration{24 * time.Hour, 2 * time.Hour, 15 * time.Minute} {
		s.Start = time.Now().UTC().Truncate(s.Step).Add(-s.Step)
		periods, err := db.Series(context.Background(), s)
		if err != nil {
			w.t.Fatal(err)
		}
		for key, total := range totals {
			var sum hookyard.Counts
			for i := range periods[key] {
				sum.Add(&periods[key][i])
			}
			if sum != *total {
				w.t.Errorf("%s: %v in steps of %s: %v, want %v", when, key, s.Step, sum, *total)
			}
		}
	}
}

// TestCountsOfOldDatabase opens a database without figures: what waits is counted.
func TestCountsOfOldDatabase(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		ctx := t.Context()
		pool, closeOld := store.OpenOld(t, dsn, 8)
		for _, text := range []string{
			`insert into projects (key, path, owner, name, settings, revision, created, updated, deleted)
				values (1, 'ann/a', 'ann', 'a', '{}', 1, 1, 1, 0)`,
			`insert into hooks (key, project_key, id, settings, active, off_reason, health, revision, created,
				updated, deleted) values (7, 1, 'h1', '{}', true, '', '', 1, 1, 1, 0)`,
			`insert into deliveries (event_seq, hook_key, project_key, state, reason, due, node, attempts, tries,
				updated) values (1, 7, 1, 'pending', '', 5000000, 0, 0, 0, 0),
				(2, 7, 1, 'pending', '', 9000000, 0, 0, 0, 0), (3, 7, 1, 'delivered', '', 0, 0, 0, 0, 0)`,
		} {
			if _, err := pool.ExecContext(ctx, text); err != nil {
				t.Fatal(err)
			}
		}
		closeOld()
		db := storetest.Open(t, dsn)
		want := hookyard.Counts{hookyard.CountWaiting: 2}
		totals, err := db.Totals(ctx, 1, store.AllProjects)
		if err != nil || len(totals) != 3 || *totals[store.CountKey{Project: 1, Hook: 7}] != want ||
			*totals[store.CountKey{Project: 1}] != want ||
			*totals[store.CountKey{Project: store.AllProjects}] != want {
			t.Errorf("totals %v, error %v; want two that wait", totals, err)
		}
		if since, err := db.CountsSince(ctx); err != nil || time.Since(since) > time.Hour {
			t.Errorf("counted since %s, error %v; want since now", since, err)
		}
		if due, err := db.OldestDue(ctx, 7, 8); err != nil || len(due) != 1 || due[7].Unix() != 5 {
			t.Errorf("oldest due %v, error %v; want five seconds after 1970", due, err)
		}
	})
}

// TestCountsExpire deletes minutes before hours and hours before days, and never a total.
func TestCountsExpire(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		v := storetest.Project(t, db, "ann", "a", "http://one.test")
		put(t, db, v, "x", 3, v.Hooks...)
		db.FoldCounts(t)
		day := 24 * time.Hour
		for _, c := range []struct{ after, step time.Duration }{
			{0, time.Minute}, {3 * day, time.Hour}, {61 * day, day}, {3 * 366 * day, 0},
		} {
			db.ExpireCounts(t, time.Now().Add(c.after))
			var step int64
			err := db.Pool().QueryRow("select coalesce(min(step), 0) from counts where step > 0").Scan(&step)
			if err != nil || time.Duration(step)*time.Second != c.step {
				t.Errorf("after %s the shortest step is %d s, error %v; want %s", c.after, step, err, c.step)
			}
		}
		totals, err := db.Totals(t.Context(), v.Project.Key)
		if err != nil || totals[store.CountKey{Project: v.Project.Key}][hookyard.CountEvents] != 3 {
			t.Errorf("totals %v, error %v", totals, err)
		}
	})
}
