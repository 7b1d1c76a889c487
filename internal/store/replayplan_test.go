package store_test

import (
	"testing"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// TestReplayPlan plans replays and then runs them: each opens as many deliveries as its plan says, and a plan opens
// none.
func TestReplayPlan(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		r := startResends(t, db, 9, hookyard.Failed, hookyard.Failed, hookyard.Skipped, hookyard.Canceled)
		put(t, db, r.v, "y", 2) // for no hook
		even := func(e *hookyard.Event) (bool, error) { return e.Seq%2 == 0, nil }
		first, err := db.Events(ctx, hookyard.EventQuery{ProjectKey: r.v.Project.Key, Ascending: true, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name string
			job  hookyard.Replay
			want int64
		}{
			{"what failed", hookyard.Replay{State: hookyard.Failed}, 2},
			{"what was canceled", hookyard.Replay{State: hookyard.Canceled}, 1},
			{"another type", hookyard.Replay{Type: "y*"}, 0},
			{"a pattern", hookyard.Replay{Type: "x*", State: hookyard.Skipped}, 1},
			{"before all", hookyard.Replay{Until: first.Events[0].Time}, 0},
			{"what the hook wants", hookyard.Replay{HookKey: r.hook.Key}, 3}, // two of five are pending
			{"all but what is pending", hookyard.Replay{}, 3},
		} {
			job := c.job
			job.ProjectKey = r.v.Project.Key
			before := r.pending()
			plan := job
			found, err := db.PlanReplay(ctx, &plan, even)
			if err != nil || plan.Opened != c.want || found[r.hook.Key] != c.want || plan.Total != 11 ||
				plan.Approximate || r.pending() != before {
				t.Errorf("%s: planned %+v, %v, %v; want %d", c.name, plan, found, err, c.want)
			}
			if err := db.CreateReplay(ctx, &job); err != nil {
				t.Fatal(err)
			}
			for done := false; !done; {
				if _, done, err = db.StepReplay(ctx, &job, even); err != nil {
					t.Fatal(err)
				}
			}
			if job.Opened != c.want || r.pending() != before+c.want {
				t.Errorf("%s: opened %d, want %d", c.name, job.Opened, c.want)
			}
		}
	})
}

// pending counts the hook's pending rows.
func (r *resends) pending() (n int64) {
	r.t.Helper()
	if err := r.db.Pool().QueryRow("select count(*) from deliveries where state = 'pending'").Scan(&n); err != nil {
		r.t.Fatal(err)
	}
	return n
}

// TestDeliveriesOfReplay lists the deliveries of a replay by what became of them in it.
func TestDeliveriesOfReplay(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		r := startResends(t, db, 7)
		first := r.replay(hookyard.Replay{})
		r.send(2, hookyard.Failed)
		r.send(3, hookyard.Delivered)
		list := func(job *hookyard.Replay, s hookyard.State, want int) {
			t.Helper()
			got := 0
			for before := ""; ; { // by pages of two
				page, next, err := db.Deliveries(t.Context(), hookyard.DeliveryQuery{ProjectKey: r.v.Project.Key,
					ReplayKey: job.Key, State: s, Before: before, Limit: 2})
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range page {
					if got++; d.Replay != job.ID || s != "" && d.Resend != s {
						t.Errorf("in the list of %s, %q: %+v", job.ID, s, d)
					}
				}
				if before = next; next == "" {
					break
				}
			}
			if got != want {
				t.Errorf("%d deliveries are listed as %q, want %d", got, s, want)
			}
		}
		list(first, "", 7)
		list(first, hookyard.Failed, 2)
		list(first, hookyard.Delivered, 3)
		list(first, hookyard.Pending, 2)
		second := r.replay(hookyard.Replay{})
		list(first, "", 2)
		list(second, "", 5)
	})
}
