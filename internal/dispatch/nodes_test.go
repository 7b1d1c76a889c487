package dispatch_test

import (
	"context"
	"database/sql"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/dispatch"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

// slowly polls as a server does: what depends on polls shows.
func slowly(o *dispatch.Options) { o.Poll = 5 * time.Second }

// startNodes starts nodes on one PostgreSQL, with their upkeep. Each knows that it is not alone.
func startNodes(t *testing.T, n int) []*yard {
	t.Helper()
	dsn := storetest.Postgres(t)
	var nodes []*yard
	for i := range n {
		db := storetest.OpenWith(t, dsn, store.Options{NodeName: strconv.Itoa(i)})
		y := startWith(t, db, slowly)
		db.OnDue(y.dispatcher.Woken)
		db.OnNodes(y.dispatcher.NodesChanged)
		runStore(t, db)
		nodes = append(nodes, y)
	}
	return nodes
}

// publishOn publishes events numbered from 0 to n, by turns on the nodes, each after the one before it is stored.
func publishOn(nodes []*yard, project *hookyard.Snapshot, n int) {
	y := nodes[0]
	y.t.Helper()
	for i := range n {
		e, err := hookyard.Publish(hookyard.Publication{Type: "a.b", Data: []byte(`{"n":` + strconv.Itoa(i) + `}`)},
			time.Now(), hookyard.DefaultLimits())
		if err != nil {
			y.t.Fatal(err)
		}
		if _, err := nodes[i%len(nodes)].in.Accept(context.Background(), project, e); err != nil {
			y.t.Fatal(err)
		}
	}
}

// limit changes the hook of a project on all nodes and returns the project as it is then.
func limit(nodes []*yard, project *hookyard.Snapshot, f func(h *hookyard.Hook)) *hookyard.Snapshot {
	y := nodes[0]
	y.t.Helper()
	y.update(project, "h1", f)
	want := project.Hooks[0].Revision + 1
	for _, y := range nodes {
		testenv.Until(y.t, "every node knows of the change", func() bool {
			v, err := y.db.Snapshot(context.Background(), project.Project.Owner, project.Project.Name)
			return err == nil && v.Hooks[0].Revision == want
		})
	}
	project, err := y.db.Snapshot(context.Background(), project.Project.Owner, project.Project.Name)
	if err != nil {
		y.t.Fatal(err)
	}
	return project
}

// TestInFlightOverNodes holds that a hook's inFlight is that of all nodes together, and that it is used.
func TestInFlightOverNodes(t *testing.T) {
	t.Parallel()
	var now, most atomic.Int64
	rc := receive(t, func(int, http.ResponseWriter, *http.Request) {
		n := now.Add(1)
		for {
			old := most.Load()
			if n <= old || most.CompareAndSwap(old, n) {
				break
			}
		}
		<-time.After(20 * time.Millisecond)
		now.Add(-1)
	})
	nodes := startNodes(t, 3)
	project := storetest.Project(t, nodes[0].db, "acme", "shop", rc.URL)
	project = limit(nodes, project, func(h *hookyard.Hook) { h.InFlight = 4 })
	publishOn(nodes, project, 200)
	nodes[0].settled(project)
	if most.Load() != 4 {
		t.Errorf("%d attempts were under way at once, want 4", most.Load())
	}
}

// TestRateOverNodes holds that a hook's rate is that of all nodes together.
func TestRateOverNodes(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var at []time.Time
	rc := receive(t, func(int, http.ResponseWriter, *http.Request) {
		mu.Lock()
		at = append(at, time.Now())
		mu.Unlock()
	})
	nodes := startNodes(t, 3)
	project := storetest.Project(t, nodes[0].db, "acme", "shop", rc.URL)
	project = limit(nodes, project, func(h *hookyard.Hook) { h.Rate = 20 })
	publishOn(nodes, project, 100)
	nodes[0].settled(project)
	mu.Lock()
	defer mu.Unlock()
	took := at[len(at)-1].Sub(at[0])
	if took < 3900*time.Millisecond { // 20 at once, and 20 a second
		t.Errorf("100 attempts took %s, want 4 s at 20 a second", took)
	}
	if took > 8*time.Second {
		t.Errorf("100 attempts took %s: the rate is not used", took)
	}
	t.Logf("100 attempts took %s", took)
}

// TestOrderedOverNodes holds that an ordered hook that answers at once gets hundreds of events a second, in order,
// whichever nodes they come to.
func TestOrderedOverNodes(t *testing.T) {
	t.Parallel()
	checkOrdered(t, func() []*yard { return startNodes(t, 3) })
}

// TestOrderedSpeed is TestOrderedOverNodes for one node.
func TestOrderedSpeed(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		checkOrdered(t, func() []*yard { return []*yard{startWith(t, db, slowly)} })
	})
}

