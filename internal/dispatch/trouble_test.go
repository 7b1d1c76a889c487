package dispatch_test

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

// TestRefusedRecords has the database refuse the records of attempts while many publish: nobody waits for ever, and
// everything is delivered.
func TestRefusedRecords(t *testing.T) {
	t.Parallel()
	dsn := storetest.SQLite(t)
	db := storetest.OpenWith(t, dsn, store.Options{MaxBatch: 8})
	rc := receive(t, nil)
	snapshot := storetest.Project(t, db, "acme", "shop", rc.URL)
	y := start(t, db)
	raw, err := sql.Open("sqlite", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = raw.Close() }()
	if _, err := raw.Exec(
		"create trigger refuse before insert on attempts begin select raise(abort, 'no'); end"); err != nil {
		t.Fatal(err)
	}
	var publishers sync.WaitGroup
	for range 64 {
		publishers.Go(func() {
			for range 2 {
				y.publish(snapshot, "a.b")
			}
		})
	}
	publishers.Wait()
	for _, d := range y.settled(snapshot) {
		if d.State != hookyard.Delivered || d.Reason == "" {
			t.Fatalf("a delivery is %s (%s); want it delivered, with a word about its record", d.State, d.Reason)
		}
	}
}

// TestForgotten frees rows that are marked as this node's and that it does not know of.
func TestForgotten(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		rc := receive(t, nil)
		snapshot := storetest.Project(t, db, "acme", "shop", rc.URL)
		e := hookyard.NewEvent("in", "a", []byte("{}"), time.Now())
		e.ProjectKey = snapshot.Project.Key
		routed := hookyard.Route(e, snapshot, nil)
		routed.Deliveries[0].InMemory = true
		// as if it had been handed to a dispatcher that never got it
		if _, err := db.Accept(t.Context(), routed); err != nil {
			t.Fatal(err)
		}
		y := start(t, db)
		y.settled(snapshot)
		if rc.count() != 1 {
			t.Errorf("the receiver got %d, want 1", rc.count())
		}
	})
}

// TestSlowReceiver gives a slow receiver all that it may have under way, also when events come one by one.
func TestSlowReceiver(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	var under, most atomic.Int64
	all := make(chan struct{})
	rc := receive(t, func(int, http.ResponseWriter, *http.Request) {
		if n := under.Add(1); n == 4 {
			most.Store(n)
			close(all)
		}
		select {
		case <-all:
		case <-time.After(20 * time.Second):
		}
	})
	snapshot := storetest.Project(t, db, "acme", "shop", rc.URL)
	y := start(t, db)
	for i := range 4 {
		y.publish(snapshot, "a.b")
		testenv.Until(t, "the attempt is under way", func() bool { return under.Load() > int64(i) })
	}
	<-all
	y.settled(snapshot)
}

