package rabbitmq

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/hookyard/hookyard"
)

// Waits of a consumer.
const (
	reconnectMin = 500 * time.Millisecond
	reconnectMax = time.Minute
	steady       = 30 * time.Second // a connection that held this long: the wait after the next break starts over
	retryMin     = 200 * time.Millisecond
	retryMax     = 30 * time.Second
	// giveBack is how long messages are held while the database is away. Then they are the broker's again; not at once,
	// for a quorum queue counts how often a message came back and drops it at a limit.
	giveBack = 10 * time.Minute
)

// Bounds of one batch.
const (
	batchMessages = 256
	batchBytes    = 4 << 20
	prefetch      = 500
)

// consumer reads one source's queue on this node.
type consumer struct {
	s      *Sources
	source *hookyard.Source
	log    *slog.Logger
}

// run reads until ctx ends, over as many connections as it takes.
func (c *consumer) run(ctx context.Context) {
	wait, said := backOff(reconnectMin, reconnectMax), ""
	for {
		began := time.Now()
		err := c.session(ctx)
		if ctx.Err() != nil {
			return
		}
		why := words(err)
		c.s.note(c.source.Key, func(st *Status) { st.set(false, why) })
		if time.Since(began) > steady {
			wait.Reset()
			said = ""
		}
		if why != said {
			c.log.Warn("queue cannot be read; trying again", "error", why)
			said = why
		}
		if !pause(ctx, wait.NextBackOff()) {
			return
		}
	}
}

// backOff returns waits that double from first to longest, each spread by ±20 % so that nodes do not reconnect all at
// once.
func backOff(first, longest time.Duration) *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{InitialInterval: first, MaxInterval: longest, Multiplier: 2,
		RandomizationFactor: 0.2}
}

// pause waits for d and reports whether ctx is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// session reads over one connection until that breaks or ctx ends.
func (c *consumer) session(ctx context.Context) error {
	q := c.source.RabbitMQ
	if _, err := c.s.o.Store.QueueSources(ctx); err != nil { // what comes back often is dropped by some queues
		return hookyard.Errorf(hookyard.Unavailable, "the database cannot be read: messages stay with the broker")
	}
	conn, raw, err := connect(ctx, c.s.o.Dial, linkKey{url: q.URL}, &intake{
		of: fmt.Sprint("source ", c.source.Key), limit: c.s.o.Limits.Body, bodies: c.s.o.Bodies, room: c.s.room})
	if err != nil {
		return err
	}
	defer func() {
		slow := time.AfterFunc(time.Second, func() { _ = raw.Close() }) // it may wait for room
		defer slow.Stop()
		_ = conn.CloseDeadline(time.Now().Add(time.Second))
		_ = raw.Close()
	}()
	guard := time.AfterFunc(openTime, func() { _ = raw.Close() }) // the library waits for answers for ever
	defer guard.Stop()
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	if err := declareSource(ch, q); err != nil {
		return err
	}
	ahead := q.Prefetch
	if ahead == 0 {
		ahead = prefetch
	}
	if err := ch.Qos(ahead, 0, false); err != nil {
		return err
	}
	broken := ch.NotifyClose(make(chan *amqp.Error, 1))
	deliveries, err := ch.Consume(q.Queue, "", false, q.Exclusive, false, false, nil)
	if err != nil {
		return &declareError{q.Queue, err}
	}
	guard.Stop()
	c.s.note(c.source.Key, func(st *Status) { st.set(true, "") })
	c.log.Info("queue is being read")
	return c.read(ctx, &inbox{ch: ch, raw: raw, deliveries: deliveries, broken: broken})
}

// declareSource makes the queue, or only looks whether it is there.
func declareSource(ch *amqp.Channel, q *hookyard.QueueSource) error {
	var err error
	if q.Declare {
		table, bad := arguments(q.Arguments)
		if bad != nil {
			return bad
		}
		_, err = ch.QueueDeclare(q.Queue, true, false, false, false, table)
	} else {
		_, err = ch.QueueDeclarePassive(q.Queue, false, false, false, false, nil)
	}
	if err != nil {
		return &declareError{q.Queue, err}
	}
	return nil
}

