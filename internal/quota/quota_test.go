package quota_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/ingest"
	"github.com/hookyard/hookyard/internal/quota"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// lanes have no room in memory.
type lanes struct{}

func (lanes) Reserve(*hookyard.Hook, *hookyard.Event) bool { return false }
func (lanes) Push(hookyard.Delivery, *hookyard.Event)      {}
func (lanes) Release(int64, *hookyard.Event, bool)         {}
func (lanes) Wake(...int64)                                {}

// node is what accepts events, with a clock that stands still.
type node struct {
	t   *testing.T
	db  *store.DB
	in  *ingest.Ingest
	q   *quota.Limiter
	now time.Time
}

func newNode(t *testing.T, db *store.DB) *node {
	n := &node{t: t, db: db, now: time.Now()}
	n.q = quota.New(db, func() time.Time { return n.now })
	n.in = ingest.New(ingest.Options{Store: db, Dispatcher: lanes{}, Limits: hookyard.DefaultLimits(),
		Log: slog.New(slog.DiscardHandler), Quotas: n.q})
	return n
}

func (n *node) limit(t hookyard.Tenant, text string) {
	n.t.Helper()
	name, value, err := hookyard.ParseLimit(text)
	if err != nil {
		n.t.Fatal(err)
	}
	if err := n.db.SetQuota(n.t.Context(), t, map[hookyard.LimitName]*int64{name: &value}); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) tenants(p *hookyard.Project) (project, owner hookyard.Tenant) {
	n.t.Helper()
	project, owner, err := n.db.Tenants(n.t.Context(), p)
	if err != nil {
		n.t.Fatal(err)
	}
	return project, owner
}

// accept publishes events of ten bytes to a project, all at once.
func (n *node) accept(p *hookyard.Project, events int) error {
	n.t.Helper()
	snapshot, err := n.db.Snapshot(n.t.Context(), p.Owner, p.Name)
	if err != nil {
		n.t.Fatal(err)
	}
	all := make([]*hookyard.Event, events)
	for i := range all {
		all[i] = hookyard.NewEvent(hookyard.SourceAPI, "t", []byte("0123456789"), time.Now())
	}
	if events == 1 {
		_, err := n.in.Accept(n.t.Context(), snapshot, all[0])
		return err
	}
	_, errs := n.in.AcceptAll(n.t.Context(), snapshot, all)
	return errors.Join(errs...)
}

// refused expects that one more event is beyond a limit, and returns what the error says.
func (n *node) refused(p *hookyard.Project, name hookyard.LimitName) *hookyard.Error {
	n.t.Helper()
	err := n.accept(p, 1)
	var e *hookyard.Error
	if !errors.As(err, &e) || e.Code != hookyard.TooMany || e.Excess == nil || e.Excess.Name != name {
		n.t.Fatalf("accept = %v, want TooMany by %s", err, name)
	}
	return e
}

func (n *node) accepted(p *hookyard.Project, events int) {
	n.t.Helper()
	if err := n.accept(p, events); err != nil {
		n.t.Fatalf("accept of %d events: %v", events, err)
	}
}

// later waits as a sender does whom Retry-After tells to.
func (n *node) later(e *hookyard.Error) {
	seconds := max(1, (e.RetryAfter+time.Second-1)/time.Second)
	n.now = n.now.Add(seconds * time.Second)
}

func TestRate(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		n := newNode(t, db)
		a, b := storetest.Project(t, db, "acme", "a").Project, storetest.Project(t, db, "Acme", "b").Project
		project, owner := n.tenants(a)
		n.limit(project, "eventsPerSecond=2")
		n.limit(project, "burst=3")
		n.accepted(a, 2)
		n.accepted(a, 1)
		e := n.refused(a, hookyard.LimitEvents)
		want := hookyard.Excess{Name: hookyard.LimitEvents, Of: "project acme/a", Value: 2, Used: 3}
		if *e.Excess != want {
			t.Errorf("excess is %+v, want %+v", *e.Excess, want)
		}
		const text = "limit eventsPerSecond of project acme/a is 2, and 3 are used: " +
			"an administrator of the server can raise it: hookyard limits set acme/a eventsPerSecond=N"
		if e.Message != text {
			t.Errorf("message is %q, want %q", e.Message, text)
		}
		n.later(e)
		n.accepted(a, 2)
		n.refused(a, hookyard.LimitEvents)
		n.accepted(b, 100)

		n.now = n.now.Add(time.Minute)
		n.limit(project, "eventsPerSecond=0")
		n.limit(owner, "eventsPerSecond=5")
		n.accepted(a, 2)
		n.accepted(b, 3)
		n.later(n.refused(a, hookyard.LimitEvents))
		n.accepted(b, 5)
	})
}

