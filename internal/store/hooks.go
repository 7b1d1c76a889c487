package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"strconv"
	"time"

	"github.com/hookyard/hookyard"
)

const hookColumns = `key, project_key, id, uid, settings, secrets, expires, active, off_reason, health, revision,
	created, updated, deleted`

func (db *DB) hooksWhere(ctx context.Context, where string, args ...any) ([]*hookyard.Hook, error) {
	rows, err := db.read.QueryContext(ctx, "select "+hookColumns+" from hooks where "+where+" order by key", args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, db.scanHook)
}

func (db *DB) scanHook(row scanner) (*hookyard.Hook, error) {
	h := &hookyard.Hook{}
	var settings, health string
	var sealed []byte
	var expires, created, updated, deleted int64
	err := row.Scan(&h.Key, &h.ProjectKey, &h.ID, &h.UID, &settings, &sealed, &expires, &h.Active, &h.OffReason,
		&health, &h.Revision, &created, &updated, &deleted)
	if err != nil {
		return nil, db.translate(err)
	}
	var stored storedHook
	var secrets hookSecrets
	readable, err := db.seal.decode(settings, sealed, &stored, &secrets)
	if err != nil {
		return nil, err
	}
	h.Unreadable = !readable
	stored.fill(h)
	secrets.fill(h)
	if health != "" {
		if err := json.Unmarshal([]byte(health), &h.Health); err != nil {
			return nil, err
		}
	}
	h.ExpiresAt, h.Deleted = fromMicros(expires), deleted != 0
	h.CreatedAt, h.UpdatedAt = fromMicros(created), fromMicros(updated)
	return h, nil
}

// encodeHook returns the settings and the sealed column of a hook.
func (db *DB) encodeHook(h *hookyard.Hook) (settings string, sealed []byte, err error) {
	return db.seal.encode(storeHook(h))
}

// encodeHealth returns the health column of a hook.
func encodeHealth(h *hookyard.Health) (string, error) {
	if *h == (hookyard.Health{}) {
		return "", nil
	}
	b, err := json.Marshal(h)
	return string(b), err
}

// Hook returns a hook of a project, with its health, or [hookyard.ErrNotFound]. It reads the database and not the
// cache.
func (db *DB) Hook(ctx context.Context, projectKey int64, id string) (*hookyard.Hook, error) {
	hooks, err := db.hooksWhere(ctx, "project_key = $1 and id = $2 and deleted = 0", projectKey, id)
	if err != nil {
		return nil, err
	}
	if len(hooks) == 0 {
		return nil, hookyard.ErrNotFound
	}
	return hooks[0], nil
}

// Hooks returns the hooks of a project, with their health, in the order in which they were created. It reads the
// database and not the cache.
func (db *DB) Hooks(ctx context.Context, projectKey int64) ([]*hookyard.Hook, error) {
	return db.hooksWhere(ctx, "project_key = $1 and deleted = 0", projectKey)
}

// CreateHook creates a hook and sets its key, revision and times. It fails with [hookyard.Conflict] if the project has
// a hook with that id, and with [hookyard.TooMany] beyond the hooks that the project or its owner may have.
func (db *DB) CreateHook(ctx context.Context, h *hookyard.Hook) error {
	return db.changeProject(ctx, h.ProjectKey, func(tx *limitedTx) error {
		if err := db.createHook(ctx, tx, h); err != nil {
			return err
		}
		return db.checkHooks(ctx, tx, h.ProjectKey, 1)
	})
}

func (db *DB) createHook(ctx context.Context, tx *limitedTx, h *hookyard.Hook) error {
	settings, sealed, err := db.encodeHook(h)
	if err != nil {
		return err
	}
	now := stamp()
	expires := micros(h.ExpiresAt)
	err = tx.QueryRowContext(ctx, `insert into hooks (project_key, id, settings, secrets, expires, active, off_reason,
			health, revision, created, updated, deleted, uid)
		values ($1, $2, $3, $4, $5, $6, $7, '', 1, $8, $8, 0, $9) returning key`,
		h.ProjectKey, h.ID, settings, sealed, expires, h.Active, h.OffReason, micros(now), h.UID).Scan(&h.Key)
	if err != nil {
		if db.dialect.isDuplicate(err) {
			if h.UID != "" {
				return hookyard.Errorf(hookyard.Conflict, "hook [%s], or another one with uid %s, exists already",
					h.ID, h.UID)
			}
			return hookyard.Errorf(hookyard.Conflict, "hook already exists [%s]", h.ID)
		}
		return err
	}
	h.Revision, h.ExpiresAt = 1, fromMicros(expires)
	h.CreatedAt, h.UpdatedAt = now, now
	var zero storedRow
	if zero.settings, zero.sealed, err = db.encodeHook(&hookyard.Hook{}); err != nil {
		return err
	}
	var what changes
	what.addRow(db.seal, zero, storedRow{settings, sealed})
	what.add("uid", "", h.UID)
	return db.audit(ctx, tx, h.ProjectKey, hookyard.Actor(ctx), "hook.create", h.ID, what.String())
}

