package store

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hookyard/hookyard"
)

// erasedReason is why the pending deliveries of an erased event end.
const erasedReason = "the event was erased"

// eraseTries is how often events are erased again because results of their deliveries were being stored.
const eraseTries = 5

var errEraseConflict = hookyard.Errorf(hookyard.Unavailable,
	"results of these events' deliveries are being stored: try again")

// EraseEvents deletes events of a project, with their deliveries, attempts and values of search fields, and returns how
// many there were. Pending deliveries are canceled first; canceled is how many. The guard against duplicates stays: an
// event that comes again is still recognised by its key. subject and detail are for the audit log.
//
// SQLite overwrites what is deleted. Within seconds its write-ahead log is emptied, as soon as nothing reads from it,
// and a small database is compacted. On PostgreSQL that is up to VACUUM.
func (db *DB) EraseEvents(ctx context.Context, projectKey int64, seqs []int64, subject, detail string) (erased,
	canceled int, err error) {
	err = errEraseConflict
	for tries := 0; err == errEraseConflict && tries < eraseTries; tries++ {
		err = db.erasing(ctx, projectKey, func(c conn) (err error) {
			erased, canceled, err = db.eraseEvents(ctx, c, projectKey, seqs, subject, detail)
			if err != nil && db.dialect.isConflict(err) {
				return errEraseConflict
			}
			return err
		})
	}
	return erased, canceled, err
}

// erasing runs f in a transaction after which nothing is left of what it deletes of a project, neither in files nor in
// the memory of any node.
func (db *DB) erasing(ctx context.Context, projectKey int64, f func(c conn) error) error {
	err := db.changeOf(ctx, func(tx *limitedTx) ([]Change, error) {
		if err := db.overwriteDeleted(ctx, tx); err != nil {
			return nil, err
		}
		return []Change{ofErased(projectKey)}, f(tx)
	})
	db.scrub.erased()
	return err
}

func (db *DB) eraseEvents(ctx context.Context, tx conn, projectKey int64, seqs []int64, subject,
	detail string) (erased, canceled int, err error) {
	args, list := params{projectKey}, make([]any, len(seqs))
	for i, seq := range seqs {
		list[i] = seq
	}
	rows, err := tx.QueryContext(ctx, "select seq from events where project_key = $1 and seq in ("+args.list(list)+
		") order by seq"+db.dialect.forUpdate, args...)
	if err != nil {
		return 0, 0, err
	}
	there, err := scanSeqs(rows)
	if err != nil || len(there) == 0 {
		return 0, 0, err
	}
	if canceled, err = db.cancelAll(ctx, tx, erasedReason, there); err != nil {
		return 0, 0, err
	}
	if _, err := db.deleteSettled(ctx, tx, there); err != nil {
		return 0, 0, err
	}
	what := fmt.Sprintf("%s, %s canceled", hookyard.Count(len(there), "event"), hookyard.Count(canceled, "delivery"))
	if detail != "" {
		what = detail + ": " + what
	}
	return len(there), canceled, db.audit(ctx, tx, projectKey, hookyard.Actor(ctx), "event.erase", subject, what)
}

// cancelAll cancels what is pending of events, also what a node has claimed, and returns how many deliveries that were.
func (db *DB) cancelAll(ctx context.Context, c conn, reason string, seqs []any) (int, error) {
	args := params{reason, time.Now().UnixMicro()}
	return db.endRows(ctx, c, hookyard.Canceled, "update deliveries set "+
		endAs("deliveries", "'canceled'", "cast($1 as text)")+", due = 0, node = 0, updated = $2 "+
		"where state = 'pending' and event_seq in ("+args.list(seqs)+")", args...)
}

// EraseRefused deletes what is kept of the requests that the sources of a project refused, as EraseEvents does. It is
// entered into the audit log if there were any.
func (db *DB) EraseRefused(ctx context.Context, projectKey int64) error {
	return db.erasing(ctx, projectKey, func(c conn) error {
		res, err := c.ExecContext(ctx, "delete from refused where project_key = $1", projectKey)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil || n == 0 {
			return err
		}
		return db.audit(ctx, c, projectKey, hookyard.Actor(ctx), "refused.erase", "refused",
			hookyard.Count(n, "request"))
	})
}

// overwriteDeleted makes SQLite overwrite what the transaction deletes, and notes that there is more to do. The
// connection goes on overwriting, which costs the few transactions that it still gets little.
func (db *DB) overwriteDeleted(ctx context.Context, c conn) error {
	if !db.dialect.checkpoints {
		return nil
	}
	var on int
	if err := c.QueryRowContext(ctx, "pragma secure_delete = on").Scan(&on); err != nil {
		return err
	}
	_, err := c.ExecContext(ctx, "insert into counters (name, value) values ('erased', 1) "+
		"on conflict (name) do update set value = 1")
	return err
}

// resumeScrub goes on with what a process that was killed left to do.
func (db *DB) resumeScrub(ctx context.Context) error {
	var left int
	err := db.read.QueryRowContext(ctx, "select count(*) from counters where name = 'erased' and value > 0").Scan(&left)
	if err == nil && left > 0 {
		db.scrub.erased()
	}
	return err
}

// scrub is what is left to do after something was erased on SQLite. The counter "erased" says so after a crash.
type scrub struct {
	log  atomic.Bool // the write-ahead log has pages from before
	file atomic.Bool // pages of indexes may have copies of values in unused space, from when they were split
}

func (s *scrub) erased() {
	s.file.Store(true)
	s.log.Store(true)
}

// scrubBytes is the size of the largest database that is compacted after something was erased: commits wait for it.
const scrubBytes = 64 << 20

// scrubbed does what is left to do after something was erased. What it cannot do now, because something reads from the
// log, the next call does.
func (db *DB) scrubbed(ctx context.Context) error {
	if !db.dialect.checkpoints || !db.scrub.log.Load() {
		return nil
	}
	size, err := db.Size(ctx)
	if err != nil {
		return err
	}
	return db.accepts.solo(ctx, func() error {
		if db.scrub.file.Swap(false) && size <= scrubBytes {
			if err := db.dialect.compact(ctx, db.write); err != nil {
				db.scrub.file.Store(true)
				return err
			}
		}
		c, err := db.write.Conn(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }()
		defer func() { _, _ = c.ExecContext(context.WithoutCancel(ctx), "pragma busy_timeout = 1000") }()
		var busy, pages, done int64
		if err := c.QueryRowContext(ctx, "pragma busy_timeout = 20").Scan(&busy); err != nil { // writers wait, too
			return err
		}
		db.scrub.log.Store(false)
		err = c.QueryRowContext(ctx, "pragma wal_checkpoint(truncate)").Scan(&busy, &pages, &done)
		if err != nil || busy != 0 {
			db.scrub.log.Store(true)
			return err
		}
		_, err = c.ExecContext(ctx, "update counters set value = 0 where name = 'erased'")
		return err
	})
}