// inbox is a queue that is being read.
type inbox struct {
	ch         *amqp.Channel
	raw        *frames
	deliveries <-chan amqp.Delivery
	broken     <-chan *amqp.Error
}

func (c *consumer) read(ctx context.Context, in *inbox) error {
	for {
		batch := in.collect(ctx)
		if len(batch) == 0 {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			select {
			case err := <-in.broken: // comes before the deliveries end
				return orClosed(err)
			default:
			}
			return &declareError{c.source.RabbitMQ.Queue,
				&amqp.Error{Code: amqp.NotFound, Server: true, Reason: "the queue was deleted"}}
		}
		err := c.handle(ctx, in, batch)
		for i := range batch {
			batch[i].received.release()
		}
		if err != nil {
			return err
		}
	}
}

// collect waits for a message and takes those that are there already, at most one with a body in a file, which is the
// last. None: the deliveries or ctx ended.
func (in *inbox) collect(ctx context.Context) []item {
	var batch []item
	size := 0
	full := false
	add := func(d amqp.Delivery) {
		if m := in.raw.take(d.DeliveryTag); m != nil {
			batch, size = append(batch, item{d: &d, received: m}), size+len(d.Body)
			full = len(batch) >= batchMessages || size >= batchBytes || m.file != nil
		}
	}
	for len(batch) == 0 {
		select {
		case d, ok := <-in.deliveries:
			if !ok {
				return nil
			}
			add(d)
		case <-ctx.Done():
			return nil
		}
	}
	for !full {
		select {
		case d, ok := <-in.deliveries:
			if !ok {
				return batch
			}
			add(d)
		default:
			return batch
		}
	}
	return batch
}

// handle brings a batch to an end: every message is kept as an event or as a refusal, and acknowledged then. What the
// database does not take is tried again, and given back to the broker after a long while or when ctx ends.
func (c *consumer) handle(ctx context.Context, in *inbox, items []item) error {
	began, wait := time.Now(), backOff(retryMin, retryMax)
	for {
		err := c.try(ctx, items)
		if err == nil {
			return in.acknowledge(items)
		}
		c.log.Warn("messages cannot be kept; they wait", "error", err)
		again := time.NewTimer(wait.NextBackOff())
		select {
		case <-again.C:
		case <-ctx.Done():
		case err := <-in.broken: // the broker has them again
			again.Stop()
			return orClosed(err)
		}
		again.Stop()
		if ctx.Err() != nil || time.Since(began) > giveBack {
			return giveUp(items)
		}
	}
}

// try tries to keep the messages that are not settled yet. A large body is in memory only that long.
func (c *consumer) try(ctx context.Context, items []item) error {
	last := &items[len(items)-1]
	if file := last.received.file; file != nil && !last.settled {
		body, release, err := file.Load(ctx)
		if err != nil {
			return err
		}
		last.d.Body = body
		defer func() {
			last.d.Body = nil
			release()
		}()
	}
	return c.settle(context.WithoutCancel(ctx), items)
}

func orClosed(err *amqp.Error) error {
	if err == nil {
		return amqp.ErrClosed
	}
	return err
}

// acknowledge ends what is settled. The last acknowledgement is for all messages before it: they were settled by
// earlier batches.
func (in *inbox) acknowledge(items []item) error {
	var last *item
	for i := range items {
		it := &items[i]
		if !it.tooLarge {
			last = it
		} else if err := it.d.Reject(false); err != nil {
			return err
		}
	}
	if last == nil {
		return nil
	}
	return in.ch.Ack(last.d.DeliveryTag, true)
}

// giveUp ends what is settled and gives the rest back.
func giveUp(items []item) error {
	for i := range items {
		var err error
		switch it := &items[i]; {
		case !it.settled:
			err = it.d.Nack(false, true)
		case it.tooLarge:
			err = it.d.Reject(false)
		default:
			err = it.d.Ack(false)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
