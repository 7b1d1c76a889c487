package control_test

import (
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// TestStats publishes to two projects in turn and lets some deliveries end: the figures of each are its own.
func TestStats(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		ctx := t.Context()
		a := storetest.Project(t, db, "alice", "a", "http://one.test", "http://two.test")
		other := storetest.Project(t, db, "alice", "b", "http://one.test")
		began := time.Now()
		for _, step := range []struct {
			v *hookyard.Snapshot
			n int
		}{{a, 300}, {other, 100}, {a, 1200}} {
			publish(t, db, step.v, step.n)
		}
		one := a.Hooks[0]
		work, err := db.Claim(ctx, one.Key, time.Now().Add(time.Minute), 20)
		if err != nil || len(work) != 20 {
			t.Fatalf("%d claimed, %v", len(work), err)
		}
		for i := range work {
			at := &hookyard.Attempt{EventSeq: work[i].Delivery.EventSeq, HookKey: one.Key, N: 1, StartedAt: time.Now(),
				Duration: 20 * time.Millisecond, Status: 200}
			d := hookyard.Decision{State: hookyard.Delivered}
			if i%4 == 0 {
				at.Status, at.ErrorKind = 0, hookyard.KindConnect
				d.State = hookyard.Failed
			}
			if err := db.Finish(ctx, &hookyard.Result{Work: &work[i], Attempt: at, Decision: d}); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			project, hook string
			want          hookyard.Counts
			waiting       int64
		}{
			{"a", "", hookyard.Counts{hookyard.CountEvents: 1500, hookyard.CountOpened: 3000,
				hookyard.CountDelivered: 15, hookyard.CountFailed: 5, hookyard.CountWaiting: 2980,
				hookyard.CountStatus2xx: 15, hookyard.CountConnect: 5}, 2980},
			{"a", one.ID, hookyard.Counts{hookyard.CountOpened: 1500, hookyard.CountDelivered: 15,
				hookyard.CountFailed: 5, hookyard.CountWaiting: 1480, hookyard.CountStatus2xx: 15,
				hookyard.CountConnect: 5}, 1480},
			{"a", a.Hooks[1].ID, hookyard.Counts{hookyard.CountOpened: 1500, hookyard.CountWaiting: 1500}, 1500},
			{"b", "", hookyard.Counts{hookyard.CountEvents: 100, hookyard.CountOpened: 100,
				hookyard.CountWaiting: 100}, 100},
		} {
			p, err := b.Project(ctx, b.id["alice"], "alice", c.project, control.Read)
			if err != nil {
				t.Fatal(err)
			}
			for _, step := range []string{"minute", "hour", "day", ""} {
				s, err := p.Stats(ctx, hookyard.StatsQuery{Hook: c.hook, Step: step})
				if err != nil {
					t.Fatal(err)
				}
				got := s.Total
				for i := hookyard.CountLatencySum; int(i) < len(got); i++ {
					got[i] = 0
				}
				if got != c.want || s.Waiting != c.waiting {
					t.Errorf("%s %s by %s: %v, %d waiting; want %v, %d", c.project, c.hook, step, got, s.Waiting,
						c.want, c.waiting)
				}
				if s.Oldest.Before(began.Add(-time.Second)) || s.Oldest.After(time.Now()) {
					t.Errorf("%s %s: the oldest is due %s", c.project, c.hook, s.Oldest)
				}
				if s.Until.Sub(s.Since) != time.Duration(len(s.Series))*s.Step.Step || s.Until.Before(time.Now()) {
					t.Errorf("%s by %s: %d periods from %s to %s", c.project, step, len(s.Series), s.Since, s.Until)
				}
			}
		}
		p := b.project(t, "bob", control.Read)
		if _, err := p.Stats(ctx, hookyard.StatsQuery{Hook: "none"}); hookyard.CodeOf(err) != hookyard.NotFound {
			t.Errorf("no such hook: %v", err)
		}
	})
}

// publish stores n events with a delivery to each hook.
func publish(t *testing.T, db *store.DB, v *hookyard.Snapshot, n int) {
	t.Helper()
	var all []*hookyard.RoutedEvent
	for range n {
		e := hookyard.NewEvent("in", "x", []byte("1"), time.Now())
		e.ProjectKey = v.Project.Key
		routed := &hookyard.RoutedEvent{Event: e}
		for _, h := range v.Hooks {
			routed.Add(h)
		}
		all = append(all, routed)
	}
	_, errs := db.AcceptAll(t.Context(), all)
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}
