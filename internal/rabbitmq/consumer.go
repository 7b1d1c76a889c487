package rabbitmq

import (
	"context"
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
	conn, raw, err := connect(ctx, c.s.o.Dial, q.URL, false)
	if err != nil {
		return err
	}
	defer func() {
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
	return c.read(ctx, ch, deliveries, broken)
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

func (c *consumer) read(ctx context.Context, ch *amqp.Channel, deliveries <-chan amqp.Delivery,
	broken <-chan *amqp.Error) error {
	for {
		batch := collect(ctx, deliveries)
		if len(batch) == 0 {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			select {
			case err := <-broken: // comes before the deliveries end
				return orClosed(err)
			default:
			}
			return &declareError{c.source.RabbitMQ.Queue,
				&amqp.Error{Code: amqp.NotFound, Server: true, Reason: "the queue was deleted"}}
		}
		if err := c.handle(ctx, ch, batch, broken); err != nil {
			return err
		}
	}
}

// collect waits for a message and takes those that are there already. None: the deliveries or ctx ended.
func collect(ctx context.Context, deliveries <-chan amqp.Delivery) []amqp.Delivery {
	var batch []amqp.Delivery
	size := 0
	take := func(d amqp.Delivery, ok bool) bool {
		if ok {
			batch, size = append(batch, d), size+len(d.Body)
		}
		return ok
	}
	select {
	case d, ok := <-deliveries:
		if !take(d, ok) {
			return nil
		}
	case <-ctx.Done():
		return nil
	}
	for len(batch) < batchMessages && size < batchBytes {
		select {
		case d, ok := <-deliveries:
			if !take(d, ok) {
				return batch
			}
		default:
			return batch
		}
	}
	return batch
}

// handle brings a batch to an end: every message is kept as an event or as a refusal, and acknowledged then. What the
// database does not take is tried again, and given back to the broker after a long while or when ctx ends.
func (c *consumer) handle(ctx context.Context, ch *amqp.Channel, batch []amqp.Delivery,
	broken <-chan *amqp.Error) error {
	items := make([]item, len(batch))
	for i := range batch {
		items[i].d = &batch[i]
	}
	began, wait := time.Now(), backOff(retryMin, retryMax)
	for {
		err := c.settle(context.WithoutCancel(ctx), items)
		if err == nil {
			// with all before it: they were settled by earlier batches
			return ch.Ack(batch[len(batch)-1].DeliveryTag, true)
		}
		c.log.Warn("messages cannot be kept; they wait", "error", err)
		again := time.NewTimer(wait.NextBackOff())
		select {
		case <-again.C:
		case <-ctx.Done():
		case err := <-broken: // the broker has them again
			again.Stop()
			return orClosed(err)
		}
		again.Stop()
		if ctx.Err() != nil || time.Since(began) > giveBack {
			return giveUp(items)
		}
	}
}

func orClosed(err *amqp.Error) error {
	if err == nil {
		return amqp.ErrClosed
	}
	return err
}

// giveUp acknowledges what is settled and gives the rest back.
func giveUp(items []item) error {
	for i := range items {
		var err error
		if items[i].settled {
			err = items[i].d.Ack(false)
		} else {
			err = items[i].d.Nack(false, true)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
