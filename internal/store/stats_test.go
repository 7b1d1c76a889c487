package store_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// put keeps n events of a type in a project, owed to nobody but the hooks given.
func put(t *testing.T, db *store.DB, v *hookyard.Snapshot, eventType string, n int,
	hooks ...*hookyard.Hook) (last int64,
	events []*hookyard.Event) {
	t.Helper()
	var all []*hookyard.RoutedEvent
	for i := range n {
		e := hookyard.NewEvent("in", eventType, []byte(fmt.Sprint(i)), time.Now())
		e.ProjectKey = v.Project.Key
		a := &hookyard.RoutedEvent{Event: e}
		for _, h := range hooks {
			a.Add(h)
		}
		all = append(all, a)
	}
	receipts, errs := db.AcceptAll(context.Background(), all)
	for i, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
		last = max(last, receipts[i].Seq)
		events = append(events, all[i].Event)
	}
	return last, events
}

// TestCountsOfProjects publishes to two projects in turn. What one gets must not change the figures of the other.
func TestCountsOfProjects(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		a, b := storetest.Project(t, db, "ann", "a"), storetest.Project(t, db, "ann", "b")
		put(t, db, a, "x", 300)
		put(t, db, b, "x", 100)
		put(t, db, a, "x", 1200)
		want := map[int64]int64{a.Project.Key: 1500, b.Project.Key: 100}
		start := time.Now().UTC().Truncate(time.Minute).Add(-time.Minute)
		for project, n := range want {
			key := store.CountKey{Project: project}
			periods, err := db.Series(ctx, store.Series{Keys: []store.CountKey{key}, Step: 5 * time.Minute,
				Start: start, Len: 1})
			if err != nil || len(periods[key]) != 1 || periods[key][0][hookyard.CountEvents] != n {
				t.Errorf("project %d: %v, error %v; want %d events", project, periods[key], err, n)
			}
		}
		types, err := db.RecentTypes(ctx, a.Project.Key, 5000)
		if err != nil || !slices.Equal(types, []string{"x"}) {
			t.Errorf("types %v, error %v", types, err)
		}
	})
}

func TestHookAttempts(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		v := storetest.Project(t, db, "ann", "a", "http://one.test", "http://two.test")
		put(t, db, v, "x", 3, v.Hooks...)
		work, err := db.Claim(ctx, v.Hooks[0].Key, time.Now().Add(time.Hour), 10)
		if err != nil || len(work) != 3 {
			t.Fatalf("claimed %d, %v", len(work), err)
		}
		for i := range work {
			w := &work[i]
			at := &hookyard.Attempt{EventSeq: w.Delivery.EventSeq, HookKey: w.Delivery.HookKey, N: 1,
				StartedAt: time.Now(), Duration: 12 * time.Millisecond, Status: 200 + 300*(i%2)}
			if err := db.Finish(ctx, &hookyard.Result{Work: w, Attempt: at,
				Decision: hookyard.Decision{State: hookyard.Delivered}}); err != nil {
				t.Fatal(err)
			}
		}
		marks, err := db.HookAttempts(ctx, v.Hooks[0].Key, 2)
		if err != nil || len(marks) != 2 || marks[0].Duration != 12*time.Millisecond || !marks[0].OK() ||
			marks[1].OK() {
			t.Errorf("marks %+v, error %v", marks, err)
		}
		if other, err := db.HookAttempts(ctx, v.Hooks[1].Key, 10); err != nil || len(other) != 0 {
			t.Errorf("the other hook has %d attempts, %v", len(other), err)
		}
	})
}
