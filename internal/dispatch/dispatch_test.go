package dispatch_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/budget"
	"github.com/hookyard/hookyard/internal/dispatch"
	"github.com/hookyard/hookyard/internal/egress"
	"github.com/hookyard/hookyard/internal/filter"
	"github.com/hookyard/hookyard/internal/ingest"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

// yard is a store, an ingest and a running dispatcher.
type yard struct {
	t          testing.TB
	db         *store.DB
	in         *ingest.Ingest
	dispatcher *dispatch.Dispatcher
	stop       func()
}

func start(t testing.TB, db *store.DB) *yard {
	t.Helper()
	return startOn(t, db, db)
}

// startOn is start with a dispatcher that reads its threads elsewhere.
func startOn(t testing.TB, db *store.DB, threads dispatch.Threads) *yard {
	t.Helper()
	return startWith(t, db, func(o *dispatch.Options) { o.Threads = threads })
}

// startWith is start with other options.
func startWith(t testing.TB, db *store.DB, change func(*dispatch.Options)) *yard {
	t.Helper()
	client, err := egress.New(egress.Options{Allow: []string{"127.0.0.0/8"}})
	if err != nil {
		t.Fatal(err)
	}
	filters := filter.NewCache(100, budget.NewDecoding(1<<20))
	accepts := func(h *hookyard.Hook, e *hookyard.Event) (bool, error) { return filters.Match(h.Filter, e) }
	y := &yard{t: t, db: db}
	log := slog.New(slog.DiscardHandler)
	options := dispatch.Options{Hooks: db, Deliveries: db, Nodes: db, Threads: db,
		Replays: db, Client: client, Filter: accepts, Log: log,
		Limits:  hookyard.DefaultLimits(),
		BaseURL: "http://hookyard.example", UserAgent: "hookyard/test", Poll: 100 * time.Millisecond,
		Rand: func() float64 { return 0.5 }}
	change(&options)
	y.dispatcher = dispatch.New(options)
	y.in = ingest.New(ingest.Options{Store: db, Dispatcher: y.dispatcher, Filter: accepts,
		Limits: hookyard.DefaultLimits(), Log: log})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := y.dispatcher.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	var once sync.Once
	y.stop = func() { once.Do(func() { cancel(); <-done; client.Close() }) }
	t.Cleanup(y.stop)
	return y
}

func (y *yard) publish(snapshot *hookyard.Snapshot, typ string) hookyard.Receipt {
	y.t.Helper()
	snapshot, err := y.db.Snapshot(context.Background(), snapshot.Project.Owner, snapshot.Project.Name)
	if err != nil {
		y.t.Fatal(err)
	}
	e, err := hookyard.Publish(hookyard.Publication{Type: typ, Data: []byte(`{"n":1}`)}, time.Now(),
		hookyard.DefaultLimits())
	if err != nil {
		y.t.Fatal(err)
	}
	r, err := y.in.Accept(context.Background(), snapshot, e)
	if err != nil {
		y.t.Fatal(err)
	}
	return r
}

func (y *yard) update(snapshot *hookyard.Snapshot, id string, f func(h *hookyard.Hook)) {
	y.t.Helper()
	h, err := y.db.UpdateHook(context.Background(), snapshot.Project.Key, id, 0, "hook.update",
		func(h *hookyard.Hook) error { f(h); return nil })
	if err != nil {
		y.t.Fatal(err)
	}
	y.dispatcher.HookChanged(h.Key)
}

// settled waits until every delivery of a project has ended, and returns them.
func (y *yard) settled(snapshot *hookyard.Snapshot) []hookyard.Delivery {
	y.t.Helper()
	var all []hookyard.Delivery
	testenv.Until(y.t, "every delivery ends", func() bool {
		var err error
		if all, _, err = y.db.Deliveries(context.Background(),
			hookyard.DeliveryQuery{ProjectKey: snapshot.Project.Key, Limit: 100_000}); err != nil {
			y.t.Fatal(err)
		}
		return len(all) > 0 && !slices.ContainsFunc(all,
			func(d hookyard.Delivery) bool { return d.State == hookyard.Pending })
	})
	return all
}

