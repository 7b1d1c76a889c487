package rabbitmq

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/testenv"
)

// TestMessageToEvent keeps everything that a message says.
func TestMessageToEvent(t *testing.T) {
	t.Parallel()
	url := testenv.RabbitMQ(t)
	name, ch := queue(t, url, nil)
	r := newRig(t, nil)
	s := r.source(t, "orders", "order", hookyard.QueueSource{URL: url, Queue: name})
	body := "{\"n\": 1.00,\n \"x\": \"물감\"}\x00\xff"
	put(t, ch, name, amqp.Publishing{Body: []byte(body), ContentType: "application/x-thing", MessageId: "m1",
		AppId: "shop", CorrelationId: "c1",
		Timestamp: time.Unix(1_700_000_000, 0),
		Headers: amqp.Table{"x-tenant": "t1", "n": int32(7), "list": []any{"a", int64(1)},
			"Authorization": "secret", "line": "a\r\nInjected: b", "bad name": "x", "bytes": []byte{1, 2},
			"yes": true}})
	e := r.events(t, 1)[0]
	if e.Type != "order" || e.Source != "orders" || string(e.Body) != body || e.ContentType != "application/x-thing" {
		t.Errorf("%+v", e)
	}
	for header, want := range map[string]string{"X-Tenant": "t1", "N": "7", "List": `["a",1]`,
		"Authorization": hookyard.Masked, "Line": "a  Injected: b",
		"Bytes": "AQI=", "Yes": "true", "Injected": "", "Amqp-Routing-Key": name, "Amqp-Message-Id": "m1",
		"Amqp-App-Id": "shop", "Amqp-Correlation-Id": "c1",
		"Amqp-Timestamp": "2023-11-14T22:13:20Z"} {
		if got := e.Header.Get(header); got != want {
			t.Errorf("%s is %q, want %q", header, got, want)
		}
	}
	put(t, ch, name, amqp.Publishing{Body: []byte("again"), MessageId: "m1"}) // a repeat
	put(t, ch, name, amqp.Publishing{Body: []byte("other"), MessageId: "m2"})
	if all := r.events(t, 2); string(all[1].Body) != "other" {
		t.Errorf("%s", all[1].Body)
	}
	testenv.Until(t, "everything to be acknowledged",
		func() bool { st, _ := r.sources.Status(s.Key); return st.Taken == 3 })
}

func TestTypeFrom(t *testing.T) {
	t.Parallel()
	url := testenv.RabbitMQ(t)
	for _, c := range []struct {
		from, fixed string
		p           amqp.Publishing
		want        string // "" stands for the queue's name, "!" for a refusal
	}{
		{"", "fixed", amqp.Publishing{}, "fixed"},
		{"", "", amqp.Publishing{}, "in"},
		{"routingKey", "fixed", amqp.Publishing{}, ""},
		{"header:kind", "fixed", amqp.Publishing{Headers: amqp.Table{"kind": "a.b"}}, "a.b"},
		{"header:kind", "fixed", amqp.Publishing{}, "fixed"},
		// fit for a header
		{"header:kind", "fixed", amqp.Publishing{Headers: amqp.Table{"kind": "a\tb\r\n\x00"}}, "a b  \ufffd"},
		{"header:kind", "", amqp.Publishing{Headers: amqp.Table{"kind": "hookyard.hook.disabled"}}, "in"},
		{"field:event.name", "fixed", amqp.Publishing{Body: []byte(`{"event":{"name":"x.y"}}`)}, "x.y"},
		{"field:event.name", "fixed", amqp.Publishing{Body: []byte(`{"event":{"name":"x\ny"}}`)}, "x y"},
		{"field:event.name", "fixed", amqp.Publishing{Body: []byte(`{}`)}, "fixed"},
		{"field:event.name", "fixed", amqp.Publishing{Body: []byte(`not JSON`)}, "!"},
	} {
		t.Run(c.from+" "+c.want, func(t *testing.T) {
			t.Parallel()
			name, ch := queue(t, url, nil)
			r := newRig(t, nil)
			r.source(t, "in", c.fixed, hookyard.QueueSource{URL: url, Queue: name, TypeFrom: c.from})
			put(t, ch, name, c.p)
			if c.want == "!" {
				r.refused(t, 1)
				return
			}
			if got := r.events(t, 1)[0].Type; got != c.want && (c.want != "" || got != name) {
				t.Errorf("type %q", got)
			}
		})
	}
}

