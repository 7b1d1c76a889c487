//go:build unix

package rabbitmq

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/testenv"
)

// node is a RabbitMQ of the test's own, which can be killed and started again.
type node struct {
	t       *testing.T
	url     string
	program string
	environ []string
	cmd     *exec.Cmd
	out     bytes.Buffer
	done    chan struct{} // closed when the process is gone
}

// newNode starts a node with its own name, ports and folder, next to whatever runs on this machine.
func newNode(t *testing.T) *node {
	t.Helper()
	dir := t.TempDir()
	port := testenv.Port(t)
	n := &node{t: t, url: fmt.Sprintf("amqp://guest:guest@127.0.0.1:%d/", port),
		program: testenv.Program(t, "/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server")}
	for name, content := range map[string]string{"enabled_plugins": "[].\n", "rabbitmq.conf": "", "env.conf": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n.environ = append(os.Environ(), "HOME="+dir, "ERL_EPMD_ADDRESS=127.0.0.1",
		fmt.Sprintf("RABBITMQ_NODENAME=hookyard-test-%d@localhost", port), fmt.Sprintf("RABBITMQ_NODE_PORT=%d", port),
		fmt.Sprintf("RABBITMQ_DIST_PORT=%d", testenv.Port(t)), "RABBITMQ_NODE_IP_ADDRESS=127.0.0.1",
		"RABBITMQ_MNESIA_BASE="+dir, "RABBITMQ_LOG_BASE="+dir, "RABBITMQ_LOGS=-",
		"RABBITMQ_ENABLED_PLUGINS_FILE="+filepath.Join(dir, "enabled_plugins"),
		"RABBITMQ_CONFIG_FILE="+filepath.Join(dir, "rabbitmq"),
		"RABBITMQ_CONF_ENV_FILE="+filepath.Join(dir, "env.conf"),
		// No daemon that would outlive the test: where none runs, the node does not start.
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}")
	t.Cleanup(n.kill)
	if !n.start() {
		t.Skipf("a private RabbitMQ does not start: %.2000s", n.out.String())
	}
	return n
}

// start starts the node and waits until it serves; false when it ended instead.
func (n *node) start() bool {
	n.out.Reset()
	n.cmd = exec.Command(n.program)
	n.cmd.Env = n.environ
	n.cmd.Stdout, n.cmd.Stderr = &n.out, &n.out
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the script's children, too, are ours to end
	n.cmd.WaitDelay = 5 * time.Second
	if err := n.cmd.Start(); err != nil {
		n.t.Skip(err)
	}
	cmd, done := n.cmd, make(chan struct{})
	n.done = done
	go func() {
		_ = cmd.Wait() // killed
		close(done)
	}()
	up := false
	testenv.Until(n.t, "RabbitMQ to start", func() bool {
		select {
		case <-done:
			return true
		default:
		}
		conn, err := amqp.Dial(n.url)
		if up = err == nil; up {
			_ = conn.Close()
		}
		return up
	})
	return up
}

// kill ends the node as a crash does.
func (n *node) kill() {
	if n.done == nil {
		return
	}
	_ = syscall.Kill(-n.cmd.Process.Pid, syscall.SIGKILL) // the group that start made
	<-n.done
}

// TestRestartUnderLoad kills the broker and starts it again while messages flow both ways. What it confirmed to us and
// what it has for us is neither lost nor, thanks to the ids, there twice.
func TestRestartUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a RabbitMQ three times")
	}
	t.Parallel()
	n := newNode(t)
	const in, out = "in", "out"
	const messages = 3000
	r := newRig(t, nil)
	s := r.source(t, "in", "", hookyard.QueueSource{URL: n.url, Queue: in, Declare: true,
		Arguments: map[string]any{"x-queue-type": "quorum"}})
	r.connected(t, s)

	var sent, published atomic.Int64
	var work sync.WaitGroup
	work.Go(func() { publishAll(t, n.url, in, messages, &published) })
	b := newBroker(t)
	h := &hookyard.Hook{Key: 1, URL: n.url, Timeout: 10 * time.Second,
		RabbitMQ: &hookyard.RabbitMQ{Queue: out, Declare: true, Arguments: map[string]any{"x-queue-type": "quorum"}}}
	for w := range 8 {
		work.Go(func() {
			for i := w; i < messages; i += 8 {
				id := fmt.Sprint("evt_", i)
				testenv.Until(t, "the broker to take "+id, func() bool { return send(t, b, h, id, id).OK() })
				sent.Add(1)
			}
		})
	}
	for _, at := range []int64{messages / 4, messages / 2} {
		testenv.Until(t, "some load", func() bool { return sent.Load() >= at && published.Load() >= at })
		n.kill()
		if !n.start() {
			t.Fatalf("RabbitMQ did not start again: %.2000s", n.out.String())
		}
	}
	work.Wait()

	ids := map[string]bool{}
	for _, e := range r.events(t, messages) { // not one more, either
		ids[string(e.Body)] = true
	}
	if len(ids) != messages {
		t.Errorf("%d of %d messages became events", len(ids), messages)
	}
	if rf, err := r.db.Refused(t.Context(), r.snapshot.Project.Key, "", 10); err != nil || len(rf) > 0 {
		t.Errorf("refused: %v, %v", rf, err)
	}
	ch := channel(t, n.url)
	clear(ids)
	for {
		d, ok, err := ch.Get(out, true)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		ids[d.MessageId] = true
	}
	if len(ids) != messages {
		t.Errorf("%d of %d confirmed messages are in the queue", len(ids), messages)
	}
}

// publishAll publishes until every message is confirmed, over as many connections as it takes.
func publishAll(t *testing.T, url, queue string, n int, published *atomic.Int64) {
	for i := 0; i < n; {
		conn, err := amqp.Dial(url)
		if err != nil {
			pause(t.Context(), 50*time.Millisecond)
			continue
		}
		i += publishSome(conn, queue, i, n, published)
		_ = conn.Close()
	}
}

func publishSome(conn *amqp.Connection, queue string, from, to int, published *atomic.Int64) (done int) {
	ch, err := conn.Channel()
	if err != nil || ch.Confirm(false) != nil {
		return 0
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for i := from; i < to; i++ {
		id := fmt.Sprint("m", i)
		c, err := ch.PublishWithDeferredConfirmWithContext(ctx, "", queue, true, false,
			amqp.Publishing{MessageId: id, Body: []byte(id), DeliveryMode: amqp.Persistent})
		if err != nil {
			return done
		}
		if ok, err := c.WaitContext(ctx); err != nil || !ok {
			return done
		}
		done++
		published.Add(1)
	}
	return done
}
