package rabbitmq

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/testenv"
)

// hostile is a broker that signs everybody in, and sends then what the test wants.
type hostile struct {
	c        net.Conn
	consumer string          // tag
	settled  chan settlement // by the consumer
	consume  func(b *hostile)
	publish  func(b *hostile, channel uint16)
}

// settlement is what a consumer says of a message.
type settlement struct {
	method   uint16
	tag      uint64
	multiple bool // of an ack; of a reject, that the message is to be queued again
}

// url starts the broker, which is copied for each connection.
func (b hostile) url(t *testing.T) string {
	t.Helper()
	return "amqp://guest:guest@" + testenv.Accept(t, func(c net.Conn) {
		own := b
		own.c = c
		_ = own.serve() // ends with the connection
	})
}

func (b *hostile) serve() error {
	if _, err := io.ReadFull(b.c, make([]byte, 8)); err != nil {
		return err
	}
	b.method(0, 10, 10, []byte{0, 9}, long(0), longstr("PLAIN"), longstr("en_US"))
	for {
		var head [7]byte
		if _, err := io.ReadFull(b.c, head[:]); err != nil {
			return err
		}
		payload := make([]byte, binary.BigEndian.Uint32(head[3:])+1)
		if _, err := io.ReadFull(b.c, payload); err != nil {
			return err
		}
		if head[0] == frameMethod {
			b.answer(binary.BigEndian.Uint16(head[1:]), payload)
		}
	}
}

// answer answers a method of the client.
func (b *hostile) answer(channel uint16, payload []byte) {
	class, method := binary.BigEndian.Uint16(payload), binary.BigEndian.Uint16(payload[2:])
	switch args := payload[4:]; [2]uint16{class, method} {
	case [2]uint16{10, 11}: // start-ok
		b.method(0, 10, 30, []byte{0, 100}, long(frameMax), []byte{0, 0})
	case [2]uint16{10, 31}: // tune-ok
	case [2]uint16{10, 40}: // open
		b.method(channel, class, method+1, shortstr(""))
	case [2]uint16{20, 10}: // channel.open
		b.method(channel, class, method+1, longstr(""))
	case [2]uint16{50, 10}: // queue.declare
		b.method(channel, class, method+1, shortstr("q"), long(0), long(0))
	case [2]uint16{60, 20}: // consume
		args = args[2+1+args[2]:]
		b.consumer = string(args[1 : 1+args[0]])
		b.method(channel, class, method+1, shortstr(b.consumer))
		go b.consume(b)
	case [2]uint16{60, 40}:
		go b.publish(b, channel)
	case [2]uint16{60, 80}, [2]uint16{60, 90}, [2]uint16{60, 120}:
		if b.settled != nil {
			b.settled <- settlement{method, binary.BigEndian.Uint64(args), args[8] != 0}
		}
	default:
		b.method(channel, class, method+1)
	}
}

func (b *hostile) frame(kind byte, channel uint16, payload []byte) error {
	_, err := b.c.Write(frameOf(kind, channel, payload))
	return err
}

func frameOf(kind byte, channel uint16, payload []byte) []byte {
	out := binary.BigEndian.AppendUint16([]byte{kind}, channel)
	out = binary.BigEndian.AppendUint32(out, uint32(len(payload)))
	return append(append(out, payload...), frameEnd)
}

func (b *hostile) method(channel, class, method uint16, args ...[]byte) {
	payload := binary.BigEndian.AppendUint16(nil, class)
	payload = binary.BigEndian.AppendUint16(payload, method)
	_ = b.frame(frameMethod, channel, slices.Concat(append([][]byte{payload}, args...)...))
}

// deliver begins a message and announces the size of its body.
func (b *hostile) deliver(tag, size uint64) {
	b.method(1, classBasic, methodDeliver, shortstr(b.consumer), binary.BigEndian.AppendUint64(nil, tag),
		[]byte{0, 0, 0})
	b.header(1, size)
}

func (b *hostile) header(channel uint16, size uint64) {
	_ = b.frame(frameHeader, channel, slices.Concat([]byte{0, classBasic, 0, 0},
		binary.BigEndian.AppendUint64(nil, size), []byte{0, 0}))
}

// body sends n bytes of a body, or fails when they are not read.
func (b *hostile) body(channel uint16, n uint64) error {
	const most = frameMax - 8
	whole := frameOf(frameBody, channel, make([]byte, min(n, most)))
	for ; n > 0; n -= min(n, most) {
		if n < most {
			whole = frameOf(frameBody, channel, make([]byte, n))
		}
		if err := b.c.SetWriteDeadline(time.Now().Add(2 * time.Second)); err != nil {
			return err
		}
		if _, err := b.c.Write(whole); err != nil {
			return err
		}
	}
	return nil
}

