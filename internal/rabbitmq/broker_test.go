package rabbitmq

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/egress"
	"github.com/hookyard/hookyard/internal/testenv"
)

func newBroker(t *testing.T) *Broker {
	b := NewBroker(BrokerOptions{Dial: anywhere})
	t.Cleanup(b.Close)
	return b
}

// send makes an attempt as the dispatcher does.
func send(t *testing.T, b *Broker, h *hookyard.Hook, id, body string) hookyard.Outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), h.EffectiveTimeout())
	defer cancel()
	header := map[string]string{"Webhook-Id": id, "Webhook-Timestamp": "1700000000",
		"X-Github-Hook-Id": fmt.Sprint(h.Key), "Content-Type": "application/json", "X-Own": "값"}
	return b.Send(ctx, h, "comment.created", header, "application/json", []byte(body))
}

func TestSend(t *testing.T) {
	t.Parallel()
	url := testenv.RabbitMQ(t)
	name, ch := queue(t, url, nil)
	b := newBroker(t)
	h := &hookyard.Hook{Key: 7, URL: url, RabbitMQ: &hookyard.RabbitMQ{Queue: name}}
	body := `{"a":1.0,  "b":"물감"}`
	if o := send(t, b, h, "evt_1", body); !o.OK() {
		t.Fatalf("%+v", o)
	}
	d := get(t, ch, name)
	if string(d.Body) != body || d.DeliveryMode != amqp.Persistent || d.MessageId != "evt_1" ||
		d.Type != "comment.created" ||
		d.ContentType != "application/json" || d.Timestamp.Unix() != 1_700_000_000 {
		t.Errorf("%+v", d)
	}
	if d.Headers["Webhook-Id"] != "evt_1" || d.Headers["X-Own"] != "값" || d.Headers["Content-Type"] != nil {
		t.Errorf("headers %v", d.Headers)
	}
}

// TestRouting: exchange and routing key as set; the key is the queue's name, and then the event's type, unless set.
func TestRouting(t *testing.T) {
	t.Parallel()
	url := testenv.RabbitMQ(t)
	name, ch := queue(t, url, nil)
	exchange := "hookyard-test-" + hookyard.NewID("x")
	if err := ch.ExchangeDeclare(exchange, "topic", false, true, false, false, nil); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"comment.*", "own"} {
		if err := ch.QueueBind(name, key, exchange, false, nil); err != nil {
			t.Fatal(err)
		}
	}
	b := newBroker(t)
	for i, c := range []struct {
		settings hookyard.RabbitMQ
		key      string
	}{
		{hookyard.RabbitMQ{Exchange: exchange}, "comment.created"},
		{hookyard.RabbitMQ{Exchange: exchange, RoutingKey: "own"}, "own"},
		{hookyard.RabbitMQ{Queue: name}, name},
	} {
		if o := send(t, b, &hookyard.Hook{Key: int64(i + 1), URL: url, RabbitMQ: &c.settings}, "evt_1", "x"); !o.OK() {
			t.Errorf("%d: %+v", i, o)
			continue
		}
		if d := get(t, ch, name); d.RoutingKey != c.key {
			t.Errorf("%d: key %q", i, d.RoutingKey)
		}
	}
}

