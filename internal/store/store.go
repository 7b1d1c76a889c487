// Package store stores everything hookyard knows, in SQLite or PostgreSQL: one SQL text, and a dialect for what
// differs.
//
// Two transactions carry the product, each shared by many callers at a time (group commit): [DB.Accept] stores an event
// with its deliveries before the sender gets its 2xx, and [DB.Finish] stores an attempt with the delivery's new state.
// Whatever else happens can be done again after a crash.
//
// Values are portable: times are microseconds UTC, ids are text that sorts by bytes, bodies are blobs.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/hookyard/hookyard"
)

// Options are what a [DB] needs to know besides where it is.
type Options struct {
	Key     []byte   // seals secrets at rest; any length, at least 16 bytes; empty means they are kept in clear
	OldKeys [][]byte // open what was sealed with them; one with which the database is sealed seals
	// NewKey makes and keeps the key where there is none yet; Key must be empty then. It is called only if nothing in
	// the database is sealed; otherwise Open fails.
	NewKey func() ([]byte, error)
	// Keys returns Key and OldKeys as they are now. It is called while the key is changed. Nil means that
	// they do not change.
	Keys func() ([][]byte, error)
	// ReplaceKey puts a new key in the place of Key, and Key among the old ones. If it cannot, it fails with
	// [hookyard.Conflict] and a message that says what to do. Nil means that it cannot.
	ReplaceKey func() error
	// AuditEvents marks entries of the audit log to become events, see [DB.UnsentAudit].
	AuditEvents bool
	NodeName    string           // name of this process's place, as the operator sees it
	Version     string           // of hookyard, for the list of nodes
	Clock       func() time.Time // compared with the database's; nil means time.Now
	Log         *slog.Logger     // required
	MaxBatch    int              // operations a transaction carries at most; 0 means 1000
	Decode      int64            // bytes of the largest body that search fields look into; 0 means the default
	Quotas      QuotaDefaults
	// Decompress is that of the events that are read; nil: their bodies stay compressed.
	Decompress hookyard.Decompress

	// Of PostgreSQL.
	Connections int    // at most, one of which listens; 0 means [DefaultConnections]
	Direct      string // URL for the connection that listens, past a pooler; "" means the same as for the others
}

// Connections of a node to PostgreSQL.
const (
	DefaultConnections = 17
	MinConnections     = 5
)

// DB is the store. Safe for concurrent use.
type DB struct {
	*pools
	dialect     *dialect
	seal        *sealer
	newKey      func() ([]byte, error) // until the key is made
	keyring     keyring
	auditEvents bool
	plain       hookyard.Decompress
	log         *slog.Logger
	node        int64
	name        string
	snapshots   snapshots
	watch       watch
	turn        pruneTurn
	accepts     *group
	finishes    *group // and claims; the same as accepts where one connection writes
	opened      time.Time
	decode      int64 // Options.Decode
	quotas      QuotaDefaults
	batches     atomic.Int64 // rows of count_batches by this node
	faults      faults
	scrub       scrub

	refusalsMu sync.Mutex
	refusals   tally // guarded by refusalsMu; not stored yet

	reading *semaphore.Weighted
	copying sync.Mutex // held while SQLite, which copies it twice, reads or writes a body larger than largeCopy

	notifier notifier
	peers    atomic.Bool // other nodes are alive
	version  string      // Options.Version
	clock    func() time.Time
	clockOff atomic.Bool // it differs much from the database's
	pulse    pulse

	seenNodes atomic.Int64 // sum of the keys of the nodes that were seen last

	onCommit atomic.Pointer[func(projectKey int64)]
	onChange atomic.Pointer[func(Change)]
	onDue    atomic.Pointer[func(hookKey int64)]
	onNodes  atomic.Pointer[func(lost bool)]
}

// pools are the connections to a database.
type pools struct {
	read  reader
	write *sql.DB   // that of read on PostgreSQL
	lock  io.Closer // of the file; nil on PostgreSQL
	// listen receives messages on a connection of its own, until ctx ends or the connection breaks; nil on SQLite.
	listen func(ctx context.Context, s session) error
}

// session is what a node uses the connection that listens for.
type session struct {
	channel   string
	lock      [2]int64             // held as long as the connection lasts
	listening func() error         // called when it listens and holds the lock
	received  func(message string) // called with each message
}

// close gives back what was opened so far.
func (p *pools) close() error {
	var errs []error
	if p.write != nil {
		errs = append(errs, p.write.Close())
	}
	if p.read.DB != nil && p.read.DB != p.write {
		errs = append(errs, p.read.Close())
	}
	if p.lock != nil {
		errs = append(errs, p.lock.Close())
	}
	return errors.Join(errs...)
}

