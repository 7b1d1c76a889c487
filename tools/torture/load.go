//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/hookyard/hookyard/client"
)

const (
	project = "guest/torture" // in dev mode it appears on first use

	// requestLimit is when a client gives up waiting for an answer.
	requestLimit = 60 * time.Second

	publishers   = 16
	orderedEvery = 500 * time.Millisecond
	retryWait    = 200 * time.Millisecond
)

// load publishes events at a steady rate. Like a careful sender it repeats what was not acknowledged, under the same
// id and to the next node, until it is or until the load ends.
type load struct {
	nodes  []*node
	ledger *ledger
	rate   float64 // plain events a second
	seed   uint64
}

// run publishes until ctx ends.
func (l *load) run(ctx context.Context) {
	keys := make(chan key)
	var all sync.WaitGroup
	for i := range publishers {
		random := rand.New(rand.NewPCG(l.seed, uint64(i)))
		all.Go(func() {
			for k := range keys {
				l.publish(ctx, k, i, random)
			}
		})
	}
	all.Go(func() {
		random := rand.New(rand.NewPCG(l.seed, publishers))
		for n := 1; ctx.Err() == nil; n++ {
			l.publish(ctx, key{ordered, n}, n, random)
			pause(ctx, orderedEvery)
		}
	})
	defer all.Wait()
	defer close(keys)
	every := time.Duration(float64(time.Second) / l.rate)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		select {
		case <-ctx.Done():
			return
		case keys <- key{plain, n}: // all publishers may be waiting: then the rate falls
		}
	}
}

// publish publishes one event. at is the node to begin with.
func (l *load) publish(ctx context.Context, k key, at int, random *rand.Rand) {
	size := random.IntN(1500)
	if random.IntN(100) == 0 {
		size = 100_000
	}
	p := client.Publication{ID: fmt.Sprintf("%s-%d", k.Flow, k.N), Type: eventType(k.Flow),
		Data: encode(payload{key: k, Pad: strings.Repeat("x", size)})}
	l.ledger.begin(k)
	for ; ; at++ {
		n := l.nodes[at%len(l.nodes)]
		began := time.Now()
		// The load's end does not cut off a request: what was asked is waited for.
		_, err := n.client.Publish(context.WithoutCancel(ctx), project, p)
		l.ledger.answer(statusOf(err), n.running(began, time.Now()))
		if err == nil || ctx.Err() != nil {
			l.ledger.end(k, err == nil)
			return
		}
		pause(ctx, retryWait)
	}
}

// statusOf names what a client was told: a status, or how the connection failed.
func statusOf(err error) string {
	var answered *client.Error
	var n net.Error
	switch {
	case err == nil:
		return "202"
	case errors.As(err, &answered) && answered.Status == http.StatusServiceUnavailable && answered.RetryAfter == 0:
		return "503 without Retry-After"
	case errors.As(err, &answered):
		return fmt.Sprint(answered.Status)
	case errors.As(err, &n) && n.Timeout():
		return "no answer"
	}
	return "connection lost" // or not to be had: the proxy in front takes it and lets it go
}
