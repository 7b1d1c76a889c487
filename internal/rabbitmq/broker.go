package rabbitmq

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/hookyard/hookyard"
)

// BrokerOptions are what a [Broker] is made of.
type BrokerOptions struct {
	Dial Dial
	Idle time.Duration // after which an unused connection is closed; 0 means 5 minutes
}

// Broker publishes to hooks whose URL is amqp:// or amqps://. Hooks of the same URL share a connection, and each has a
// channel of its own: a mistake in one hook's settings closes its channel and no other. Safe for concurrent use.
type Broker struct {
	o BrokerOptions

	mu      sync.Mutex // guards what follows
	links   map[linkKey]*link
	lanes   map[*lane]struct{} // all that are open
	byHook  map[int64]*lane    // those in use; one that was replaced stays in lanes until it is idle
	sweeper *time.Timer
	closed  bool

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup // Go is called with mu held, and not when closed
}

// linkKey says which hooks share a connection.
type linkKey struct {
	url      string
	insecure bool
}

// link is one connection. conn, raw and err are set before ready is closed, and not changed after.
type link struct {
	key   linkKey
	ready chan struct{}
	conn  *amqp.Connection
	raw   *frames
	err   error

	mu      sync.Mutex // guards blocked
	blocked string     // why the broker takes no messages at the moment, or ""
}

// NewBroker makes a Broker. It connects when there is something to send.
func NewBroker(o BrokerOptions) *Broker {
	if o.Idle == 0 {
		o.Idle = 5 * time.Minute
	}
	b := &Broker{o: o, links: map[linkKey]*link{}, lanes: map[*lane]struct{}{}, byHook: map[int64]*lane{}}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b
}

// Close closes all connections. What waits for a confirmation fails, and so does every later Send.
func (b *Broker) Close() {
	b.mu.Lock()
	b.closed = true
	if b.sweeper != nil {
		b.sweeper.Stop()
	}
	var open []*link
	for _, l := range b.links {
		open = append(open, l)
	}
	b.mu.Unlock()
	b.cancel()
	for _, l := range open {
		<-l.ready
		l.close()
	}
	b.work.Wait()
}

func (l *link) close() {
	if l.conn != nil {
		_ = l.conn.CloseDeadline(time.Now().Add(time.Second))
		_ = l.raw.Close()
	}
}

// Send publishes a message to the hook's exchange or queue and waits for the broker's confirmation, or until ctx ends.
// A message that reached no queue failed.
func (b *Broker) Send(ctx context.Context, h *hookyard.Hook, eventType string, header map[string]string,
	contentType string, body []byte) hookyard.Outcome {
	m, err := newMessage(h, eventType, header, contentType, body)
	if err != nil {
		return outcomeOf(err)
	}
	l, err := b.lane(h)
	if err != nil {
		return outcomeOf(err)
	}
	select {
	case <-l.ready:
	case <-ctx.Done():
		return late(ctx, "no connection to the broker")
	}
	if l.err != nil {
		return outcomeOf(l.err)
	}
	w, err := l.publish(m)
	if err != nil {
		return outcomeOf(err)
	}
	select {
	case o := <-w.done:
		return o
	case <-ctx.Done():
		return late(ctx, "no confirmation from the broker")
	}
}

// late is the outcome of a wait that the hook's timeout, or our own stop, ended.
func late(ctx context.Context, what string) hookyard.Outcome {
	if ctx.Err() == context.DeadlineExceeded {
		return hookyard.Outcome{Kind: hookyard.KindTimeout, Error: what + " within the hook's timeout"}
	}
	return hookyard.Outcome{Kind: hookyard.KindConnect, Error: what + " before hookyard stopped"}
}

// lane returns the hook's channel, which may not be ready yet; it is opened when there is none, or the hook has other
// settings now.
func (b *Broker) lane(h *hookyard.Hook) (*lane, error) {
	if err := CheckURL(h.URL); err != nil {
		return nil, err
	}
	settings, err := json.Marshal(h.RabbitMQ)
	if err != nil {
		return nil, fmt.Errorf("settings of the hook: %w", err)
	}
	of := fmt.Sprintf("%s %t %s", h.URL, h.InsecureTLS, settings)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, amqp.ErrClosed
	}
	if l := b.byHook[h.Key]; l != nil && l.of == of && !l.isGone() {
		l.used = time.Now()
		return l, nil
	}
	l := &lane{of: of, link: b.link(linkKey{h.URL, h.InsecureTLS}), ready: make(chan struct{}), used: time.Now(),
		waiting: map[uint64]*wait{}, returned: map[string]string{}}
	b.byHook[h.Key] = l
	b.lanes[l] = struct{}{}
	b.work.Go(func() {
		l.run(h)
		b.drop(h.Key, l)
	})
	if b.sweeper == nil {
		b.sweeper = time.AfterFunc(b.o.Idle, b.sweep)
	}
	return l, nil
}

// link returns the connection for a key, which may not be ready yet. b.mu is held.
func (b *Broker) link(key linkKey) *link {
	if l := b.links[key]; l != nil && !l.isGone() {
		return l
	}
	l := &link{key: key, ready: make(chan struct{})}
	b.links[key] = l
	b.work.Go(func() {
		l.conn, l.raw, l.err = connect(b.ctx, b.o.Dial, key, nil)
		var blockings chan amqp.Blocking
		if l.err == nil {
			blockings = l.conn.NotifyBlocked(make(chan amqp.Blocking))
		}
		close(l.ready)
		for bl := range orNone(blockings) {
			l.setBlocked(bl)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.links[key] == l {
			delete(b.links, key)
		}
	})
	return l
}

// orNone is a closed channel for one that is nil.
func orNone[T any](c chan T) chan T {
	if c == nil {
		c = make(chan T)
		close(c)
	}
	return c
}

func (l *link) setBlocked(bl amqp.Blocking) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.blocked = ""
	if bl.Active {
		l.blocked = hookyard.Clean(bl.Reason, 200) + " "
	}
}

// isGone says whether the connection cannot be used any more; one that is being opened can.
func (l *link) isGone() bool {
	select {
	case <-l.ready:
		return l.err != nil || l.conn.IsClosed()
	default:
		return false
	}
}

// drop forgets a channel that is closed.
func (b *Broker) drop(hookKey int64, l *lane) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.lanes, l)
	if b.byHook[hookKey] == l {
		delete(b.byHook, hookKey)
	}
}

// sweep closes the channels that were not used for a while or that were replaced, then the connections without a
// channel.
func (b *Broker) sweep() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	used := map[*link]bool{}
	for l := range b.lanes {
		if time.Since(l.used) >= b.o.Idle { // longer than any hook's timeout: nothing is under way
			b.work.Go(l.close)
			continue
		}
		used[l.link] = true
	}
	for key, l := range b.links {
		select {
		case <-l.ready:
			if !used[l] {
				delete(b.links, key)
				b.work.Go(l.close)
			}
		default: // being opened
		}
	}
	b.sweeper = nil
	if len(b.links) > 0 {
		b.sweeper = time.AfterFunc(b.o.Idle, b.sweep)
	}
}
