package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hookyard/hookyard"
)

// register creates a node for this process. A node is one run of a process, whatever its name: two processes of one
// name, as in a rolling update, are two nodes. What dead nodes had claimed is released.
func (db *DB) register(ctx context.Context) error {
	return db.inTx(ctx, func(tx *limitedTx) error {
		err := tx.QueryRowContext(ctx,
			"insert into nodes (name, version, started, seen) values ($1, $2, "+db.dialect.now+", "+db.dialect.now+
				") returning key", db.name, db.version).Scan(&db.node)
		if err != nil {
			return err
		}
		if db.dialect.oneProcess { // all others are gone
			if _, err := tx.ExecContext(ctx, "delete from nodes where key <> $1", db.node); err != nil {
				return err
			}
			return freeClaimed(ctx, tx)
		}
		if err := db.reapEarlier(ctx, tx); err != nil {
			return err
		}
		var twins int
		if err := tx.QueryRowContext(ctx, "select count(*) from nodes where name = $1 and key <> $2", db.name,
			db.node).Scan(&twins); err != nil {
			return err
		}
		if twins > 0 {
			db.log.Warn("another process with this --node-name is running; it keeps its deliveries until it ends",
				"name", db.name)
		}
		return nil
	})
}

// reap deletes the nodes that are dead and releases what they had claimed. The evidence is long silence, or a lock
// that is free: PostgreSQL releases it when the process ends. The lock is also free for a moment while a living node
// reconnects, so a node must be silent for some time, too. Neither counts while this node's own heartbeats have just
// begun: what kept them away may have kept away those of the others.
func (db *DB) reap(ctx context.Context, c conn, now time.Time) (reaped bool, err error) {
	silent, locked := db.pulse.patience(now)
	res, err := c.ExecContext(ctx, "delete from nodes where key <> $1 and (seen < "+db.dialect.now+" - $2 or "+
		"session = 1 and seen < "+db.dialect.now+" - $3 and "+fmt.Sprintf(db.dialect.unlocked, "$4")+")",
		db.node, silent.Microseconds(), locked.Microseconds(), db.notifier.lock)
	if err != nil {
		return false, err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return false, err
	}
	return true, freeClaimed(ctx, c)
}

// reapEarlier is reap for an earlier process of this name, which probably was just restarted: the lock is enough.
func (db *DB) reapEarlier(ctx context.Context, c conn) error {
	_, err := c.ExecContext(ctx, "delete from nodes where key <> $1 and session = 1 and name = $2 and "+
		fmt.Sprintf(db.dialect.unlocked, "$3"), db.node, db.name, db.notifier.lock)
	if err != nil {
		return err
	}
	return freeClaimed(ctx, c)
}

// leave deletes this node and releases what it still has claimed.
func (db *DB) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := db.inTx(ctx, func(tx *limitedTx) error {
		if _, err := tx.ExecContext(ctx, "delete from nodes where key = $1", db.node); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "update deliveries set node = 0 where state = 'pending' and node = $1", db.node)
		return err
	})
	if err != nil {
		db.log.Warn("deliveries of this node are not released; its successor does it", "error", err)
	}
}

// freeClaimed lets every node claim what dead nodes had claimed.
func freeClaimed(ctx context.Context, c conn) error {
	_, err := c.ExecContext(ctx,
		"update deliveries set node = 0 where state = 'pending' and node > 0 and node not in (select key from nodes)")
	return err
}

// Run keeps the node alive and the database in shape until ctx ends: heartbeats, dead nodes, what other nodes say and
// do, checkpoints, work on search fields. Faults of the database are logged and tried again.
func (db *DB) Run(ctx context.Context) error {
	var beside sync.WaitGroup
	defer beside.Wait()
	beside.Go(func() { db.followKeys(ctx) })
	beside.Go(func() { db.runFields(ctx) })
	if db.listen != nil {
		beside.Go(func() { db.listenToNodes(ctx) })
	}
	if db.dialect.outdated != "" {
		beside.Go(func() { db.keepStatistics(ctx) }) // ANALYZE of a large table must not delay a heartbeat
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	look := time.NewTicker(time.Second)
	defer look.Stop()
	expire := time.NewTicker(time.Hour)
	defer expire.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-beat.C:
			err = db.beat(ctx)
		case <-expire.C:
			err = db.expireCounts(ctx, time.Now())
		case <-look.C:
			err = errors.Join(db.storeRefusals(ctx), db.foldCounts(ctx))
			if db.dialect.checkpoints {
				err = errors.Join(err, db.checkpoint(ctx), db.scrubbed(ctx))
			}
			if !db.dialect.oneProcess {
				err = errors.Join(err, db.watchConfig(ctx))
			}
		}
		if err != nil && ctx.Err() == nil {
			db.log.Warn("database upkeep failed; trying again", "error", err)
		}
	}
}

// keepStatistics runs analyze until ctx ends.
func (db *DB) keepStatistics(ctx context.Context) {
	look := time.NewTicker(10 * time.Second)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		if err := db.analyze(ctx); err != nil && ctx.Err() == nil {
			db.log.Warn("ANALYZE failed; trying again", "error", err)
		}
	}
}

