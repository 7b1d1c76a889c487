package store_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

func listener(snapshot *hookyard.Snapshot, id string, expires time.Time) *hookyard.Hook {
	return &hookyard.Hook{ProjectKey: snapshot.Project.Key, ID: id, URL: "http://localhost:3000/", ExpiresAt: expires}
}

func TestRecordForwarded(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		snapshot := storetest.Project(t, db, "acme", "shop")
		h := listener(snapshot, "listen-a", time.Now().Add(time.Minute))
		if err := db.PutListener(ctx, h); err != nil || h.Key == 0 {
			t.Fatalf("PutListener = %v, key %d", err, h.Key)
		}
		snapshot, err := db.Snapshot(ctx, "acme", "shop")
		if err != nil || len(snapshot.Hooks) != 1 {
			t.Fatalf("View = %+v, %v; want the listener's hook", snapshot, err)
		}
		receipt, err := db.Accept(ctx, publish(t, snapshot, "order.created", ""))
		if err != nil || receipt.Deliveries != 0 {
			t.Fatalf("Accept = %+v, %v; a listener's hook must be owed nothing", receipt, err)
		}
		record := func(status int, state hookyard.State, reason string) *hookyard.Attempt {
			a := &hookyard.Attempt{EventSeq: receipt.Seq, HookKey: h.Key, StartedAt: time.Now(), URL: h.URL,
				Status:         status,
				ResponseHeader: http.Header{"X-A": {"1"}}, ResponseBody: []byte("body")}
			if err := db.RecordForwarded(ctx, snapshot.Project.Key, a, state, reason); err != nil {
				t.Error(err)
			}
			return a
		}
		if a := record(500, hookyard.Failed, "answered 500"); a.N != 1 {
			t.Errorf("first attempt is %d", a.N)
		}
		id := hookyard.DeliveryID(receipt.ID, h.Key)
		d, err := db.Delivery(ctx, snapshot.Project.Key, id)
		if err != nil || d.State != hookyard.Failed || d.Reason != "answered 500" || d.Attempts != 1 ||
			d.HookID != h.ID {
			t.Errorf("after a failure: %+v, %v", d, err)
		}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { record(200, hookyard.Delivered, "") })
		}
		wg.Wait()
		d, err = db.Delivery(ctx, snapshot.Project.Key, id)
		if err != nil || d.State != hookyard.Delivered || d.Reason != "" || d.Attempts != 9 {
			t.Errorf("after eight more at once: %+v, %v", d, err)
		}
		attempts, err := db.Attempts(ctx, receipt.Seq, h.Key)
		if err != nil || len(attempts) != 9 || attempts[0].Status != 500 || attempts[8].N != 9 ||
			string(attempts[8].ResponseBody) != "body" {
			t.Errorf("attempts %+v, %v", attempts, err)
		}
		if backlog, err := db.Backlog(ctx); err != nil || len(backlog) != 0 {
			t.Errorf("Backlog = %v, %v; want nothing", backlog, err)
		}

		other := storetest.Project(t, db, "acme", "other")
		for name, a := range map[string]*hookyard.Attempt{
			"unknown event": {EventSeq: receipt.Seq + 1, HookKey: h.Key, StartedAt: time.Now()},
			"unknown hook":  {EventSeq: receipt.Seq, HookKey: h.Key + 100, StartedAt: time.Now()},
		} {
			if err := db.RecordForwarded(ctx, snapshot.Project.Key, a, hookyard.Delivered, ""); !errors.Is(err,
				hookyard.ErrNotFound) {
				t.Errorf("%s: %v, want ErrNotFound", name, err)
			}
		}
		a := &hookyard.Attempt{EventSeq: receipt.Seq, HookKey: h.Key, StartedAt: time.Now()}
		if err := db.RecordForwarded(ctx, other.Project.Key, a, hookyard.Delivered, ""); !errors.Is(err,
			hookyard.ErrNotFound) {
			t.Errorf("another project's: %v, want ErrNotFound", err)
		}
		if err := db.DeleteListener(ctx, snapshot.Project.Key, h.ID); err != nil {
			t.Fatal(err)
		}
		if d, err := db.Delivery(ctx, snapshot.Project.Key, id); err != nil || d.HookID != h.ID {
			t.Errorf("after the end: %+v, %v; want the history", d, err)
		}
	})
}

