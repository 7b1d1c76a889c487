package ingest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/budget"
)

// Bounds on bodies that are coming in. Anybody can send, as slowly as they like.
const (
	smallBody = 64 << 10 // bodies up to here are read into memory as they come
	// Larger ones wait in a file until they are complete, so that slow senders take no memory.
	spoolRoom  = 2 << 30          // for all files together
	spoolShare = 512 << 20        // for those of one destination
	largeRoom  = 32 << 20         // for all complete ones in memory; one body of the largest size always fits
	roomWait   = 10 * time.Second // how long a body waits for room before it is refused
)

// largeBodies shares out disk and memory for bodies that are not small. Room is taken in the order share, spool,
// memory, and for the whole body at once; who has memory waits for nothing. So no two bodies wait for each other.
type largeBodies struct {
	dir    string // of the files; "" means the system's directory for them
	limit  int64  // of one body
	spool  *semaphore.Weighted
	memory *semaphore.Weighted
	shares *shares
	log    *slog.Logger
}

func newLargeBodies(o *Options) largeBodies {
	limit := o.Limits.Body
	return largeBodies{dir: o.Spool, limit: limit, log: o.Log, spool: semaphore.NewWeighted(max(spoolRoom, limit)),
		memory: semaphore.NewWeighted(max(largeRoom, limit)), shares: &shares{all: map[string]*share{}}}
}

// read reads a body of at most limit bytes, which its reader sees to, and of which nothing was read yet. The memory
// counts as taken until the request has ended. of is the destination, whose bodies share room.
func (l largeBodies) read(r *http.Request, body io.Reader, of string) ([]byte, error) {
	start := make([]byte, smallBody+1)
	n, err := io.ReadFull(body, start)
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return start[:n:n], nil
	}
	if err != nil {
		return nil, err
	}
	most := l.limit
	if r.ContentLength >= 0 {
		most = min(most, r.ContentLength)
	}
	share, done := l.shares.of(of, max(spoolShare, l.limit))
	defer done()
	for _, room := range []*semaphore.Weighted{share, l.spool} {
		if err := take(r.Context(), room, most); err != nil {
			return nil, err
		}
		defer room.Release(most)
	}
	return l.readFile(r.Context(), start, body)
}

// readFile reads start and the rest of a body into a file, and then all of it into memory.
func (l largeBodies) readFile(ctx context.Context, start []byte, rest io.Reader) ([]byte, error) {
	f, err := os.CreateTemp(l.dir, "body-")
	if err != nil {
		return nil, l.spoolError(err)
	}
	_ = os.Remove(f.Name()) // so that a crash leaves nothing behind; Windows removes it only when it is closed
	defer func() {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}()
	size, err := io.Copy(f, io.MultiReader(bytes.NewReader(start), rest))
	if file := (*fs.PathError)(nil); errors.As(err, &file) {
		return nil, l.spoolError(err)
	}
	if err != nil {
		return nil, err
	}
	if err := take(ctx, l.memory, size); err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { l.memory.Release(size) })
	budget.Collect(size)
	whole := make([]byte, size)
	if _, err := f.ReadAt(whole, 0); err != nil {
		return nil, l.spoolError(err)
	}
	return whole, nil
}

// spoolError logs an error of a file and returns what the sender needs to know of it.
func (l largeBodies) spoolError(err error) error {
	l.log.Error("large body cannot be written to a file", "error", err)
	return hookyard.Errorf(hookyard.Unavailable,
		"the server cannot hold a body of this size at the moment: send it again later")
}

// take waits for room while the request lives.
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
	return nil
}

// shares has the room of each destination that bodies are coming in for.
type shares struct {
	mu  sync.Mutex
	all map[string]*share
}

type share struct {
	room  *semaphore.Weighted
	users int
}

// of returns the room of a destination. The caller must call done when it has given back what it took.
func (s *shares) of(name string, size int64) (room *semaphore.Weighted, done func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.all[name]
	if sh == nil {
		sh = &share{room: semaphore.NewWeighted(size)}
		s.all[name] = sh
	}
	sh.users++
	return sh.room, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if sh.users--; sh.users == 0 {
			delete(s.all, name)
		}
	}
}
