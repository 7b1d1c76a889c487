package store_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

// TestSendOnce holds that a delivery which is opened for one attempt is claimed as such, whatever it was before.
func TestSendOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		r := startResends(t, db, 3, hookyard.Failed, hookyard.Delivered, hookyard.Pending)
		list, _, err := db.Deliveries(ctx, hookyard.DeliveryQuery{ProjectKey: r.v.Project.Key, Limit: 10})
		if err != nil || len(list) != 3 {
			t.Fatal(len(list), err)
		}
		for _, d := range list {
			if err := db.SendOnce(ctx, d.EventSeq, r.hook.Key); err != nil {
				t.Fatal(err)
			}
		}
		work := r.claim(10)
		if len(work) != 3 {
			t.Fatalf("%d are claimed", len(work))
		}
		if err := db.SendOnce(ctx, list[0].EventSeq, r.hook.Key); !errors.Is(err, hookyard.ErrConflict) {
			t.Errorf("while an attempt is under way: %v", err)
		}
		for i := range work {
			d := work[i].Delivery
			if d.Tries != hookyard.TryOnce || !d.Reopened() {
				t.Errorf("a delivery with %d attempts was claimed with tries %d", d.Attempts, d.Tries)
			}
			refused := hookyard.Outcome{Status: 500}
			decision := hookyard.Decide(r.hook, hookyard.Health{}, d.Tries+1, refused, time.Now(), 0)
			if decision.State != hookyard.Failed {
				t.Errorf("it is %s after its attempt failed", decision.State)
			}
			r.finish(&work[i], hookyard.Failed)
		}
		states := map[hookyard.State]int{}
		list, _, err = db.Deliveries(ctx, hookyard.DeliveryQuery{ProjectKey: r.v.Project.Key, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range list {
			states[d.State]++
		}
		if want := map[hookyard.State]int{hookyard.Failed: 2, hookyard.Delivered: 1}; !maps.Equal(states, want) {
			t.Errorf("the deliveries are %v; want %v", states, want)
		}

		other := &hookyard.Hook{ProjectKey: r.v.Project.Key, ID: "other", URL: "http://two.test", Active: true}
		if err := db.CreateHook(ctx, other); err != nil {
			t.Fatal(err)
		}
		if err := db.SendOnce(ctx, list[0].EventSeq, other.Key); err != nil {
			t.Fatal(err)
		}
		created, err := db.Claim(ctx, other.Key, time.Now().Add(time.Minute), 10)
		if err != nil || len(created) != 1 || created[0].Delivery.Tries != hookyard.TryOnce {
			t.Errorf("to a hook that the event was not for: %+v, %v", created, err)
		}
	})
}

// TestExpunge holds that the bytes of an event and of a response are gone, that the figures fit what is left, and that
// nothing of the event is sent.
func TestExpunge(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		db := storetest.Open(t, dsn)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- db.Run(ctx) }()
		defer func() { <-ended }()
		defer stop()
		v := storetest.Project(t, db, "ann", "a", "http://one.test", "http://two.test")
		e := hookyard.NewEvent("in", "x", slices.Concat(random(1000-len(marker)), []byte(marker)), time.Now())
		e.Header = map[string][]string{"X-A": {"b"}}
		e.ProjectKey = v.Project.Key
		if _, err := db.Accept(ctx, hookyard.Route(e, v, nil)); err != nil {
			t.Fatal(err)
		}
		work, err := db.Claim(ctx, v.Hooks[0].Key, time.Now().Add(time.Second), 1)
		if err != nil || len(work) != 1 {
			t.Fatal(len(work), err)
		}
		attempt := &hookyard.Attempt{EventSeq: e.Seq, HookKey: v.Hooks[0].Key, N: 1, StartedAt: time.Now(), Status: 200,
			RequestBody: random(300), ResponseBody: random(70), Manual: true}
		if err := db.Finish(ctx, &hookyard.Result{Work: &work[0], Attempt: attempt,
			Decision: hookyard.Decision{State: hookyard.Delivered}}); err != nil {
			t.Fatal(err)
		}
		check := func(when string, want int64) {
			t.Helper()
			kept, err := db.KeptBytes(ctx)
			if err != nil || kept[v.Project.Key] != want {
				t.Errorf("%s: %d bytes are kept, %v; want %d", when, kept[v.Project.Key], err, want)
			}
		}
		if err := db.Expunge(hookyard.WithActor(ctx, "ann"), v.Project.Key, e); err != nil {
			t.Fatal(err)
		}
		check("without the event's bytes", 1000+70) // the size of an event counts until it goes
		if err := db.ExpungeAttempt(ctx, v.Project.Key, attempt, "x"); err != nil {
			t.Fatal(err)
		}
		check("without the response", 1000+int64(len(store.Expunged)))
		db.FoldCounts(t)
		db.StartKept(t)
		check("counted again", 1000+int64(len(store.Expunged)))

		got, err := db.Event(ctx, v.Project.Key, e.ID)
		if err != nil || got.Body != nil || got.Size != 1000 || len(got.Header) > 0 {
			t.Errorf("the event is %+v, %v", got, err)
		}
		found, err := db.FindAttempts(ctx, hookyard.AttemptQuery{ProjectKey: v.Project.Key, EventSeq: e.Seq, Limit: 10})
		if err != nil || len(found) != 1 || string(found[0].ResponseBody) != store.Expunged || !found[0].Manual {
			t.Errorf("attempts: %+v, %v", found, err)
		}
		if work, err := db.Claim(ctx, v.Hooks[1].Key, time.Now().Add(time.Second), 1); err != nil || len(work) > 0 {
			t.Errorf("%d deliveries are still to be sent, %v", len(work), err)
		}
		log, err := db.Audit(ctx, hookyard.AuditQuery{ProjectKey: v.Project.Key, Action: "event.expunge", Limit: 10})
		if err != nil || len(log) != 1 || log[0].Actor != "ann" || log[0].Subject != e.ID {
			t.Errorf("audit log: %+v, %v", log, err)
		}
		if !store.IsPostgres(dsn) {
			testenv.Until(t, "nothing is left in the files", func() bool { return !holds(t, dsn, marker) })
		}
	})
}
