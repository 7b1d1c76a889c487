package store_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

// TestRetentionBytes holds that a bound on the size takes away what is beyond it, and not everything: files do not
// shrink.
func TestRetentionBytes(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		db := storetest.Open(t, dsn)
		v := storetest.Project(t, db, "ann", "a")
		var all []*hookyard.RoutedEvent
		for range 3000 {
			body := make([]byte, 2048) // PostgreSQL presses what repeats itself to nothing
			_, _ = rand.Read(body)
			e := hookyard.NewEvent("in", "x", body, time.Now())
			e.ProjectKey = v.Project.Key
			all = append(all, &hookyard.RoutedEvent{Event: e})
		}
		if _, errs := db.AcceptAll(t.Context(), all); errs[0] != nil {
			t.Fatal(errs[0])
		}
		size, err := db.Size(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		bound := size - 1<<20
		if db.Name() == "postgres" { // whose size is that of all the database's schemas
			bound = 5 << 20
		}
		gone := 0
		for {
			n, err := db.Prune(t.Context(), store.Retention{Bytes: bound}, time.Now().Add(time.Second))
			if err != nil {
				t.Fatal(err)
			}
			if gone += n; n == 0 {
				break
			}
		}
		if gone == 0 || gone == len(all) {
			t.Errorf("%d of %d events went", gone, len(all))
		}
	})
}

// TestRetentionBytesStopsAtTheBound holds that only as many of the oldest events go as must, whether their bodies
// compress or not.
func TestRetentionBytesStopsAtTheBound(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]func(i int) []byte{
		"random": func(int) []byte {
			b := make([]byte, 1<<20)
			_, _ = rand.Read(b)
			return b
		},
		"repeating": func(i int) []byte { return bytes.Repeat([]byte{'a', byte(i)}, 1<<19) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				v := storetest.Project(t, db, "ann", "a")
				const events = 30
				for i := range events {
					e := hookyard.NewEvent("in", "x", body(i), time.Now())
					e.ProjectKey = v.Project.Key
					if _, err := db.Accept(t.Context(), &hookyard.RoutedEvent{Event: e}); err != nil {
						t.Fatal(err)
					}
				}
				stored := int64(events << 20)
				if db.Name() == "postgres" {
					if err := db.Pool().QueryRowContext(t.Context(),
						"select sum(pg_column_size(body)) from events").Scan(&stored); err != nil {
						t.Fatal(err)
					}
				}
				keep := store.Retention{Bytes: stored * 2 / 3}
				for n := 1; n > 0; {
					var err error
					if n, err = db.Prune(t.Context(), keep, time.Now().Add(time.Second)); err != nil {
						t.Fatal(err)
					}
				}
				page, err := db.Events(t.Context(), hookyard.EventQuery{ProjectKey: v.Project.Key, Limit: 100})
				if err != nil {
					t.Fatal(err)
				}
				if n := len(page.Events); n < 18 || n > 20 {
					t.Errorf("%d of %d events are left, want two thirds", n, events)
				}
			})
		})
	}
}

// TestOwnRetention holds a project to what it says itself.
func TestOwnRetention(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		short := storetest.Project(t, db, "ann", "short")
		long := storetest.Project(t, db, "ann", "long")
		plain := storetest.Project(t, db, "ann", "plain")
		for v, keep := range map[*hookyard.Snapshot]time.Duration{short: time.Hour, long: 100 * time.Hour} {
			p := *v.Project
			p.Retention = keep
			if err := db.UpdateProject(ctx, &p); err != nil {
				t.Fatal(err)
			}
		}
		for _, v := range []*hookyard.Snapshot{short, long, plain} {
			put(t, db, v, "x", 2)
		}
		for _, step := range []struct {
			after time.Duration
			want  int
		}{{30 * time.Minute, 0}, {2 * time.Hour, 2}, {30 * time.Hour, 2}, {200 * time.Hour, 2}} {
			if n, err := db.Prune(ctx, store.Retention{Bodies: 24 * time.Hour},
				time.Now().Add(step.after)); n != step.want || err != nil {
				t.Errorf("after %s %d events went, %v; want %d", step.after, n, err, step.want)
			}
		}
	})
}