// TestSendFails says what went wrong, in words, with the right kind, and never with a password.
func TestSendFails(t *testing.T) {
	t.Parallel()
	url := testenv.RabbitMQ(t)
	name, _ := queue(t, url, amqp.Table{"x-max-length": 10})
	full, ch := queue(t, url, amqp.Table{"x-max-length": 1, "x-overflow": "reject-publish"})
	put(t, ch, full, amqp.Publishing{})
	testenv.Until(t, "the queue to be full", func() bool { return depth(t, ch, full) == 1 })
	at := func(userinfo string) string { return url[:7] + userinfo + url[strings.Index(url, "@"):] }
	closedPort := fmt.Sprintf("amqp://guest:sesame@127.0.0.1:%d/", testenv.Port(t))
	guarded, err := egress.New(egress.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(guarded.Close)
	for _, c := range []struct {
		name   string
		url    string
		set    hookyard.RabbitMQ
		dial   Dial
		kind   hookyard.ErrorKind
		status int
		says   string
	}{
		{"unroutable", url, hookyard.RabbitMQ{Queue: "hookyard-test-nothing"}, nil, hookyard.KindBroker, 312,
			"NO_ROUTE"},
		{"no exchange", url, hookyard.RabbitMQ{Exchange: "hookyard-test-nothing"}, nil, hookyard.KindBroker, 404,
			"no exchange"},
		{"other arguments", url, hookyard.RabbitMQ{Queue: name, Declare: true,
			Arguments: map[string]any{"x-max-length": 11.0}}, nil, hookyard.KindBroker, 406, "x-max-length"},
		{"other arguments, in words", url, hookyard.RabbitMQ{Queue: name, Declare: true}, nil, hookyard.KindBroker, 406,
			"declare the same ones"},
		{"full queue", url, hookyard.RabbitMQ{Queue: full}, nil, hookyard.KindBroker, 0, "nack"},
		{"long key", url, hookyard.RabbitMQ{RoutingKey: strings.Repeat("k", 256)}, nil, hookyard.KindShape, 0, "255"},
		{"password", at("guest:sesame"), hookyard.RabbitMQ{}, nil, hookyard.KindBroker, 403, "does not let us in"},
		{"virtual host", strings.TrimRight(url, "/") + "/hookyard-test-nothing", hookyard.RabbitMQ{}, nil,
			hookyard.KindBroker, 530, "vhost hookyard-test-nothing not found"},
		{"closed port", closedPort, hookyard.RabbitMQ{}, nil, hookyard.KindConnect, 0, "connection refused"},
		{"guard", url, hookyard.RabbitMQ{}, guarded.Dial, hookyard.KindBlocked, 0, "--allow-target"},
		{"files of ours", url + "?cacertfile=/etc/passwd", hookyard.RabbitMQ{}, nil, hookyard.KindShape, 0,
			"cacertfile"},
		{"no url", "amqp://guest:sesame@host:port/", hookyard.RabbitMQ{}, nil, hookyard.KindShape, 0, "cannot be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBroker(t)
			if c.dial != nil {
				b.o.Dial = c.dial
			}
			h := &hookyard.Hook{Key: 1, URL: c.url, RabbitMQ: &c.set, Timeout: time.Minute}
			for range 2 { // the second one finds what the first left
				o := send(t, b, h, "evt_1", "x")
				if o.OK() || o.Kind != c.kind || o.Status != c.status || !strings.Contains(o.Error, c.says) {
					t.Errorf("%+v", o)
				}
				if strings.Contains(o.Error, "sesame") {
					t.Errorf("the password is shown: %s", o.Error)
				}
			}
		})
	}
}

// TestDeclare makes the queue, a quorum one, and makes it again after somebody deleted it.
func TestDeclare(t *testing.T) {
	t.Parallel()
	url := testenv.RabbitMQ(t)
	ch := channel(t, url)
	name := "hookyard-test-" + hookyard.NewID("q")
	deleteLater(t, url, name)
	b := newBroker(t)
	h := &hookyard.Hook{Key: 1, URL: url, Timeout: time.Minute, RabbitMQ: &hookyard.RabbitMQ{
		Queue: name, Declare: true, Arguments: map[string]any{"x-queue-type": "quorum", "x-max-length": 10000.0}}}
	if o := send(t, b, h, "evt_1", "x"); !o.OK() {
		t.Fatalf("%+v", o)
	}
	if d := get(t, ch, name); string(d.Body) != "x" {
		t.Errorf("%s", d.Body)
	}
	if _, err := ch.QueueDelete(name, false, false, false); err != nil {
		t.Fatal(err)
	}
	if o := send(t, b, h, "evt_2", "x"); o.Status != 312 {
		t.Errorf("a queue that is gone: %+v", o)
	}
	if o := send(t, b, h, "evt_2", "x"); !o.OK() {
		t.Errorf("it was not declared again: %+v", o)
	}
}

