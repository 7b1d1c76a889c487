package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

func publish(t testing.TB, snapshot *hookyard.Snapshot, typ, dedup string) *hookyard.RoutedEvent {
	t.Helper()
	e, err := hookyard.Publish(hookyard.Publication{ID: dedup, Type: typ,
		Data: []byte(`{"n":1.000000000000000000001}`)}, time.Now(), hookyard.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	e.ProjectKey = snapshot.Project.Key
	return hookyard.Route(e, snapshot, nil)
}

func TestAcceptClaimFinish(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		snapshot := storetest.Project(t, db, "acme", "shop", "http://a.example/", "http://b.example/")
		receipt, err := db.Accept(ctx, publish(t, snapshot, "order.created", ""))
		if err != nil || receipt.Deliveries != 2 || receipt.Seq == 0 {
			t.Fatalf("Accept = %+v, %v", receipt, err)
		}
		backlog, err := db.Backlog(ctx)
		if err != nil || len(backlog) != 2 {
			t.Fatalf("Backlog = %v, %v; want both hooks", backlog, err)
		}
		hook := snapshot.Hook("h1")
		work, err := db.Claim(ctx, hook.Key, time.Now(), 10)
		if err != nil || len(work) != 1 {
			t.Fatalf("Claim = %v, %v; want one", work, err)
		}
		if got := string(work[0].Event.Data()); got != `{"n":1.000000000000000000001}` {
			t.Errorf("data = %s: digits were lost", got)
		}
		if again, err := db.Claim(ctx, hook.Key, time.Now(), 10); err != nil || len(again) != 0 {
			t.Fatalf("second Claim = %v, %v; want none: it is taken", again, err)
		}
		w := &work[0]
		attempt := &hookyard.Attempt{EventSeq: w.Event.Seq, HookKey: hook.Key, N: 1, StartedAt: time.Now(), Status: 200,
			URL: hook.URL, ResponseBody: []byte("ok")}
		if err := db.Finish(ctx, &hookyard.Result{Work: w, Attempt: attempt,
			Decision: hookyard.Decision{State: hookyard.Delivered}}); err != nil {
			t.Fatal(err)
		}
		d, err := db.Delivery(ctx, snapshot.Project.Key, w.Delivery.ID)
		if err != nil || d.State != hookyard.Delivered || d.Attempts != 1 || d.HookID != "h1" {
			t.Fatalf("Delivery = %+v, %v", d, err)
		}
		attempts, err := db.Attempts(ctx, w.Event.Seq, hook.Key)
		if err != nil || len(attempts) != 1 || string(attempts[0].ResponseBody) != "ok" {
			t.Fatalf("Attempts = %+v, %v", attempts, err)
		}
		outcomes, err := db.Outcomes(ctx, w.Event.Seq, []int64{hook.Key, hook.Key + 1})
		if err != nil || len(outcomes) != 1 || len(outcomes[hook.Key]) != 1 {
			t.Fatalf("Outcomes = %+v, %v", outcomes, err)
		}
		if o := outcomes[hook.Key][0]; o.N != 1 || o.Status != 200 || !o.StartedAt.Equal(attempts[0].StartedAt) ||
			o.ResponseBody != nil {
			t.Errorf("Outcomes = %+v; want what Attempts says, without bodies", o)
		}
		if err := db.Finish(ctx, &hookyard.Result{Work: w,
			Decision: hookyard.Decision{State: hookyard.Failed}}); !errors.Is(err, hookyard.ErrLost) {
			t.Errorf("Finish of what has ended = %v; want ErrLost", err)
		}
	})
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		snapshot := storetest.Project(t, db, "acme", "shop", "http://a.example/")
		other := storetest.Project(t, db, "acme", "other", "http://a.example/")
		const n = 32
		receipts := make([]hookyard.Receipt, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				var err error
				if receipts[i], err = db.Accept(ctx, publish(t, snapshot, "a", fmt.Sprintf("id-%d", i%4))); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		ids, fresh := map[string]int{}, 0
		for _, r := range receipts {
			ids[r.ID]++
			if !r.Duplicate {
				fresh++
			}
		}
		if len(ids) != 4 || fresh != 4 {
			t.Errorf("%d ids, %d fresh; want 4 and 4: every repeat gets the first one's id", len(ids), fresh)
		}
		if r, err := db.Accept(ctx, publish(t, other, "a", "id-1")); err != nil || r.Duplicate {
			t.Errorf("same id in another project = %+v, %v; want a new event", r, err)
		}
		again := publish(t, snapshot, "a", "id-1")
		r, err := db.Accept(ctx, again)
		if err != nil {
			t.Fatal(err)
		}
		page, err := db.Events(ctx, hookyard.EventQuery{ProjectKey: snapshot.Project.Key, Limit: 10})
		if err != nil || len(page.Events) != 4 {
			t.Fatal(page, err)
		}
		for _, e := range page.Events {
			want := n/4 - 1
			if e.ID == r.ID {
				want++
			}
			if e.Duplicates != want || e.LastDuplicateAt.Before(e.Time) {
				t.Errorf("event %s came %d times more, last at %v; want %d", e.ID, e.Duplicates,
					e.LastDuplicateAt, want)
			}
		}
		if e, err := db.Event(ctx, 0, r.ID); err != nil || !e.LastDuplicateAt.Equal(again.Event.Time) {
			t.Errorf("the last time was %v, %v; want %v", e.LastDuplicateAt, err, again.Event.Time)
		}
	})
}

