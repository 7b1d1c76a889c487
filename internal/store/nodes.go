package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// register creates a node for this process. A node is one run of a process, whatever its name: two processes of one
// name, as in a rolling update, are two nodes. What dead nodes had claimed is released.
func (db *DB) register(ctx context.Context) error {
	return db.inTx(ctx, func(tx *limitedTx) error {
		err := tx.QueryRowContext(ctx,
			"insert into nodes (name, started, seen) values ($1, "+db.dialect.now+", "+db.dialect.now+") returning key",
			db.name).Scan(&db.node)
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
				err = errors.Join(err, db.checkpoint(ctx))
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
	err := db.inTx(ctx, func(tx *limitedTx) error {
		session := int64(0)
		if db.notifier.session.Load() {
			session = 1
		}
		res, err := tx.ExecContext(ctx, "update nodes set seen = "+db.dialect.now+", session = $2 where key = $1",
			db.node, session)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil {
			return err
		} else if n == 0 { // believed dead; what we had is others' now, and our results of it will be refused
			lost = true
			if _, err := tx.ExecContext(ctx,
				"insert into nodes (key, name, started, seen, session) values ($1, $2, $3, "+db.dialect.now+", $4)",
				db.node, db.name, micros(db.opened), session); err != nil {
				return err
			}
		}
		reaped, err = db.reap(ctx, tx, began)
		return err
	})
	if err != nil {
		return err
	}
	if lost {
		db.log.Warn("other nodes took this one for dead, and send what it had claimed", "node", db.name)
		db.nodesChanged(true) // before it may send again
	}
	if resumed := db.pulse.beat(began); resumed || reaped {
		db.nodesChanged(false)
	}
	return nil
}

// Alive reports whether this node may send what it has claimed. A node whose heartbeats the database has not stored for
// a while may be taken for dead by others.
func (db *DB) Alive() bool { return db.dialect.oneProcess || db.pulse.alive(time.Now()) }

func (db *DB) nodesChanged(lost bool) {
	if f := db.onNodes.Load(); f != nil {
		(*f)(lost)
	}
}

// watchConfig drops what is remembered when another node has changed the configuration, and sees who is there.
func (db *DB) watchConfig(ctx context.Context) error {
	var v, nodes, sum int64
	err := db.read.QueryRowContext(ctx, `select value, (select count(*) from nodes),
		(select coalesce(sum(key), 0)::bigint from nodes) from counters where name = 'config_version'`).Scan(&v, &nodes,
		&sum)
	if err != nil {
		return err
	}
	db.peers.Store(nodes > 1)
	if db.seenNodes.Swap(sum) != sum {
		db.nodesChanged(false)
	}
	if db.snapshots.version.Swap(v) != v {
		db.snapshots.reset()
		if f := db.onChange.Load(); f != nil {
			(*f)()
		}
	}
	return nil
}

// walPages is the length of the write-ahead log, in pages, from which the writer itself makes a checkpoint.
const walPages = 16 << 10

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

// NodeInfo describes a node for the status page.
type NodeInfo struct {
	Name    string
	Started time.Time
	Seen    time.Time
	Self    bool
}

// Nodes lists the nodes that are alive.
func (db *DB) Nodes(ctx context.Context) ([]NodeInfo, error) {
	rows, err := db.read.QueryContext(ctx, "select key, name, started, seen from nodes order by key")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []NodeInfo
	for rows.Next() {
		var n NodeInfo
		var key, started, seen int64
		if err := rows.Scan(&key, &n.Name, &started, &seen); err != nil {
			return nil, err
		}
		n.Started = fromMicros(started)
		n.Seen = fromMicros(seen)
		n.Self = key == db.node
		out = append(out, n)
	}
	return out, rows.Err()
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
