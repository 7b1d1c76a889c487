package store

import (
	"context"
	"time"

	"github.com/hookyard/hookyard"
)

// PutListener creates the hook of a listener, or gives the one that exists a new URL and time to live. It fills h with
// what is stored. Before it creates one it deletes hooks that have expired. It fails with [hookyard.Conflict] if the
// hook of that id is not a listener's, and else as [DB.CreateHook] does.
func (db *DB) PutListener(ctx context.Context, h *hookyard.Hook) error {
	renewed, err := db.renewListener(ctx, h)
	if err != nil || renewed {
		return err
	}
	if err := db.expireHooks(ctx, time.Now()); err != nil {
		return err
	}
	return db.CreateHook(ctx, h)
}

// renewListener does not change the version of the configuration: listeners renew each minute, and every node would
// read every project again. Routing needs nothing of a hook without events.
func (db *DB) renewListener(ctx context.Context, h *hookyard.Hook) (renewed bool, err error) {
	err = db.tx(ctx, func(tx *limitedTx) error {
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

// DeleteListener deletes the hook of a listener. Its deliveries stay. It fails with [hookyard.ErrNotFound] if there is
// none, or if the hook of that id is not a listener's.
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

// expireHooks deletes the hooks that have expired at now. Among them are those of listeners that were killed.
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

// expireHook deletes a hook unless it was changed since it was read: it may have been renewed.
func (db *DB) expireHook(ctx context.Context, h *hookyard.Hook) error {
	return db.changeOf(ctx, func(tx *limitedTx) ([]Change, error) {
		res, err := tx.ExecContext(ctx,
			"update hooks set deleted = $1, revision = revision + 1 where key = $2 and updated = $3 and deleted = 0",
			time.Now().UnixMicro(), h.Key, micros(h.UpdatedAt))
		if err != nil {
			return nil, err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return nil, err
		}
		return []Change{ofProject(h.ProjectKey)},
			db.audit(ctx, tx, h.ProjectKey, hookyard.Actor(ctx), "hook.delete", h.ID, "expired")
	})
}

// RecordForwarded stores an attempt that a listener made, of event a.EventSeq to hook a.HookKey, and sets a.N. In the
// same transaction it creates the delivery with the first attempt, and ends it in state; one that was delivered before
// stays so. It fails with [hookyard.ErrNotFound] if the event or the hook does not exist.
func (db *DB) RecordForwarded(ctx context.Context, projectKey int64, a *hookyard.Attempt, state hookyard.State,
	reason string) error {
	return db.txPlain(ctx, func(c conn) error {
		// locks the event's row, so that the pruner does not delete it before the commit
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
		h := &hookyard.Hook{Key: a.HookKey, ProjectKey: projectKey}
		if _, err := db.createDelivery(ctx, c, a.EventSeq, h, 0); err != nil {
			return err
		}
		_, err = db.endRows(ctx, c, state, "update deliveries set "+
			endAs("deliveries", "cast($1 as text)", "cast($2 as text)")+`, due = 0, node = 0, attempts = attempts + 1,
			tries = tries + 1, updated = $3 where event_seq = $4 and hook_key = $5`,
			string(state), reason, micros(a.StartedAt.Add(a.Duration)), a.EventSeq, a.HookKey)
		if err != nil {
			return err
		}
		if err := c.QueryRowContext(ctx, "select attempts from deliveries where event_seq = $1 and hook_key = $2",
			a.EventSeq, a.HookKey).Scan(&a.N); err != nil {
			return err
		}
		var counted tally
		figures := counted.of(projectKey, a.HookKey)
		figures.Attempt(a)
		figures[hookyard.CountKept] += attemptBytes(a)
		if err := db.storeTally(ctx, c, &counted); err != nil {
			return err
		}
		_, err = c.ExecContext(ctx,
			"insert into attempts ("+attemptsTable.names()+") values ("+placeholders(len(attemptsTable.columns))+")",
			db.appendAttempt(nil, a)...)
		return err
	})
}
