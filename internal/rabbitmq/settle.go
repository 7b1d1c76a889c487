package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/hookyard/hookyard"
)

// item is one message of a batch on its way.
type item struct {
	d        *amqp.Delivery
	received *received
	settled  bool // kept as an event or as a refusal
	tries    int  // that failed although the database answered
	refused  string
	code     hookyard.Code // with refused
	tooLarge bool          // refused; the broker can keep it whole, where the queue has a dead letter exchange
}

// maxTries is how often a message that the database refuses for a reason of its own is tried: one that can never be
// kept must not hold up the queue for ever.
const maxTries = 5

// settle tries to keep every message that is not settled yet. The error is why some are not.
func (c *consumer) settle(ctx context.Context, items []item) error {
	snapshot, err := c.s.o.Store.SnapshotByKey(ctx, c.source.ProjectKey)
	if err != nil {
		return err
	}
	var incoming []*incoming
	now := time.Now()
	for i := range items {
		it := &items[i]
		if it.settled || it.refused != "" {
			continue
		}
		in, err := c.newIncoming(snapshot, it, now)
		if err != nil {
			it.refused, it.code = err.Error(), hookyard.Invalid
			continue
		}
		incoming = append(incoming, in)
	}
	failed := c.accept(ctx, snapshot, incoming)
	for i := range items {
		if it := &items[i]; it.refused != "" && !it.settled {
			failed = errors.Join(failed, c.refuse(ctx, it, now))
		}
	}
	return failed
}

// accept keeps messages as events, with deliveries to the hooks that they name themselves.
func (c *consumer) accept(ctx context.Context, snapshot *hookyard.Snapshot, all []*incoming) error {
	if len(all) == 0 {
		return nil
	}
	snapshot, err := c.meetRequests(ctx, snapshot, all)
	if err != nil {
		return err
	}
	return c.keep(ctx, snapshot, all)
}

// keep stores messages as events, in the order in which they came. If they are beyond a limit together, it stores the
// first half, and then the other.
func (c *consumer) keep(ctx context.Context, snapshot *hookyard.Snapshot, all []*incoming) error {
	events, also := make([]*hookyard.Event, len(all)), make([][]*hookyard.Hook, len(all))
	for i, in := range all {
		events[i], also[i] = in.event, in.hooks
	}
	_, errs := c.s.o.Ingest.AcceptFor(ctx, snapshot, events, also)
	if half := len(all) / 2; half > 0 && isExcess(errs[0]) {
		if err := c.keep(ctx, snapshot, all[:half]); err != nil {
			return err
		}
		return c.keep(ctx, snapshot, all[half:])
	}
	var failed error
	for i, in := range all {
		if err := c.settled(ctx, in, errs[i]); err != nil {
			failed = err
		}
	}
	return failed
}

// settled notes what came of a message. It returns the error of one that is to be tried again.
func (c *consumer) settled(ctx context.Context, in *incoming, err error) error {
	it := in.item
	switch code := hookyard.CodeOf(err); {
	case err == nil:
		it.settled = true
		c.s.note(c.source.Key, func(st *Status) { st.Taken++ })
		c.complain(ctx, in)
		return nil
	case code != "" && code != hookyard.Unavailable && code != hookyard.TooMany:
		it.refused, it.code = err.Error(), code
		return nil
	case code == "":
		it.tries++
	}
	if it.tries < maxTries {
		return err
	}
	it.refused, it.code = "the database does not take it: "+hookyard.Clean(err.Error(), 300), hookyard.Invalid
	return nil
}

// isExcess reports whether messages were refused because of a limit of the project or its owner.
func isExcess(err error) bool {
	var e *hookyard.Error
	return errors.As(err, &e) && e.Excess != nil
}

// refuse puts a message into the source's list of refusals.
func (c *consumer) refuse(ctx context.Context, it *item, now time.Time) error {
	if err := c.keepRefusal(ctx, it, it.refused, it.code, now); err != nil {
		return err
	}
	it.settled = true
	c.s.note(c.source.Key, func(st *Status) { st.Refused++ })
	c.log.Info("a message was refused", "reason", it.refused)
	return nil
}

func (c *consumer) keepRefusal(ctx context.Context, it *item, reason string, code hookyard.Code,
	now time.Time) error {
	d := it.d
	return c.s.o.Store.Refuse(ctx, &hookyard.Refusal{
		ProjectKey: c.source.ProjectKey, Source: c.source.Name, Time: now, Reason: hookyard.Clean(reason, 500),
		Code:   code,
		Method: "AMQP",
		Target: hookyard.Clean(fmt.Sprintf("%s/%s", d.Exchange, d.RoutingKey), 520), Size: it.received.size,
		Header: hookyard.EncodeHeader(nil, headerOf(d, c.s.o.Limits.RequestHeader)),
		Body:   d.Body[:min(len(d.Body), 64<<10)],
	})
}

// complain lists what of a message that is kept could not be done. It is not tried twice: the event is what matters.
func (c *consumer) complain(ctx context.Context, in *incoming) {
	for _, problem := range in.problems {
		if err := c.keepRefusal(ctx, in.item, problem, hookyard.Invalid, in.event.Time); err != nil {
			c.log.Warn("a message names a webhook that cannot be sent to", "reason", problem)
		}
	}
}
