package ingest

import (
	"context"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/hookyard/hookyard"
)

// Bounds on the memory for bodies that are coming in. Anybody can send, and is not known before the last byte.
const (
	smallBody = 1 << 20          // bodies up to here are not counted
	largeRoom = 96 << 20         // for all that is larger, together; one body of the largest size always fits
	roomWait  = 10 * time.Second // how long a body waits for room before it is refused
)

// largeBodies shares out the memory for large bodies.
type largeBodies struct {
	limit int64 // of one body
	room  *semaphore.Weighted
}

func newLargeBodies(limit int64) largeBodies {
	return largeBodies{limit, semaphore.NewWeighted(max(largeRoom, limit))}
}

// read reads a body of at most limit bytes, which its reader sees to, and of which nothing was read yet. Room for all of it is
// taken when it has shown to be large, at once, so that no two wait for each other; it is given back when the request has
// ended.
func (l largeBodies) read(r *http.Request, body io.Reader) ([]byte, error) {
	buf := make([]byte, 0, smallBody)
	for {
		n, err := body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return nil, err
		}
		if len(buf) < cap(buf) {
			continue
		}
		grown := 2 * int64(cap(buf))
		if known := r.ContentLength; known >= int64(cap(buf)) {
			grown = known + 1 // one more, to see the end
		}
		if len(buf) == smallBody {
			if err := l.take(r.Context(), l.need(r)); err != nil {
				return nil, err
			}
		}
		buf = append(make([]byte, 0, grown), buf...)
	}
}

// need is how much room a body needs that is already large.
func (l largeBodies) need(r *http.Request) int64 {
	if r.ContentLength > 0 {
		return min(r.ContentLength, l.limit)
	}
	return l.limit
}

// take waits for room until the request has ended.
func (l largeBodies) take(ctx context.Context, n int64) error {
	wait, cancel := context.WithTimeout(ctx, roomWait)
	defer cancel()
	if err := l.room.Acquire(wait, n); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return hookyard.Errorf(hookyard.TooMany, "too many large bodies are coming in at once: send it again in a minute")
	}
	context.AfterFunc(ctx, func() { l.room.Release(n) })
	return nil
}
