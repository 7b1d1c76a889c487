package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// sharedOp is an op that runs in a transaction with others.
type sharedOp interface {
	op
	join(t *sharedTx) // enters what the op wants into the transaction, which will run it
}

// sharedTx runs ops in one transaction on a connection of its own. Ops of one kind are run together, with as few
// statements as the database can do with.
type sharedTx struct {
	db    *DB
	stmts statements

	// What the ops of the batch entered.
	finishes []*finishOp
	accepts  []*acceptOp
	claims   []*claimOp
	hooks    map[int64]bool // keys of the hooks whose rows are read or changed

	tally   tally    // of the batch
	changed []Change // of the configuration, by the batch
}

// run does a batch in one transaction. Results come first, for they free what claims may take; then what came in.
func (t *sharedTx) run(ctx context.Context, batch []op) (err error) {
	if err := t.stmts.open(ctx, t.db.write); err != nil {
		return err
	}
	defer func() { // also when not even begin came through: the next try needs another connection
		if err != nil && t.db.dialect.isLost(err) {
			t.stmts.drop()
		}
	}()
	t.db.keyring.sealing.RLock()
	defer t.db.keyring.sealing.RUnlock()
	conn := t.stmts.conn
	if err := t.db.persist(ctx, func() error {
		_, err := conn.ExecContext(ctx, t.db.dialect.begin)
		return err
	}); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackWait)
			defer cancel()
			_, rollback := conn.ExecContext(ctx, "rollback")
			err = errors.Join(err, rollback)
		}
	}()
	if t.db.dialect.local { // it has the lock and waits for nobody; contexts that can end cost a goroutine a statement
		ctx = context.WithoutCancel(ctx)
	}
	t.reset()
	for _, o := range batch {
		o.(sharedOp).join(t)
	}
	if t.db.dialect.local && t.bodyBytes() > largeCopy {
		t.db.copying.Lock()
		defer t.db.copying.Unlock()
	}
	if err := t.lockHooks(ctx); err != nil {
		return fmt.Errorf("lock hooks: %w", err)
	}
	if err := t.applyFinishes(ctx); err != nil {
		return fmt.Errorf("finish: %w", err)
	}
	if err := t.applyAccepts(ctx); err != nil {
		return fmt.Errorf("accept: %w", err)
	}
	if err := t.storeTally(ctx); err != nil {
		return fmt.Errorf("count: %w", err)
	}
	if err := t.notifyProjects(ctx); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	if err := t.applyClaims(ctx); err != nil {
		return fmt.Errorf("claim: %w", err)
	}
	if _, err := conn.ExecContext(ctx, "commit"); err != nil {
		return err
	}
	t.db.faults.over()
	t.wakeReaders(t.accepts)
	if len(t.changed) > 0 {
		t.db.changed(t.changed...)
		t.logSwitchedOff()
	}
	return nil
}

// bodyBytes returns the size of the events of the batch.
func (t *sharedTx) bodyBytes() int64 {
	n := int64(0)
	for _, o := range t.accepts {
		n += o.routed.Event.Size
	}
	return n
}

func (t *sharedTx) reset() {
	t.finishes, t.accepts = t.finishes[:0], t.accepts[:0]
	t.claims = t.claims[:0]
	clear(t.hooks)
	t.tally.reset()
	t.changed = t.changed[:0]
}

// release drops the events of the last batch.
func (t *sharedTx) release() {
	clear(t.finishes[:cap(t.finishes)])
	clear(t.accepts[:cap(t.accepts)])
	clear(t.claims[:cap(t.claims)])
	clear(t.stmts.values[:cap(t.stmts.values)])
}

func (t *sharedTx) close() { t.stmts.drop() }

func (t *sharedTx) translate(err error) error { return t.db.translate(err) }

func (t *sharedTx) unavailable(message string) error { return t.db.faults.unavailable(message) }

func (t *sharedTx) faultOf(err error) fault {
	d := t.db.dialect
	switch {
	case d.isLost(err):
		return faultLost
	case d.isConflict(err):
		return faultConflict
	case d.isTransient(err), isSlow(err):
		return faultTransient
	}
	return faultOp
}

// lockHook has the row of a hook locked before anything else is done.
func (t *sharedTx) lockHook(key int64) {
	if t.db.dialect.forUpdate == "" {
		return
	}
	if t.hooks == nil {
		t.hooks = map[int64]bool{}
	}
	t.hooks[key] = true
}

// lockHooks locks the hooks of the batch in one order on every node: two nodes that lock them as they come would wait
// for each other.
func (t *sharedTx) lockHooks(ctx context.Context) error {
	if len(t.hooks) == 0 {
		return nil
	}
	args := make([]any, 0, len(t.hooks))
	for key := range t.hooks {
		args = append(args, key)
	}
	rows, err := t.stmts.conn.QueryContext(ctx,
		"select key from hooks where key in ("+placeholders(len(args))+") order by key"+t.db.dialect.forUpdate, args...)
	if err != nil {
		return err
	}
	for rows.Next() { // each is locked as it is read
	}
	return errors.Join(rows.Err(), rows.Close())
}

// notifyProjects tells the other nodes, with the commit, which projects got events.
func (t *sharedTx) notifyProjects(ctx context.Context) error {
	if len(t.accepts) == 0 || !t.db.peers.Load() {
		return nil
	}
	return t.db.notify(ctx, t.stmts.conn, projectsOf(t.accepts))
}

// wakeReaders wakes the readers of every project that got an event, once a batch.
func (t *sharedTx) wakeReaders(accepts []*acceptOp) {
	var last int64
	for _, o := range accepts {
		if key := o.routed.Event.ProjectKey; key != last && !o.receipt.Duplicate {
			last = key
			t.db.committed(key)
		}
	}
}

func (t *sharedTx) insert(ctx context.Context, into *table, values []any, ignore bool) error {
	return t.db.dialect.insert(ctx, t.stmts.conn,
		&rowSet{table: into, values: values, ignore: ignore, scratch: &t.stmts})
}

// statements are a connection and what is prepared on it.
type statements struct {
	conn    *sql.Conn
	made    map[any]*sql.Stmt
	values  []any // room for rows, used again by every batch
	ignored int   // rows that inserts with ignore left out
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

// prepare returns the statement of key, preparing text the first time. It is for SQLite: PostgreSQL's driver prepares
// by itself, where no pooler stands between.
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