func TestBytes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		n := newNode(t, db)
		a, b := storetest.Project(t, db, "acme", "a").Project, storetest.Project(t, db, "acme", "b").Project
		project, owner := n.tenants(a)
		n.accepted(b, 2)
		n.limit(owner, "bytesPerDay=45")
		n.accepted(a, 1)
		n.accepted(b, 1)
		e := n.refused(a, hookyard.LimitDay)
		if e.Excess.Used != 40 {
			t.Errorf("used are %d bytes, want 40", e.Excess.Used)
		}
		n.refused(b, hookyard.LimitDay)
		if err := newNode(t, db).accept(a, 1); hookyard.CodeOf(err) != hookyard.TooMany {
			t.Errorf("another node: %v, want TooMany", err)
		}
		if err := n.accept(a, 5); hookyard.CodeOf(err) != hookyard.TooLarge {
			t.Errorf("more than the limit of a day at once: %v, want TooLarge", err)
		}
		n.later(e)
		n.accepted(a, 1)

		n.limit(owner, "bytesPerDay=0")
		n.limit(project, "keptBytes=25")
		if got := n.refused(a, hookyard.LimitKept).Excess.Used; got < 20 {
			t.Errorf("kept are %d bytes, want at least 20", got)
		}
		n.accepted(b, 1)
	})
}

func TestPending(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		n := newNode(t, db)
		a := storetest.Project(t, db, "acme", "a", "http://127.0.0.1:1/x", "http://127.0.0.1:1/y").Project
		quiet := storetest.Project(t, db, "acme", "b").Project
		_, owner := n.tenants(a)
		n.limit(owner, "pendingDeliveries=5")
		n.accepted(a, 2)
		e := n.refused(a, hookyard.LimitPending)
		n.accepted(quiet, 1) // opens none
		snapshot, err := db.Snapshot(t.Context(), "acme", "a")
		if err != nil {
			t.Fatal(err)
		}
		opened, err := n.q.Room(t.Context(), snapshot.Tenants)
		if err != nil {
			t.Fatalf("Room for one more: %v", err)
		}
		if _, err := n.q.Room(t.Context(), snapshot.Tenants); hookyard.CodeOf(err) != hookyard.TooMany {
			t.Errorf("Room for a second one at the same time: %v, want TooMany", err)
		}
		opened(1)
		if err := n.accept(a, 1); hookyard.CodeOf(err) != hookyard.TooMany {
			t.Errorf("accept beside what a replay opened: %v, want TooMany", err)
		}
		n.now = n.now.Add(time.Minute) // the figures of the database know better
		list, _, err := db.Deliveries(t.Context(), hookyard.DeliveryQuery{ProjectKey: a.Key, Limit: 10,
			State: hookyard.Pending})
		if err != nil || len(list) == 0 {
			t.Fatal(list, err)
		}
		if err := db.Cancel(t.Context(), list[0].EventSeq, list[0].HookKey, "test"); err != nil {
			t.Fatal(err)
		}
		n.later(e)
		n.accepted(a, 1)
		if _, err := n.q.Room(t.Context(), snapshot.Tenants); hookyard.CodeOf(err) != hookyard.TooMany {
			t.Errorf("Room beyond the limit: %v, want TooMany", err)
		}
	})
}

