package cli

import (
	"context"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	"github.com/hookyard/hookyard/client"
)

// Bounds on a backlog, in bytes. Each event counts for at least minWaiting.
const (
	maxWaiting = 32 << 20
	minWaiting = 1 << 10
)

// backlog holds what was read from a stream and not yet handled, so that the user sees what waits behind a receiver
// that is down. One goroutine adds and another one takes; both may count.
type backlog struct {
	items  chan waiting
	room   *semaphore.Weighted
	events atomic.Int64
	full   atomic.Bool
}

// waiting is an event of a backlog, or only a cursor.
type waiting struct {
	event  *client.StreamEvent
	cursor string
	size   int64
}

func newBacklog() *backlog {
	return &backlog{items: make(chan waiting, maxWaiting/minWaiting), room: semaphore.NewWeighted(maxWaiting)}
}

// add waits until there is room.
func (b *backlog) add(ctx context.Context, w waiting) error {
	w.size = minWaiting
	if w.event != nil {
		w.size = min(maxWaiting, w.size+int64(len(w.event.Base64)+len(w.event.Data)))
	}
	if !b.room.TryAcquire(w.size) {
		b.full.Store(true)
		if err := b.room.Acquire(ctx, w.size); err != nil {
			return err
		}
		b.full.Store(false)
	}
	if w.event != nil {
		b.events.Add(1)
	}
	b.items <- w // has room: each item took minWaiting
	return nil
}

// take returns the next item, or false after the end.
func (b *backlog) take() (waiting, bool) {
	w, ok := <-b.items
	if ok {
		b.room.Release(w.size)
	}
	if w.event != nil {
		b.events.Add(-1)
	}
	return w, ok
}

// String returns the number of events, with a plus sign if more wait at the server, or "" if there are none.
func (b *backlog) String() string {
	n := b.events.Load()
	switch {
	case n == 0:
		return ""
	case b.full.Load():
		return fmt.Sprint(n) + "+"
	}
	return fmt.Sprint(n)
}