func long(n uint32) []byte      { return binary.BigEndian.AppendUint32(nil, n) }
func longstr(s string) []byte   { return append(long(uint32(len(s))), s...) }
func shortstr(s string) []byte  { return append([]byte{byte(len(s))}, s...) }
func allocated() (bytes uint64) { return memory().TotalAlloc }
func memory() (m runtime.MemStats) {
	runtime.ReadMemStats(&m)
	return m
}

// TestAnnounced holds that a message beyond the limit takes no memory: it is dropped as it comes, refused, and not put
// into the queue again, which goes on.
func TestAnnounced(t *testing.T) { // not parallel: it measures
	const size = 300 << 20
	settled := make(chan settlement, 10)
	url := hostile{settled: settled, consume: func(b *hostile) {
		b.deliver(1, size)
		_ = b.body(1, size)
		b.deliver(2, 5)
		_ = b.body(1, 5)
	}}.url(t)
	r := newRig(t, nil)
	before := allocated()
	r.source(t, "in", "", hookyard.QueueSource{URL: url, Queue: "q"})
	if e := r.events(t, 1)[0]; len(e.Body) != 5 {
		t.Errorf("%d bytes", len(e.Body))
	}
	if n := (allocated() - before) >> 20; n > 50 {
		t.Errorf("%d MiB were allocated for a message that is not wanted", n)
	}
	rf := r.refused(t, 1)[0]
	if rf.Size != size || !strings.Contains(rf.Reason, "--max-body") || len(rf.Body) != 64<<10 {
		t.Errorf("refusal: %d bytes, %d kept, %s", rf.Size, len(rf.Body), rf.Reason)
	}
	for _, want := range []settlement{{method: 90, tag: 1}, {method: 80, tag: 2, multiple: true}} {
		if got := <-settled; got != want {
			t.Errorf("settled %+v, want %+v", got, want)
		}
	}
}

// TestAnnouncedFalsely ends connections to brokers that announce what no RabbitMQ sends, or something else than they
// send.
func TestAnnouncedFalsely(t *testing.T) {
	t.Parallel()
	for want, consume := range map[string]func(b *hostile){
		"announces a message of 1099511627776 bytes": func(b *hostile) { b.deliver(1, 1<<40) },
		"more of a message than it announced": func(b *hostile) {
			b.deliver(1, 3)
			_ = b.body(1, 4)
		},
		"two messages one number": func(b *hostile) {
			b.deliver(1, 0)
			b.deliver(2, 100<<10) // waits for its body, and the one before is held with it
			b.deliver(1, 0)
			b.deliver(1, 0)
		},
		"mixes two messages": func(b *hostile) {
			b.deliver(1, 3)
			b.method(2, classBasic, methodDeliver, shortstr(b.consumer), make([]byte, 8), []byte{0, 0, 0})
		},
		"confirms messages that it was not sent": func(b *hostile) {
			b.method(1, classBasic, methodAck, make([]byte, 9))
		},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			g := &gate{Ingest: r.ingest, err: hookyard.Errorf(hookyard.Unavailable, "the database is away")}
			r.stop()
			r.sources.o.Ingest = g
			r.run(t)
			s := r.source(t, "in", "", hookyard.QueueSource{URL: hostile{consume: consume}.url(t), Queue: "q"})
			testenv.Until(t, "the fault to be told", func() bool {
				st, _ := r.sources.Status(s.Key)
				return strings.Contains(st.Error, want)
			})
		})
	}
}

// TestEndless holds that a broker that never stops sending has to wait while messages cannot be kept, whatever it was
// told about the number of messages it may send.
func TestEndless(t *testing.T) { // not parallel: it measures
	for _, size := range []uint64{0, 60 << 10, 1 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			const most = 2_000_000
			sent := make(chan uint64, 1)
			url := hostile{consume: func(b *hostile) {
				tag := uint64(1)
				for ; tag < most; tag++ {
					if err := b.c.SetWriteDeadline(time.Now().Add(2 * time.Second)); err != nil {
						break
					}
					b.deliver(tag, size)
					if b.body(1, size) != nil || b.frame(frameHeartbeat, 0, nil) != nil {
						break
					}
				}
				select {
				case sent <- tag:
				default: // it connected again
				}
			}}.url(t)
			r := newRigOf(t, nil, 25<<20)
			g := &gate{Ingest: r.ingest, err: hookyard.Errorf(hookyard.Unavailable, "the database is away")}
			r.stop()
			r.sources.o.Ingest = g
			r.run(t)
			r.source(t, "in", "", hookyard.QueueSource{URL: url, Queue: "q"})
			n := <-sent
			runtime.GC()
			heap := memory().HeapAlloc >> 20
			t.Logf("%d messages of %d bytes, %d MiB in memory", n, size, heap)
			if n == most || heap > 80 {
				t.Errorf("%d messages were taken, %d MiB are in memory", n, heap)
			}
		})
	}
}

