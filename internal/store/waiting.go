package store

import (
	"sync"
	"time"

	"github.com/hookyard/hookyard"
)

// Bounds on what waits for a group, beyond which more is refused. One project has at most half of each.
const (
	maxWaitingOps   = 10_000
	maxWaitingBytes = 64 << 20
)

// waiting holds the ops that wait for a group. Projects take turns, one op each, so that a project that sends thousands
// of events a second does not delay the others. The ops of one project keep their order. It is safe for concurrent use.
type waiting struct {
	wake chan struct{} // has an element when an op may wait or the end has come

	mu     sync.Mutex // guards what follows
	lines  map[int64]*line
	turns  []*line // the lines that are not empty; the first is next
	ops    int
	bytes  int64
	full   hookyard.Trouble
	closed bool
}

// line has the ops of one project.
type line struct {
	project int64
	ops     []op
	bytes   int64
}

func newWaiting() *waiting {
	return &waiting{wake: make(chan struct{}, 1), lines: map[int64]*line{}}
}

// push adds an op, or refuses it as Unavailable after close, or when too much waits and the op counts.
func (w *waiting) push(o op) error {
	project, bytes := o.cost()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return errClosed
	}
	l := w.lines[project]
	if l == nil {
		l = &line{project: project}
	}
	if bytes > 0 {
		if err := w.check(l, bytes); err != nil {
			return err
		}
	}
	if len(l.ops) == 0 {
		w.lines[project] = l
		w.turns = append(w.turns, l)
	}
	l.ops = append(l.ops, o)
	l.bytes += bytes
	w.ops++
	w.bytes += bytes
	w.notify()
	return nil
}

// check refuses an op of so many bytes if it would be too much. A single one always fits.
func (w *waiting) check(l *line, bytes int64) error {
	switch {
	case len(l.ops) > 0 && (len(l.ops) >= maxWaitingOps/2 || l.bytes+bytes > maxWaitingBytes/2):
		return hookyard.Errorf(hookyard.Unavailable,
			"%d events of this project wait for the database: nothing was stored, send it again later",
			len(l.ops)).After(w.full.Seen(time.Now()))
	case w.ops > 0 && (w.ops >= maxWaitingOps || w.bytes+bytes > maxWaitingBytes):
		return hookyard.Errorf(hookyard.Unavailable,
			"too many events wait for the database: nothing was stored, send it again later").
			After(w.full.Seen(time.Now()))
	}
	return nil
}

// pop returns the op whose turn it is and the project of it, or nil.
func (w *waiting) pop() (o op, project int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.turns) == 0 {
		return nil, 0
	}
	l := w.turns[0]
	o = l.ops[0]
	_, bytes := o.cost()
	l.ops[0] = nil
	l.ops = l.ops[1:]
	l.bytes -= bytes
	w.ops--
	w.bytes -= bytes
	w.turns[0] = nil
	w.turns = w.turns[1:]
	if len(l.ops) > 0 {
		w.turns = append(w.turns, l)
	} else {
		delete(w.lines, l.project)
	}
	return o, l.project
}

// next waits for an op and returns it; nil after close, when none is left.
func (w *waiting) next() (o op, project int64) {
	for {
		if o, project = w.pop(); o != nil {
			return o, project
		}
		w.mu.Lock()
		closed := w.closed
		w.mu.Unlock()
		if closed {
			return w.pop() // what came just before the end
		}
		<-w.wake
	}
}

func (w *waiting) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.notify()
}

func (w *waiting) notify() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}
