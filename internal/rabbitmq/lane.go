package rabbitmq

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/hookyard/hookyard"
)

// lane is one hook's channel, with publisher confirms. ch and err are set before ready is closed, and not changed
// after.
type lane struct {
	of    string // URL and settings that it was made for
	link  *link
	ready chan struct{}
	ch    *amqp.Channel
	err   error
	used  time.Time // guarded by Broker.mu

	order sync.Mutex // one publishes at a time, for the numbers of messages are counted; taken before mu

	mu       sync.Mutex        // guards what follows
	waiting  map[uint64]*wait  // by the number of the message
	returned map[string]string // by the message's name: why it came back
	gone     error             // why the channel is closed
	stale    bool              // what it declared is not there any more: the next message makes a new lane
}

// maxWaiting is how many messages a broker may leave unconfirmed, given up by their senders, before its channel is not
// used any more.
const maxWaiting = 10_000

// wait is one message under way.
type wait struct {
	seq  uint64
	name string
	done chan hookyard.Outcome // has room for the one outcome, also when the caller has stopped waiting
}

// message is one message to publish.
type message struct {
	exchange, key string
	name          string // of the delivery: tells it from others of this channel when it comes back
	p             amqp.Publishing
}

// newMessage makes the message of a delivery. The webhook headers go along as AMQP headers.
func newMessage(h *hookyard.Hook, eventType string, header map[string]string, contentType string,
	body []byte) (*message, error) {
	settings := h.RabbitMQ
	if settings == nil {
		settings = &hookyard.RabbitMQ{}
	}
	m := &message{exchange: settings.Exchange, key: settings.RoutingKey}
	if m.key == "" {
		m.key = settings.Queue
	}
	if m.key == "" {
		m.key = eventType
	}
	if len(m.key) > 255 || len(m.exchange) > 255 {
		return nil, hookyard.FieldErrorf("rabbitmq.routingKey",
			"exchange and routing key are at most 255 bytes long in AMQP")
	}
	table := make(amqp.Table, len(header))
	for name, value := range header {
		switch name {
		case "Content-Type":
		case "Traceparent", "Tracestate": // W3C Trace Context for AMQP writes them so
			table[strings.ToLower(name)] = value
		default:
			table[name] = value
		}
	}
	id := header["Webhook-Id"]
	m.name = id + "/" + header["X-Github-Hook-Id"]
	m.p = amqp.Publishing{
		Headers: table, ContentType: short(contentType), DeliveryMode: amqp.Persistent, MessageId: short(id),
		Type:  short(eventType),
		AppId: "hookyard", Body: body,
	}
	if stamp, err := strconv.ParseInt(header["Webhook-Timestamp"], 10, 64); err == nil {
		m.p.Timestamp = time.Unix(stamp, 0)
	}
	return m, nil
}

// short is s where AMQP has a short string, or nothing: half a name is worse than none.
func short(s string) string {
	if len(s) > 255 {
		return ""
	}
	return s
}

// run opens the channel and serves it until it is closed.
func (l *lane) run(h *hookyard.Hook) {
	returns := make(chan amqp.Return)
	confirms := make(chan amqp.Confirmation)
	closed := make(chan *amqp.Error, 1)
	l.err = l.open(h, func() {
		l.ch.NotifyReturn(returns)
		l.ch.NotifyPublish(confirms)
		l.ch.NotifyClose(closed)
	})
	if l.err != nil {
		l.end(l.err)
		close(l.ready)
		l.close()
		return
	}
	close(l.ready)
	// One goroutine for both, and no buffers: the broker sends a message's return before its confirmation, and so they
	// come here in that order.
	for returns != nil || confirms != nil {
		select {
		case r, ok := <-returns:
			if !ok {
				returns = nil
				continue
			}
			l.cameBack(r)
		case c, ok := <-confirms:
			if !ok {
				confirms = nil
				continue
			}
			l.confirmed(c)
		}
	}
	if err := <-closed; err != nil {
		l.end(err)
	} else {
		l.end(amqp.ErrClosed)
	}
}