// UpdateHook reads a hook, calls f to change it and stores the result, in one transaction. Of two calls at the same
// time the second sees the change of the first. If f fails, nothing is changed. It fails with [hookyard.ErrNotFound]
// if there is no such hook, and with [hookyard.Conflict] if its revision is not ifRevision; 0 means any revision.
// action is entered into the audit log.
func (db *DB) UpdateHook(ctx context.Context, projectKey int64, id string, ifRevision int64, action string,
	f func(h *hookyard.Hook) error) (*hookyard.Hook, error) {
	var out *hookyard.Hook
	err := db.changeProject(ctx, projectKey, func(tx *limitedTx) error {
		h, err := db.scanHook(tx.QueryRowContext(ctx,
			"select "+hookColumns+" from hooks where project_key = $1 and id = $2 and deleted = 0"+
				db.dialect.forUpdate, projectKey, id))
		if err != nil {
			return err
		}
		if ifRevision != 0 && ifRevision != h.Revision {
			return hookyard.Errorf(hookyard.Conflict,
				"hook %s was changed by somebody else: it is at revision %d, not %d", id, h.Revision, ifRevision)
		}
		var before, after storedRow
		if before.settings, before.sealed, err = db.encodeHook(h); err != nil {
			return err
		}
		wasActive, uid := h.Active, h.UID
		if err := f(h); err != nil {
			return err
		}
		if err := db.updateHook(ctx, tx, h); err != nil {
			return err
		}
		if after.settings, after.sealed, err = db.encodeHook(h); err != nil {
			return err
		}
		var what changes
		what.add("active", strconv.FormatBool(wasActive), strconv.FormatBool(h.Active))
		what.add("uid", uid, h.UID)
		what.addRow(db.seal, before, after)
		out = h
		return db.audit(ctx, tx, projectKey, hookyard.Actor(ctx), action, h.ID, what.String())
	})
	return out, err
}

// updateHook stores a hook under its next revision.
func (db *DB) updateHook(ctx context.Context, tx *limitedTx, h *hookyard.Hook) error {
	settings, sealed, err := db.encodeHook(h)
	if err != nil {
		return err
	}
	health, err := encodeHealth(&h.Health)
	if err != nil {
		return err
	}
	h.UpdatedAt = stamp()
	h.Revision++
	expires := micros(h.ExpiresAt)
	h.ExpiresAt = fromMicros(expires)
	_, err = tx.ExecContext(ctx, `update hooks set settings = $1, secrets = $2, expires = $3, active = $4,
			off_reason = $5, health = $6, revision = $7, updated = $8, uid = $10
		where key = $9`, settings, sealed, expires, h.Active, h.OffReason, health, h.Revision, micros(h.UpdatedAt),
		h.Key, h.UID)
	if db.dialect.isDuplicate(err) {
		return hookyard.Errorf(hookyard.Conflict, "another hook of the project has uid %s", h.UID)
	}
	return err
}

// DeleteHook deletes a hook, or fails with [hookyard.ErrNotFound]. Its deliveries stay as history. The dispatcher
// cancels those that are pending.
func (db *DB) DeleteHook(ctx context.Context, projectKey int64, id string) error {
	return db.changeProject(ctx, projectKey, func(tx *limitedTx) error {
		h, err := db.scanHook(tx.QueryRowContext(ctx,
			`update hooks set deleted = $1, revision = revision + 1 where project_key = $2 and id = $3 and deleted = 0
				returning `+hookColumns, time.Now().UnixMicro(), projectKey, id))
		if err != nil {
			return err
		}
		var what changes
		what.add("url", hookyard.URLOrigin(h.URL), "")
		return db.audit(ctx, tx, projectKey, hookyard.Actor(ctx), "hook.delete", id, what.String())
	})
}

// Thread returns the value that [DB.SetThread] stored for a hook and a resource, or "".
func (db *DB) Thread(ctx context.Context, hookKey int64, resource string) (string, error) {
	var thread string
	err := db.read.QueryRowContext(ctx, "select thread from threads where hook_key = $1 and resource = $2", hookKey,
		resource).Scan(&thread)
	if err == sql.ErrNoRows {
		return "", nil
	}
	return thread, err
}

// SetThread stores a value for a hook and a resource, such as the thread of a chat that is about one issue.
func (db *DB) SetThread(ctx context.Context, hookKey int64, resource, thread string) error {
	return db.txPlain(ctx, func(c conn) error {
		_, err := c.ExecContext(ctx, `insert into threads (hook_key, resource, thread, updated) values ($1, $2, $3, $4)
			on conflict (hook_key, resource) do update set thread = excluded.thread, updated = excluded.updated`,
			hookKey, resource, thread, time.Now().UnixMicro())
		return err
	})
}
