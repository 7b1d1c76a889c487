package store

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookyard/hookyard"
)

// op is what one caller wants done in a transaction. It may be run more than once: when a batch fails it is run again
// in smaller batches, until the op to blame stands alone.
type op interface {
	// end tells the caller the outcome, once; nil means committed.
	end(err error)
	// cost returns the project that the op is for, or 0, and the memory that it takes while it waits. An op that takes
	// none, such as a result, is never refused.
	cost() (project, bytes int64)
	// take reports whether the caller still waits. It is called once, before the op is run for the first time.
	take() bool
}

// transactor runs the ops of a group, from the group's goroutine.
type transactor interface {
	// run does all ops in one transaction, or none of them. It fails when ctx ends.
	run(ctx context.Context, batch []op) error
	// faultOf says what went wrong when run failed.
	faultOf(err error) fault
	// endCommitted is called when the connection broke: it may have broken after the commit. It ends the ops that
	// turn out to be committed and returns the others, for another connection.
	endCommitted(batch []op) []op
	// translate turns an error that one op is to blame for into what its caller is told.
	translate(err error) error
	// unavailable returns what callers are told when no op is to blame.
	unavailable(message string) error
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
	ops  *waiting
	done sync.WaitGroup

	failing atomic.Bool // the last batch failed, and no op is to blame

	// Owned by the goroutine.
	perOp   time.Duration // what an op of a large batch took of late
	project int64         // of the last op that had one
	mixed   time.Time     // when an op of another project than the one before came
	crowd   crowd         // of the batch
	hurry   bool          // the batch before took all of its time
}

// errClosed is the answer to calls after Close.
var errClosed = &hookyard.Error{Code: hookyard.Unavailable,
	Message: "the server is stopping: nothing was stored, try again"}

func newGroup(tx transactor, log *slog.Logger, maxBatch int) *group {
	g := &group{tx: tx, log: log, max: maxBatch, ops: newWaiting()}
	g.done.Go(g.run)
	return g
}

// close ends the goroutine after the ops that were put are done.
func (g *group) close() {
	g.ops.close()
	g.done.Wait()
}

// put hands an op over; its end is called once, unless put fails or the op was abandoned. It does not wait. The error
// is Unavailable, or the one of ctx.
func (g *group) put(ctx context.Context, o op) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return g.ops.push(o)
}

// soloOp is an op that shares no transaction: a change of the configuration, or anything rare.
type soloOp struct {
	run  func() error
	done chan error
	left atomic.Bool // the queue: it is to be run, or was abandoned
}

func (o *soloOp) end(err error) { o.done <- err }

func (*soloOp) cost() (project, bytes int64) { return 0, 0 }

func (o *soloOp) take() bool { return !o.left.Swap(true) }

// solo runs f between two batches and returns its error. When ctx ends before f is run, it is not, and the error is
// the cause.
func (g *group) solo(ctx context.Context, f func() error) error {
	o := &soloOp{run: f, done: make(chan error, 1)}
	if err := g.put(ctx, o); err != nil {
		return err
	}
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
		if o.take() {
			return context.Cause(ctx)
		}
	}
	return <-o.done
}

func (g *group) run() {
	defer g.tx.close()
	batch := make([]op, 0, g.max)
	last := 0
	for {
		first, project := g.ops.next()
		if first == nil {
			return
		}
		g.crowd = crowd{}
		batch = g.fill(g.add(batch[:0], first, project), last)
		last = len(batch)
		began := time.Now()
		g.do(batch)
		if last >= busyBatch {
			g.perOp = (3*g.perOp + time.Since(began)/time.Duration(last)) / 4
		}
		clear(batch)
		g.tx.release()
	}
}

// add adds an op to a batch, if its caller still waits.
func (g *group) add(batch []op, o op, project int64) []op {
	if project != 0 && project != g.project {
		g.project = project
		g.mixed = time.Now()
	}
	if !o.take() {
		return batch
	}
	g.crowd.add(project)
	return append(batch, o)
}

// crowd finds the project that has more than half of the ops of a batch, by Boyer and Moore's majority vote.
type crowd struct {
	project int64 // if one has the majority, it is this one
	votes   int   // for it, less those of others
	others  bool  // there are ops of other projects, too
}

func (c *crowd) add(project int64) {
	switch {
	case project == 0:
	case c.votes == 0:
		c.others = c.others || c.project != 0 && c.project != project
		c.project, c.votes = project, 1
	case c.project == project:
		c.votes++
	default:
		c.others = true
		c.votes--
	}
}

