package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hookyard/hookyard"
)

// op is something to be done in a transaction that many share. apply must be repeatable: when a batch fails it is run
// again in smaller batches, until the one that is to blame stands alone.
type op interface {
	end(err error) // tells the caller: nil means committed
}

// committer is the goroutine that owns a writing connection. It takes what is waiting, does it in one transaction, and
// tells everybody how it went: a commit costs one fsync however many share it. The busier it is, the larger the
// batches.
type committer struct {
	db   *DB
	max  int
	ops  chan op
	done sync.WaitGroup

	mu     sync.RWMutex // guards closed against sends on ops
	closed bool

	stmts statements // owned by the goroutine
}

// errClosed is told to those who come after Close.
var errClosed = &hookyard.Error{Code: hookyard.Unavailable,
	Message: "the server is stopping: nothing was kept, try again"}

func newCommitter(db *DB, maxBatch int) *committer {
	c := &committer{db: db, max: maxBatch, ops: make(chan op, maxBatch)}
	c.done.Go(c.run)
	return c
}

// close ends the goroutine after everything handed to it is done.
func (c *committer) close() {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		close(c.ops)
	}
	c.mu.Unlock()
	c.done.Wait()
}

// put hands an op over; its end is called once, unless put fails.
func (c *committer) put(ctx context.Context, o op) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return errClosed
	}
	select {
	case c.ops <- o:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *committer) run() {
	defer c.stmts.drop()
	batch := make([]op, 0, c.max)
	last := 0
	for first := range c.ops {
		batch = c.fill(append(batch[:0], first), last)
		last = len(batch)
		c.do(batch)
		clear(batch)
		clear(c.stmts.values[:cap(c.stmts.values)]) // lets go of the bodies
	}
}

// busyBatch is the size from which a batch says that there is a crowd.
const busyBatch = 8

// In a crowd the committer waits for more, in steps, as long as each step brings some and until there are as many as
// the last time: each of the crowd waits a little longer and all together cost fewer commits. Callers who come one by
// one do not wait at all.
const (
	lingerStep  = 500 * time.Microsecond
	lingerSteps = 6
)

// fill adds what is waiting and, in a crowd, what comes soon.
func (c *committer) fill(batch []op, last int) []op {
	batch = c.drain(batch)
	if last < busyBatch {
		return batch
	}
	for range lingerSteps {
		if len(batch) >= min(last, c.max) {
			break
		}
		before := len(batch)
		wait := time.NewTimer(lingerStep)
		<-wait.C
		if batch = c.drain(batch); len(batch) == before {
			break
		}
	}
	return batch
}