// receiver answers as told and remembers what came.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
	ids    []string
	heads  []http.Header
	answer func(n int, w http.ResponseWriter, r *http.Request)
}

func receive(t testing.TB, answer func(n int, w http.ResponseWriter, r *http.Request)) *receiver {
	rc := &receiver{answer: answer}
	rc.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		rc.mu.Lock()
		n := len(rc.bodies)
		rc.bodies = append(rc.bodies, string(body))
		rc.ids = append(rc.ids, r.Header.Get("webhook-id"))
		rc.heads = append(rc.heads, r.Header)
		rc.mu.Unlock()
		if rc.answer != nil {
			rc.answer(n, w, r)
		}
	}))
	t.Cleanup(rc.Close)
	return rc
}

func (rc *receiver) count() int {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return len(rc.bodies)
}

func TestDelivers(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		y := start(t, db)
		rc := receive(t, nil)
		snapshot := storetest.Project(t, db, "acme", "shop", rc.URL)
		y.update(snapshot, "h1", func(h *hookyard.Hook) {
			h.Secrets = []hookyard.Secret{{Value: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}
			h.Headers = map[string]string{"Authorization": "Bearer hush"}
		})
		receipt := y.publish(snapshot, "order.created")
		all := y.settled(snapshot)
		if len(all) != 1 || all[0].State != hookyard.Delivered || all[0].Attempts != 1 {
			t.Fatalf("deliveries = %+v", all)
		}
		if rc.ids[0] != receipt.ID || !strings.Contains(rc.bodies[0], `"data":{"n":1}`) {
			t.Errorf("the receiver got id %s and %s", rc.ids[0], rc.bodies[0])
		}
		verify, err := standardwebhooks.NewWebhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
		if err != nil {
			t.Fatal(err)
		}
		if err := verify.Verify([]byte(rc.bodies[0]), rc.heads[0]); err != nil {
			t.Errorf("the official verifier says: %v", err)
		}
		if rc.heads[0].Get("Authorization") != "Bearer hush" {
			t.Errorf("the hook's own header did not arrive")
		}
		attempts, err := db.Attempts(context.Background(), all[0].EventSeq, all[0].HookKey)
		if err != nil || len(attempts) != 1 || attempts[0].Status != 200 {
			t.Fatalf("attempts = %+v, %v", attempts, err)
		}
		if got := attempts[0].RequestHeader.Get("Authorization"); got != hookyard.Masked {
			t.Errorf("the record shows the credential %q", got)
		}
	})
}

func TestRetriesUntilDelivered(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		y := start(t, db)
		rc := receive(t, func(n int, w http.ResponseWriter, _ *http.Request) {
			if n < 2 {
				w.WriteHeader(http.StatusInternalServerError)
			}
		})
		snapshot := storetest.Project(t, db, "acme", "shop", rc.URL)
		y.update(snapshot, "h1", func(h *hookyard.Hook) {
			h.Schedule = []time.Duration{0, 20 * time.Millisecond,
				20 * time.Millisecond}
		})
		receipt := y.publish(snapshot, "a")
		all := y.settled(snapshot)
		if all[0].State != hookyard.Delivered || all[0].Attempts != 3 {
			t.Fatalf("delivery = %+v; want delivered at the third attempt", all[0])
		}
		if got := []string{rc.ids[0], rc.ids[1], rc.ids[2]}; !slices.Equal(got,
			[]string{receipt.ID, receipt.ID, receipt.ID}) {
			t.Errorf("webhook-ids %v; want the same on every attempt", got)
		}
	})
}

func TestGivesUp(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		y := start(t, db)
		bad := receive(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
			http.Redirect(w, &http.Request{}, "http://elsewhere.example/", http.StatusPermanentRedirect)
		})
		told := receive(t, nil)
		snapshot := storetest.Project(t, db, "acme", "shop", bad.URL, told.URL)
		y.update(snapshot, "h1", func(h *hookyard.Hook) { h.Schedule = []time.Duration{0, time.Millisecond} })
		y.update(snapshot, "h2", func(h *hookyard.Hook) { h.Events = hookyard.Selector{Names: []string{"hookyard.*"}} })
		y.publish(snapshot, "a")
		testenv.Until(t, "the failure is told", func() bool { return told.count() > 0 })
		if bad.count() != 2 || !strings.Contains(told.bodies[0], "hookyard.delivery.failed") ||
			!strings.Contains(told.bodies[0], "answered 308") {
			t.Errorf("%d attempts; told %s", bad.count(), told.bodies[0])
		}
	})
}

