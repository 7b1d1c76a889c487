package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/hookyard/hookyard"
)

// PutListener makes the hook of a listener, or gives the one there is a new URL and time to live; h then has its key.
// Hooks that have expired go. It fails with [hookyard.Conflict] when a hook of that id is no listener's, and with
// [hookyard.Invalid] when the project would have more than max hooks.
func (db *DB) PutListener(ctx context.Context, h *hookyard.Hook, max int) error {
	renewed, err := db.renewListener(ctx, h)
	if err != nil || renewed {
		return err
	}
	if err := db.expireHooks(ctx, time.Now()); err != nil {
		return err
	}
	return db.CreateHook(ctx, h, max)
}

// renewListener leaves the version of the configuration alone: routing does not ask a hook without events for more, and
// every node would read every project again each minute.
func (db *DB) renewListener(ctx context.Context, h *hookyard.Hook) (renewed bool, err error) {
	err = db.tx(ctx, func(tx *sql.Tx) error {
		had, err := db.scanHook(tx.QueryRowContext(ctx,
			"select "+hookColumns+" from hooks where project_key = $1 and id = $2 and deleted = 0"+
				db.dialect.forUpdate, h.ProjectKey, h.ID))
		if hookyard.CodeOf(err) == hookyard.NotFound {
			return nil
		}
		if err != nil {
			return err
		}
		if !had.IsListener() {
			return hookyard.Errorf(hookyard.Conflict, "hook %s is not a listener's", h.ID)
		}
		had.URL, had.UpdatedAt = h.URL, stamp()
		expires := micros(h.ExpiresAt)
		had.ExpiresAt = fromMicros(expires)
		_, sealed, err := db.encodeHook(had)
		if err != nil {
			return err
		}
		renewed, *h = true, *had
		_, err = tx.ExecContext(ctx, "update hooks set secrets = $1, expires = $2, updated = $3 where key = $4", sealed,
			expires, micros(had.UpdatedAt), had.Key)
		return err
	})
	return renewed, err
}

// DeleteListener deletes the hook of a listener. What it recorded stays. It fails with [hookyard.ErrNotFound] when
// there is none, or when the hook of that id is no listener's.
func (db *DB) DeleteListener(ctx context.Context, projectKey int64, id string) error {
	h, err := db.Hook(ctx, projectKey, id)
	if err != nil {
		return err
	}
	if !h.IsListener() {
		return hookyard.ErrNotFound
	}
	return db.DeleteHook(ctx, projectKey, id)
}

// expireHooks deletes the hooks whose time has passed: those of listeners that were not renewed, as their command was
// killed, and those that were made for a while.
func (db *DB) expireHooks(ctx context.Context, now time.Time) error {
	hooks, err := db.hooksWhere(ctx, "deleted = 0 and expires <> 0 and expires < $1", micros(now))
	if err != nil {
		return err
	}
	for _, h := range hooks {
		if err := db.expireHook(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

// expireHook deletes a hook unless it was changed, perhaps renewed, since it was read.
func (db *DB) expireHook(ctx context.Context, h *hookyard.Hook) error {
	return db.change(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx,
			"update hooks set deleted = $1, revision = revision + 1 where key = $2 and updated = $3 and deleted = 0",
			time.Now().UnixMicro(), h.Key, micros(h.UpdatedAt))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		return audit(ctx, tx, h.ProjectKey, hookyard.Actor(ctx), "hook.delete", h.ID, "expired")
	})
}

// RecordForwarded keeps a try that a listener made, a.EventSeq to a.HookKey, and the delivery it belongs to, in one
// transaction: the first try makes the delivery, each further one is the next of its attempts, and the last says its
// state. a.N is filled. It fails with [hookyard.ErrNotFound] when the event or the hook is gone.
func (db *DB) RecordForwarded(ctx context.Context, projectKey int64, a *hookyard.Attempt, state hookyard.State,
	reason string) error {
	return db.txPlain(ctx, func(c conn) error {
		// The event's row is held, so that it is not taken away between this look and the commit.
		var seq int64
		err := c.QueryRowContext(ctx, "select seq from events where seq = $1 and project_key = $2"+db.dialect.forUpdate,
			a.EventSeq, projectKey).Scan(&seq)
		if err != nil {
			return err
		}
		if err := c.QueryRowContext(ctx, "select key from hooks where key = $1 and project_key = $2 and deleted = 0",
			a.HookKey, projectKey).Scan(&seq); err != nil {
			return err
		}
		err = c.QueryRowContext(ctx, `insert into deliveries (event_seq, hook_key, project_key, state, reason, due, node, attempts, tries, updated)
			values ($1, $2, $3, $4, $5, 0, 0, 1, 1, $6)
			on conflict (event_seq, hook_key) do update set state = excluded.state, reason = excluded.reason, due = 0, node = 0,
				attempts = deliveries.attempts + 1, tries = deliveries.tries + 1, updated = excluded.updated
			returning attempts`, a.EventSeq, a.HookKey, projectKey, string(state), reason, micros(a.StartedAt.Add(a.Duration))).Scan(&a.N)
		if err != nil {
			return err
		}
		_, err = c.ExecContext(ctx,
			"insert into attempts ("+attemptsTable.names()+") values ("+placeholders(len(attemptsTable.columns))+")",
			db.appendAttempt(nil, a)...)
		return err
	})
}
