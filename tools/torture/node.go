//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/hookyard/hookyard/client"
)

// stopGrace is how long a node may take to stop after SIGTERM: twice the server's own grace.
const stopGrace = 20 * time.Second

// node is one hookyard, a process of its own behind a proxy. It keeps its port across restarts.
type node struct {
	name   string
	binary string
	port   int
	args   []string
	env    []string
	log    string
	front  *proxy // between clients and the node
	back   *proxy // between the node and its database; nil with SQLite
	client *client.Client

	mu      sync.Mutex // guards what follows
	process *process   // nil before the first start
	frozen  []span     // when the process was stopped
}

// span is a stretch of time. It lasts while to is zero.
type span struct{ from, to time.Time }

// nodeConfig says what a node is made of.
type nodeConfig struct {
	name, binary, dir string
	database          func(back *proxy) string // URL or file
	backend           string                   // address of the database; "" without one
	key               string                   // file of the secret key
}

// newNode prepares a node. It does not start it.
func newNode(c nodeConfig) (*node, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	n := &node{name: c.name, binary: c.binary, port: port, log: filepath.Join(c.dir, c.name+".log")}
	if n.front, err = newProxy(loopback(port)); err != nil {
		return nil, err
	}
	if c.backend != "" {
		if n.back, err = newProxy(c.backend); err != nil {
			n.front.close()
			return nil, err
		}
	}
	// Each node's client has its own connections, so that one's trouble stays its own.
	h := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: requestLimit}
	n.client, err = client.New("http://"+n.front.addr(), "", client.WithHTTPClient(h), client.WithRetries(0))
	if err != nil {
		return nil, err
	}
	n.args = []string{"serve", "--dev", "--listen", loopback(port), "--data", filepath.Join(c.dir, c.name),
		"--secret-key-file", c.key, "--database", c.database(n.back), "--node-name", c.name, "--log-level", "warn"}
	return n, nil
}

// start starts the process and returns at once.
func (n *node) start() error {
	p, err := command{path: n.binary, args: n.args, env: n.env, log: n.log}.start()
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.process = p
	return nil
}

// current returns the process that was started last, or nil.
func (n *node) current() *process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.process
}

// ready waits until the node answers.
func (n *node) ready(ctx context.Context, limit time.Duration) error {
	var ended error
	err := until(ctx, limit, func() error {
		if !n.current().alive() {
			ended = &failure{fmt.Sprintf("%s ended: %s", n.name, tail(n.log))}
			return nil
		}
		_, err := n.client.Info(ctx)
		return err
	})
	if ended == nil && err != nil {
		ended = &failure{fmt.Sprintf("%s does not answer: %v", n.name, err)}
	}
	return ended
}

// kill ends the process as a power cut would.
func (n *node) kill() { n.current().stop(syscall.SIGKILL, 0) }

// freeze stops the process, and thaw lets it go on.
func (n *node) freeze() error {
	n.mu.Lock()
	n.frozen = append(n.frozen, span{from: time.Now()})
	n.mu.Unlock()
	return n.current().signal(syscall.SIGSTOP)
}

func (n *node) thaw() error {
	err := n.current().signal(syscall.SIGCONT)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.frozen[len(n.frozen)-1].to = time.Now()
	return err
}

// running returns how much of the time between from and to the process was not frozen: a process that is stopped from
// outside cannot answer, and is not blamed for it.
func (n *node) running(from, to time.Time) time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	return to.Sub(from) - overlap(n.frozen, from, to)
}

// overlap returns how much of the time between from and to lies in spans, which do not overlap each other.
func overlap(spans []span, from, to time.Time) time.Duration {
	var sum time.Duration
	for _, s := range spans {
		end := s.to
		if end.IsZero() || end.After(to) {
			end = to
		}
		begin := s.from
		if begin.Before(from) {
			begin = from
		}
		sum += max(0, end.Sub(begin))
	}
	return sum
}

func (n *node) close() {
	if p := n.current(); p != nil {
		p.stop(syscall.SIGTERM, stopGrace)
	}
	n.front.close()
	if n.back != nil {
		n.back.close()
	}
}

func (n *node) isFrozen() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.frozen) > 0 && n.frozen[len(n.frozen)-1].to.IsZero()
}