// checkOrdered publishes while the first attempt is under way, and then looks how the hook gets the rest.
func checkOrdered(t *testing.T, start func() []*yard) {
	t.Helper()
	const events = 600
	published := make(chan struct{})
	rc := receive(t, func(n int, _ http.ResponseWriter, _ *http.Request) {
		if n == 0 {
			<-published
		}
	})
	nodes := start()
	project := storetest.Project(t, nodes[0].db, "acme", "shop", rc.URL)
	project = limit(nodes, project, func(h *hookyard.Hook) { h.Ordered, h.Timeout = true, time.Minute })
	publishOn(nodes, project, events)
	began := time.Now()
	close(published)
	testenv.Until(t, "the hook gets all", func() bool { return rc.count() >= events })
	took := time.Since(began)
	nodes[0].settled(project)
	rc.mu.Lock()
	defer rc.mu.Unlock()
	for i, body := range rc.bodies {
		if !strings.Contains(body, `"n":`+strconv.Itoa(i)+`}`) {
			t.Fatalf("the body of attempt %d is %s", i, body)
		}
	}
	rate := events / took.Seconds()
	if rate < 200 { // 700 to 1,000 when the machine does nothing else
		t.Errorf("%.0f events a second, want hundreds", rate)
	}
	t.Logf("%.0f events a second", rate)
}

// forgetful loses the answer to the first claim that claimed something.
type forgetful struct {
	*store.DB
	lost atomic.Bool
}

func (f *forgetful) Claim(ctx context.Context, hook int64, now time.Time, limit int) ([]hookyard.Work, error) {
	work, err := f.DB.Claim(ctx, hook, now, limit)
	if len(work) > 0 && !f.lost.Swap(true) {
		return nil, hookyard.Errorf(hookyard.Unavailable, "the connection broke")
	}
	return work, err
}

// TestLostClaim holds that what was claimed without an answer is sent soon.
func TestLostClaim(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		rc := receive(t, nil)
		y := startWith(t, db, func(o *dispatch.Options) {
			slowly(o)
			o.Deliveries = &forgetful{DB: db}
		})
		project := storetest.Project(t, db, "acme", "shop", rc.URL)
		project = limit([]*yard{y}, project, func(h *hookyard.Hook) { h.Ordered = true })
		began := time.Now()
		publishOn([]*yard{y}, project, 3)
		y.settled(project)
		if took := time.Since(began); took > 8*time.Second {
			t.Errorf("that took %s, want a few seconds", took)
		}
	})
}

// cutOff is a node that knows that it is cut off, or not.
type cutOff struct {
	*store.DB
	off atomic.Bool
}

func (c *cutOff) Alive() bool { return !c.off.Load() }

// TestCutOff holds that a node that others may take for dead sends nothing, and that it sends nothing of what they have
// taken when it is back.
func TestCutOff(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} {
		dsn := storetest.Postgres(t)
		db := storetest.OpenWith(t, dsn, store.Options{NodeName: "a"})
		node, goOn := &cutOff{DB: db}, make(chan struct{})
		rc := receive(t, func(int, http.ResponseWriter, *http.Request) { <-goOn })
		y := startWith(t, db, func(o *dispatch.Options) { o.Nodes = node })
		project := storetest.Project(t, db, "acme", "shop", rc.URL)
		const atOnce, all = hookyard.DefaultInFlight, 20
		publishOn([]*yard{y}, project, all)
		testenv.Until(t, "attempts are under way", func() bool { return rc.count() == atOnce })
		node.off.Store(true)
		close(goOn)
		y.publish(project, "a.b") // waking the hook must not go on with the others
		testenv.Until(t, "the attempts end", func() bool {
			held, err := db.Held(t.Context())
			return err == nil && len(held) == all-atOnce
		})
		if n := rc.count(); n != atOnce {
			t.Errorf("%d attempts, want none after the first %d", n, atOnce)
		}
		want := all + 1
		if lost { // another node has what was claimed
			want = atOnce + 1
			other, err := sql.Open("pgx", dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = other.Close() }()
			if _, err := other.ExecContext(t.Context(),
				"update deliveries set node = -1 where state = 'pending' and node > 0"); err != nil {
				t.Fatal(err)
			}
			y.dispatcher.NodesChanged(true)
		}
		node.off.Store(false)
		y.dispatcher.NodesChanged(false)
		testenv.Until(t, "what this node has is sent", func() bool { return rc.count() >= want })
		if rc.count() > want {
			t.Errorf("%d attempts, want %d", rc.count(), want)
		}
	}
}
