package store

import (
	"context"
	"crypto/rand"

	"github.com/hookyard/hookyard"
)

// trialBytes is the size of what a trial stores after a group has failed: enough to need space that no table has yet.
const trialBytes = 256 << 10

// Try reports whether events and results can be stored now, by a transaction that needs what theirs need and leaves
// nothing behind. It returns nil or an error that says what is wrong, which is not for strangers. ctx bounds it, save
// for a second that SQLite cannot be interrupted in.
func (db *DB) Try(ctx context.Context) error {
	failed := db.accepts.failing.Load() || db.finishes.failing.Load()
	err := db.tx(ctx, func(tx *limitedTx) error { return db.try(ctx, tx, failed) })
	if err == nil && failed {
		db.accepts.failing.Store(false)
		db.finishes.failing.Store(false)
	}
	return err
}

// try is Try within a transaction. A disk can be full for tables that have to grow while others have room, so after a
// failure the trial is large.
func (db *DB) try(ctx context.Context, tx *limitedTx, failed bool) error {
	if db.dialect.lockTables != "" {
		if _, err := tx.ExecContext(ctx, db.dialect.lockTables); err != nil {
			return err
		}
	}
	if err := db.tryKey(ctx, tx); err != nil {
		return err
	}
	size := 1
	if failed {
		size = trialBytes
	}
	body := make([]byte, size)
	_, _ = rand.Read(body) // never fails; it must not be compressed
	// No event has a negative seq, and nobody sees a row that goes in the transaction in which it came.
	if _, err := tx.ExecContext(ctx, `insert into attempts (event_seq, hook_key, n, started, duration, url,
			request_header, request_body, request_size, status, response_header, response_body, truncated, error, kind,
			remote, timing) values ($1, 0, 0, 0, 0, '', $2, $2, 0, 0, $3, $3, $4, '', '', '', '')`,
		-db.node, body, []byte{}, false); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "delete from attempts where event_seq = $1", -db.node); err != nil {
		return err
	}
	var seq int64 // last, as all lock it: what is above must not keep others from their numbers
	return tx.QueryRowContext(ctx, "select value from counters where name = 'event_seq'"+
		db.dialect.forUpdate).Scan(&seq)
}

// tryKey fails if the secrets are sealed with a key that this node lacks: another node has changed it.
func (db *DB) tryKey(ctx context.Context, tx *limitedTx) error {
	rows, err := tx.QueryContext(ctx, "select value from key_check where name = 'key'")
	if err != nil {
		return err
	}
	values, err := collect(rows, func(row scanner) (value []byte, err error) {
		err = row.Scan(&value)
		return value, err
	})
	for _, value := range values {
		if len(value) > 0 && value[0] != 0 && !db.seal.opens(value) {
			return hookyard.Errorf(hookyard.Unavailable, "%v", errWrongKey)
		}
	}
	return err
}