func (l *lane) open(h *hookyard.Hook, listen func()) error {
	<-l.link.ready
	if l.link.err != nil {
		return l.link.err
	}
	guard := time.AfterFunc(openTime, func() { _ = l.link.raw.Close() }) // the library waits for answers for ever
	defer guard.Stop()
	ch, err := l.link.conn.Channel()
	if err != nil {
		return err
	}
	l.ch = ch
	if err := declare(ch, h.RabbitMQ); err != nil {
		return err
	}
	if err := ch.Confirm(false); err != nil {
		return err
	}
	listen()
	return nil
}

func declare(ch *amqp.Channel, settings *hookyard.RabbitMQ) error {
	if settings == nil || !settings.Declare || settings.Queue == "" {
		return nil
	}
	table, err := arguments(settings.Arguments)
	if err != nil {
		return err
	}
	if _, err = ch.QueueDeclare(settings.Queue, true, false, false, false, table); err != nil {
		return &declareError{settings.Queue, err}
	}
	return nil
}

// publish sends a message; its outcome comes on the wait's channel.
func (l *lane) publish(m *message) (*wait, error) {
	l.link.mu.Lock()
	blocked := l.link.blocked
	l.link.mu.Unlock()
	if blocked != "" {
		return nil, &amqp.Error{Code: amqp.ResourceError, Server: true,
			Reason: "it takes no messages at the moment: " + blocked}
	}
	l.order.Lock()
	defer l.order.Unlock()
	l.mu.Lock()
	if l.gone != nil {
		defer l.mu.Unlock()
		return nil, l.gone
	}
	w := &wait{seq: l.ch.GetNextPublishSeqNo(), name: m.name, done: make(chan hookyard.Outcome, 1)}
	l.waiting[w.seq] = w
	l.mu.Unlock()
	l.link.raw.sent.Add(1)
	err := l.ch.Publish(m.exchange, m.key, true, false, m.p)
	if err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.waiting, w.seq) // its number is the next one's
	}
	return w, err
}

func (l *lane) cameBack(r amqp.Return) {
	hook, _ := r.Headers["X-Github-Hook-Id"].(string)
	why := fmt.Sprintf(
		"%s: exchange %q has no queue for routing key %q; make or bind one, or set rabbitmq.queue and rabbitmq.declare",
		hookyard.Clean(r.ReplyText, 100), hookyard.Clean(r.Exchange, 255), hookyard.Clean(r.RoutingKey, 255))
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.returned) < len(l.waiting) { // or it was not sent
		l.returned[r.MessageId+"/"+hook] = why
	}
}

func (l *lane) confirmed(c amqp.Confirmation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.waiting[c.DeliveryTag]
	if w == nil {
		return
	}
	delete(l.waiting, c.DeliveryTag)
	why, back := l.returned[w.name]
	delete(l.returned, w.name)
	switch {
	case back:
		l.stale = true
		w.done <- hookyard.Outcome{Status: amqp.NoRoute, Kind: hookyard.KindBroker, Error: why}
	case !c.Ack:
		w.done <- hookyard.Outcome{Kind: hookyard.KindBroker,
			Error: "the broker refused the message (nack): a full queue that rejects, or a fault of the broker"}
	default:
		w.done <- hookyard.Outcome{Status: 200}
	}
}

// end fails everything that waits.
func (l *lane) end(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone = err
	for seq, w := range l.waiting {
		delete(l.waiting, seq)
		w.done <- outcomeOf(err)
	}
}

func (l *lane) isGone() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.gone != nil || l.stale || len(l.waiting) >= maxWaiting || l.link.isGone()
}

// close closes the channel. A broker that does not answer to that has the connection closed.
func (l *lane) close() {
	<-l.ready
	if l.ch == nil {
		return
	}
	guard := time.AfterFunc(time.Second, func() { _ = l.link.raw.Close() })
	defer guard.Stop()
	_ = l.ch.Close()
}