// hasQuiet reports whether a few ops are among many of one project.
func (c *crowd) hasQuiet() bool { return c.others && c.votes >= busyBatch }

// While several projects send, a batch is to take no longer than mixedTime: what a loud project has waiting does not
// delay the others by more. One project alone gets batches as large as there can be, which cost less.
const (
	mixedTime  = 4 * time.Millisecond
	mixedBatch = 16 // at least
	mixedFor   = 10 * time.Second
)

// limit returns how many ops the next batch may have.
func (g *group) limit() int {
	if g.perOp <= 0 || time.Since(g.mixed) > mixedFor {
		return g.max
	}
	return min(g.max, max(mixedBatch, int(mixedTime/g.perOp)))
}

// busyBatch is the size from which a batch counts as a crowd.
const busyBatch = 8

// In a crowd the group waits for more ops, in steps, as long as each step brings some and until there are as many as
// the last time: every caller waits a little longer, and all together cost fewer commits. Callers who come one by one
// do not wait at all, nor does a caller of another project than the crowd's.
const (
	lingerStep  = 500 * time.Microsecond
	lingerSteps = 6
)

// fill adds the ops that wait and, in a crowd, those that come soon. last is the size of the batch before.
func (g *group) fill(batch []op, last int) []op {
	most := g.limit()
	batch = g.drain(batch, most)
	if last < busyBatch {
		return batch
	}
	for range lingerSteps {
		if len(batch) >= min(last, most) || g.crowd.hasQuiet() {
			break
		}
		before := len(batch)
		wait := time.NewTimer(lingerStep)
		<-wait.C
		if batch = g.drain(batch, most); len(batch) == before {
			break
		}
	}
	return batch
}

// drain adds ops that wait, until there are most.
func (g *group) drain(batch []op, most int) []op {
	for len(batch) < most {
		o, project := g.ops.pop()
		if o == nil {
			return batch
		}
		batch = g.add(batch, o, project)
	}
	return batch
}

// do runs the solo ops, one by one, and commits the others together.
func (g *group) do(batch []op) {
	limit := patience
	if g.hurry {
		limit = hurried
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), limit, errPatience)
	defer cancel()
	defer func() { g.hurry = !g.hurry && ctx.Err() != nil }() // what comes after a hurried batch has waited for it only
	shared := batch[:0]
	for _, o := range batch {
		if solo, ok := o.(*soloOp); ok {
			solo.end(solo.run())
			continue
		}
		shared = append(shared, o)
	}
	if len(shared) > 0 {
		g.commit(ctx, shared, 0)
	}
}

// maxConflicts is how often a batch is tried again because another node stood in its way.
const maxConflicts = 5

// commit runs a batch in one transaction. When an op is to blame for a failure it halves the batch, so that this op
// fails alone and the others are committed. Otherwise it tries again, once after a lost connection and a few times
// after a conflict, or fails all.
func (g *group) commit(ctx context.Context, batch []op, tries int) {
	err := g.tx.run(ctx, batch)
	if err == nil {
		g.failing.Store(false)
		for _, o := range batch {
			o.end(nil)
		}
		return
	}
	f := g.tx.faultOf(err)
	if f == faultLost && tries == 0 {
		if batch = g.tx.endCommitted(batch); len(batch) == 0 {
			return
		}
	}
	late := ctx.Err() != nil
	switch {
	case f == faultLost && tries == 0 && !late:
		g.commit(ctx, batch, 1)
	case f == faultLost:
		g.log.Error("database cannot be reached", "error", err)
		g.fail(batch, g.tx.unavailable("the database cannot be reached: nothing was stored, try again"))
	case f == faultConflict && tries < maxConflicts && !late:
		g.commit(ctx, batch, tries+1)
	case f != faultOp || late:
		g.log.Error("database cannot store anything", "error", err)
		g.fail(batch, g.tx.unavailable(
			"the database cannot store anything at the moment: nothing was stored, try again"))
	case len(batch) == 1:
		batch[0].end(g.tx.translate(err))
	default:
		g.commit(ctx, batch[:len(batch)/2], tries)
		g.commit(ctx, batch[len(batch)/2:], tries)
	}
}

// fail ends the ops of a batch that none of them is to blame for.
func (g *group) fail(batch []op, err error) {
	g.failing.Store(true)
	for _, o := range batch {
		o.end(err)
	}
}
