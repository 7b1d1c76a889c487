//go:build linux

package main

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/hookyard/hookyard/client"
)

// listener follows the project's stream by its cursor. It comes back to the next node when a stream ends.
type listener struct {
	nodes []*node
	first int // node to begin with

	mu   sync.Mutex // guards what follows
	seen map[key]int
	gaps int // that the server told of
}

func newListener(nodes []*node, first int) *listener {
	return &listener{nodes: nodes, first: first, seen: map[key]int{}}
}

// run follows until ctx ends.
func (l *listener) run(ctx context.Context) {
	cursor := ""
	for at := l.first; ctx.Err() == nil; at++ {
		c, err := streamClient(l.nodes[at%len(l.nodes)])
		if err != nil {
			return
		}
		cursor, _ = c.Stream(ctx, project, client.StreamQuery{After: cursor, Since: "all"}, nil, l.note) // come back
		pause(ctx, retryWait)
	}
}

// streamClient returns a client of the node without an overall timeout, which would end streams.
func streamClient(n *node) (*client.Client, error) { return client.New("http://"+n.front.addr(), "") }

func (l *listener) note(e client.StreamEvent) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.Gap != nil {
		l.gaps++
		return nil
	}
	if k, ok := keyOf(e.Base64); ok {
		l.seen[k]++
	}
	return nil
}

// missed counts the acknowledged events that the listener has not seen.
func (l *listener) missed(acked []ack) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, a := range acked {
		if l.seen[a.key] == 0 {
			n++
		}
	}
	return n
}

// auditLimit bounds how long reading everything that is kept may take.
const auditLimit = 2 * time.Minute

// audit reads everything that the server keeps and counts how often each event is there. It publishes one last event
// and reads up to it.
func audit(ctx context.Context, n *node) (map[key]int, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, auditLimit, errors.New("what is kept could not be read in time"))
	defer cancel()
	last := "audit-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	err := until(ctx, auditLimit, func() error {
		_, err := n.client.Publish(ctx, project, client.Publication{ID: last, Type: "load.end", Data: encode(last)})
		return err
	})
	if err != nil {
		return nil, err
	}
	c, err := streamClient(n)
	if err != nil {
		return nil, err
	}
	l := newListener(nil, 0)
	errEnd := errors.New("the last event was read")
	for cursor := ""; !errors.Is(err, errEnd); {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		cursor, err = c.Stream(ctx, project, client.StreamQuery{After: cursor, Since: "all"}, nil,
			func(e client.StreamEvent) error {
				if e.Type == "load.end" {
					return errEnd
				}
				return l.note(e)
			})
	}
	return l.seen, nil
}