// TestRatesTakeNoSlots holds that hooks that wait for their rate do not take what others need.
func TestRatesTakeNoSlots(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	slow, good := receive(t, nil), receive(t, nil)
	urls := make([]string, 34)
	for i := range urls {
		urls[i] = slow.URL
	}
	rated := storetest.Project(t, db, "acme", "rated", urls...)
	for _, h := range rated.Hooks {
		_, err := db.UpdateHook(t.Context(), rated.Project.Key, h.ID, 0, "hook.update", func(h *hookyard.Hook) error {
			h.Rate, h.InFlight = 0.01, 256
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	healthy := storetest.Project(t, db, "acme", "healthy", good.URL)
	y := start(t, db)
	for range 20 {
		y.publish(rated, "a.b")
	}
	testenv.Until(t, "each of them sent its one", func() bool { return slow.count() >= len(urls) })
	if under := y.dispatcher.Stats().Running; under > 100 {
		t.Errorf("%d slots are taken by hooks that wait", under)
	}
	y.publish(healthy, "a.b")
	y.settled(healthy)
	if n := slow.count(); n != len(urls) {
		t.Errorf("hooks with a rate of one in 100 s sent %d, want %d", n, len(urls))
	}
}

// unread is a store whose threads cannot be read for a while.
type unread struct {
	*store.DB
	down atomic.Bool
	asks atomic.Int64
}

func (u *unread) Thread(ctx context.Context, hook int64, resource string) (string, error) {
	u.asks.Add(1)
	if u.down.Load() {
		return "", &hookyard.Error{Code: hookyard.Unavailable, Message: "the database cannot be reached"}
	}
	return u.DB.Thread(ctx, hook, resource)
}

// TestUnreadWhileShaping holds that a delivery waits for the database, and does not fail for want of it.
func TestUnreadWhileShaping(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	rc := receive(t, nil)
	snapshot := storetest.Project(t, db, "acme", "shop", rc.URL)
	if _, err := db.UpdateHook(t.Context(), snapshot.Project.Key, "h1", 0, "hook.update", func(h *hookyard.Hook) error {
		h.Format = "googlechat"
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	u := &unread{DB: db}
	u.down.Store(true)
	y := startOn(t, db, u)
	e, err := hookyard.Publish(hookyard.Publication{Type: "NEW_ISSUE",
		Data: []byte(`{"issue":{"number":1,"title":"x"}}`)}, time.Now(), hookyard.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if snapshot, err = db.Snapshot(t.Context(), "acme", "shop"); err != nil {
		t.Fatal(err)
	}
	if _, err := y.in.Accept(t.Context(), snapshot, e); err != nil {
		t.Fatal(err)
	}
	testenv.Until(t, "the thread is asked for", func() bool { return u.asks.Load() > 0 })
	u.down.Store(false)
	if all := y.settled(snapshot); all[0].State != hookyard.Delivered {
		t.Errorf("the delivery is %s: %s", all[0].State, all[0].Reason)
	}
}

// TestOrderedOnTwoNodes holds that the wait of an ordered hook holds on every node.
func TestOrderedOnTwoNodes(t *testing.T) {
	t.Parallel()
	dsn := storetest.Postgres(t)
	a := storetest.OpenWith(t, dsn, store.Options{NodeName: "a"})
	b := storetest.OpenWith(t, dsn, store.Options{NodeName: "b"})
	var failing atomic.Bool
	failed := make(chan struct{}, 10)
	rc := receive(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		if failing.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			failed <- struct{}{}
		}
	})
	snapshot := storetest.Project(t, a, "acme", "shop", rc.URL)
	_, err := a.UpdateHook(t.Context(), snapshot.Project.Key, "h1", 0, "hook.update", func(h *hookyard.Hook) error {
		h.Ordered, h.Schedule = true, []time.Duration{0, time.Hour}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	ya, yb := start(t, a), start(t, b)
	ya.publish(snapshot, "a.b")
	yb.publish(snapshot, "a.b")
	ya.settled(snapshot)
	failing.Store(true)
	ya.publish(snapshot, "a.b")
	<-failed
	// Each node asks for what is due several times; none may get it.
	for range 5 {
		for _, db := range []*store.DB{a, b} {
			if work, err := db.Claim(t.Context(), snapshot.Hooks[0].Key, time.Now(), 10); err != nil ||
				len(work) > 0 {
				if !errors.Is(err, hookyard.ErrUnavailable) && len(work) > 0 {
					t.Fatalf("a node takes %d of a hook that waits, %v", len(work), err)
				}
			}
		}
	}
	if n := rc.count(); n != 3 {
		t.Errorf("the receiver was asked %d times, want 3", n)
	}
}

// TestSwitchedOnElsewhere holds that what a node remembers of a hook's failures ends when somebody changes the hook,
// wherever that was.
func TestSwitchedOnElsewhere(t *testing.T) {
	t.Parallel()
	dsn := storetest.Postgres(t)
	a := storetest.OpenWith(t, dsn, store.Options{NodeName: "a"})
	b := storetest.OpenWith(t, dsn, store.Options{NodeName: "b"})
	rc := receive(t, func(_ int, w http.ResponseWriter,
		_ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
	})
	snapshot := storetest.Project(t, a, "acme", "shop", rc.URL)
	change := func(db *store.DB, f func(h *hookyard.Hook)) {
		t.Helper()
		_, err := db.UpdateHook(t.Context(), snapshot.Project.Key, "h1", 0, "hook.update",
			func(h *hookyard.Hook) error { f(h); return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	change(a, func(h *hookyard.Hook) {
		h.Schedule, h.Off = []time.Duration{0}, hookyard.OffPolicy{Policy: hookyard.OffFailures, After: 3}
	})
	runStore(t, b) // hears of changes
	y := start(t, b)
	for range 3 {
		y.publish(snapshot, "a.b")
		y.settled(snapshot)
	}
	off := func() bool {
		h, err := a.Hook(t.Context(), snapshot.Project.Key, "h1")
		if err != nil {
			t.Fatal(err)
		}
		return !h.Active
	}
	testenv.Until(t, "the hook is off", off)
	change(a, func(h *hookyard.Hook) {
		h.Active, h.OffReason = true, ""
		h.Health = hookyard.Health{}
	})
	testenv.Until(t, "b has heard of it", func() bool {
		v, err := b.Snapshot(t.Context(), "acme", "shop")
		return err == nil && v.Hooks[0].Active
	})
	y.publish(snapshot, "a.b")
	y.settled(snapshot)
	if off() {
		t.Error("one failure switched the hook off again")
	}
}

// runStore runs a store's upkeep.
func runStore(t *testing.T, db *store.DB) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = db.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

// TestPasswordsOfURLsAreNotStored has an @ in the path, after the one that ends the password.
func TestPasswordsOfURLsAreNotStored(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		y := start(t, db)
		gone := receive(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) })
		host := strings.TrimPrefix(gone.URL, "http://")
		snapshot := storetest.Project(t, db, "acme", "shop", "http://bob:PASS@"+host+"/users/me@example.com")
		y.publish(snapshot, "a")
		d := y.settled(snapshot)[0]
		want := "http://***@" + host + "/users/me@example.com"
		attempts, err := db.Attempts(t.Context(), d.EventSeq, d.HookKey)
		if err != nil || len(attempts) != 1 || attempts[0].URL != want {
			t.Errorf("attempts = %+v, %v; want one at %s", attempts, err, want)
		}
		page, err := db.Events(t.Context(), hookyard.EventQuery{ProjectKey: snapshot.Project.Key,
			Type: "hookyard.hook.disabled", Limit: 10, Bodies: true})
		if err != nil || len(page.Events) != 1 {
			t.Fatalf("events = %+v, %v; want one that the hook is off", page, err)
		}
		want = "http://***@" + host + "/***" // other receivers read it, and it is not encrypted
		if body := string(page.Events[0].Body); !strings.Contains(body, `"url":"`+want+`"`) {
			t.Errorf("the event says %s, want %s in it", body, want)
		}
	})
}

// TestSwitchedOffOnce has many attempts under way, on two nodes where the database allows it, when the receiver says
// that it is gone: one of them switches the hook off and says so.
func TestSwitchedOffOnce(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		const events = 8
		a := storetest.OpenWith(t, dsn, store.Options{NodeName: "a"})
		nodes := []*yard{start(t, a)}
		if a.Name() == "postgres" {
			nodes = append(nodes, start(t, storetest.OpenWith(t, dsn, store.Options{NodeName: "b"})))
		}
		var came sync.WaitGroup
		came.Add(events)
		gone := receive(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
			came.Done()
			came.Wait()
			w.WriteHeader(http.StatusGone)
		})
		snapshot := storetest.Project(t, a, "acme", "shop", gone.URL)
		for i := range events {
			nodes[i%len(nodes)].publish(snapshot, "a.b")
		}
		nodes[0].settled(snapshot)
		page, err := a.Events(t.Context(), hookyard.EventQuery{ProjectKey: snapshot.Project.Key,
			Type: "hookyard.hook.disabled", Limit: 10})
		if err != nil || len(page.Events) != 1 {
			t.Errorf("%d events say that the hook is off, %v; want one", len(page.Events), err)
		}
		entries, err := a.Audit(t.Context(), hookyard.AuditQuery{ProjectKey: snapshot.Project.Key, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		var subjects []string
		for _, e := range entries {
			if e.Action == "hook.off" {
				subjects = append(subjects, e.Subject)
			}
		}
		if !slices.Equal(subjects, []string{"h1"}) {
			t.Errorf("the audit log names %q, want h1 once", subjects)
		}
	})
}