// TestReturnsAndConfirms holds that what a broker sends to a sender takes no memory beyond what was sent.
func TestReturnsAndConfirms(t *testing.T) { // not parallel: it measures
	const size = 300 << 20
	url := hostile{publish: func(b *hostile, channel uint16) {
		b.method(channel, classBasic, methodReturn, []byte{1, 56}, shortstr("NO_ROUTE"), shortstr(""), shortstr("k"))
		b.header(channel, size)
		_ = b.body(channel, size)
		for range 2 { // one of them is of nothing
			b.method(channel, classBasic, methodAck, binary.BigEndian.AppendUint64(nil, 1), []byte{0})
		}
	}}.url(t)
	b := newBroker(t)
	h := &hookyard.Hook{Key: 1, URL: url, Timeout: 20 * time.Second, RabbitMQ: &hookyard.RabbitMQ{Queue: "q"}}
	before := allocated()
	for range 2 { // the second goes over a connection of its own
		if o := send(t, b, h, "evt_1", "x"); !o.OK() {
			t.Fatalf("%+v", o)
		}
		testenv.Until(t, "the connection to be closed", func() bool {
			b.mu.Lock()
			defer b.mu.Unlock()
			return len(b.links) == 0
		})
	}
	if n := (allocated() - before) >> 20; n > 50 {
		t.Errorf("%d MiB were allocated for what came back", n)
	}
}

// TestSizes brings bodies of all sizes whole from RabbitMQ; one beyond the limit goes to the dead letters.
func TestSizes(t *testing.T) {
	t.Parallel()
	url := testenv.RabbitMQ(t)
	dead, _ := queue(t, url, nil)
	name, ch := queue(t, url, amqp.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead})
	const limit = 3 << 20
	r := newRigOf(t, nil, limit)
	s := r.source(t, "in", "", hookyard.QueueSource{URL: url, Queue: name})
	body := func(n int) []byte { return bytes.Repeat([]byte("0123456"), n/7+1)[:n] }
	sizes := []int{0, 1, frameChunk, frameChunk + 1, 64 << 10, 64<<10 + 1, 200 << 10, 1 << 20, limit, 70 << 10, 3}
	for _, n := range sizes {
		put(t, ch, name, amqp.Publishing{Body: body(n), Headers: amqp.Table{"x-n": int64(n)}})
	}
	put(t, ch, name, amqp.Publishing{Body: body(limit + 1)})
	put(t, ch, name, amqp.Publishing{Body: body(7)})
	for i, e := range r.events(t, len(sizes)+1)[:len(sizes)] {
		if !bytes.Equal(e.Body, body(sizes[i])) || e.Header.Get("X-N") != fmt.Sprint(sizes[i]) {
			t.Errorf("%d bytes: came as %d, headers %v", sizes[i], len(e.Body), e.Header)
		}
	}
	if rf := r.refused(t, 1)[0]; rf.Size != limit+1 || !strings.Contains(rf.Reason, "--max-body") {
		t.Errorf("refusal: %+v", rf)
	}
	if d := get(t, channel(t, url), dead); !bytes.Equal(d.Body, body(limit+1)) {
		t.Errorf("the dead letter has %d bytes", len(d.Body))
	}
	testenv.Until(t, "everything to be acknowledged", func() bool {
		st, _ := r.sources.Status(s.Key)
		return st.Taken == int64(len(sizes)+1) && st.Refused == 1
	})
	r.stop()
	if n := depth(t, ch, name); n != 0 {
		t.Errorf("%d messages came back", n)
	}
}

// TestStopWhileWaiting ends at once although a message waits for room.
func TestStopWhileWaiting(t *testing.T) {
	t.Parallel()
	waits := make(chan struct{})
	url := hostile{consume: func(b *hostile) {
		b.deliver(1, 5)
		close(waits)
		_ = b.body(1, 5)
	}}.url(t)
	r := newRig(t, nil)
	if err := r.sources.room.Acquire(context.Background(), arrivedRoom); err != nil {
		t.Fatal(err)
	}
	r.source(t, "in", "", hookyard.QueueSource{URL: url, Queue: "q"})
	<-waits
	began := time.Now()
	r.stop()
	if took := time.Since(began); took > openTime {
		t.Errorf("it took %s", took)
	}
}