// analyze makes the statistics of tables anew that have grown or changed by a fifth. The statements of the way of an
// event do without, but lists read whole tables when PostgreSQL takes a large one for empty, and its own autovacuum is
// late on a new database, or off.
func (db *DB) analyze(ctx context.Context) error {
	rows, err := db.read.QueryContext(ctx, db.dialect.outdated)
	if err != nil {
		return err
	}
	tables, err := collect(rows, func(row scanner) (name string, err error) {
		err = row.Scan(&name)
		return name, err
	})
	if err != nil {
		return err
	}
	for _, name := range tables {
		// Another node may be at it.
		if _, err := db.write.ExecContext(ctx, "analyze (skip_locked) "+pgx.Identifier{name}.Sanitize()); err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) beat(ctx context.Context) error {
	if db.dialect.oneProcess {
		return nil // no other node looks
	}
	began := time.Now()
	var lost, reaped bool
	var ahead, session int64
	if db.notifier.session.Load() {
		session = 1
	}
	err := db.inTx(ctx, func(tx *limitedTx) error {
		err := tx.QueryRowContext(ctx, "update nodes set seen = "+db.dialect.now+", session = $2, clock = $3 - "+
			db.dialect.now+" where key = $1 returning clock", db.node, session, micros(db.clock())).Scan(&ahead)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err != nil { // believed dead; what we had is others' now, and our results of it will be refused
			lost = true
			if _, err := tx.ExecContext(ctx,
				"insert into nodes (key, name, started, seen, session, version) values ($1, $2, $3, "+db.dialect.now+
					", $4, $5)", db.node, db.name, micros(db.opened), session, db.version); err != nil {
				return err
			}
		}
		reaped, err = db.reap(ctx, tx, began)
		return err
	})
	if err != nil {
		return err
	}
	db.warnOfClock(time.Duration(ahead) * time.Microsecond)
	if lost {
		db.log.Warn("other nodes took this one for dead, and send what it had claimed", "node", db.name)
		db.nodesChanged(true) // before it may send again
	}
	if resumed := db.pulse.beat(began, session == 1); resumed || reaped {
		db.nodesChanged(false)
	}
	return nil
}

// Alive reports whether this node may send what it has claimed. A node whose heartbeats the database has not stored for
// a while may be taken for dead by others.
func (db *DB) Alive() bool {
	return db.dialect.oneProcess || db.pulse.alive(time.Now(), db.notifier.session.Load())
}

func (db *DB) nodesChanged(lost bool) {
	if f := db.onNodes.Load(); f != nil {
		(*f)(lost)
	}
}

// walPages is the length of the write-ahead log, in pages, from which the writer itself makes a checkpoint: 8 MiB. What
// the log takes is missing for the database on a small disk, and when none is left, neither can be written.
const walPages = 1 << 10

// checkpoint copies the write-ahead log into the database beside the writer. While the writer goes on, a checkpoint
// never reaches the end of the log and the log never starts over; so, when it is long, the little that is left is
// copied between two batches, and the next write starts the log over.
func (db *DB) checkpoint(ctx context.Context) error {
	var busy, pages, done int64
	row := "pragma wal_checkpoint(passive)"
	if err := db.write.QueryRowContext(ctx, row).Scan(&busy, &pages, &done); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if pages < walPages {
		return nil
	}
	return db.accepts.solo(ctx, func() error {
		return db.write.QueryRowContext(ctx, row).Scan(&busy, &pages, &done)
	})
}

// Nodes lists the nodes that are alive.
func (db *DB) Nodes(ctx context.Context) ([]hookyard.Node, error) {
	rows, err := db.read.QueryContext(ctx, `select key, name, version, started, seen, clock, `+db.dialect.now+`,
		coalesce((select min(due) from deliveries where node = nodes.key and state = 'pending'), 0)
		from nodes order by key`)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(row scanner) (n hookyard.Node, err error) {
		var key, started, seen, clock, now, due int64
		err = row.Scan(&key, &n.Name, &n.Version, &started, &seen, &clock, &now, &due)
		n.Self = key == db.node
		if n.Self && db.dialect.oneProcess { // it sends no heartbeats
			seen = now
		}
		if due > 0 {
			n.Lag = hookyard.Duration(max(0, now-due) * int64(time.Microsecond))
		}
		n.Started, n.Seen = fromMicros(started), fromMicros(seen)
		n.Clock = hookyard.Duration(clock * int64(time.Microsecond))
		return n, err
	})
}

// clockWarning is from which difference to the database's clock a node warns.
const clockWarning = 5 * time.Second

// warnOfClock logs that this node's clock is ahead of the database's, or behind it, once until it is right again.
func (db *DB) warnOfClock(ahead time.Duration) {
	if off := ahead.Abs() > clockWarning; off != db.clockOff.Swap(off) && off {
		db.log.Warn("the clocks of this node and of the database differ: synchronize them, by NTP say", "node", db.name,
			"ahead", ahead.Round(time.Millisecond))
	}
}

// Size returns the bytes the database takes.
func (db *DB) Size(ctx context.Context) (int64, error) {
	var n int64
	err := db.read.QueryRowContext(ctx, db.dialect.size).Scan(&n)
	return n, err
}

// Version says which database it is, such as "SQLite 3.54.1", and which version its schema has.
func (db *DB) Version(ctx context.Context) (database string, schema int, err error) {
	err = db.read.QueryRowContext(ctx,
		"select "+db.dialect.version+", (select max(version) from schema_version)").Scan(&database, &schema)
	return database, schema, err
}

// txPlain is tx for statements that need no more than a connection.
func (db *DB) txPlain(ctx context.Context, f func(c conn) error) error {
	return db.tx(ctx, func(tx *limitedTx) error { return f(tx) })
}