// TestManyOwnRetentions has more projects that say themselves how long their events are kept than a statement has
// parameters: the pruner looks at some each time, and comes to all of them.
func TestManyOwnRetentions(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		const projects = 70_000
		first := storetest.Project(t, db, "ann", "first")
		db.Exec(t, `with recursive n(i) as (select 1 union all select i + 1 from n where i < $1)
			insert into projects (path, owner, name, settings, retention, revision, created, updated, deleted)
			select 'ann/p' || i, 'ann', 'p' || i, '{}', $2, 1, 0, 0, 0 from n`, projects, int64(time.Hour))
		last, err := db.Snapshot(ctx, "ann", fmt.Sprint("p", projects))
		if err != nil {
			t.Fatal(err)
		}
		put(t, db, first, "x", 3)
		put(t, db, last, "x", 700) // more than a step
		prune := func(at time.Time) (gone int) {
			for {
				n, err := db.Prune(ctx, store.Retention{Bodies: 24 * time.Hour}, at)
				if err != nil {
					t.Fatal(err)
				}
				if gone += n; n == 0 {
					return gone
				}
			}
		}
		soon := time.Now().Add(2 * time.Hour)
		turns := 1
		for ; prune(soon) == 0 && turns < projects; turns++ {
			soon = soon.Add(time.Minute)
		}
		if turns < 10 || turns > 40 {
			t.Errorf("the last project's turn came after %d", turns)
		}
		if left, err := db.Events(ctx, hookyard.EventQuery{ProjectKey: last.Project.Key, Limit: 10}); err != nil ||
			len(left.Events) > 0 {
			t.Errorf("%v, and %d events of the last project are left", err, len(left.Events))
		}
		if n := prune(time.Now().Add(30 * time.Hour)); n != 3 {
			t.Errorf("%d events went by the server's retention", n)
		}
	})
}

// TestReplayBesideThePruner takes events away between a replay's look at them and its transaction: none is owed that is
// gone, and what is owed all the same ends instead of standing in the way.
func TestReplayBesideThePruner(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		ctx := t.Context()
		db := storetest.Open(t, dsn)
		v := storetest.Project(t, db, "ann", "a", "http://one.test")
		put(t, db, v, "x", 3)
		if db.Name() == "postgres" { // SQLite has one writer, so nobody can come between
			r := &hookyard.Replay{ProjectKey: v.Project.Key, HookKey: v.Hooks[0].Key, Hook: "h1"}
			if err := db.CreateReplay(ctx, r); err != nil {
				t.Fatal(err)
			}
			pruned := false
			_, _, err := db.StepReplay(ctx, r, func(*hookyard.Event) (bool, error) {
				if !pruned {
					pruned = true
					if n, err := db.Prune(ctx, store.Retention{Bodies: time.Minute},
						time.Now().Add(time.Hour)); n != 3 || err != nil {
						t.Errorf("pruned %d, %v", n, err)
					}
				}
				return true, nil
			})
			if err != nil || r.Opened != 0 {
				t.Errorf("the replay opened %d deliveries of events that are gone, %v", r.Opened, err)
			}
		}
		last, _ := put(t, db, v, "x", 2, v.Hooks...)
		open := sqlOpen(t, dsn)
		if _, err := open.Exec("delete from events where seq = $1", last); err != nil {
			t.Fatal(err)
		}
		work, err := db.Claim(ctx, v.Hooks[0].Key, time.Now().Add(time.Second), 10)
		if err != nil || len(work) != 1 {
			t.Errorf("a claim with an event that is gone takes %d, %v; want the other", len(work), err)
		}
	})
}

