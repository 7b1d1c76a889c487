//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// The queues of a broker: one that hookyard takes events from, one that a hook publishes to.
const (
	queueIn  = "in"
	queueOut = "out"

	queued     = "queued" // flow of the events that come by the queue
	queueEvery = 50 * time.Millisecond

	confirmLimit = 10 * time.Second // for the broker's answer, after which the publisher connects again
)

// broker is a RabbitMQ of our own.
type broker struct {
	command command
	port    int
	epmd    *process // Erlang's names, which RabbitMQ cannot do without
	process *process
}

// rabbitServer returns RabbitMQ's own script, past the wrapper that starts it as another user.
func rabbitServer() (string, error) {
	for _, path := range []string{"/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server"} {
		if found, err := exec.LookPath(path); err == nil {
			return found, nil
		}
	}
	return "", errors.New("rabbitmq-server is not installed")
}

// newBroker starts a RabbitMQ below dir. The caller stops it, also after an error.
func newBroker(ctx context.Context, dir string) (*broker, error) {
	b := &broker{}
	path, err := rabbitServer()
	if err != nil {
		return b, err
	}
	u, err := serviceUser()
	if err != nil {
		return b, err
	}
	var ports [3]int
	for i := range ports {
		if ports[i], err = freePort(); err != nil {
			return b, err
		}
	}
	b.port = ports[0]
	config := filepath.Join(dir, "rabbitmq.conf")
	err = errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(filepath.Join(dir, "plugins"), []byte("[].\n"), 0o644),
		os.WriteFile(filepath.Join(dir, "env"), nil, 0o644),
		os.WriteFile(config, fmt.Appendf(nil, "listeners.tcp.1 = 127.0.0.1:%d\n", b.port), 0o644))
	if err == nil && u != nil {
		err = os.Chown(dir, int(u.Uid), int(u.Gid))
	}
	if err != nil {
		return b, err
	}
	env := []string{"HOME=" + dir, "ERL_EPMD_ADDRESS=127.0.0.1", "ERL_EPMD_PORT=" + strconv.Itoa(ports[1]),
		"RABBITMQ_NODENAME=torture@localhost", "RABBITMQ_NODE_PORT=" + strconv.Itoa(b.port),
		"RABBITMQ_DIST_PORT=" + strconv.Itoa(ports[2]), "RABBITMQ_CONFIG_FILE=" + filepath.Join(dir, "rabbitmq"),
		"RABBITMQ_CONF_ENV_FILE=" + filepath.Join(dir, "env"), "RABBITMQ_PID_FILE=" + filepath.Join(dir, "pid"),
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + filepath.Join(dir, "plugins"),
		"RABBITMQ_MNESIA_BASE=" + filepath.Join(dir, "mnesia"), "RABBITMQ_LOG_BASE=" + filepath.Join(dir, "log"),
		"RABBITMQ_PLUGINS_EXPAND_DIR=" + filepath.Join(dir, "expand"),
		// As under systemd the script becomes the server, so that its pid is the server's.
		"NOTIFY_SOCKET=" + filepath.Join(dir, "none")}
	b.epmd, err = command{path: "epmd", env: env, log: dir + ".log", user: u}.start()
	if err != nil {
		return b, err
	}
	b.command = command{path: path, env: env, log: dir + ".log", user: u}
	return b, b.start(ctx)
}

// start starts the server and waits until it answers.
func (b *broker) start(ctx context.Context) error {
	var err error
	if b.process, err = b.command.start(); err != nil {
		return err
	}
	return until(ctx, 2*time.Minute, func() error {
		c, err := amqp.Dial(b.url())
		if err != nil {
			return err
		}
		return c.Close()
	})
}

func (b *broker) url() string { return "amqp://guest:guest@" + loopback(b.port) + "/" }

func (b *broker) stop() {
	if b.process != nil {
		b.process.stop(syscall.SIGTERM, 30*time.Second)
	}
	if b.epmd != nil {
		b.epmd.stop(syscall.SIGTERM, time.Second)
	}
}

// brokerFaults are those of a RabbitMQ that events come from and go to.
func brokerFaults() []fault {
	return []fault{
		{name: "broker-restart", window: 5 * time.Second, on: everywhere, broker: true,
			in: stopBroker(syscall.SIGTERM), out: startBroker},
		{name: "broker-kill", window: 5 * time.Second, on: everywhere, broker: true,
			in: stopBroker(syscall.SIGKILL), out: startBroker},
	}
}