func TestGoneSwitchesOff(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		y := start(t, db)
		gone := receive(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) })
		snapshot := storetest.Project(t, db, "acme", "shop", gone.URL)
		y.publish(snapshot, "a")
		y.settled(snapshot)
		h, err := db.Hook(context.Background(), snapshot.Project.Key, "h1")
		if err != nil || h.Active || !strings.Contains(h.OffReason, "410") {
			t.Fatalf("hook = %+v, %v; want it off because of 410", h, err)
		}
		y.publish(snapshot, "b")
		all := y.settled(snapshot)
		if all[0].State != hookyard.Skipped || gone.count() != 1 {
			t.Errorf("after 410: %+v and %d requests; want skipped and no further request", all[0], gone.count())
		}
	})
}

// TestNetBeansPolicy switches off after ten connections that fail in a row, and on again by a changed URL.
func TestNetBeansPolicy(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		y := start(t, db)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		dead := "http://" + l.Addr().String()
		_ = l.Close() // nobody listens there now
		snapshot := storetest.Project(t, db, "acme", "shop", dead)
		y.update(snapshot, "h1", func(h *hookyard.Hook) {
			h.Off, h.Schedule = hookyard.OffPolicy{Policy: hookyard.OffNetBeans}, []time.Duration{0}
		})
		for range 12 {
			y.publish(snapshot, "a")
			y.settled(snapshot)
		}
		states := map[hookyard.State]int{}
		for _, d := range y.settled(snapshot) {
			states[d.State]++
		}
		if states[hookyard.Failed] != 10 || states[hookyard.Skipped] != 2 {
			t.Fatalf("states = %v; want ten failed, then skipped", states)
		}
		rc := receive(t, nil)
		y.update(snapshot, "h1", func(h *hookyard.Hook) {
			h.URL = rc.URL
			h.Active = true
			h.OffReason = ""
			h.Health = hookyard.Health{}
		})
		y.publish(snapshot, "a")
		testenv.Until(t, "it is on again", func() bool { return rc.count() == 1 })
	})
}

func TestOrdered(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		y := start(t, db)
		const n = 40
		rc := receive(t, func(n int, w http.ResponseWriter, _ *http.Request) {
			if n%7 == 3 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		})
		snapshot := storetest.Project(t, db, "acme", "shop", rc.URL)
		y.update(snapshot, "h1", func(h *hookyard.Hook) {
			h.Ordered, h.Schedule = true, []time.Duration{0, time.Millisecond, time.Millisecond, time.Millisecond}
		})
		var want []string
		for range n {
			want = append(want, y.publish(snapshot, "a").ID)
		}
		y.settled(snapshot)
		var got []string
		for _, id := range rc.ids {
			if len(got) == 0 || got[len(got)-1] != id {
				got = append(got, id)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("order of arrival differs from the order of events:\n%v\n%v", got, want)
		}
	})
}

// TestFairness has hooks whose receivers never answer beside one that does: the good one must not wait.
func TestFairness(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	y := start(t, db)
	release := make(chan struct{})
	hang := receive(t, func(_ int, _ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	good := receive(t, nil)
	urls := []string{good.URL}
	for range 20 {
		urls = append(urls, hang.URL)
	}
	snapshot := storetest.Project(t, db, "acme", "shop", urls...)
	for range 100 {
		y.publish(snapshot, "a")
	}
	testenv.Until(t, "the healthy hook gets everything", func() bool { return good.count() == 100 })
	close(release)
	y.settled(snapshot)
}

// TestBacklog publishes more than fits in memory to a hook that is slow at first.
func TestBacklog(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		y := start(t, db)
		open := make(chan struct{})
		rc := receive(t, func(int, http.ResponseWriter, *http.Request) { <-open })
		snapshot := storetest.Project(t, db, "acme", "shop", rc.URL)
		const n = 400
		want := map[string]bool{}
		for range n {
			want[y.publish(snapshot, "a").ID] = true
		}
		close(open)
		y.settled(snapshot)
		for _, id := range rc.ids {
			if !want[id] {
				t.Errorf("%s arrived twice or was never published", id)
			}
			delete(want, id)
		}
		if len(want) != 0 {
			t.Errorf("%d of %d did not arrive", len(want), n)
		}
	})
}

