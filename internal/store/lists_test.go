package store_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

// TestDeliveriesByPage goes through lists page by page: each delivery once, of the newest event first, whatever narrows
// the list and whoever has taken what is pending.
func TestDeliveriesByPage(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		v := storetest.Project(t, db, "ann", "a", "http://one.test", "http://two.test")
		other := storetest.Project(t, db, "ann", "b", "http://three.test")
		for range 5 {
			put(t, db, v, "x", 2, v.Hooks...)
			put(t, db, other, "x", 1, other.Hooks...)
		}
		one, two := v.Hooks[0], v.Hooks[1]
		if work, err := db.Claim(ctx, one.Key, time.Now().Add(time.Hour), 4); err != nil || len(work) != 4 {
			t.Fatalf("claimed %d, %v", len(work), err)
		}
		all, _, err := db.Deliveries(ctx, hookyard.DeliveryQuery{ProjectKey: v.Project.Key, Limit: 100})
		if err != nil || len(all) != 20 {
			t.Fatalf("%d deliveries, %v", len(all), err)
		}
		for _, d := range all[:6] {
			if err := db.Cancel(ctx, d.EventSeq, d.HookKey, "test"); err != nil {
				t.Fatal(err)
			}
		}
		hour := time.Now().Add(-time.Hour)
		for name, c := range map[string]struct {
			q    hookyard.DeliveryQuery
			want int
		}{
			"all":     {hookyard.DeliveryQuery{}, 20},
			"pending": {hookyard.DeliveryQuery{State: hookyard.Pending}, 14},
			"pending of a day": {hookyard.DeliveryQuery{State: hookyard.Pending, Since: hour,
				Until: time.Now().Add(time.Hour)}, 14},
			"canceled":       {hookyard.DeliveryQuery{State: hookyard.Canceled}, 6},
			"delivered":      {hookyard.DeliveryQuery{State: hookyard.Delivered}, 0},
			"of a hook":      {hookyard.DeliveryQuery{HookKey: two.Key}, 10},
			"pending, hook":  {hookyard.DeliveryQuery{HookKey: one.Key, State: hookyard.Pending}, 7},
			"canceled, hook": {hookyard.DeliveryQuery{HookKey: one.Key, State: hookyard.Canceled}, 3},
			"of an event":    {hookyard.DeliveryQuery{EventSeq: all[0].EventSeq}, 2},
			"before all":     {hookyard.DeliveryQuery{Until: hour}, 0},
		} {
			q := c.q
			q.ProjectKey, q.Limit = v.Project.Key, 3
			var got []hookyard.Delivery
			for {
				page, next, err := db.Deliveries(ctx, q)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				got = append(got, page...)
				if q.Before = next; next == "" {
					break
				}
			}
			if len(got) != c.want {
				t.Errorf("%s: %d deliveries, want %d", name, len(got), c.want)
			}
			for i := 1; i < len(got); i++ {
				if a, b := got[i-1], got[i]; a.EventSeq < b.EventSeq || a.EventSeq == b.EventSeq &&
					a.HookKey <= b.HookKey {
					t.Errorf("%s: %s stands before %s", name, a.ID, b.ID)
				}
			}
		}
		missed, err := db.HookMissed(ctx, one.Key, 100)
		if err != nil || missed.Of == 0 || missed.Failed+missed.Skipped > missed.Of {
			t.Errorf("missed %+v, error %v", missed, err)
		}
	})
}

func TestEventsOfATime(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		v := storetest.Project(t, db, "ann", "a")
		began := time.Now().Add(-10 * time.Hour).UTC()
		for i := range 10 {
			e := hookyard.NewEvent("in", "x", []byte("{}"), began.Add(time.Duration(i)*time.Hour))
			e.ProjectKey = v.Project.Key
			if _, err := db.Accept(ctx, &hookyard.RoutedEvent{Event: e}); err != nil {
				t.Fatal(err)
			}
		}
		for _, ascending := range []bool{false, true} {
			q := hookyard.EventQuery{ProjectKey: v.Project.Key, Since: began.Add(3 * time.Hour),
				Until: began.Add(8 * time.Hour), Limit: 2, Ascending: ascending}
			var got []*hookyard.Event
			for {
				page, err := db.Events(ctx, q)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, page.Events...)
				if q.Before, q.After = page.Next, page.Next; page.Next == 0 {
					break
				}
			}
			if len(got) != 5 {
				t.Errorf("ascending %t: %d events, want the 5 from the third to the eighth hour", ascending, len(got))
			}
		}
	})
}