// TestMistakesDoNotSpread sends over hooks of one URL, some of which close their channel every time.
func TestMistakesDoNotSpread(t *testing.T) {
	t.Parallel()
	url := testenv.RabbitMQ(t)
	name, ch := queue(t, url, nil)
	var dials atomic.Int64
	b := NewBroker(BrokerOptions{Dial: func(ctx context.Context, addr string) (net.Conn, error) {
		dials.Add(1)
		return anywhere(ctx, addr)
	}})
	t.Cleanup(b.Close)
	good := &hookyard.Hook{Key: 1, URL: url, RabbitMQ: &hookyard.RabbitMQ{Queue: name}, Timeout: time.Minute}
	bad := &hookyard.Hook{Key: 2, URL: url, RabbitMQ: &hookyard.RabbitMQ{Exchange: "hookyard-test-nothing"},
		Timeout: time.Minute}
	lost := &hookyard.Hook{Key: 3, URL: url, RabbitMQ: &hookyard.RabbitMQ{Queue: "hookyard-test-nothing"},
		Timeout: time.Minute}
	var all sync.WaitGroup
	for i := range 200 {
		id := fmt.Sprint("evt_", i)
		all.Go(func() {
			if o := send(t, b, good, id, id); !o.OK() {
				t.Errorf("good: %+v", o)
			}
		})
		all.Go(func() {
			if o := send(t, b, lost, id, id); o.Status != 312 {
				t.Errorf("lost: %+v", o)
			}
		})
		if i%10 == 0 {
			all.Go(func() {
				if o := send(t, b, bad, id, id); o.OK() {
					t.Errorf("bad: %+v", o)
				}
			})
		}
	}
	all.Wait()
	testenv.Until(t, "all messages", func() bool { return depth(t, ch, name) == 200 })
	if n := dials.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// TestChangedHook goes where the hook says now.
func TestChangedHook(t *testing.T) {
	t.Parallel()
	url := testenv.RabbitMQ(t)
	b := newBroker(t)
	for range 2 {
		name, ch := queue(t, url, nil)
		if o := send(t, b, &hookyard.Hook{Key: 1, URL: url, RabbitMQ: &hookyard.RabbitMQ{Queue: name}}, "evt_1",
			"x"); !o.OK() {
			t.Fatalf("%+v", o)
		}
		get(t, ch, name)
	}
}

// TestSilentBroker accepts connections and says nothing: the sender's timeout holds, and closing does, too.
func TestSilentBroker(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	b := newBroker(t)
	h := &hookyard.Hook{Key: 1, URL: "amqp://guest:sesame@" + l.Addr().String(), Timeout: 50 * time.Millisecond}
	if o := send(t, b, h, "evt_1", "x"); o.Kind != hookyard.KindTimeout || strings.Contains(o.Error, "sesame") {
		t.Errorf("%+v", o)
	}
	began := time.Now()
	b.Close()
	if took := time.Since(began); took > openTime/2 {
		t.Errorf("closing took %s", took)
	}
	if o := send(t, b, h, "evt_1", "x"); o.OK() {
		t.Error("sent after Close")
	}
}

// TestNotABroker gets an answer of another protocol.
func TestNotABroker(t *testing.T) {
	t.Parallel()
	addr := testenv.Accept(t, func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) })
	b := newBroker(t)
	for _, scheme := range []string{"amqp", "amqps"} {
		o := send(t, b, &hookyard.Hook{Key: 1, URL: scheme + "://" + addr}, "evt_1", "x")
		if o.OK() || !o.ConnectionFailure() || o.Error == "" {
			t.Errorf("%s: %+v", scheme, o)
		}
		t.Log(o.Error)
	}
}

// TestIdle closes what nobody uses, and connects again.
func TestIdle(t *testing.T) {
	t.Parallel()
	url := testenv.RabbitMQ(t)
	name, _ := queue(t, url, nil)
	b := NewBroker(BrokerOptions{Dial: anywhere, Idle: 3 * time.Second}) // longer than a send takes on a busy machine
	t.Cleanup(b.Close)
	h := &hookyard.Hook{Key: 1, URL: url, RabbitMQ: &hookyard.RabbitMQ{Queue: name}}
	for range 2 {
		if o := send(t, b, h, "evt_1", "x"); !o.OK() {
			t.Fatalf("%+v", o)
		}
		testenv.Until(t, "the connection to be closed", func() bool {
			b.mu.Lock()
			defer b.mu.Unlock()
			return len(b.links) == 0 && len(b.lanes) == 0 && len(b.byHook) == 0
		})
	}
}
