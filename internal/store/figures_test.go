package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// TestFigures has three projects of which two are told apart. The rest is what the others did, also after one of them
// is deleted.
func TestFigures(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		var made []*hookyard.Snapshot
		for i, name := range []string{"a", "b", "c"} {
			v := storetest.Project(t, db, "ann", name, "http://one.test", "http://two.test")
			put(t, db, v, "x", 10*(i+1), v.Hooks...)
			db.CountRefusal(v.Project.Key, hookyard.TooLarge)
			made = append(made, v)
		}
		_, err := db.UpdateHook(ctx, made[2].Project.Key, "h1", 0, "hook.update", func(h *hookyard.Hook) error {
			h.Active, h.OffReason = false, "it answered 410"
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		db.StoreRefusals(t)
		q := store.FiguresQuery{Projects: true, Hooks: true, Limit: 2}
		check := func(when string) {
			t.Helper()
			all, err := db.Figures(ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			got := describe(all.Server)
			for _, f := range append(all.Projects, all.Hooks...) {
				got += describe(f)
			}
			want := "/: 60 events, 3 refused, 120 opened, 120 pending true, off 1+0\n" +
				"ann/a/: 10 events, 1 refused, 20 opened, 20 pending true, off 0+0\n" +
				"ann/b/: 20 events, 1 refused, 40 opened, 40 pending true, off 0+0\n" +
				"/: 30 events, 1 refused, 60 opened, 60 pending true, off 1+0\n" +
				"ann/a/h1: 0 events, 0 refused, 10 opened, 10 pending true, off 0+0\n" +
				"ann/a/h2: 0 events, 0 refused, 10 opened, 10 pending true, off 0+0\n" +
				"/: 60 events, 3 refused, 100 opened, 100 pending true, off 1+0\n"
			if got != want || all.OfProjects != 3 || all.OfHooks != 6 {
				t.Errorf("%s: of %d and %d\n%s, want\n%s", when, all.OfProjects, all.OfHooks, got, want)
			}
		}
		check("before the fold")
		db.FoldCounts(t)
		check("after the fold")
		if err := db.DeleteProject(ctx, made[2].Project); err != nil {
			t.Fatal(err)
		}
		db.ExpireCounts(t, time.Now().Add(48*time.Hour))
		all, err := db.Figures(ctx, q)
		if err != nil || all.Server.Counts[hookyard.CountEvents] != 60 || all.OfProjects != 2 ||
			all.Projects[2].Counts[hookyard.CountEvents] != 30 {
			t.Errorf("after a project is deleted: %v, error %v", all, err)
		}
	})
}

func describe(f store.Figures) string {
	c := &f.Counts
	return fmt.Sprintf("%s/%s: %d events, %d refused, %d opened, %d pending %v, off %d+%d\n", f.Project, f.Hook,
		c[hookyard.CountEvents], c[hookyard.CountRefusedFor+3], c[hookyard.CountOpened], c[hookyard.CountWaiting],
		!f.Oldest.IsZero(), f.OffByUs, f.OffByUser)
}
