package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// TestClaimIsBoundedInBytes: what is large is taken a few at a time, in the same order, and what is larger than any
// bound alone.
func TestClaimIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		snapshot := storetest.Project(t, db, "acme", "shop", "http://a.example/")
		hook := snapshot.Hooks[0].Key
		start := time.Now().Add(-time.Hour)
		want := []string{"[0 1]", "[2]", "[3]", "[4 5]"}
		for i, mib := range []int{3, 3, 3, 10, 3, 3} {
			e := hookyard.NewEvent("in", fmt.Sprint(i), make([]byte, mib<<20), start.Add(time.Duration(i)*time.Second))
			e.ProjectKey = snapshot.Project.Key
			if _, err := db.Accept(ctx, hookyard.Route(e, snapshot, nil)); err != nil {
				t.Fatal(err)
			}
		}
		for _, want := range want {
			work, err := db.Claim(ctx, hook, time.Now(), 100)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for i := range work {
				got = append(got, work[i].Event.Type)
				err := db.Finish(ctx, &hookyard.Result{Work: &work[i],
					Decision: hookyard.Decision{State: hookyard.Delivered}})
				if err != nil {
					t.Fatal(err)
				}
			}
			if fmt.Sprint(got) != want {
				t.Errorf("took %v, want %s", got, want)
			}
		}
		if work, err := db.Claim(ctx, hook, time.Now(), 100); err != nil || len(work) != 0 {
			t.Errorf("%d are left, %v", len(work), err)
		}
	})
}
