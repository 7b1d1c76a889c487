package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/hookyard/hookyard/client"
)

// eventType is the type of the events.
const eventType = "comment.created"

// publisher hands an event over to durable storage. publish is called by one goroutine at a time. It is called again
// with the same event after a failure or a crash.
type publisher interface {
	publish(ctx context.Context, e event) error
	name() string
	close()
}

// newPublisher returns a publisher for RabbitMQ if it is configured, and for hookyard's API otherwise.
func newPublisher(o options, c *client.Client) (publisher, error) {
	if o.rabbitMQ == "" {
		return &api{client: c, project: o.project}, nil
	}
	if _, err := amqp.ParseURI(o.rabbitMQ); err != nil { // not shown: it may contain the password
		return nil, errors.New("GUESTBOOK_RABBITMQ must be like amqp://user:password@host:5672/")
	}
	return &queue{url: o.rabbitMQ, queue: o.queue}, nil
}

// api publishes through hookyard's API.
type api struct {
	client  *client.Client
	project string
}

func (a *api) publish(ctx context.Context, e event) error {
	_, err := a.client.Publish(ctx, a.project,
		client.Publication{Type: eventType, Timestamp: e.Time, Data: e.Body, IdempotencyKey: e.ID})
	return err
}

func (a *api) name() string { return "hookyard's API" }
func (a *api) close()       {}

// queue publishes to a RabbitMQ queue, which hookyard reads.
type queue struct {
	url, queue string

	conn     *amqp.Connection // nil: not connected
	channel  *amqp.Channel
	returned <-chan amqp.Return
}

// message is the format that consumers of the queue expect: the comment, and additional webhooks.
type message struct {
	Comment  json.RawMessage `json:"comment"`
	Webhooks []struct{}      `json:"webhooks"`
}

// confirmTime is how long to wait for the broker's confirmation.
const confirmTime = 15 * time.Second

// publish returns nil when the broker has confirmed the message. Because the queue is durable and the message
// persistent, it is then on the broker's disk.
func (q *queue) publish(ctx context.Context, e event) error {
	err := q.send(ctx, e)
	if err != nil {
		q.close() // reconnect, whatever the error
	}
	return err
}

func (q *queue) send(ctx context.Context, e event) error {
	if err := q.connect(); err != nil {
		return fmt.Errorf("RabbitMQ: %w", err)
	}
	body, err := json.Marshal(message{Comment: e.Body, Webhooks: []struct{}{}})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, confirmTime)
	defer cancel()
	confirmation, err := q.channel.PublishWithDeferredConfirmWithContext(ctx, "", q.queue, true, false, amqp.Publishing{
		DeliveryMode: amqp.Persistent, ContentType: "application/json", Type: eventType, MessageId: e.ID,
		Timestamp: e.Time, Body: body,
	})
	if err != nil {
		return fmt.Errorf("RabbitMQ: %w", err)
	}
	confirmed, err := confirmation.WaitContext(ctx)
	select {
	case r := <-q.returned: // arrives before the confirmation
		return fmt.Errorf("RabbitMQ: queue %s rejected the message: %s", q.queue, r.ReplyText)
	default:
	}
	if err == nil && !confirmed {
		err = errors.New("the broker rejected the message")
	}
	if err != nil {
		return fmt.Errorf("RabbitMQ: %w", err)
	}
	return nil
}

// connect opens a connection, unless there is one, and declares the queue.
func (q *queue) connect() error {
	if q.conn != nil {
		return nil
	}
	conn, err := amqp.DialConfig(q.url, amqp.Config{Heartbeat: 10 * time.Second,
		Dial: amqp.DefaultDial(10 * time.Second)})
	if err != nil {
		return err
	}
	q.conn = conn
	if q.channel, err = conn.Channel(); err != nil {
		return err
	}
	// Durable and without arguments, as all programs declare it: the broker rejects a different declaration.
	if _, err := q.channel.QueueDeclare(q.queue, true, false, false, false, nil); err != nil {
		return err
	}
	q.returned = q.channel.NotifyReturn(make(chan amqp.Return, 1))
	return q.channel.Confirm(false)
}

func (q *queue) name() string { return "RabbitMQ's queue " + q.queue }

func (q *queue) close() {
	if q.conn != nil {
		_ = q.conn.CloseDeadline(time.Now().Add(time.Second)) // fails if the connection is broken
		q.conn = nil
	}
}