// Open opens the database at dsn, a file path or a postgres:// URL, brings its schema up to date and registers this
// node. It fails, and changes nothing, when the schema is newer than this program knows, and when the secrets in the
// database are sealed with a key that it was not given. Close it after everything that uses it has returned.
func Open(ctx context.Context, dsn string, o Options) (*DB, error) {
	d := dialectOf(dsn)
	if o.MaxBatch == 0 {
		o.MaxBatch = 1000
	}
	if o.Connections == 0 {
		o.Connections = DefaultConnections
	}
	if o.Decode == 0 {
		o.Decode = hookyard.DefaultLimits().Decode
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	opened, err := d.open(ctx, dsn, &o)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	db := &DB{pools: opened, dialect: d, log: o.Log, name: o.NodeName, opened: time.Now(), newKey: o.NewKey,
		auditEvents: o.AuditEvents, quotas: o.Quotas, reading: semaphore.NewWeighted(readRoom),
		plain: o.Decompress, decode: o.Decode, seal: newSealer(append([][]byte{o.Key}, o.OldKeys...)...)}
	db.version, db.clock = o.Version, o.Clock
	db.keyring = keyring{read: o.Keys, replace: o.ReplaceKey, wake: make(chan struct{}, 1)}
	db.snapshots.open()
	if err := db.migrate(ctx); err != nil {
		return nil, errors.Join(err, db.close())
	}
	if err := db.openNotifier(ctx); err != nil {
		return nil, errors.Join(err, db.close())
	}
	if err := db.register(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("register node: %w", err), db.close())
	}
	if err := db.resumeScrub(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("look for what was erased: %w", err), db.close())
	}
	db.pulse.beat(db.opened, false)
	db.accepts = newGroup(&sharedTx{db: db}, o.Log, o.MaxBatch)
	db.finishes = db.accepts
	if !d.oneWriter {
		db.finishes = newGroup(&sharedTx{db: db}, o.Log, o.MaxBatch)
	}
	if err := db.followRotation(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// Close commits what callers wait for, releases the deliveries that this node has claimed, and closes the pools. Later
// calls fail.
func (db *DB) Close() error {
	db.lastRefusals()
	db.accepts.close()
	if db.finishes != db.accepts {
		db.finishes.close()
	}
	db.notifier.senders.Wait()
	db.leave()
	return db.close()
}

// lastRefusals stores what is counted, before the end.
func (db *DB) lastRefusals() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := db.storeRefusals(ctx); err != nil {
		db.log.Warn("the last refused requests are not counted", "error", err)
	}
}

// OnCommit calls f after each commit that added events to a project, on this node or announced by another. f must not
// block.
func (db *DB) OnCommit(f func(projectKey int64)) { db.onCommit.Store(&f) }

// OnDue calls f with the hooks that another node has deliveries for. f must not block.
func (db *DB) OnDue(f func(hookKey int64)) { db.onDue.Store(&f) }

// OnNodes calls f when nodes have come or gone, and when the heartbeats of this node are stored again after a time in
// which they were not. lost says that others took this node for dead: what it had claimed is theirs. f must not block.
func (db *DB) OnNodes(f func(lost bool)) { db.onNodes.Store(&f) }

func (db *DB) committed(projectKey int64) {
	if f := db.onCommit.Load(); f != nil {
		(*f)(projectKey)
	}
}

// Ping reads one row: it fails when the database cannot be reached.
func (db *DB) Ping(ctx context.Context) error {
	var v int64
	return db.read.QueryRowContext(ctx, "select value from counters where name = 'event_seq'").Scan(&v)
}

// Works reports whether no call failed because of the database since its last commit, on this node.
func (db *DB) Works() bool { return !db.faults.seen.Load() }

// Name returns "sqlite" or "postgres".
func (db *DB) Name() string { return db.dialect.name }

// tx runs f in a transaction of its own. The error is Unavailable when the database does not answer in time.
func (db *DB) tx(ctx context.Context, f func(tx *limitedTx) error) error {
	if !db.dialect.oneWriter {
		return db.inTx(ctx, f)
	}
	limit, cancel := patient(ctx)
	defer cancel()
	err := db.accepts.solo(limit, func() error { return db.inTx(limit, f) })
	return db.translate(err)
}

func (db *DB) inTx(ctx context.Context, f func(tx *limitedTx) error) error {
	db.keyring.sealing.RLock()
	defer db.keyring.sealing.RUnlock()
	ctx, cancel := patient(ctx)
	defer cancel()
	tx, err := db.begin(ctx)
	if err == nil {
		defer func() { _ = tx.Rollback() }() // does nothing after Commit
		if err = f(tx); err == nil {
			err = db.commit(ctx, tx)
		}
	}
	if err == nil {
		db.faults.over()
		return nil
	}
	if hookyard.CodeOf(err) == "" && ctx.Err() != nil {
		err = context.Cause(ctx) // of which the driver's error is the consequence
	}
	return db.translate(err)
}

func (db *DB) begin(ctx context.Context) (*limitedTx, error) {
	tx := &limitedTx{ctx: ctx}
	err := db.persist(ctx, func() (err error) {
		tx.Tx, err = db.write.BeginTx(ctx, nil)
		return err
	})
	if err != nil || db.dialect.limitIdle == "" {
		return tx, err
	}
	if _, err = tx.ExecContext(ctx, db.dialect.limitIdle); err != nil {
		_ = tx.Rollback()
	}
	return tx, err
}

// commit commits. When the answer is lost, the caller is told that the change may have been made.
func (db *DB) commit(ctx context.Context, tx *limitedTx) error {
	err := tx.Commit()
	if err != nil && (db.dialect.isLost(err) || errors.Is(context.Cause(ctx), errPatience)) {
		db.log.Error("the answer to a commit was lost", "error", err)
		return db.faults.unavailable(
			"the database did not answer whether the change is stored: look, and repeat it if it is not")
	}
	return err
}

// translate turns errors of the driver into those that callers branch on.
func (db *DB) translate(err error) error {
	switch {
	case err == nil || hookyard.CodeOf(err) != "":
		return err
	case err == sql.ErrNoRows:
		return hookyard.ErrNotFound
	case db.dialect.isDuplicate(err):
		return &hookyard.Error{Code: hookyard.Conflict, Message: "it exists already"}
	}
	return db.Fault(err)
}

// micros is a time as the database has it; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// fromMicros is the inverse of micros.
func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// stamp is the time of a change of the configuration: whole milliseconds, as WebGME has them, so that what is answered
// at once and what is read later are the same.
func stamp() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
