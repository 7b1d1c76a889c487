package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookyard/hookyard"
)

// Bounds on how long a caller waits for a database that is frozen or locked. All together stay below ten seconds.
const (
	patience     = 7 * time.Second // for a transaction, from when it is asked for, or for a read
	hurried      = 2 * time.Second // for a batch after one that took all of its time: its callers waited for that, too
	acceptWait   = 8 * time.Second // for a place in a batch
	outcomeWait  = time.Second     // for the outcome of a batch after acceptWait
	lookWait     = time.Second     // for a look whether something was stored
	rollbackWait = time.Second
)

// errPatience is the cause of a context that ended because the database took too long.
var errPatience = errors.New("the database does not answer in time")

// patient bounds the time of a transaction.
func patient(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, patience, errPatience)
}

// reader reads, each query for a limited time if limit is not 0.
type reader struct {
	*sql.DB
	limit    time.Duration
	prepared *sync.Map // query -> *sql.Stmt; nil: the driver knows what it has prepared
}

// QueryContext is that of [sql.DB]. The time of the query includes the reading of its rows.
func (r reader) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return r.DB.QueryContext(r.limited(ctx), query, args...)
}

// queryPrepared is QueryContext for a query that is made often, of which there are few.
func (r reader) queryPrepared(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if r.prepared == nil {
		return r.QueryContext(ctx, query, args...)
	}
	known, ok := r.prepared.Load(query)
	if !ok {
		stmt, err := r.PrepareContext(context.WithoutCancel(ctx), query)
		if err != nil {
			return nil, err
		}
		if known, ok = r.prepared.LoadOrStore(query, stmt); ok {
			_ = stmt.Close()
		}
	}
	return known.(*sql.Stmt).QueryContext(r.limited(ctx), args...)
}

// QueryRowContext is that of [sql.DB].
func (r reader) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return r.DB.QueryRowContext(r.limited(ctx), query, args...)
}

func (r reader) limited(ctx context.Context) context.Context {
	if r.limit == 0 {
		return ctx
	}
	ctx, cancel := context.WithTimeoutCause(ctx, r.limit, errPatience)
	context.AfterFunc(ctx, cancel) // not before: the caller reads the rows later
	return ctx
}

// limitedTx is a transaction whose statements end with its time, whatever their own contexts say.
type limitedTx struct {
	*sql.Tx
	ctx context.Context
}

// ExecContext is that of [sql.Tx].
func (t *limitedTx) ExecContext(_ context.Context, query string, args ...any) (sql.Result, error) {
	return t.Tx.ExecContext(t.ctx, query, args...)
}

// QueryContext is that of [sql.Tx].
func (t *limitedTx) QueryContext(_ context.Context, query string, args ...any) (*sql.Rows, error) {
	return t.Tx.QueryContext(t.ctx, query, args...)
}

// QueryRowContext is that of [sql.Tx].
func (t *limitedTx) QueryRowContext(_ context.Context, query string, args ...any) *sql.Row {
	return t.Tx.QueryRowContext(t.ctx, query, args...)
}

// persist repeats what begins a transaction while the database is locked by another process, until ctx ends. SQLite
// itself waits a second each time, and cannot be interrupted.
func (db *DB) persist(ctx context.Context, begin func() error) error {
	for {
		err := begin()
		if err == nil || ctx.Err() != nil || !db.dialect.isBusy(err) {
			return err
		}
	}
}

// faults knows since when the database fails. It is safe for concurrent use.
type faults struct {
	seen atomic.Bool // the trouble may not be over

	mu      sync.Mutex // guards trouble
	trouble hookyard.Trouble
}

// unavailable returns an Unavailable error that asks the caller to wait, longer the longer the database fails.
func (f *faults) unavailable(message string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen.Store(true)
	return hookyard.Errorf(hookyard.Unavailable, "%s", message).After(f.trouble.Seen(time.Now()))
}

// over is called when the database has done something.
func (f *faults) over() {
	if !f.seen.CompareAndSwap(true, false) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.trouble.Over()
}

// Fault returns Unavailable for an error of a database that is away, locked, full or too slow, which it logs, and else
// err.
func (db *DB) Fault(err error) error {
	d := db.dialect
	if err == nil || hookyard.CodeOf(err) != "" || !d.isLost(err) && !d.isTransient(err) && !isSlow(err) {
		return err
	}
	db.log.Error("database cannot do what is asked", "error", err)
	return db.faults.unavailable("the database cannot do this at the moment: try again")
}

func isSlow(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errPatience)
}