// TestPoison: messages that can never become events go to the list of refusals, and hold up nobody.
func TestPoison(t *testing.T) {
	t.Parallel()
	url := testenv.RabbitMQ(t)
	name, ch := queue(t, url, amqp.Table{"x-queue-type": "quorum"})
	r := newRig(t, nil)
	s := r.source(t, "comments", "comment", hookyard.QueueSource{URL: url, Queue: name,
		Expect: hookyard.ExpectComments})
	poison := []struct{ body, reason string }{
		{`not json`, "not valid JSON"},
		{``, "not valid JSON"},
		{`[1]`, "not a JSON object"},
		{`{"name":"x"}`, "no member comment"},
		{`"\"x\""`, "not a JSON object"},
		{`"not json"`, "holds no JSON"},
		{`"` + strings.Repeat("[", 50_000) + `"`, "holds no JSON"},
		{"\xff", "not valid"},
		{strings.Repeat("[", 2000), "nested deeper"},
		{`"` + strings.Repeat("x", 70<<10) + `"`, "--max-body"},
	}
	good := `{"name":"n","comment":"c","time":1}`
	for _, p := range poison {
		put(t, ch, name, amqp.Publishing{Body: []byte(p.body)})
		put(t, ch, name, amqp.Publishing{Body: []byte(good)})
	}
	r.events(t, len(poison))
	refused := r.refused(t, len(poison))
	slices.Reverse(refused)
	for i, p := range poison {
		if rf := refused[i]; !strings.Contains(rf.Reason, p.reason) || rf.Size != int64(len(p.body)) ||
			string(rf.Body) != p.body[:min(len(p.body), 64<<10)] || rf.Source != "comments" {
			t.Errorf("%.20q: refused because %q, %d bytes", p.body, rf.Reason, rf.Size)
		}
	}
	testenv.Until(t, "everything to be acknowledged", func() bool {
		st, _ := r.sources.Status(s.Key)
		return st.Refused == int64(len(poison))
	})
	r.stop()
	if n := depth(t, ch, name); n != 0 {
		t.Errorf("%d messages came back", n)
	}
}

// TestComments reads what each version of the guestbook puts into its queue, declared as it declares it, and sends
// comments to the webhooks that a message names.
func TestComments(t *testing.T) {
	t.Parallel()
	url := testenv.RabbitMQ(t)
	for _, allowed := range []bool{true, false} {
		t.Run(fmt.Sprint(allowed), func(t *testing.T) {
			t.Parallel()
			name, ch := queue(t, url, nil) // durable, no arguments: as the guestbook has it
			got := make(chan string, 100)
			receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				got <- r.URL.Path + " " + string(b)
			}))
			t.Cleanup(receiver.Close)
			r := newRig(t, func(p *hookyard.Project) { p.AllowRequests = allowed })
			r.source(t, "comments", "comment",
				hookyard.QueueSource{URL: url, Queue: name, Declare: true, Expect: hookyard.ExpectComments})
			comment := `{"name":"Lorna",  "comment":"<hi> \"you\"","time":1470000000}`
			twice, err := json.Marshal(comment)
			if err != nil {
				t.Fatal(err)
			}
			for _, body := range []string{
				comment, string(twice),
				fmt.Sprintf(
					`{"comment":%s,"webhooks":[{"url":"%s/1"},{"url":"%[2]s/2"},{"url":"%[2]s/1"},`+
						`"javascript:alert(1)",{"url":"amqp://h"}]}`, comment, receiver.URL),
				fmt.Sprintf(`{"comment":%s,"webhooks":[{"url":"%s/2"}]}`, comment, receiver.URL),
				fmt.Sprintf(`{"comment":%s,"webhooks":[]}`, comment),
			} {
				put(t, ch, name, amqp.Publishing{Body: []byte(body), DeliveryMode: amqp.Persistent})
			}
			for _, e := range r.events(t, 5) {
				if string(e.Body) != comment || e.Type != "comment" || e.ContentType != "application/json" {
					t.Errorf("%s %s: %s", e.Type, e.ContentType, e.Body)
				}
			}
			hooks, err := r.db.Hooks(t.Context(), r.snapshot.Project.Key)
			if err != nil {
				t.Fatal(err)
			}
			if !allowed {
				if len(hooks) != 0 {
					t.Errorf("%d hooks were made", len(hooks))
				}
				for _, rf := range r.refused(t, 2) {
					if !strings.Contains(rf.Reason, "allowRequests") || !bytes.Contains(rf.Body, []byte(receiver.URL)) {
						t.Errorf("refusal: %s; it must name the setting and hold the list: %s", rf.Reason, rf.Body)
					}
				}
				return
			}
			var came []string
			for range 3 {
				came = append(came, <-got)
			}
			slices.Sort(came)
			if want := []string{"/1 " + comment, "/2 " + comment, "/2 " + comment}; !slices.Equal(came, want) {
				t.Errorf("came: %q", came)
			}
			if len(hooks) != 2 || hooks[0].Events.All || len(hooks[0].Events.Names) > 0 ||
				!strings.HasPrefix(hooks[0].ID, "requested-") {
				t.Errorf("hooks %+v", hooks)
			}
			for _, rf := range r.refused(t, 2) {
				if !strings.Contains(rf.Reason, "is not sent to") {
					t.Errorf("refusal: %s", rf.Reason)
				}
			}
		})
	}
}

