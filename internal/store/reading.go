package store

import (
	"context"
	"runtime/debug"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/hookyard/hookyard"
)

// Bounds on the bodies that requests read.
const (
	readRoom = 32 << 20         // bytes, for all requests
	readWait = 10 * time.Second // how long a request waits for room before it is refused
)

// request is what a request has in memory until it ends, in bytes. Its handler reads one thing after the other.
type request struct{ kept int64 }

type requestKey struct{}

// ForRequest returns the context of a request whose handler keeps what it reads until ctx ends.
func ForRequest(ctx context.Context) context.Context {
	return context.WithValue(ctx, requestKey{}, &request{})
}

// hold is the room that one reader has taken for bodies.
type hold struct {
	room    *semaphore.Weighted
	ctx     context.Context
	request *request // nil: the reader drops what it reads soon
	taken   int64
	covered bool // by what the request has already
}

// hold returns a hold without room, for the reader that ctx belongs to.
func (db *DB) hold(ctx context.Context) *hold {
	r, _ := ctx.Value(requestKey{}).(*request)
	return &hold{room: db.reading, ctx: ctx, request: r}
}

// take takes room for n bytes more, and reports whether there is room. Only a hold that has none yet waits, so that no
// two readers wait for each other, and not one of a request that reads what it has once more. The error is Unavailable,
// or that of the context.
func (h *hold) take(n int64) (bool, error) {
	n = min(n, readRoom)
	if h.covered {
		return true, nil
	}
	if h.room.TryAcquire(n) {
		h.taken += n
		return true, nil
	}
	if h.taken > 0 {
		return false, nil
	}
	if h.request != nil && h.request.kept >= n {
		h.covered = true
		return true, nil
	}
	wait, cancel := context.WithTimeout(h.ctx, readWait)
	defer cancel()
	if err := h.room.Acquire(wait, n); err != nil {
		if h.ctx.Err() != nil {
			return false, context.Cause(h.ctx)
		}
		return false, hookyard.Errorf(hookyard.Unavailable,
			"too many large bodies are being read at once: try again in a few seconds").After(readWait)
	}
	h.taken += n
	return true, nil
}

// give returns the room for n bytes, whose memory is not used any more.
func (h *hold) give(n int64) {
	if n = min(n, readRoom); !h.covered {
		h.taken -= n
		h.room.Release(n)
	}
}

// keep lets a request have the room until it ends. Others give it back: they drop what they read soon.
func (h *hold) keep() {
	n := h.taken
	if h.taken = 0; n == 0 {
		return
	}
	if h.request == nil {
		h.room.Release(n)
		return
	}
	h.request.kept += n
	context.AfterFunc(h.ctx, func() { h.room.Release(n) })
}

// loadLarge reads the body of an event that was read as eventSmall, if it is a large one. It reports whether there was
// room.
func (db *DB) loadLarge(ctx context.Context, h *hold, e *hookyard.Event) (bool, error) {
	if e.Size <= hookyard.LargeBody {
		return true, nil
	}
	if ok, err := h.take(e.Size); !ok {
		return false, err
	}
	if e.Size > largeCopy {
		debug.FreeOSMemory() // else dropped bodies of that size stay beside it until the heap has doubled
	}
	var err error
	e.Body, err = db.EventBody(ctx, e.Seq)
	return true, err
}
