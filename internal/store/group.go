package store

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/hookyard/hookyard"
)

// op is what one caller wants done in a transaction. It may be run more than once: when a batch fails it is run again
// in smaller batches, until the op to blame stands alone.
type op interface {
	end(err error) // tells the caller, once; nil means committed
}

// transactor runs the ops of a group, from the group's goroutine.
type transactor interface {
	// run does all ops in one transaction, or none of them.
	run(batch []op) error
	// faultOf says what went wrong when run failed.
	faultOf(err error) fault
	// endCommitted is called when the connection broke: it may have broken after the commit. It ends the ops that
	// turn out to be committed and returns the others, for another connection.
	endCommitted(batch []op) []op
	// translate turns an error that one op is to blame for into what its caller is told.
	translate(err error) error
	// release drops what the last batch left in memory.
	release()
	// close gives the connection back.
	close()
}

// fault says who is to blame for a failed transaction.
type fault int

const (
	faultOp        fault = iota // one of the ops
	faultLost                   // none of them: the connection is gone
	faultConflict               // another transaction, and trying again may help
	faultTransient              // the database, which cannot do it now: disk full, read only, too busy
)

// group commits the work of many callers together: a commit costs one fsync however many share it. Its goroutine takes
// the ops that wait, runs them in one transaction, and tells every caller the outcome. The busier it is, the larger the
// batches. It does not know what the ops do.
type group struct {
	tx   transactor // owned by the goroutine
	log  *slog.Logger
	max  int // ops in a batch
	ops  chan op
	done sync.WaitGroup

	mu     sync.RWMutex // guards closed against sends on ops
	closed bool
}

// errClosed is the answer to calls after Close.
var errClosed = &hookyard.Error{Code: hookyard.Unavailable,
	Message: "the server is stopping: nothing was stored, try again"}

func newGroup(tx transactor, log *slog.Logger, maxBatch int) *group {
	g := &group{tx: tx, log: log, max: maxBatch, ops: make(chan op, maxBatch)}
	g.done.Go(g.run)
	return g
}

// close ends the goroutine after the ops that were put are done.
func (g *group) close() {
	g.mu.Lock()
	if !g.closed {
		g.closed = true
		close(g.ops)
	}
	g.mu.Unlock()
	g.done.Wait()
}

// put hands an op over; its end is called once, unless put fails.
func (g *group) put(ctx context.Context, o op) error {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.closed {
		return errClosed
	}
	select {
	case g.ops <- o:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// soloOp is an op that shares no transaction: a change of the configuration, or anything rare.
type soloOp struct {
	run  func() error
	done chan error
}

func (o *soloOp) end(err error) { o.done <- err }

// solo runs f between two batches and returns its error.
func (g *group) solo(ctx context.Context, f func() error) error {
	o := &soloOp{run: f, done: make(chan error, 1)}
	if err := g.put(ctx, o); err != nil {
		return err
	}
	return <-o.done
}

func (g *group) run() {
	defer g.tx.close()
	batch := make([]op, 0, g.max)
	last := 0
	for first := range g.ops {
		batch = g.fill(append(batch[:0], first), last)
		last = len(batch)
		g.do(batch)
		clear(batch)
		g.tx.release()
	}
}

// busyBatch is the size from which a batch counts as a crowd.
const busyBatch = 8

// In a crowd the group waits for more ops, in steps, as long as each step brings some and until there are as many as
// the last time: every caller waits a little longer, and all together cost fewer commits. Callers who come one by one
// do not wait at all.
const (
	lingerStep  = 500 * time.Microsecond
	lingerSteps = 6
)

// fill adds the ops that wait and, in a crowd, those that come soon. last is the size of the batch before.
func (g *group) fill(batch []op, last int) []op {
	batch = g.drain(batch)
	if last < busyBatch {
		return batch
	}
	for range lingerSteps {
		if len(batch) >= min(last, g.max) {
			break
		}
		before := len(batch)
		wait := time.NewTimer(lingerStep)
		<-wait.C
		if batch = g.drain(batch); len(batch) == before {
			break
		}
	}
	return batch
}

// drain adds the ops that wait.
func (g *group) drain(batch []op) []op {
	for len(batch) < g.max {
		select {
		case o, ok := <-g.ops:
			if !ok {
				return batch
			}
			batch = append(batch, o)
		default:
			return batch
		}
	}
	return batch
}

// do runs the solo ops, one by one, and commits the others together.
func (g *group) do(batch []op) {
	shared := batch[:0]
	for _, o := range batch {
		if solo, ok := o.(*soloOp); ok {
			solo.end(solo.run())
			continue
		}
		shared = append(shared, o)
	}
	if len(shared) > 0 {
		g.commit(shared, 0)
	}
}

// maxConflicts is how often a batch is tried again because another node stood in its way.
const maxConflicts = 5

// commit runs a batch in one transaction. When an op is to blame for a failure it halves the batch, so that this op
// fails alone and the others are committed. Otherwise it tries again, once after a lost connection and a few times
// after a conflict, or fails all.
func (g *group) commit(batch []op, tries int) {
	err := g.tx.run(batch)
	if err == nil {
		for _, o := range batch {
			o.end(nil)
		}
		return
	}
	switch fault := g.tx.faultOf(err); {
	case fault == faultLost && tries == 0:
		if batch = g.tx.endCommitted(batch); len(batch) > 0 {
			g.commit(batch, 1)
		}
	case fault == faultLost:
		g.log.Error("database cannot be reached", "error", err)
		fail(batch, "the database cannot be reached: nothing was stored, try again")
	case fault == faultConflict && tries < maxConflicts:
		g.commit(batch, tries+1)
	case fault != faultOp:
		g.log.Error("database cannot store anything", "error", err)
		fail(batch, "the database cannot store anything at the moment: nothing was stored, try again")
	case len(batch) == 1:
		batch[0].end(g.tx.translate(err))
	default:
		g.commit(batch[:len(batch)/2], tries)
		g.commit(batch[len(batch)/2:], tries)
	}
}

func fail(batch []op, message string) {
	err := &hookyard.Error{Code: hookyard.Unavailable, Message: message}
	for _, o := range batch {
		o.end(err)
	}
}