// drain adds what is waiting.
func (c *committer) drain(batch []op) []op {
	for len(batch) < c.max {
		select {
		case o, ok := <-c.ops:
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

// do runs the loners, each in a transaction of its own, and commits the rest together.
func (c *committer) do(batch []op) {
	shared := batch[:0]
	for _, o := range batch {
		if l, ok := o.(*loner); ok {
			l.end(l.run())
			continue
		}
		shared = append(shared, o)
	}
	if len(shared) > 0 {
		c.commit(shared, 0)
	}
}

// maxClashes is how often a batch is tried again because another node stood in its way.
const maxClashes = 5

// commit does a batch in one transaction. When that fails by the fault of a row it halves the batch, so that a bad row
// fails alone and the others are kept. What is nobody's fault is tried again or told to all: a lost connection once, a
// clash with another node a few times.
func (c *committer) commit(batch []op, tries int) {
	err := c.try(batch)
	switch {
	case err == nil:
		for _, o := range batch {
			o.end(nil)
		}
	case c.db.dialect.isLost(err):
		c.stmts.drop()
		if tries == 0 {
			if batch = c.dropKept(batch); len(batch) > 0 {
				c.commit(batch, 1)
			}
			return
		}
		c.db.log.Error("database cannot be reached", "error", err)
		c.fail(batch, "the database cannot be reached: nothing was kept, try again")
	case c.db.dialect.isClash(err) && tries < maxClashes:
		c.commit(batch, tries+1)
	case c.db.dialect.isPassing(err):
		c.db.log.Error("database cannot keep anything", "error", err)
		c.fail(batch, "the database cannot keep anything at the moment: nothing was kept, try again")
	case len(batch) == 1:
		batch[0].end(c.db.translate(err))
	default:
		c.commit(batch[:len(batch)/2], tries)
		c.commit(batch[len(batch)/2:], tries)
	}
}

func (c *committer) fail(batch []op, message string) {
	err := &hookyard.Error{Code: hookyard.Unavailable, Message: message}
	for _, o := range batch {
		o.end(err)
	}
}

// dropKept ends what is kept although its connection broke: it may have broken between the commit and the answer.
// Events have ids that nobody else's have. What cannot be looked at now is left in the batch, and fails with it if need
// be.
func (c *committer) dropKept(batch []op) []op {
	var accepts []*acceptOp
	var ids []any
	for _, o := range batch {
		if a, ok := o.(*acceptOp); ok {
			accepts, ids = append(accepts, a), append(ids, a.routed.Event.ID)
		}
	}
	if len(ids) == 0 {
		return batch
	}
	rows, err := c.db.read.Query("select id, seq from events where id in ("+placeholders(len(ids))+")", ids...)
	if err != nil {
		return batch
	}
	defer func() { _ = rows.Close() }()
	kept := map[string]int64{}
	for rows.Next() {
		var id string
		var seq int64
		if err := rows.Scan(&id, &seq); err != nil {
			return batch
		}
		kept[id] = seq
	}
	if rows.Err() != nil || len(kept) == 0 {
		return batch
	}
	for _, o := range accepts {
		if seq := kept[o.routed.Event.ID]; seq != 0 {
			o.routed.Event.Seq, o.receipt.Seq = seq, seq
			for i := range o.routed.Deliveries {
				o.routed.Deliveries[i].EventSeq = seq
			}
		}
	}
	c.tell(accepts)
	left := batch[:0]
	for _, o := range batch {
		if a, ok := o.(*acceptOp); ok && kept[a.routed.Event.ID] != 0 {
			o.end(nil)
			continue
		}
		left = append(left, o)
	}
	return left
}

// try does a batch in one transaction. Its order is that of the product: results first, for they free what claims may
// take, then what came in.
func (c *committer) try(batch []op) (err error) {
	ctx := context.Background() // callers who went away have not undone what they asked for
	if err := c.stmts.open(ctx, c.db.write); err != nil {
		return err
	}
	conn := c.stmts.conn
	if _, err := conn.ExecContext(ctx, c.begin()); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_, rollback := conn.ExecContext(ctx, "rollback")
			err = errors.Join(err, rollback)
		}
	}()
	var ends []*endOp
	var accepts []*acceptOp
	for _, o := range batch {
		switch o := o.(type) {
		case *endOp:
			ends = append(ends, o)
		case *acceptOp:
			accepts = append(accepts, o)
		}
	}
	for _, o := range ends {
		for _, r := range o.result.Meta {
			accepts = append(accepts, &acceptOp{routed: r, meta: true})
		}
	}
	if err := c.lockHooks(ctx, batch); err != nil {
		return fmt.Errorf("lock hooks: %w", err)
	}
	if err := c.keepEnds(ctx, ends); err != nil {
		return fmt.Errorf("finish: %w", err)
	}
	if err := c.keepAccepts(ctx, accepts); err != nil {
		return fmt.Errorf("accept: %w", err)
	}
	if len(accepts) > 0 && c.db.peers.Load() {
		if err := c.db.notify(ctx, conn, projectsOf(accepts)); err != nil {
			return fmt.Errorf("notify: %w", err)
		}
	}
	for _, o := range batch {
		if o, ok := o.(*claimOp); ok {
			if err := c.claimDue(ctx, o); err != nil {
				return fmt.Errorf("claim: %w", err)
			}
		}
	}
	if _, err := conn.ExecContext(ctx, "commit"); err != nil {
		return err
	}
	c.tell(accepts)
	for _, o := range ends {
		if o.result.HookOff != "" {
			c.db.views.reset()
			break
		}
	}
	return nil
}

// lockHooks locks the rows of all hooks that a batch will read or change, in one order on every node: those who take
// them as they come wait for each other crosswise.
func (c *committer) lockHooks(ctx context.Context, batch []op) error {
	if c.db.dialect.forUpdate == "" {
		return nil
	}
	keys := map[int64]bool{}
	for _, o := range batch {
		switch o := o.(type) {
		case *endOp:
			if o.result.Health != nil || o.result.HookOff != "" {
				keys[o.result.Work.Delivery.HookKey] = true
			}
		case *claimOp:
			keys[o.hook] = true
		}
	}
	if len(keys) == 0 {
		return nil
	}
	args := make([]any, 0, len(keys))
	for key := range keys {
		args = append(args, key)
	}
	rows, err := c.stmts.conn.QueryContext(ctx,
		"select key from hooks where key in ("+placeholders(len(args))+") order by key"+c.db.dialect.forUpdate, args...)
	if err != nil {
		return err
	}
	for rows.Next() { // each is locked as it is read
	}
	return errors.Join(rows.Err(), rows.Close())
}

func (c *committer) begin() string {
	if c.db.dialect.writers == 1 {
		return "begin immediate"
	}
	return "begin"
}

// tell wakes the readers of every project that got an event, once a batch.
func (c *committer) tell(accepts []*acceptOp) {
	var last int64
	for _, o := range accepts {
		if key := o.routed.Event.ProjectKey; key != last && !o.receipt.Duplicate {
			last = key
			c.db.committed(key)
		}
	}
}

// loner is an op that wants a transaction of its own: a change of the configuration, or anything rare.
type loner struct {
	run  func() error
	done chan error
}

func (l *loner) end(err error) { l.done <- err }

// alone runs f in a transaction of its own, between two batches.
func (c *committer) alone(ctx context.Context, f func(tx *sql.Tx) error) error {
	l := &loner{done: make(chan error, 1), run: func() error { return c.db.inTx(ctx, f) }}
	if err := c.put(ctx, l); err != nil {
		return err
	}
	return <-l.done
}

// statements are a committer's connection and what is prepared on it.
type statements struct {
	conn    *sql.Conn
	made    map[any]*sql.Stmt
	values  []any // room for rows, used again by every batch
	ignored int   // rows that the last insert with ignore left out
}

func (s *statements) open(ctx context.Context, pool *sql.DB) error {
	if s.conn != nil {
		return nil
	}
	conn, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	s.conn, s.made = conn, map[any]*sql.Stmt{}
	return nil
}

// drop gives the connection back; a broken one is closed by the pool.
func (s *statements) drop() {
	if s.conn == nil {
		return
	}
	for _, stmt := range s.made {
		_ = stmt.Close()
	}
	_ = s.conn.Close()
	s.conn, s.made = nil, nil
}

// prepare returns the statement of key, preparing text the first time.
func (s *statements) prepare(ctx context.Context, key any, text func() string) (*sql.Stmt, error) {
	if stmt := s.made[key]; stmt != nil {
		return stmt, nil
	}
	stmt, err := s.conn.PrepareContext(ctx, text())
	if err != nil {
		return nil, err
	}
	s.made[key] = stmt
	return stmt, nil
}

// exec runs a statement that is prepared once.
func (s *statements) exec(ctx context.Context, text string, args ...any) (sql.Result, error) {
	stmt, err := s.prepare(ctx, text, func() string { return text })
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}