func sqlOpen(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	driver := "sqlite"
	if u, err := url.Parse(dsn); err == nil && u.Scheme == "postgres" {
		driver = "pgx"
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// TestReplayKeepsOrder holds that what a bulk replay opens of an ordered hook is taken in event order, among the rest.
func TestReplayKeepsOrder(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		v := storetest.Project(t, db, "ann", "a", "http://one.test")
		if _, err := db.UpdateHook(ctx, v.Project.Key, "h1", 0, "hook.update",
			func(h *hookyard.Hook) error { h.Ordered = true; return nil }); err != nil {
			t.Fatal(err)
		}
		v, err := db.Snapshot(ctx, "ann", "a")
		if err != nil {
			t.Fatal(err)
		}
		for i := range 4 {
			e := hookyard.NewEvent("in", "x", []byte("{}"), time.Now())
			e.ProjectKey = v.Project.Key
			routed := hookyard.Route(e, v, nil)
			if d := &routed.Deliveries[0]; i < 2 {
				d.State, d.Due = hookyard.Skipped, time.Time{}
			}
			if _, err := db.Accept(ctx, routed); err != nil {
				t.Fatal(err)
			}
		}
		r := &hookyard.Replay{ProjectKey: v.Project.Key, HookKey: v.Hooks[0].Key, Hook: "h1", State: hookyard.Skipped}
		if err := db.CreateReplay(ctx, r); err != nil {
			t.Fatal(err)
		}
		if _, _, err := db.StepReplay(ctx, r, nil); err != nil || r.Opened != 2 {
			t.Fatalf("opened %d, %v", r.Opened, err)
		}
		work, err := db.Claim(ctx, v.Hooks[0].Key, time.Now().Add(time.Second), 10)
		if err != nil || len(work) != 4 {
			t.Fatalf("claimed %d, %v", len(work), err)
		}
		for i := 1; i < len(work); i++ {
			if work[i-1].Delivery.EventSeq > work[i].Delivery.EventSeq {
				t.Errorf("event %d comes before event %d", work[i-1].Delivery.EventSeq, work[i].Delivery.EventSeq)
			}
		}
	})
}

// cutter passes a client on to PostgreSQL; when armed, it cuts the connection after passing on a commit, before its
// answer.
type cutter struct {
	net.Listener
	armed atomic.Bool
	cuts  atomic.Int32
}

func newCutter(t *testing.T, to string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{Listener: l}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				_ = client.Close()
				continue
			}
			go c.pass(client, server)
		}
	}()
	return c
}

func (c *cutter) pass(client, server net.Conn) {
	cut := make(chan struct{})
	go func() { // answers
		defer func() { _ = client.Close() }()
		b := make([]byte, 64<<10)
		for {
			n, err := server.Read(b)
			if err != nil {
				return
			}
			select {
			case <-cut: // the commit is done: this is its answer
				c.cuts.Add(1)
				return
			default:
			}
			if _, err := client.Write(b[:n]); err != nil {
				return
			}
		}
	}()
	b := make([]byte, 64<<10)
	for {
		n, err := client.Read(b)
		if err != nil {
			_ = server.Close()
			return
		}
		if bytes.Contains(b[:n], []byte("commit")) && c.armed.CompareAndSwap(true, false) {
			close(cut)
		}
		if _, err := io.Copy(server, bytes.NewReader(b[:n])); err != nil {
			return
		}
	}
}