// TestBadRowFailsAlone puts a row that the database refuses into batches with good ones.
func TestBadRowFailsAlone(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		snapshot := storetest.Project(t, db, "acme", "shop", "http://a.example/")
		first := publish(t, snapshot, "a", "")
		if _, err := db.Accept(ctx, first); err != nil {
			t.Fatal(err)
		}
		const n = 64
		all := make([]*hookyard.RoutedEvent, n)
		for i := range all {
			all[i] = publish(t, snapshot, "a", "")
			if i%20 == 7 {
				all[i].Event.ID = first.Event.ID // breaks the unique key of events
			}
		}
		receipts, errs := db.AcceptAll(ctx, all)
		for i := range all {
			if bad := i%20 == 7; (errs[i] != nil) != bad {
				t.Errorf("event %d: error %v", i, errs[i])
			}
			if errs[i] == nil && receipts[i].Seq == 0 {
				t.Errorf("event %d was kept without a seq", i)
			}
		}
		page, err := db.Events(ctx, hookyard.EventQuery{ProjectKey: snapshot.Project.Key, Limit: 1000})
		if want := 1 + n - 3; err != nil || len(page.Events) != want {
			t.Errorf("%d events are kept, %v; want %d", len(page.Events), err, want)
		}
	})
}

// TestReadersMissNothing reads with a cursor while many write: the seqs a reader sees must never have a gap that is
// filled behind its back.
func TestReadersMissNothing(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		nodes := []*store.DB{storetest.Open(t, dsn)}
		if strings.HasPrefix(dsn, "postgres") { // several nodes write at once
			nodes = append(nodes, storetest.Open(t, dsn), storetest.Open(t, dsn))
		}
		ctx := context.Background()
		snapshot := storetest.Project(t, nodes[0], "acme", "shop")
		const writers, each = 8, 60
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for range each {
					if _, err := nodes[w%len(nodes)].Accept(ctx, publish(t, snapshot, "a", "")); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		var cursor int64
		seen := map[string]bool{}
		for last := false; ; {
			page, err := nodes[0].Events(ctx,
				hookyard.EventQuery{ProjectKey: snapshot.Project.Key, After: cursor, Ascending: true, Limit: 7})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page.Events {
				if e.Seq <= cursor || seen[e.ID] {
					t.Fatalf("event %d after cursor %d", e.Seq, cursor)
				}
				cursor, seen[e.ID] = e.Seq, true
			}
			if len(page.Events) == 0 && last {
				break
			}
			select {
			case <-done:
				last = len(page.Events) == 0 || last
			default:
			}
		}
		if len(seen) != writers*each {
			t.Errorf("the reader saw %d of %d events", len(seen), writers*each)
		}
	})
}

