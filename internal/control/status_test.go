package control_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
	"github.com/hookyard/hookyard/internal/control"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// laneOf is a dispatcher that does the same for every hook.
type laneOf struct {
	engines
	lane *hookyard.Lane
}

func (l laneOf) Lane(int64) hookyard.Lane { return *l.lane }

// TestStatus looks at the deliveries of a hook while some are claimed, some fail and most wait.
func TestStatus(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		db := storetest.Open(t, dsn)
		ctx := t.Context()
		b := setup(t, db)
		lane := &hookyard.Lane{}
		c, err := control.New(control.Options{Store: db, Ingest: engines{}, Dispatcher: laneOf{lane: lane},
			Auth: auth.New(db, auth.Options{}), Targets: engines{}, Limits: hookyard.DefaultLimits()})
		if err != nil {
			t.Fatal(err)
		}
		v := storetest.Project(t, db, "alice", "s", "http://one.test", "http://two.test")
		p, err := c.Project(ctx, b.id["alice"], "alice", "s", control.Read)
		if err != nil {
			t.Fatal(err)
		}
		publish(t, db, v, 8)
		hook := v.Hooks[0]
		statuses := func() string {
			t.Helper()
			return statusesOf(t, p, hook.ID)
		}
		expect := func(what, want string) {
			t.Helper()
			if got := statuses(); got != want {
				t.Errorf("%s: %s; want %s", what, got, want)
			}
		}
		expect("all wait", "queued 1, queued 2, queued 3, queued 4, queued 5, queued 6, queued 7, queued 8")
		work, err := db.Claim(ctx, hook.Key, time.Now().Add(time.Second), 3)
		if err != nil || len(work) != 3 {
			t.Fatalf("%d claimed, %v", len(work), err)
		}
		lane.Sending = map[int64]bool{work[0].Delivery.EventSeq: true}
		expect("one is sent", "sending, queued 2, queued 3, queued 4, queued 5, queued 6, queued 7, queued 8")
		for i, d := range []hookyard.Decision{{State: hookyard.Delivered},
			{State: hookyard.Pending, Due: time.Now().Add(time.Hour)}} {
			at := &hookyard.Attempt{EventSeq: work[i].Delivery.EventSeq, HookKey: hook.Key, N: 1, StartedAt: time.Now()}
			if err := db.Finish(ctx, &hookyard.Result{Work: &work[i], Attempt: at, Decision: d}); err != nil {
				t.Fatal(err)
			}
		}
		lane.Sending = nil
		expect("two have an answer",
			"delivered, scheduled, queued 1, queued 2, queued 3, queued 4, queued 5, queued 6")
		lane.Held = true
		if got := statuses(); !strings.HasPrefix(got, "delivered, scheduled, held 1, held 2") {
			t.Errorf("held by the rate: %s", got)
		}
		lane.RestUntil = time.Now().Add(time.Minute)
		expect("the hook rests",
			"delivered, resting, resting, resting, resting, resting, resting, resting")
		*lane = hookyard.Lane{}
		if db.Name() == "postgres" {
			second := storetest.OpenWith(t, dsn, store.Options{NodeName: "second"})
			if work, err := second.Claim(ctx, hook.Key, time.Now().Add(time.Second), 5); err != nil || len(work) != 5 {
				t.Fatalf("%d claimed, %v", len(work), err)
			}
			// This node still holds one, and sends nothing.
			expect("another node sends",
				"delivered, scheduled, queued 1, sending, sending, sending, sending, sending")
		}
		queue, err := db.Queue(ctx, v.Hooks[1], time.Now().Add(time.Second), 3)
		if err != nil || len(queue) != 3 {
			t.Errorf("%v, %v; want the first three", queue, err)
		}
		ordered := *v.Hooks[1]
		ordered.Ordered = true // its deliveries have no place: they are older
		if queue, err := db.Queue(ctx, &ordered, time.Now(), 3); err != nil || len(queue) != 0 {
			t.Errorf("ordered: %v, %v", queue, err)
		}
	})
}

// statusesOf writes what happens to the deliveries of a hook, the oldest event first, with their positions.
func statusesOf(t *testing.T, p *control.Project, hook string) string {
	t.Helper()
	list, _, err := p.Deliveries(t.Context(), control.DeliverySearch{Hook: hook,
		DeliveryQuery: hookyard.DeliveryQuery{Limit: 20}})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for i := range list {
		d := &list[len(list)-1-i]
		one := string(d.Status)
		if d.Position > 0 {
			one += " " + string(rune('0'+d.Position))
		}
		if d.Rate > 0 {
			one += " rate"
		}
		out = append(out, one)
	}
	return strings.Join(out, ", ")
}