func TestListeners(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		n := newNode(t, db)
		a, b := storetest.Project(t, db, "acme", "a"), storetest.Project(t, db, "acme", "b")
		_, owner := n.tenants(a.Project)
		before, err := n.q.Listen(b) // without a limit
		if err != nil {
			t.Fatal(err)
		}
		n.limit(owner, "listeners=2")
		listen := func(p *hookyard.Snapshot) (func(), error) {
			s, err := db.Snapshot(t.Context(), p.Project.Owner, p.Project.Name)
			if err != nil {
				t.Fatal(err)
			}
			return n.q.Listen(s)
		}
		leave, err := listen(a)
		if err != nil {
			t.Fatal(err)
		}
		if n := n.q.Listeners(owner.TenantKey); n != 2 {
			t.Errorf("%d listeners are counted, want 2", n)
		}
		if _, err := listen(b); hookyard.CodeOf(err) != hookyard.TooMany {
			t.Errorf("a third listener: %v, want TooMany", err)
		}
		leave()
		if _, err := listen(b); err != nil {
			t.Errorf("after one has left: %v", err)
		}
		before()
		if _, err := listen(a); err != nil {
			t.Errorf("after the one from before the limit has left: %v", err)
		}
	})
}

func TestHooks(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		n := newNode(t, db)
		ctx := context.Background()
		a := storetest.Project(t, db, "acme", "a", "http://127.0.0.1:1/x", "http://127.0.0.1:1/y")
		project, owner := n.tenants(a.Project)
		n.limit(owner, "hooks=3")
		n.limit(project, "hooks=2")
		hook := func(key int64) *hookyard.Hook {
			return &hookyard.Hook{ProjectKey: key, ID: hookyard.NewID("h"), URL: "http://127.0.0.1:1/z"}
		}
		if err := db.CreateHook(ctx, hook(a.Project.Key)); !beyond(err, "project acme/a") {
			t.Errorf("CreateHook: %v, want that the project has too many", err)
		}
		copied := &hookyard.Project{Owner: "acme", Name: "copy"}
		if err := db.CopyProject(ctx, a, copied, false); !beyond(err, "owner acme") {
			t.Errorf("CopyProject: %v, want that the owner has too many", err)
		}
		fresh := &hookyard.Project{Owner: "acme", Name: "b"}
		if err := db.CreateProject(ctx, fresh, []*hookyard.Hook{hook(0), hook(0)}); !beyond(err, "owner acme") {
			t.Errorf("CreateProject: %v, want that the owner has too many", err)
		}
		other := &hookyard.Project{Owner: "other", Name: "a"}
		if err := db.CopyProject(ctx, a, other, true); err != nil {
			t.Fatal(err)
		}
		if err := db.CreateHook(ctx, hook(other.Key)); !beyond(err, "project other/a") {
			t.Errorf("CreateHook after the transfer: %v, want that the project has its limit still", err)
		}
		c := storetest.Project(t, db, "acme", "c", "http://127.0.0.1:1/x", "http://127.0.0.1:1/y")
		if err := db.CreateHook(ctx, hook(c.Project.Key)); err != nil {
			t.Errorf("CreateHook after the others have gone: %v", err)
		}
	})
}

// beyond reports whether err is about the hooks of a tenant.
func beyond(err error, of string) bool {
	var e *hookyard.Error
	return errors.As(err, &e) && e.Code == hookyard.TooMany && e.Excess != nil &&
		e.Excess.Name == hookyard.LimitHooks && e.Excess.Of == of && strings.Contains(e.Message, "hookyard limits set")
}

// TestRefusedTakeNoRate: events that are refused for another reason leave the rate to others, duplicates do not.
func TestRefusedTakeNoRate(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		n := newNode(t, db)
		p := storetest.Project(t, db, "acme", "a", "http://127.0.0.1:1/x").Project
		project, _ := n.tenants(p)
		for _, limit := range []string{"eventsPerSecond=4", "burst=2", "pendingDeliveries=1"} {
			n.limit(project, limit)
		}
		n.accepted(p, 1)
		for range 5 {
			n.refused(p, hookyard.LimitPending)
		}
		n.limit(project, "pendingDeliveries=0")
		n.accepted(p, 1)
		n.refused(p, hookyard.LimitEvents) // the burst is less than the events of a second

		n.now = n.now.Add(time.Minute)
		snapshot, err := db.Snapshot(t.Context(), p.Owner, p.Name)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			e := hookyard.NewEvent(hookyard.SourceAPI, "t", []byte("x"), time.Now())
			e.DedupKey = "the same"
			_, err := n.in.Accept(t.Context(), snapshot, e)
			if want := i == 2; want != (hookyard.CodeOf(err) == hookyard.TooMany) {
				t.Errorf("duplicate %d: %v", i, err)
			}
		}
	})
}