// TestRequestsOfAnyMessage: other messages may name webhooks, too, and go there as they are.
func TestRequestsOfAnyMessage(t *testing.T) {
	t.Parallel()
	url := testenv.RabbitMQ(t)
	name, ch := queue(t, url, nil)
	got := make(chan string, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got <- string(b)
	}))
	t.Cleanup(receiver.Close)
	r := newRig(t, func(p *hookyard.Project) { p.AllowRequests = true })
	r.source(t, "in", "", hookyard.QueueSource{URL: url, Queue: name})
	body := fmt.Sprintf(`{"a": 1, "webhooks": [{"url": %q}]}`, receiver.URL)
	put(t, ch, name, amqp.Publishing{Body: []byte(body)})
	if came := <-got; came != body {
		t.Errorf("came: %s", came)
	}
	put(t, ch, name, amqp.Publishing{Body: []byte(`not JSON, with "webhooks"`)})
	r.events(t, 2)
}

// TestFollow: sources begin, change and end while others run, and say how they do.
func TestFollow(t *testing.T) {
	t.Parallel()
	url := testenv.RabbitMQ(t)
	one, ch := queue(t, url, nil)
	two, _ := queue(t, url, nil)
	r := newRig(t, nil)
	s := r.source(t, "in", "", hookyard.QueueSource{URL: url, Queue: one})
	put(t, ch, one, amqp.Publishing{Body: []byte("1")})
	r.events(t, 1)
	s.RabbitMQ = &hookyard.QueueSource{URL: url, Queue: two}
	if _, err := r.db.PutSource(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	r.sources.Wake()
	put(t, ch, two, amqp.Publishing{Body: []byte("2")})
	r.events(t, 2)
	testenv.Until(t, "the first queue to be left", func() bool {
		q, err := ch.QueueDeclarePassive(one, true, false, false, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		return q.Consumers == 0
	})
	bad := r.source(t, "bad", "", hookyard.QueueSource{URL: url, Queue: "hookyard-test-nothing"})
	testenv.Until(t, "the missing queue to be told", func() bool {
		st, _ := r.sources.Status(bad.Key)
		return !st.Connected && strings.Contains(st.Error, "no queue") &&
			strings.Contains(st.Error, "switch declare on")
	})
	other := r.source(t, "other", "", hookyard.QueueSource{URL: url, Queue: one, Declare: true,
		Arguments: map[string]any{"x-max-length": 5.0}})
	testenv.Until(t, "other arguments to be told", func() bool {
		st, _ := r.sources.Status(other.Key)
		return !st.Connected && strings.Contains(st.Error, "declare the same ones")
	})
	if err := r.db.DeleteSource(t.Context(), r.snapshot.Project.Key, "in"); err != nil {
		t.Fatal(err)
	}
	testenv.Until(t, "the source to be forgotten", func() bool { _, ok := r.sources.Status(s.Key); return !ok })
}

// TestQueueDeleted goes on when the queue is there again.
func TestQueueDeleted(t *testing.T) {
	t.Parallel()
	url := testenv.RabbitMQ(t)
	name, ch := queue(t, url, nil)
	r := newRig(t, nil)
	s := r.source(t, "in", "", hookyard.QueueSource{URL: url, Queue: name, Declare: true})
	r.connected(t, s)
	if _, err := ch.QueueDelete(name, false, false, false); err != nil {
		t.Fatal(err)
	}
	testenv.Until(t, "a message to be taken again", func() bool {
		put(t, ch, name, amqp.Publishing{Body: []byte("x")})
		st, _ := r.sources.Status(s.Key)
		return st.Taken > 0
	})
}

// TestNodesShare has two nodes read one queue: every message is taken once.
func TestNodesShare(t *testing.T) {
	t.Parallel()
	url := testenv.RabbitMQ(t)
	name, ch := queue(t, url, amqp.Table{"x-queue-type": "quorum"})
	r := newRig(t, nil)
	s := r.source(t, "in", "", hookyard.QueueSource{URL: url, Queue: name, Prefetch: 20})
	second := &rig{db: r.db, sources: NewSources(r.sources.o)}
	second.run(t)
	r.connected(t, s)
	second.connected(t, s)
	const n = 2000
	for i := range n {
		put(t, ch, name, amqp.Publishing{Body: fmt.Append(nil, i)})
	}
	seen := map[string]bool{}
	for _, e := range r.events(t, n) {
		seen[string(e.Body)] = true
	}
	if len(seen) != n {
		t.Errorf("%d different events", len(seen))
	}
	a, _ := r.sources.Status(s.Key)
	b, _ := second.sources.Status(s.Key)
	if a.Taken == 0 || b.Taken == 0 {
		t.Errorf("one node took %d, the other %d", a.Taken, b.Taken)
	}
}

// gate is the way in with a database that can go away.
type gate struct {
	Ingest
	mu    sync.Mutex
	err   error // what every event comes to; nil: it is let through
	spoil string
	calls int
}

func (g *gate) AcceptFor(ctx context.Context, snapshot *hookyard.Snapshot, events []*hookyard.Event,
	also [][]*hookyard.Hook) ([]hookyard.Receipt, []error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls++
	receipts, errs := make([]hookyard.Receipt, len(events)), make([]error, len(events))
	for i, e := range events {
		switch {
		case g.err != nil:
			errs[i] = g.err
		case g.spoil != "" && string(e.Body) == g.spoil:
			errs[i] = errors.New("the driver says no")
		default:
			r, e := g.Ingest.AcceptFor(ctx, snapshot, events[i:i+1], also[i:i+1])
			receipts[i], errs[i] = r[0], e[0]
		}
	}
	return receipts, errs
}

func (g *gate) set(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f()
}

// TestDatabaseAway: messages wait, are not refused, and are taken once it is back.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	url := testenv.RabbitMQ(t)
	name, ch := queue(t, url, nil)
	r := newRig(t, nil)
	r.stop()
	g := &gate{Ingest: r.ingest, err: hookyard.Errorf(hookyard.Unavailable, "the database is away")}
	o := r.sources.o
	o.Ingest = g
	r.sources = NewSources(o)
	r.run(t)
	s := r.source(t, "in", "", hookyard.QueueSource{URL: url, Queue: name})
	r.connected(t, s)
	for i := range 10 {
		put(t, ch, name, amqp.Publishing{Body: fmt.Append(nil, i)})
	}
	testenv.Until(t, "tries", func() bool { g.mu.Lock(); defer g.mu.Unlock(); return g.calls >= 3 })
	r.stop() // meanwhile: nothing is lost by a stop
	r.run(t)
	g.set(func() { g.err, g.spoil = nil, "5" })
	r.events(t, 9)
	if rf := r.refused(t, 1)[0]; !strings.Contains(rf.Reason, "the driver says no") || string(rf.Body) != "5" {
		t.Errorf("refusal: %+v", rf)
	}
	testenv.Until(t, "everything to be acknowledged", func() bool { return depth(t, ch, name) == 0 })
}
