package dispatch_test

import (
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

// TestCancelReplay cancels a replay to a hook that gets one request in ten seconds: what waits for its turn in memory
// ends at once, and reads as delivered as before.
func TestCancelReplay(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		y := start(t, db)
		rc := receive(t, nil)
		snapshot := storetest.Project(t, db, "acme", "shop", rc.URL)
		const n = 300
		for range n {
			y.publish(snapshot, "x")
		}
		y.settled(snapshot)
		h, err := db.UpdateHook(ctx, snapshot.Project.Key, "h1", 0, "hook.update",
			func(h *hookyard.Hook) error { h.Rate = 0.1; return nil })
		if err != nil {
			t.Fatal(err)
		}
		y.dispatcher.HookChanged(h.Key)
		job := &hookyard.Replay{ProjectKey: snapshot.Project.Key}
		if err := db.CreateReplay(ctx, job); err != nil {
			t.Fatal(err)
		}
		progress := func(what string, ok func(*hookyard.Replay) bool) {
			t.Helper()
			testenv.Until(t, what, func() bool {
				r, err := db.Replay(ctx, snapshot.Project.Key, job.ID)
				if err == nil && r.Queued+r.Sending+r.Delivered+r.Failed+r.Skipped+r.Canceled != r.Opened {
					t.Logf("a replay while it is read: %+v", r)
				}
				return err == nil && ok(r)
			})
		}
		y.dispatcher.WakeReplays()
		progress("all is queued, and some in memory", func(r *hookyard.Replay) bool {
			return r.Status == hookyard.ReplayQueued && r.Opened == n && r.Sending > 1
		})
		before := time.Now()
		if err := db.CancelReplay(ctx, snapshot.Project.Key, job.ID); err != nil {
			t.Fatal(err)
		}
		y.dispatcher.WakeReplays()
		progress("the replay ends", (*hookyard.Replay).Ended)
		if sent, most := rc.count()-n, int(time.Since(before)/(10*time.Second))+3; sent > most {
			t.Errorf("%d were sent again, want at most %d", sent, most)
		}
		progress("the figures", func(r *hookyard.Replay) bool {
			return r.Delivered+r.Canceled == n && r.Canceled >= n-5
		})
		list, _, err := db.Deliveries(ctx, hookyard.DeliveryQuery{ProjectKey: snapshot.Project.Key, Limit: n + 1,
			State: hookyard.Delivered})
		if err != nil || len(list) != n {
			t.Errorf("%d read as delivered, %v; want all %d", len(list), err, n)
		}
	})
}
