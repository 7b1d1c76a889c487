package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// TestPooler has two nodes behind PgBouncer, of which a version is installed that knows no prepared statements.
// Everything works in both modes, and nodes notify each other, in transaction mode over a direct connection.
func TestPooler(t *testing.T) {
	t.Parallel()
	const transaction = "pool_mode = transaction\ndefault_pool_size = 3\n"
	for _, tc := range []struct {
		name, settings string
		direct         bool
		listens        bool
	}{
		{"session", "", false, true},
		{"transaction", transaction, true, true},
		{"transaction without a direct connection", transaction, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			pooled, direct := storetest.Pooler(t, tc.settings)
			o := store.Options{Connections: store.MinConnections}
			if tc.direct {
				o.Direct = direct
			}
			nodes := []*store.DB{storetest.OpenWith(t, pooled, o), storetest.OpenWith(t, pooled, o)}
			var running sync.WaitGroup
			ctx, stop := context.WithCancel(t.Context())
			defer func() { stop(); running.Wait() }()
			came := make(chan struct{}, 1000)
			nodes[1].OnCommit(func(int64) { came <- struct{}{} })
			for _, n := range nodes {
				running.Go(func() { _ = n.Run(ctx) })
			}
			snapshot := storetest.Project(t, nodes[0], "acme", "shop", "http://127.0.0.1:1/")
			useStore(t, nodes, snapshot)
			for tc.listens { // until nodes listen and know of each other
				acceptEvent(t, nodes[0], snapshot)
				select {
				case <-came:
					return
				case <-time.After(100 * time.Millisecond):
				}
			}
		})
	}
}

// useStore accepts, claims and finishes deliveries on all nodes at the same time, and changes the configuration.
func useStore(t *testing.T, nodes []*store.DB, snapshot *hookyard.Snapshot) {
	t.Helper()
	const senders, each = 8, 25
	var work sync.WaitGroup
	for i := range senders {
		db := nodes[i%len(nodes)]
		work.Go(func() {
			for range each {
				acceptEvent(t, db, snapshot)
			}
		})
		work.Go(func() {
			p := &hookyard.Project{Owner: "acme", Name: fmt.Sprint("p", i)}
			if err := db.CreateProject(t.Context(), p, nil); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	hook := snapshot.Hooks[0]
	finished := 0
	for finished < senders*each {
		for _, db := range nodes {
			claimed, err := db.Claim(t.Context(), hook.Key, time.Now(), 10)
			if err != nil {
				t.Fatal(err)
			}
			for i := range claimed {
				now := time.Now()
				r := &hookyard.Result{Work: &claimed[i], Decision: hookyard.Decision{State: hookyard.Delivered},
					Attempt: &hookyard.Attempt{EventSeq: claimed[i].Event.Seq, HookKey: hook.Key, N: 1, StartedAt: now,
						Status: 200}}
				if err := db.Finish(t.Context(), r); err != nil {
					t.Fatal(err)
				}
				finished++
			}
		}
	}
	page, err := nodes[0].Events(t.Context(), hookyard.EventQuery{ProjectKey: snapshot.Project.Key, Limit: 500})
	if err != nil || len(page.Events) != senders*each {
		t.Errorf("%d events, %v", len(page.Events), err)
	}
}

func acceptEvent(t *testing.T, db *store.DB, snapshot *hookyard.Snapshot) {
	t.Helper()
	e := hookyard.NewEvent("api", "order.paid", []byte(`{"n":1}`), time.Now())
	e.ProjectKey = snapshot.Project.Key
	r := hookyard.Route(e, snapshot, func(*hookyard.Hook, *hookyard.Event) (bool, error) { return true, nil })
	if _, err := db.Accept(t.Context(), r); err != nil {
		t.Error(err)
	}
}
