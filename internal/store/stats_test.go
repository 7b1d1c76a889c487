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
func put(t *testing.T, db *store.DB, v *hookyard.View, eventType string, n int, hooks ...*hookyard.Hook) (last int64,
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

func TestCountBetween(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		a, b := storetest.Project(t, db, "ann", "a"), storetest.Project(t, db, "ann", "b")
		first, _ := put(t, db, a, "x", 10)
		second, _ := put(t, db, b, "y", 5)
		third, _ := put(t, db, a, "x", 7)
		counts, err := db.CountBetween(ctx, a.Project.Key, []int64{0, first, second, third, third})
		if err != nil || !slices.Equal(counts,
			[]store.Count{{N: 10, Exact: true}, {Exact: true}, {N: 7, Exact: true}, {Exact: true}}) {
			t.Errorf("counts %v, error %v; want 10, 0, 7, 0, exact", counts, err)
		}
		long, _ := put(t, db, a, "x", 3000)
		counts, err = db.CountBetween(ctx, a.Project.Key, []int64{third, long})
		if err != nil || counts[0].Exact || counts[0].N < 2900 || counts[0].N > 3100 {
			t.Errorf("counts %v, error %v; want about 3000, estimated", counts, err)
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
