package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// TestOwnLimitMoves: a project that has a higher limit than others keeps it when it is given to another owner.
func TestOwnLimitMoves(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		db := storetest.OpenWith(t, dsn, store.Options{Quotas: store.QuotaDefaults{
			Project: hookyard.Quota{hookyard.LimitHooks: 1}}})
		p := &hookyard.Project{Owner: "acme", Name: "shop"}
		if err := db.CreateProject(ctx, p, nil); err != nil {
			t.Fatal(err)
		}
		project, _, err := db.Tenants(ctx, p)
		if err != nil {
			t.Fatal(err)
		}
		three := int64(3)
		if err := db.SetQuota(ctx, project, map[hookyard.LimitName]*int64{hookyard.LimitHooks: &three}); err != nil {
			t.Fatal(err)
		}
		for i := range three {
			h := &hookyard.Hook{ProjectKey: p.Key, ID: fmt.Sprint("h", i), URL: "http://a.example/"}
			if err := db.CreateHook(ctx, h); err != nil {
				t.Fatal(err)
			}
		}
		s, err := db.SnapshotByKey(ctx, p.Key)
		if err != nil {
			t.Fatal(err)
		}
		to := *s.Project
		to.Key, to.Owner = 0, "umbrella"
		if err := db.CopyProject(ctx, s, &to, true); err != nil {
			t.Fatal(err)
		}
		if hooks, err := db.Hooks(ctx, to.Key); err != nil || len(hooks) != int(three) {
			t.Errorf("%d hooks, %v", len(hooks), err)
		}
		again := to
		again.Key, again.Name = 0, "copy"
		s, err = db.SnapshotByKey(ctx, to.Key)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.CopyProject(ctx, s, &again, false); hookyard.CodeOf(err) != hookyard.TooMany {
			t.Errorf("a copy has three hooks, though others have one: %v", err)
		}
	})
}

// TestFieldsBesideHooks: a change of search fields and a hook that is switched off lock the version of the
// configuration and the numbers of events in one order.
func TestFieldsBesideHooks(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		s := storetest.Project(t, db, "acme", "shop", "http://a.example/")
		other := storetest.Project(t, db, "acme", "other")
		var both sync.WaitGroup
		both.Go(func() {
			for i := range 20 {
				other = setFields(t, db, other, fmt.Sprint("f", i))
			}
		})
		both.Go(func() {
			for range 20 {
				if err := offAndOn(ctx, db, s); err != nil {
					t.Error(err)
				}
			}
		})
		both.Wait()
	})
}

// offAndOn has a result switch the hook of a project off, with an event about it, and switches it on again.
func offAndOn(ctx context.Context, db *store.DB, s *hookyard.Snapshot) error {
	h := s.Hooks[0]
	if _, err := db.Accept(ctx, hookyard.Route(event(s.Project.Key, "", "x"), s, nil)); err != nil {
		return err
	}
	work, err := db.Claim(ctx, h.Key, event(0, "", "").Time.AddDate(1, 0, 0), 1)
	if err != nil {
		return err
	}
	if len(work) != 1 {
		return fmt.Errorf("claimed %d deliveries", len(work))
	}
	if err := db.Finish(ctx, &hookyard.Result{Work: &work[0], HookOff: "off", OffEvent: hookyard.Route(
		event(s.Project.Key, "", "off"), s, nil), Decision: hookyard.Decision{State: hookyard.Failed}}); err != nil {
		return err
	}
	_, err = db.UpdateHook(ctx, s.Project.Key, h.ID, 0, "hook.on", func(h *hookyard.Hook) error {
		h.Active, h.OffReason = true, ""
		return nil
	})
	return err
}
