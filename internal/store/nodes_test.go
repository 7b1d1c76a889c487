package store_test

import (
	"bytes"
	"context"
	"log/slog"
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

// runUpkeep runs a store's upkeep until stop is called.
func runUpkeep(t *testing.T, db *store.DB) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := db.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); <-done }) }
	t.Cleanup(stop)
	return stop
}

// waitSessions waits until so many nodes are known to hold their locks. On SQLite there are none.
func waitSessions(t *testing.T, db *store.DB, want int) {
	t.Helper()
	if db.Name() == "sqlite" {
		return
	}
	testenv.Until(t, "nodes hold their locks", func() bool {
		var n int
		err := db.Pool().QueryRowContext(t.Context(), "select count(*) from nodes where session = 1").Scan(&n)
		return err == nil && n == want
	})
}

// TestNodesOfOneName starts a second process under the name of one that lives, as a rolling update does: each keeps
// what it has claimed, and when the first dies its successor gets the rest at once.
func TestNodesOfOneName(t *testing.T) {
	t.Parallel()
	dsn := storetest.Postgres(t)
	a := storetest.OpenWith(t, dsn, store.Options{NodeName: "same"})
	die := runUpkeep(t, a)
	v := storetest.Project(t, a, "ann", "a", "http://one.test")
	put(t, a, v, "x", 3, v.Hooks...)
	hook := v.Hooks[0].Key
	claim := func(db *store.DB) int {
		t.Helper()
		work, err := db.Claim(t.Context(), hook, time.Now(), 10)
		if err != nil {
			t.Fatal(err)
		}
		return len(work)
	}
	if n := claim(a); n != 3 {
		t.Fatalf("the first claimed %d, want 3", n)
	}
	waitSessions(t, a, 1)

	var log bytes.Buffer
	b, err := store.Open(t.Context(), dsn, store.Options{Key: []byte("a key for tests only"), NodeName: "same",
		Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	if n := claim(b); n != 0 {
		t.Errorf("the second claimed %d deliveries of the first, want none", n)
	}
	if !strings.Contains(log.String(), "--node-name") {
		t.Errorf("the log says %q, want a warning about --node-name", log.String())
	}
	if nodes, err := b.Nodes(t.Context()); err != nil || len(nodes) != 2 {
		t.Errorf("nodes = %v, %v; want two", nodes, err)
	}

	die()
	runUpkeep(t, b)
	began := time.Now()
	got := 0
	testenv.Until(t, "the second gets what the first had", func() bool { got += claim(b); return got == 3 })
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("that took %s; want seconds, not the silence of a node without a lock", took)
	}
}

// TestBrokenSession breaks the connection that holds a node's lock: a node that lives is not taken for dead.
func TestBrokenSession(t *testing.T) {
	t.Parallel()
	dsn := storetest.Postgres(t)
	a := storetest.OpenWith(t, dsn, store.Options{NodeName: "a"})
	b := storetest.OpenWith(t, dsn, store.Options{NodeName: "b"})
	runUpkeep(t, a)
	runUpkeep(t, b)
	waitSessions(t, a, 2)
	v := storetest.Project(t, a, "ann", "a", "http://one.test")
	put(t, a, v, "x", 1, v.Hooks...)
	if work, err := a.Claim(t.Context(), v.Hooks[0].Key, time.Now(), 10); err != nil || len(work) != 1 {
		t.Fatalf("claimed %v, %v", work, err)
	}
	class, object := a.Lock()
	if _, err := a.Pool().ExecContext(t.Context(), `select pg_terminate_backend(pid) from pg_locks
		where locktype = 'advisory' and objsubid = 2 and classid = $1::bigint::oid and objid = $2::bigint::oid`, class,
		object); err != nil {
		t.Fatal(err)
	}
	waitSessions(t, a, 1)
	waitSessions(t, a, 2)
	if work, err := b.Claim(t.Context(), v.Hooks[0].Key, time.Now(), 10); err != nil || len(work) != 0 {
		t.Errorf("b claimed %d deliveries of a, which lives, %v", len(work), err)
	}
}

// TestStoppedNode holds that a node that stops leaves nothing claimed, and no trace.
func TestStoppedNode(t *testing.T) {
	t.Parallel()
	dsn := storetest.Postgres(t)
	a := storetest.OpenWith(t, dsn, store.Options{NodeName: "a"})
	b := storetest.OpenWith(t, dsn, store.Options{NodeName: "b"})
	v := storetest.Project(t, a, "ann", "a", "http://one.test")
	put(t, a, v, "x", 2, v.Hooks...)
	if work, err := a.Claim(t.Context(), v.Hooks[0].Key, time.Now(), 10); err != nil || len(work) != 2 {
		t.Fatalf("claimed %v, %v", work, err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if work, err := b.Claim(t.Context(), v.Hooks[0].Key, time.Now(), 10); err != nil || len(work) != 2 {
		t.Errorf("the other node claimed %d, %v; want 2", len(work), err)
	}
	if nodes, err := b.Nodes(t.Context()); err != nil || len(nodes) != 1 {
		t.Errorf("nodes = %v, %v; want one", nodes, err)
	}
}

// TestSilentWhileAway holds that a node does not take another for dead whose silence may have the same reason as its
// own: an outage of the database.
func TestSilentWhileAway(t *testing.T) {
	t.Parallel()
	dsn := storetest.Postgres(t)
	a := storetest.OpenWith(t, dsn, store.Options{NodeName: "a"})
	b := storetest.OpenWith(t, dsn, store.Options{NodeName: "b"})
	if _, err := a.Pool().ExecContext(t.Context(), "update nodes set seen = seen - 40000000"); err != nil {
		t.Fatal(err)
	}
	runUpkeep(t, b)
	testenv.Until(t, "b is heard of several times", func() bool {
		var n int
		err := b.Pool().QueryRowContext(t.Context(), `select count(*) from nodes where name = 'b' and
			seen > started + 3000000`).Scan(&n)
		return err == nil && n == 1
	})
	if nodes, err := b.Nodes(t.Context()); err != nil || len(nodes) != 2 {
		t.Errorf("nodes = %v, %v; want two", nodes, err)
	}
}

// TestTakeover holds that the deliveries of a process that died belong to another within ten seconds.
func TestTakeover(t *testing.T) {
	t.Parallel()
	dsn := storetest.Postgres(t)
	a := storetest.OpenWith(t, dsn, store.Options{NodeName: "a"})
	b := storetest.OpenWith(t, dsn, store.Options{NodeName: "b"})
	var changes atomic.Int64
	b.OnNodes(func(bool) { changes.Add(1) })
	die := runUpkeep(t, a)
	runUpkeep(t, b)
	v := storetest.Project(t, a, "ann", "a", "http://one.test")
	put(t, a, v, "x", 1, v.Hooks...)
	if work, err := a.Claim(t.Context(), v.Hooks[0].Key, time.Now(), 10); err != nil || len(work) != 1 {
		t.Fatalf("claimed %v, %v", work, err)
	}
	waitSessions(t, a, 2)
	<-time.After(10 * time.Second) // b's heartbeats are settled
	before := changes.Load()
	die()
	began := time.Now()
	testenv.Until(t, "b gets what a had", func() bool {
		work, err := b.Claim(t.Context(), v.Hooks[0].Key, time.Now(), 10)
		return err == nil && len(work) == 1
	})
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("that took %s", took)
	}
	if changes.Load() == before {
		t.Error("b is not told")
	}
}

// TestNodeClock holds that a node whose clock is wrong says so, once, in its log and in the list.
func TestNodeClock(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	db, err := store.Open(t.Context(), storetest.Postgres(t), store.Options{Key: []byte("a key for tests only"),
		NodeName: "late", Version: "1.2.3", Log: slog.New(slog.NewTextHandler(&log, nil)),
		Clock: func() time.Time { return time.Now().Add(-time.Minute) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	stop := runUpkeep(t, db)
	var n hookyard.Node
	testenv.Until(t, "the node is seen several times", func() bool {
		nodes, err := db.Nodes(t.Context())
		if err != nil || len(nodes) != 1 {
			t.Fatalf("nodes = %v, %v; want one", nodes, err)
		}
		n = nodes[0]
		return n.Seen.Sub(n.Started) > 3*time.Second
	})
	stop()
	if off := time.Duration(n.Clock) + time.Minute; off.Abs() > 5*time.Second || n.Name != "late" ||
		n.Version != "1.2.3" || !n.Self {
		t.Errorf("the node is %+v", n)
	}
	if said := strings.Count(log.String(), "NTP"); said != 1 {
		t.Errorf("the log has %d warnings: %s", said, log.String())
	}
}