// openCut opens a database whose connections can be cut.
func openCut(t *testing.T) (*store.DB, *cutter) {
	t.Helper()
	u, err := url.Parse(storetest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	c := newCutter(t, u.Host)
	u.Host = c.Addr().String()
	q := u.Query()
	q.Set("sslmode", "disable")
	u.RawQuery = q.Encode()
	return storetest.Open(t, u.String()), c
}

// TestCommitWithoutAnswer loses the answer to a commit: the event is kept once, and whoever sent it is told so.
func TestCommitWithoutAnswer(t *testing.T) {
	t.Parallel()
	db, c := openCut(t)
	v := storetest.Project(t, db, "ann", "a", "http://one.test")
	e := hookyard.NewEvent("in", "x", []byte("{}"), time.Now())
	e.ProjectKey, e.DedupKey = v.Project.Key, "d1"
	routed := hookyard.Route(e, v, nil)
	routed.Deliveries[0].InMemory = true
	c.armed.Store(true)
	r, err := db.Accept(context.Background(), routed)
	if err != nil || r.Duplicate || r.ID != e.ID || e.Seq == 0 {
		t.Errorf("receipt %+v, seq %d, %v; want that of an event that is kept", r, e.Seq, err)
	}
	if c.cuts.Load() != 1 {
		t.Fatalf("%d connections were cut, want 1", c.cuts.Load())
	}
	page, err := db.Events(t.Context(), hookyard.EventQuery{ProjectKey: v.Project.Key, Limit: 10})
	if err != nil || len(page.Events) != 1 {
		t.Errorf("%d events are kept, %v; want 1", len(page.Events), err)
	}
}

// TestResultWithoutAnswer is TestCommitWithoutAnswer for the result of an attempt: it is found to be stored.
func TestResultWithoutAnswer(t *testing.T) {
	t.Parallel()
	db, c := openCut(t)
	v := storetest.Project(t, db, "ann", "a", "http://one.test")
	put(t, db, v, "x", 1, v.Hooks...)
	work, err := db.Claim(t.Context(), v.Hooks[0].Key, time.Now().Add(time.Second), 10)
	if err != nil || len(work) != 1 {
		t.Fatalf("claimed %d, %v", len(work), err)
	}
	d := work[0].Delivery
	c.armed.Store(true)
	err = db.Finish(t.Context(), &hookyard.Result{Work: &work[0],
		Decision: hookyard.Decision{State: hookyard.Delivered},
		Attempt: &hookyard.Attempt{EventSeq: d.EventSeq, HookKey: d.HookKey, N: 1, StartedAt: time.Now(),
			Status: 200}})
	if err != nil || c.cuts.Load() != 1 {
		t.Errorf("Finish = %v after %d cuts; want nil after one", err, c.cuts.Load())
	}
	totals, err := db.Totals(t.Context(), v.Project.Key)
	got := totals[store.CountKey{Project: v.Project.Key}]
	if err != nil || got[hookyard.CountDelivered] != 1 || got[hookyard.CountStatus2xx] != 1 {
		t.Errorf("counted %v, %v; want one attempt and one delivery", got, err)
	}
}

// TestTerminatedConnections ends every connection between two batches, when the writers hold one and do not know: what
// comes next finds a new one.
func TestTerminatedConnections(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(storetest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	name := "store-" + q.Get("search_path")
	q.Set("application_name", name)
	u.RawQuery = q.Encode()
	db := storetest.Open(t, u.String())
	v := storetest.Project(t, db, "ann", "a", "http://one.test")
	other, err := sql.Open("pgx", testenv.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	for range 3 {
		e := hookyard.NewEvent("in", "x", []byte("{}"), time.Now())
		e.ProjectKey = v.Project.Key
		if _, err := db.Accept(t.Context(), hookyard.Route(e, v, nil)); err != nil {
			t.Errorf("Accept = %v", err)
		}
		if _, err := db.Claim(t.Context(), v.Hooks[0].Key, time.Now(), 10); err != nil {
			t.Errorf("Claim = %v", err)
		}
		var n int
		err := other.QueryRow(`select count(pg_terminate_backend(pid))
			from pg_stat_activity where application_name = $1`, name).Scan(&n)
		if err != nil || n == 0 {
			t.Fatalf("%d connections terminated, %v", n, err)
		}
	}
}