func stopBroker(s syscall.Signal) func(context.Context, *rig) error {
	return func(_ context.Context, r *rig) error {
		r.broken += len(r.nodes) // messages that were not confirmed are under way
		r.broker.process.stop(s, 30*time.Second)
		return nil
	}
}

func startBroker(ctx context.Context, r *rig) error { return r.broker.start(ctx) }

// queues starts the broker and makes a source that takes from a queue, and a hook that publishes to another.
func (r *rig) queues(ctx context.Context) error {
	var err error
	if r.broker, err = newBroker(ctx, filepath.Join(r.dir, "rabbitmq")); err != nil {
		return fmt.Errorf("start RabbitMQ: %w", err)
	}
	c := r.nodes[0].client
	typ, eventType := "rabbitmq", eventType(queued)
	source := client.SourcePatch{Type: &typ, EventType: &eventType,
		RabbitMQ: &hookyard.QueueSource{URL: r.broker.url(), Queue: queueIn, Declare: true}}
	if _, _, err := c.PutSource(ctx, project, "queue", source); err != nil {
		return err
	}
	in, err := newReceiver("q", queued, 0)
	if err != nil {
		return err
	}
	r.receivers = append(r.receivers, in)
	if err := r.hook(ctx, in, in.url(), nil); err != nil {
		return err
	}
	r.consumed = &receiver{hook: "out", flow: plain, served: map[key]bool{}}
	r.receivers = append(r.receivers, r.consumed)
	return r.hook(ctx, r.consumed, r.broker.url(), &hookyard.RabbitMQ{Queue: queueOut, Declare: true})
}

// publishQueued publishes messages, one after the other, until ctx ends. A message that was not confirmed is repeated.
func (r *rig) publishQueued(ctx context.Context) {
	n := 1
	for ; ctx.Err() == nil; pause(ctx, retryWait) {
		_ = r.withChannel(func(ch *amqp.Channel) error { // it is tried again
			if err := ch.Confirm(false); err != nil {
				return err
			}
			for ; ctx.Err() == nil; n++ {
				k := key{queued, n}
				r.ledger.begin(k)
				if err := publishOne(ctx, ch, k); err != nil {
					return err
				}
				r.ledger.end(k, true)
				pause(ctx, queueEvery)
			}
			return nil
		})
	}
	r.ledger.end(key{queued, n}, false)
}

func publishOne(ctx context.Context, ch *amqp.Channel, k key) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), confirmLimit)
	defer cancel()
	body := encode(map[string]any{"data": k})
	confirm, err := ch.PublishWithDeferredConfirmWithContext(ctx, "", queueIn, true, false,
		amqp.Publishing{MessageId: fmt.Sprintf("%s-%d", k.Flow, k.N), Body: body, DeliveryMode: amqp.Persistent})
	if err != nil {
		return err
	}
	if ok, err := confirm.WaitContext(ctx); err != nil || !ok {
		return errors.Join(errors.New("not confirmed"), err)
	}
	return nil
}

// consume takes what a hook publishes until ctx ends.
func (r *rig) consume(ctx context.Context) {
	for ; ctx.Err() == nil; pause(ctx, retryWait) {
		_ = r.withChannel(func(ch *amqp.Channel) error { // it is tried again
			messages, err := ch.ConsumeWithContext(ctx, queueOut, "", false, false, false, false, nil)
			if err != nil {
				return err
			}
			for m := range messages {
				if err := m.Ack(false); err != nil {
					return err // it comes again
				}
				if k, ok := keyOf(m.Body); ok {
					r.consumed.serve(k)
				}
			}
			return nil
		})
	}
}

// withChannel opens a channel on a connection of its own and closes both after f.
func (r *rig) withChannel(f func(*amqp.Channel) error) error {
	c, err := amqp.DialConfig(r.broker.url(), amqp.Config{Heartbeat: 5 * time.Second})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	ch, err := c.Channel()
	if err != nil {
		return err
	}
	return f(ch)
}

// queueLoad runs what speaks to the broker until the contexts end: the publisher with load, the consumer with all.
func (r *rig) queueLoad(load, all context.Context, loading, work *sync.WaitGroup) {
	if r.broker == nil {
		return
	}
	loading.Go(func() { r.publishQueued(load) })
	work.Go(func() { r.consume(all) })
}
