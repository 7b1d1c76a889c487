package store_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

func TestBins(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx, now := context.Background(), time.Now()
		make := func(name, remote string) error {
			return db.CreateBin(ctx, &hookyard.Bin{Name: name, Secret: []byte{1}, Private: true, Color: 0x123456,
				Remote: remote,
				Answer: &hookyard.Answer{Status: 201}, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}, 2, 3)
		}
		for i, c := range []struct {
			remote string
			code   hookyard.Code
		}{{"a", ""}, {"a", ""}, {"a", hookyard.TooMany}, {"b", ""}, {"b", hookyard.Unavailable}} {
			if err := make(fmt.Sprint("bin", i), c.remote); hookyard.CodeOf(err) != c.code {
				t.Errorf("bin %d: %v, want %q", i, err, c.code)
			}
		}
		for i := range 5 {
			r := &hookyard.BinRequest{ID: fmt.Sprint("req", i), Bin: "bin0", Time: now, Method: "PUT", Path: "/x?y",
				Header: http.Header{"A": {"b"}},
				Body:   []byte{0, 0xff}, Size: 2}
			if err := db.KeepBinRequest(ctx, r, 3); err != nil {
				t.Fatal(err)
			}
		}
		b, err := db.Bin(ctx, "bin0", now)
		if err != nil || b.Requests != 5 || !b.Private || b.Answer.Status != 201 || b.Color != 0x123456 {
			t.Errorf("Bin = %+v, %v", b, err)
		}
		kept, err := db.BinRequests(ctx, "bin0")
		if err != nil || len(kept) != 3 || kept[0].ID != "req4" || string(kept[0].Body) != "\x00\xff" ||
			kept[0].Header.Get("A") != "b" {
			t.Errorf("BinRequests = %+v, %v", kept, err)
		}
		if _, err := db.BinRequest(ctx, "bin1", "req4"); !errors.Is(err, hookyard.ErrNotFound) {
			t.Errorf("another bin's request: %v", err)
		}
		if err := db.KeepBinRequest(ctx, &hookyard.BinRequest{ID: "x", Bin: "gone"}, 3); !errors.Is(err,
			hookyard.ErrNotFound) {
			t.Errorf("a request to no bin: %v", err)
		}
		if _, err := db.Bin(ctx, "bin0", now.Add(2*time.Hour)); !errors.Is(err, hookyard.ErrNotFound) {
			t.Errorf("an expired bin: %v", err)
		}
		if n, err := db.PruneBins(ctx, now.Add(2*time.Hour)); n != 3 || err != nil {
			t.Errorf("PruneBins = %d, %v", n, err)
		}
		if kept, err := db.BinRequests(ctx, "bin0"); len(kept) != 0 || err != nil {
			t.Errorf("after pruning: %v, %v", kept, err)
		}
	})
}

// TestAfter reads on beside the pruner and wants to be told of what is gone.
func TestAfter(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		snapshot := storetest.Project(t, db, "acme", "shop")
		other := storetest.Project(t, db, "acme", "other")
		for i := range 6 {
			v := snapshot
			if i%2 == 1 {
				v = other
			}
			if _, err := db.Accept(ctx, publish(t, v, "a", "")); err != nil {
				t.Fatal(err)
			}
		}
		tail, err := db.After(ctx, snapshot.Project.Key, 0, 2)
		if err != nil || len(tail.Events) != 2 || tail.UpTo != tail.Events[1].Seq || tail.Pruned != 0 {
			t.Fatalf("After 0 = %+v, %v", tail, err)
		}
		tail, err = db.After(ctx, snapshot.Project.Key, tail.UpTo, 2)
		if err != nil || len(tail.Events) != 1 || tail.UpTo != 6 {
			t.Fatalf("After 2 = %+v, %v; it reaches to the end of all that is committed", tail, err)
		}
		whole, err := db.EventsBySeq(ctx, []int64{tail.Events[0].Seq, 99})
		if err != nil || len(whole) != 1 || whole[5].Body == nil {
			t.Fatalf("EventsBySeq = %v, %v", whole, err)
		}
		if n, err := db.Prune(ctx, store.Retention{Bodies: time.Nanosecond}, time.Now().Add(time.Second)); n != 6 ||
			err != nil {
			t.Fatalf("Prune = %d, %v", n, err)
		}
		tail, err = db.After(ctx, snapshot.Project.Key, 0, 2)
		if err != nil || len(tail.Events) != 0 || tail.Pruned != 5 || tail.PrunedTime.IsZero() {
			t.Errorf("After pruning = %+v, %v", tail, err)
		}
	})
}
