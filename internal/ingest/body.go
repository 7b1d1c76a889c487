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
	smallBody  = 64 << 10         // bodies up to here are not counted
	middleBody = 1 << 20          // bodies up to here share middleRoom, as do the beginnings of what is larger
	middleRoom = 32 << 20         // together
	largeRoom  = 32 << 20         // for all that is larger, together; one body of the largest size always fits
	roomWait   = 10 * time.Second // how long a body waits for room before it is refused
)

// largeBodies shares out the memory for bodies that are not small. Who has middle room may wait for large room, and who
// has large room waits for nothing: no two wait for each other.
type largeBodies struct {
	limit         int64 // of one body
	middle, large *semaphore.Weighted
}

func newLargeBodies(limit int64) largeBodies {
	return largeBodies{limit, semaphore.NewWeighted(middleRoom), semaphore.NewWeighted(max(largeRoom, limit))}
}

// read reads a body of at most limit bytes, which its reader sees to, and of which nothing was read yet. It grows when
// what has arrived fills it, so that a length that is only announced takes nothing. The room is given back when the
// request has ended.
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
		size, err := l.grow(r, int64(len(buf)))
		if err != nil {
			return nil, err
		}
		buf = append(make([]byte, 0, size), buf...)
	}
}

// grow says how large the next buffer is for a body that has filled the one of so many bytes, and takes room for it:
// for all that may come within the step, at once. One byte more than that lets the end be seen.
func (l largeBodies) grow(r *http.Request, have int64) (size int64, err error) {
	whole, known := l.limit, r.ContentLength >= have
	if known {
		whole = min(r.ContentLength, l.limit)
	}
	switch have {
	case smallBody:
		step := min(whole, middleBody)
		return step + 1, take(r.Context(), l.middle, step)
	case middleBody + 1:
		err = take(r.Context(), l.large, whole)
		if known {
			return whole + 1, err
		}
	}
	return min(2*have, l.limit+1), err
}

// take waits for room until the request has ended.
func take(ctx context.Context, room *semaphore.Weighted, n int64) error {
	wait, cancel := context.WithTimeout(ctx, roomWait)
	defer cancel()
	if err := room.Acquire(wait, n); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return hookyard.Errorf(hookyard.Unavailable,
			"too many large bodies are coming in at once: send it again in a few seconds")
	}
	context.AfterFunc(ctx, func() { room.Release(n) })
	return nil
}
