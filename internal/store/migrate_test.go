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

// TestOldQueues opens a database of version 3, where the due of an ordered hook's delivery was the seq of its event.
// Both kinds of hooks must get what they were owed, in their order.
func TestOldQueues(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		ctx := t.Context()
		pool, closeOld := store.OpenOld(t, dsn, 3)
		exec := func(text string, args ...any) {
			t.Helper()
			if _, err := pool.ExecContext(ctx, text, args...); err != nil {
				t.Fatal(err)
			}
		}
		exec(`insert into projects (key, path, owner, name, settings, revision, created, updated, deleted)
			values (1, 'ann/a', 'ann', 'a', '{"Retention":0,"x":0}', 1, 1, 1, 0)`)
		for key, ordered := range map[int]bool{1: true, 2: false} {
			exec(`insert into hooks (key, project_key, id, settings, active, off_reason, health, revision, created,
				updated, deleted) values ($1, 1, $2, $3, $4, '', '', 1, 1, 1, 0)`, key, fmt.Sprintf("h%d", key),
				fmt.Sprintf(`{"URL":"http://one.test","Ordered":%t}`, ordered), true)
		}
		now := time.Now()
		for seq := range 4 {
			exec(`insert into events (seq, id, project_key, source, type, time, method, target, remote, verified,
				header, content_type, data_offset, size, body)
				values ($1, $2, 1, 'in', 'x', $3, '', '', '', '', $4, '', 0, 2, $4)`,
				seq+1, fmt.Sprintf("msg_%d", seq+1), now.UnixMicro(), []byte("{}"))
			// The later the event, the earlier it is due to the hook that is not ordered.
			for hook, due := range map[int]int64{1: int64(seq + 1),
				2: now.Add(-time.Duration(seq) * time.Minute).UnixMicro()} {
				exec(`insert into deliveries (event_seq, hook_key, project_key, state, reason, due, node, attempts,
					tries, updated) values ($1, $2, 1, 'pending', '', $3, 0, 0, 0, $4)`, seq+1, hook, due,
					now.Add(-time.Duration(seq)*time.Hour).UnixMicro())
			}
		}
		exec("update counters set value = 4 where name = 'event_seq'")
		closeOld()

		db := storetest.Open(t, dsn)
		for hook, want := range map[int64][]int64{1: {1, 2, 3, 4}, 2: {4, 3, 2, 1}} {
			due, ok, err := db.NextDue(ctx, hook)
			if err != nil || !ok || due.Before(now.Add(-24*time.Hour)) || due.After(now) {
				t.Errorf("hook %d has something due at %v, %t, %v; want a time not long past", hook, due, ok, err)
			}
			if got := claimAll(t, db, hook, 3); !slices.Equal(got, want) {
				t.Errorf("hook %d gets %v, want %v", hook, got, want)
			}
		}
	})
}

// claimAll claims what a hook is owed, at most limit at once, delivers it, and returns the seqs of the events.
func claimAll(t *testing.T, db *store.DB, hook int64, limit int) (seqs []int64) {
	t.Helper()
	for {
		work, err := db.Claim(context.Background(), hook, time.Now(), limit)
		if err != nil {
			t.Fatal(err)
		}
		if len(work) == 0 {
			return seqs
		}
		for i := range work {
			seqs = append(seqs, work[i].Delivery.EventSeq)
			r := &hookyard.Result{Work: &work[i], Decision: hookyard.Decision{State: hookyard.Delivered}}
			if err := db.Finish(context.Background(), r); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestOrderChanges switches a hook's order on and off while deliveries wait: all of them are delivered, and those that
// have a place in event order.
func TestOrderChanges(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		snapshot := storetest.Project(t, db, "acme", "shop", "http://a.example/")
		key := snapshot.Hooks[0].Key
		order := func(on bool) {
			t.Helper()
			if _, err := db.UpdateHook(ctx, snapshot.Project.Key, "h1", 0, "hook.update",
				func(h *hookyard.Hook) error { h.Ordered = on; return nil }); err != nil {
				t.Fatal(err)
			}
			var err error
			if snapshot, err = db.Snapshot(ctx, "acme", "shop"); err != nil {
				t.Fatal(err)
			}
		}
		put(t, db, snapshot, "x", 2, snapshot.Hooks...)
		order(true)
		put(t, db, snapshot, "x", 2, snapshot.Hooks...)
		if got := claimAll(t, db, key, 10); !slices.Equal(got, []int64{3, 4, 1, 2}) {
			t.Errorf("claimed %v; want the ordered ones, then the others", got)
		}
		put(t, db, snapshot, "x", 2, snapshot.Hooks...)
		order(false)
		put(t, db, snapshot, "x", 2, snapshot.Hooks...)
		if got := claimAll(t, db, key, 10); !slices.Equal(got, []int64{5, 6, 7, 8}) {
			t.Errorf("claimed %v; want all by due", got)
		}
	})
}