func TestDeletedHookCancels(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		y := start(t, db)
		rc := receive(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
		snapshot := storetest.Project(t, db, "acme", "shop", rc.URL)
		for range 20 {
			y.publish(snapshot, "a")
		}
		key := snapshot.Hook("h1").Key
		if err := db.DeleteHook(context.Background(), snapshot.Project.Key, "h1"); err != nil {
			t.Fatal(err)
		}
		y.dispatcher.HookChanged(key)
		for _, d := range y.settled(snapshot) {
			if d.State != hookyard.Canceled {
				t.Errorf("delivery of a deleted hook is %s (%s); want canceled", d.State, d.Reason)
			}
		}
	})
}

func TestStopGivesBack(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		y := start(t, db)
		var slow atomic.Bool
		slow.Store(true)
		rc := receive(t, func(_ int, _ http.ResponseWriter, r *http.Request) {
			if slow.Load() {
				<-r.Context().Done()
			}
		})
		snapshot := storetest.Project(t, db, "acme", "shop", rc.URL)
		y.update(snapshot, "h1", func(h *hookyard.Hook) { h.Timeout = 300 * time.Millisecond })
		for range 50 {
			y.publish(snapshot, "a")
		}
		testenv.Until(t, "some are under way", func() bool { return rc.count() >= 8 })
		y.stop()
		slow.Store(false)
		again := start(t, db)
		again.update(snapshot, "h1", func(h *hookyard.Hook) {
			h.Schedule = []time.Duration{0, time.Millisecond,
				time.Millisecond}
		})
		if _, ok, err := db.NextDue(context.Background(), snapshot.Hook("h1").Key); err != nil || !ok {
			t.Fatalf("after the stop no deliveries are rows, %v; want what was queued", err)
		}
		for range 60 { // those that failed by timeout wait five seconds; bring them forward
			all, _, err := db.Deliveries(context.Background(),
				hookyard.DeliveryQuery{ProjectKey: snapshot.Project.Key, State: hookyard.Pending, Limit: 100})
			if err != nil {
				t.Fatal(err)
			}
			if len(all) == 0 {
				break
			}
			for _, d := range all {
				_ = db.Reopen(context.Background(), d.EventSeq, d.HookKey)
			}
			again.dispatcher.Wake(snapshot.Hook("h1").Key)
			testenv.Until(t, "progress", func() bool {
				left, _, err := db.Deliveries(context.Background(),
					hookyard.DeliveryQuery{ProjectKey: snapshot.Project.Key, State: hookyard.Pending, Limit: 100})
				return err != nil || len(left) < len(all)
			})
		}
		again.settled(snapshot)
	})
}

func TestReplayToANewHook(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		y := start(t, db)
		snapshot := storetest.Project(t, db, "acme", "shop")
		const n = 450
		for i := range n {
			y.publish(snapshot, fmt.Sprintf("kind.%d", i%3))
		}
		rc := receive(t, nil)
		h := &hookyard.Hook{ID: "late", ProjectKey: snapshot.Project.Key, URL: rc.URL, Active: true,
			Events: hookyard.Selector{Names: []string{"kind.1"}}}
		if err := db.CreateHook(ctx, h); err != nil {
			t.Fatal(err)
		}
		job := &hookyard.Replay{ProjectKey: snapshot.Project.Key, HookKey: h.Key, Hook: h.ID,
			Since: time.Now().Add(-time.Hour)}
		if err := db.CreateReplay(ctx, job); err != nil {
			t.Fatal(err)
		}
		y.dispatcher.WakeReplays()
		testenv.Until(t, "the replay ends", func() bool {
			r, err := db.Replay(ctx, snapshot.Project.Key, job.ID)
			return err == nil && r.Status == "done"
		})
		y.settled(snapshot)
		if rc.count() != n/3 {
			t.Errorf("the new hook got %d events; want the %d it wants", rc.count(), n/3)
		}
	})
}
