package rabbitmq

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/goleak"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
	"github.com/hookyard/hookyard/internal/control"
	"github.com/hookyard/hookyard/internal/dispatch"
	"github.com/hookyard/hookyard/internal/egress"
	"github.com/hookyard/hookyard/internal/ingest"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// anywhere dials without a guard.
func anywhere(ctx context.Context, addr string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", addr)
}

// queue makes a queue that is deleted when the test ends, and returns its name and a channel of its own.
func queue(t *testing.T, url string, args amqp.Table) (string, *amqp.Channel) {
	t.Helper()
	ch := channel(t, url)
	name := "hookyard-test-" + hookyard.NewID("q")
	if _, err := ch.QueueDeclare(name, true, false, false, false, args); err != nil {
		t.Fatal(err)
	}
	deleteLater(t, url, name)
	return name, ch
}

func channel(t *testing.T, url string) *amqp.Channel {
	t.Helper()
	conn, err := amqp.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

func deleteLater(t *testing.T, url, name string) {
	t.Cleanup(func() {
		conn, err := amqp.Dial(url)
		if err != nil {
			t.Log(err) // a broker of the test's own may be down
			return
		}
		defer func() { _ = conn.Close() }()
		ch, err := conn.Channel()
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := ch.QueueDelete(name, false, false, false); err != nil {
			t.Error(err)
		}
	})
}

// get takes the next message from a queue.
func get(t *testing.T, ch *amqp.Channel, name string) amqp.Delivery {
	t.Helper()
	var d amqp.Delivery
	testenv.Until(t, "a message in "+name, func() bool {
		var ok bool
		var err error
		if d, ok, err = ch.Get(name, true); err != nil {
			t.Fatal(err)
		}
		return ok
	})
	return d
}

// depth is how many messages are in a queue that no consumer has.
func depth(t *testing.T, ch *amqp.Channel, name string) int {
	t.Helper()
	q, err := ch.QueueDeclarePassive(name, true, false, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	return q.Messages
}

// rig is a store with the way in, and sources that read.
type rig struct {
	db       *store.DB
	ingest   *ingest.Ingest
	sources  *Sources
	snapshot *hookyard.Snapshot
	stop     func() // the sources
}

func newRig(t *testing.T, change func(*hookyard.Project)) *rig {
	t.Helper()
	return newRigOf(t, change, 64<<10)
}

// newRigOf is newRig with a limit of bodies.
func newRigOf(t *testing.T, change func(*hookyard.Project), maxBody int64) *rig {
	t.Helper()
	db := storetest.Open(t, storetest.SQLite(t))
	p := &hookyard.Project{Owner: "guest", Name: "book"}
	if change != nil {
		change(p)
	}
	if err := db.CreateProject(t.Context(), p, nil); err != nil {
		t.Fatal(err)
	}
	snapshot, err := db.SnapshotByKey(t.Context(), p.Key)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	client, err := egress.New(egress.Options{Allow: []string{"127.0.0.0/8"}})
	if err != nil {
		t.Fatal(err)
	}
	filter := func(*hookyard.Hook, *hookyard.Event) (bool, error) { return true, nil }
	limits := hookyard.DefaultLimits()
	limits.Body = maxBody
	d := dispatch.New(dispatch.Options{Hooks: db, Deliveries: db, Nodes: db, Threads: db,
		Replays: db, Client: client, Filter: filter, Log: log, Limits: limits,
		Poll: 50 * time.Millisecond, Grace: time.Second})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		client.Close()
	})
	r := &rig{db: db, snapshot: snapshot}
	r.ingest = ingest.New(ingest.Options{Store: db, Dispatcher: d, Filter: filter, Limits: limits, Log: log})
	changes, err := control.New(control.Options{Store: db, Ingest: r.ingest, Dispatcher: d,
		Auth: auth.New(db, auth.Options{}), Targets: client, Filter: filter, Limits: limits, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	r.sources = NewSources(SourcesOptions{Store: db, Hooks: changes, Ingest: r.ingest, Dial: anywhere,
		Limits: limits, Log: log, Poll: 50 * time.Millisecond})
	r.run(t)
	return r
}

func (r *rig) run(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.sources.Run(ctx) }()
	r.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		done <- nil
	}
	t.Cleanup(func() { r.stop() })
}

// source makes a source that reads a queue and waits until it does.
func (r *rig) source(t *testing.T, name string, eventType string, q hookyard.QueueSource) *hookyard.Source {
	t.Helper()
	s := &hookyard.Source{ProjectKey: r.snapshot.Project.Key, Name: name, Type: control.TypeRabbitMQ,
		EventType: eventType, RabbitMQ: &q, Active: true}
	if _, err := r.db.PutSource(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	r.sources.Wake()
	return s
}

func (r *rig) connected(t *testing.T, s *hookyard.Source) {
	t.Helper()
	testenv.Until(t, "the source to be read", func() bool {
		st, ok := r.sources.Status(s.Key)
		return ok && st.Connected
	})
}

// events waits until there are n events and returns them, the oldest first.
func (r *rig) events(t *testing.T, n int) []*hookyard.Event {
	t.Helper()
	var page *hookyard.EventPage
	testenv.Until(t, fmt.Sprintf("%d events", n), func() bool {
		p, err := r.db.Events(t.Context(), hookyard.EventQuery{ProjectKey: r.snapshot.Project.Key, Ascending: true,
			Limit: n + 10, Bodies: true})
		if err != nil {
			t.Fatal(err)
		}
		page = &p
		return len(p.Events) >= n
	})
	if len(page.Events) != n {
		t.Fatalf("%d events, want %d", len(page.Events), n)
	}
	return page.Events
}

// refused waits until there are n refusals and returns them, the newest first.
func (r *rig) refused(t *testing.T, n int) []hookyard.Refusal {
	t.Helper()
	var all []hookyard.Refusal
	testenv.Until(t, fmt.Sprintf("%d refusals", n), func() bool {
		var err error
		if all, err = r.db.Refused(t.Context(), r.snapshot.Project.Key, "", 1000); err != nil {
			t.Fatal(err)
		}
		return len(all) >= n
	})
	return all
}

// put publishes to a queue.
func put(t *testing.T, ch *amqp.Channel, name string, p amqp.Publishing) {
	t.Helper()
	if err := ch.Publish("", name, false, false, p); err != nil {
		t.Fatal(err)
	}
}