// TestUserNames holds that names that differ in case are one name, and that who comes from outside gets no name that
// means something here already.
func TestUserNames(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		storetest.Project(t, db, "Acme", "shop")
		if err := db.CreateUser(ctx, &hookyard.User{Name: "Ann"}); err != nil {
			t.Fatal(err)
		}
		if err := db.CreateUser(ctx, &hookyard.User{Name: "aNN"}); !errors.Is(err, hookyard.ErrConflict) {
			t.Errorf("a name of another case: %v; want a conflict", err)
		}
		for _, c := range [][2]string{{"ann", "ann-2"}, {"ann", "ann-3"}, {"acme", "acme-2"}, {"bob", "bob"}} {
			u := &hookyard.User{Name: c[0], Subject: "https://id.test " + c[1]}
			if err := db.JoinUser(ctx, u); err != nil || u.Name != c[1] {
				t.Errorf("JoinUser(%s) makes %s, %v; want %s", c[0], u.Name, err, c[1])
			}
		}
		bob, err := db.UserBySubject(ctx, "https://id.test bob")
		if err != nil || bob.Name != "bob" {
			t.Fatalf("UserBySubject = %+v, %v", bob, err)
		}
		_, err = db.UpdateUser(ctx, bob.Key, func(u *hookyard.User) error {
			u.Subject = "https://id.test ann-2"
			return nil
		})
		if !errors.Is(err, hookyard.ErrConflict) {
			t.Errorf("a subject of two users: %v; want a conflict", err)
		}
	})
}

// TestNodesHear holds that nodes on one PostgreSQL hear at once of what the others commit, and of changed settings. A
// store looks for neither more often than once a second; the signal that is waited for comes by message only.
func TestNodesHear(t *testing.T) {
	t.Parallel()
	dsn := storetest.Postgres(t)
	open := func(name string) *store.DB {
		db, err := store.Open(context.Background(), dsn,
			store.Options{Key: []byte("a key for tests only"), NodeName: name, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- db.Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			<-done
			_ = db.Close()
		})
		return db
	}
	a, b := open("a"), open("b")
	one, two := storetest.Project(t, a, "ann", "one", "http://one.test"), storetest.Project(t, a, "ann", "two")
	heard, changed := make(chan int64, 100), make(chan struct{}, 100)
	b.OnCommit(func(key int64) { heard <- key })
	b.OnChange(func(store.Change) { changed <- struct{}{} })
	// Whether there is somebody to tell is looked for once a second, and whoever listens must have begun.
	testenv.Until(t, "b hears a", func() bool {
		put(t, a, one, "x", 1)
		select {
		case key := <-heard:
			return key == one.Project.Key
		default:
			return false
		}
	})
	put(t, a, two, "x", 3)
	for key := range heard {
		if key == two.Project.Key {
			break
		}
	}
	if _, err := b.Snapshot(t.Context(), "ann", "one"); err != nil {
		t.Fatal(err)
	}
	_, err := a.UpdateHook(t.Context(), one.Project.Key, "h1", 0, "hook.update", func(h *hookyard.Hook) error {
		h.Description = "changed"
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	testenv.Until(t, "b's settings are those of a", func() bool {
		v, err := b.Snapshot(t.Context(), "ann", "one")
		return err == nil && v.Hook("h1").Description == "changed"
	})
	<-changed
}

// TestLargeBodies lists and searches events whose bodies are large: pages hold less of them, and miss none.
func TestLargeBodies(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		v := storetest.Project(t, db, "ann", "a")
		body := bytes.Repeat([]byte("x"), 3<<20)
		const n = 14
		for range n {
			e := hookyard.NewEvent("in", "x", body, time.Now())
			e.ProjectKey = v.Project.Key
			if _, err := db.Accept(t.Context(), &hookyard.RoutedEvent{Event: e}); err != nil {
				t.Fatal(err)
			}
		}
		for name, q := range map[string]hookyard.EventQuery{"search": {Text: "xx"}, "bodies": {Bodies: true},
			"nothing": {Text: "y"}} {
			q.ProjectKey, q.Limit = v.Project.Key, 100
			found, pages := 0, 0
			for {
				page, err := db.Events(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				held := 0
				for _, e := range page.Events {
					held += len(e.Body)
				}
				if held > 45<<20 || !q.Bodies && held > 0 {
					t.Errorf("%s: a page holds %d bytes of bodies", name, held)
				}
				found, pages = found+len(page.Events), pages+1
				if q.Before = page.Next; page.Next == 0 {
					break
				}
			}
			if want := map[string]int{"search": n, "bodies": n}[name]; found != want || q.Bodies && pages < 2 {
				t.Errorf("%s: %d events on %d pages, want %d", name, found, pages, want)
			}
		}
	})
}