func TestSecretsAreSealed(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		snapshot := storetest.Project(t, db, "acme", "shop", "http://a.example/")
		_, err := db.UpdateHook(ctx, snapshot.Project.Key, "h1", 0, "hook.update", func(h *hookyard.Hook) error {
			h.Secrets = []hookyard.Secret{{Value: "correct horse"}}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		snapshot, err = db.Snapshot(ctx, "ACME", "Shop")
		if err != nil || snapshot.Hook("h1").Secrets[0].Value != "correct horse" {
			t.Fatalf("after a change the view has %+v, %v", snapshot, err)
		}
	})
}

func TestRestartFreesWhatWasTaken(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		db := storetest.Open(t, dsn)
		kill := runUpkeep(t, db)
		waitSessions(t, db, 1)
		snapshot := storetest.Project(t, db, "acme", "shop", "http://a.example/")
		a := publish(t, snapshot, "a", "")
		a.Deliveries[0].InMemory = true
		if _, err := db.Accept(ctx, a); err != nil {
			t.Fatal(err)
		}
		key := snapshot.Hook("h1").Key
		if work, err := db.Claim(ctx, key, time.Now(), 10); err != nil || len(work) != 0 {
			t.Fatalf("Claim of what is in memory = %v, %v", work, err)
		}
		_ = os.Remove(dsn + ".lock") // as after kill -9: nothing was closed, but the kernel let go of the file
		kill()                       // and of the session
		again := storetest.Open(t, dsn)
		runUpkeep(t, again)
		var work []hookyard.Work
		testenv.Until(t, "the delivery is claimed after a restart", func() bool {
			var err error
			if work, err = again.Claim(ctx, key, time.Now(), 10); err != nil {
				t.Fatal(err)
			}
			return len(work) == 1
		})
		late := &hookyard.Result{Work: &work[0], Decision: hookyard.Decision{State: hookyard.Delivered}}
		if err := db.Finish(ctx, late); !errors.Is(err, hookyard.ErrLost) {
			t.Errorf("the old node's result = %v; want ErrLost", err)
		}
		if err := again.Finish(ctx, late); err != nil {
			t.Errorf("the new node's result = %v", err)
		}
	})
}

func TestPrune(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		snapshot := storetest.Project(t, db, "acme", "shop", "http://a.example/")
		var owed, done *hookyard.RoutedEvent
		for _, a := range []**hookyard.RoutedEvent{&owed, &done} {
			*a = publish(t, snapshot, "a", "")
			if _, err := db.Accept(ctx, *a); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Cancel(ctx, done.Event.Seq, snapshot.Hook("h1").Key, "test"); err != nil {
			t.Fatal(err)
		}
		keep := store.Retention{Bodies: time.Hour, Seen: time.Hour}
		if n, err := db.Prune(ctx, keep, time.Now()); n != 0 || err != nil {
			t.Errorf("Prune of what is young = %d, %v", n, err)
		}
		if n, err := db.Prune(ctx, keep, time.Now().Add(2*time.Hour)); n != 1 || err != nil {
			t.Errorf("Prune = %d, %v; want the event that nobody is owed", n, err)
		}
		if _, err := db.Event(ctx, 0, owed.Event.ID); err != nil {
			t.Errorf("an event that is still owed: %v", err)
		}
		if _, err := db.Event(ctx, 0, done.Event.ID); !errors.Is(err, hookyard.ErrNotFound) {
			t.Errorf("an event past retention: %v", err)
		}
		if n, err := db.Prune(ctx, store.Retention{Bytes: 1}, time.Now().Add(time.Second)); n != 0 || err != nil {
			t.Errorf("Prune by size = %d, %v; what is owed stays", n, err)
		}
	})
}