// counting counts how often figures are read, and holds the reads until it is told to go on.
type counting struct {
	reads atomic.Int64
	goOn  chan struct{}
}

func (c *counting) UseOf(context.Context, hookyard.TenantKey, time.Time) (hookyard.Use, error) {
	c.reads.Add(1)
	<-c.goOn
	return hookyard.Use{Kept: 100}, nil
}

// TestFirstFigures: events that come while the first figures are read wait for them, and do not read them again.
func TestFirstFigures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		figures := &counting{goOn: make(chan struct{})}
		l := quota.New(figures, nil)
		tenants := []hookyard.Tenant{{TenantKey: hookyard.TenantKey{Project: 1}, Name: "project acme/a",
			Quota: hookyard.Quota{hookyard.LimitKept: 100}}}
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if _, err := l.Admit(t.Context(), tenants, 1, 1); hookyard.CodeOf(err) != hookyard.TooMany {
					t.Errorf("Admit = %v, want TooMany", err)
				}
			})
		}
		synctest.Wait()
		close(figures.goOn)
		all.Wait()
		if n := figures.reads.Load(); n != 1 {
			t.Errorf("the figures were read %d times", n)
		}
	})
}

// TestEndedMakeRoom: a limit of pending deliveries is none of deliveries a second. What has ended makes room at once,
// and one request is accepted while nothing is pending, whatever it opens.
func TestEndedMakeRoom(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		n := newNode(t, db)
		s := storetest.Project(t, db, "acme", "a", "http://127.0.0.1:1/x", "http://127.0.0.1:1/y")
		project, _ := n.tenants(s.Project)
		n.limit(project, "pendingDeliveries=2")
		for i := range 5 {
			n.accepted(s.Project, 1)
			n.refused(s.Project, hookyard.LimitPending)
			for _, h := range s.Hooks {
				if _, err := db.EndPending(t.Context(), h.Key, hookyard.Canceled, "test", 10); err != nil {
					t.Fatal(err)
				}
			}
			n.now = n.now.Add(time.Duration(20+i) * time.Millisecond)
		}
		n.accepted(s.Project, 3)
	})
}

// TestRateOfASource: the events of a source with a rate are limited, and no others.
func TestRateOfASource(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		n := newNode(t, db)
		p := storetest.Project(t, db, "acme", "a").Project
		for _, s := range []*hookyard.Source{{Name: "noisy", Rate: 2}, {Name: "other"}} {
			s.ProjectKey, s.Type = p.Key, "none"
			s.Active = true
			if _, err := db.PutSource(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		snapshot, err := db.Snapshot(t.Context(), "acme", "a")
		if err != nil {
			t.Fatal(err)
		}
		accept := func(source string) error {
			_, err := n.in.Accept(t.Context(), snapshot, hookyard.NewEvent(source, "t", []byte("x"), time.Now()))
			return err
		}
		for range 2 {
			if err := accept("noisy"); err != nil {
				t.Fatal(err)
			}
		}
		err = accept("noisy")
		const text = "limit eventsPerSecond of source acme/a/noisy is 2, and 2 are used: " +
			"who may write in the project can raise it: hookyard source update noisy -p acme/a --rate N"
		if hookyard.CodeOf(err) != hookyard.TooMany || err.Error() != text {
			t.Errorf("beyond the rate: %v, want %s", err, text)
		}
		for range 5 {
			if err := accept("other"); err != nil {
				t.Error(err)
			}
		}
		n.now = n.now.Add(time.Second)
		if err := accept("noisy"); err != nil {
			t.Errorf("a second later: %v", err)
		}
	})
}
