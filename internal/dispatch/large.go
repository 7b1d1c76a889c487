package dispatch

import (
	"context"

	"golang.org/x/sync/semaphore"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/budget"
	"github.com/hookyard/hookyard/internal/format"
)

// Bounds on large bodies in memory, each unless one body is larger.
const (
	largeRoom   = 32 << 20
	failingRoom = 16 << 20 // to hooks that fail, which may hold it until their timeout
)

// largeBodies shares out the memory for bodies larger than [hookyard.LargeBody], which are read when they are sent.
type largeBodies struct {
	healthy, failing *room
}

// room is a weighted semaphore that knows its size.
type room struct {
	size int64
	*semaphore.Weighted
}

// newLargeBodies returns room for bodies of at most limit bytes.
func newLargeBodies(limit int64) largeBodies {
	newRoom := func(size int64) *room { return &room{size, semaphore.NewWeighted(size)} }
	return largeBodies{newRoom(max(largeRoom, limit)), newRoom(max(failingRoom, limit))}
}

// loadLarge reads the body of w if it is large and the hook's format needs it, when there is room for it. failing says
// that the last attempt to send to the hook failed. release drops the body.
func (d *Dispatcher) loadLarge(ctx context.Context, h *hookyard.Hook, w *hookyard.Work, failing bool) (release func(),
	err error) {
	if w.Event.Size <= hookyard.LargeBody {
		return func() {}, nil
	}
	snapshot, err := d.o.Hooks.SnapshotByKey(ctx, h.ProjectKey)
	if err != nil {
		return nil, err
	}
	if !format.NeedsBody(snapshot.Project.EffectiveFormat(h), w.Event.Size, d.o.Decoding.Limit()) {
		return func() {}, nil
	}
	in := d.large.healthy
	if failing {
		in = d.large.failing
	}
	n := min(w.Event.Size, in.size) // an envelope, or a limit that was lowered, can make an event larger
	if err := in.Acquire(ctx, n); err != nil {
		return nil, err
	}
	release = func() {
		w.Event.Body = nil
		in.Release(n)
	}
	budget.Collect(n)
	if w.Event.Body, err = d.o.Deliveries.EventBody(ctx, w.Event.Seq); err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// heldBytes returns the bytes of an event that a claimed delivery holds in memory.
func heldBytes(e *hookyard.Event) int64 {
	if e.Size > hookyard.LargeBody {
		return 0
	}
	return e.Size
}