func TestListenersExpire(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		snapshot := storetest.Project(t, db, "acme", "shop")
		put := func(id string, expires time.Time) {
			t.Helper()
			if err := db.PutListener(ctx, listener(snapshot, id, expires)); err != nil {
				t.Fatal(err)
			}
		}
		left := func(want string) {
			t.Helper()
			hooks, err := db.Hooks(ctx, snapshot.Project.Key)
			var ids []string
			for _, h := range hooks {
				ids = append(ids, h.ID)
			}
			if err != nil || fmt.Sprint(ids) != want {
				t.Errorf("hooks %v, %v; want %s", ids, err, want)
			}
		}
		now := time.Now()
		own := listener(snapshot, "listen-own", time.Time{}) // a user's hook that only looks like one
		if err := db.CreateHook(ctx, own); err != nil {
			t.Fatal(err)
		}
		put("listen-a", now.Add(-time.Second))
		put("listen-a", now.Add(time.Minute)) // renewed in time
		put("listen-b", now.Add(-time.Second))
		left("[listen-own listen-a listen-b]")
		put("listen-c", now.Add(3*time.Minute))
		left("[listen-own listen-a listen-c]")
		if _, err := db.Prune(ctx, store.Retention{}, now.Add(2*time.Minute)); err != nil {
			t.Fatal(err)
		}
		left("[listen-own listen-c]")
		if err := db.PutListener(ctx, listener(snapshot, "listen-own", now)); !errors.Is(err,
			hookyard.ErrConflict) {
			t.Errorf("PutListener of a user's hook = %v, want ErrConflict", err)
		}
		if err := db.DeleteListener(ctx, snapshot.Project.Key, "listen-own"); !errors.Is(err, hookyard.ErrNotFound) {
			t.Errorf("DeleteListener of a user's hook = %v, want ErrNotFound", err)
		}
		two := int64(2)
		project, _, err := db.Tenants(ctx, snapshot.Project)
		if err != nil {
			t.Fatal(err)
		}
		patch := map[hookyard.LimitName]*int64{hookyard.LimitHooks: &two}
		if err := db.SetQuota(ctx, project, patch); err != nil {
			t.Fatal(err)
		}
		err = db.PutListener(ctx, listener(snapshot, "listen-d", now))
		if hookyard.CodeOf(err) != hookyard.TooMany {
			t.Errorf("PutListener beyond the most = %v, want TooMany", err)
		}
	})
}

// TestHooksExpire: what was made for a while goes when that is over, whoever made it, and nothing else does.
func TestHooksExpire(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		snapshot := storetest.Project(t, db, "acme", "shop", "http://192.0.2.1/")
		now := time.Now()
		for _, h := range []*hookyard.Hook{
			{ID: "once", ExpiresAt: now.Add(-time.Second)}, // as the page of an event makes one
			{ID: "all", ExpiresAt: now.Add(-time.Second), Events: hookyard.SelectAll(),
				Description: `"ExpiresAt":"0001-01-01T00:00:00Z"`},
			{ID: "later", ExpiresAt: now.Add(time.Hour)},
			{ID: "never"},
		} {
			h.ProjectKey = snapshot.Project.Key
			h.URL = "http://192.0.2.1/"
			h.Active = true
			if err := db.CreateHook(ctx, h); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := db.Prune(ctx, store.Retention{}, now); err != nil {
			t.Fatal(err)
		}
		hooks, err := db.Hooks(ctx, snapshot.Project.Key)
		var ids []string
		for _, h := range hooks {
			ids = append(ids, h.ID)
		}
		if err != nil || fmt.Sprint(ids) != "[h1 later never]" {
			t.Errorf("hooks %v are left, %v", ids, err)
		}
		if v, err := db.Snapshot(ctx, "acme", "shop"); err != nil || len(v.Hooks) != 3 {
			t.Errorf("routing still sees %d hooks, %v", len(v.Hooks), err)
		}
	})
}
