package store_test

import (
	"crypto/rand"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// random returns n bytes that PostgreSQL cannot compress.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// keep stores events with bodies of so many bytes.
func keep(t *testing.T, db *store.DB, v *hookyard.Snapshot, events, size int) {
	t.Helper()
	for range events {
		e := hookyard.NewEvent("in", "x", random(size), time.Now())
		e.ProjectKey = v.Project.Key
		if _, err := db.Accept(t.Context(), &hookyard.RoutedEvent{Event: e}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRetentionIsFair holds that the projects that keep most give, down to one level, and that those which keep less
// lose nothing, although theirs are the oldest events.
func TestRetentionIsFair(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		const size = 256 << 10
		events := map[string]int{"quiet": 4, "middle": 20, "loud": 60}
		projects := map[string]*hookyard.Snapshot{}
		for _, name := range []string{"quiet", "middle", "loud"} {
			projects[name] = storetest.Project(t, db, "ann", name)
			keep(t, db, projects[name], events[name], size)
		}
		took := map[int64]int64{}
		r := store.Retention{Bytes: 32 * size,
			Took: func(project int64, _ int, bytes int64) { took[project] += bytes }}
		if db.Name() == "sqlite" { // which has more in use than bodies
			r.Bytes += 2 << 20
		}
		for n := 1; n > 0; {
			var err error
			if n, err = db.Prune(ctx, r, time.Now().Add(time.Second)); err != nil {
				t.Fatal(err)
			}
		}
		left := map[string]int{}
		for name, v := range projects {
			left[name] = eventsOf(t, db, v)
		}
		if left["quiet"] != 4 || left["loud"] > left["middle"]+1 || left["middle"] > left["loud"]+1 ||
			left["loud"] < 10 || left["loud"] > 18 {
			t.Errorf("left %v; want all of quiet, and as much of middle as of loud, about 14", left)
		}
		if len(took) != 2 || took[projects["quiet"].Project.Key] != 0 ||
			took[projects["loud"].Project.Key] < int64(60-left["loud"])*size {
			t.Errorf("told of %v", took)
		}
	})
}

// TestRetentionTakesOthers holds that a project whose deliveries are all pending keeps its events, that the others give
// instead, and that events of deleted projects go first.
func TestRetentionTakesOthers(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		busy := storetest.Project(t, db, "ann", "busy", "http://one.test")
		for range 20 {
			e := hookyard.NewEvent("in", "x", random(100<<10), time.Now())
			e.ProjectKey = busy.Project.Key
			if _, err := db.Accept(ctx, hookyard.Route(e, busy, nil)); err != nil {
				t.Fatal(err)
			}
		}
		other := storetest.Project(t, db, "ann", "other")
		keep(t, db, other, 10, 100<<10)
		gone := storetest.Project(t, db, "ann", "gone")
		keep(t, db, gone, 3, 100<<10)
		if err := db.DeleteProject(ctx, gone.Project); err != nil {
			t.Fatal(err)
		}
		var order []int64
		r := store.Retention{Bytes: 1,
			Took: func(project int64, _ int, _ int64) { order = append(order, project) }}
		for n := 1; n > 0; {
			var err error
			if n, err = db.Prune(ctx, r, time.Now().Add(time.Second)); err != nil {
				t.Fatal(err)
			}
		}
		if fmt.Sprint(order) != fmt.Sprint([]int64{gone.Project.Key, other.Project.Key}) {
			t.Errorf("events went of %v; want %d, then %d", order, gone.Project.Key, other.Project.Key)
		}
		if n := eventsOf(t, db, busy); n != 20 {
			t.Errorf("%d events with pending deliveries are left, want 20", n)
		}
	})
}

// TestKeptBytes holds that what is kept is counted exactly, as it comes, as it goes, and by an upgrade.
func TestKeptBytes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		v := storetest.Project(t, db, "ann", "a", "http://one.test")
		want := int64(0)
		check := func(when string) {
			t.Helper()
			kept, err := db.KeptBytes(ctx)
			if err != nil || !maps.Equal(kept, map[int64]int64{v.Project.Key: want}) {
				t.Errorf("%s: %v are kept, %v; want %d", when, kept, err, want)
			}
		}
		e := hookyard.NewEvent("in", "x", random(1000), time.Now())
		e.Header = map[string][]string{"X-A": {"b"}}
		e.ProjectKey = v.Project.Key
		if _, err := db.Accept(ctx, hookyard.Route(e, v, nil)); err != nil {
			t.Fatal(err)
		}
		want = 1000 + int64(len(hookyard.EncodeHeader(nil, e.Header)))
		check("an event")
		work, err := db.Claim(ctx, v.Hooks[0].Key, time.Now().Add(time.Second), 1)
		if err != nil || len(work) != 1 {
			t.Fatal(len(work), err)
		}
		d := work[0].Delivery
		result := &hookyard.Result{Work: &work[0], Decision: hookyard.Decision{State: hookyard.Delivered},
			Attempt: &hookyard.Attempt{EventSeq: d.EventSeq, HookKey: d.HookKey, N: 1, StartedAt: time.Now(),
				Status:      200,
				RequestBody: random(300), ResponseBody: random(70)}}
		if err := db.Finish(ctx, result); err != nil {
			t.Fatal(err)
		}
		want += 370
		check("an attempt")
		if err := db.Finish(ctx, result); err != nil {
			t.Error(err)
		}
		check("the same attempt again")
		db.FoldCounts(t)
		check("folded")
		db.StartKept(t)
		check("after an upgrade")
		n, err := db.Prune(ctx, store.Retention{Bodies: time.Minute}, time.Now().Add(time.Hour))
		if n != 1 || err != nil {
			t.Fatal(n, err)
		}
		want = 0
		check("pruned")
	})
}

// eventsOf counts the events that are kept of a project.
func eventsOf(t *testing.T, db *store.DB, v *hookyard.Snapshot) (n int) {
	t.Helper()
	row := db.Pool().QueryRow("select count(*) from events where project_key = $1", v.Project.Key)
	if err := row.Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
