package store

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/hookyard/hookyard"
)

// CreatePortalLink stores a link. It fails with [hookyard.Conflict] if the project has [hookyard.MaxPortalLinks] links
// and sessions.
func (db *DB) CreatePortalLink(ctx context.Context, l *hookyard.PortalLink) error {
	data, err := json.Marshal(l.PortalGrant)
	if err != nil {
		return err
	}
	return db.tx(ctx, func(tx *limitedTx) error {
		var project int64 // locked: two at a time would count the same
		err := tx.QueryRowContext(ctx, "select key from projects where key = $1 and deleted = 0"+db.dialect.forUpdate,
			l.ProjectKey).Scan(&project)
		if err != nil {
			return err
		}
		var have int
		err = tx.QueryRowContext(ctx, `select (select count(*) from portal_links where project_key = $1 and
			expires > $2) + (select count(*) from portal_sessions where project_key = $1 and expires > $2)`,
			l.ProjectKey, micros(time.Now())).Scan(&have)
		if err != nil {
			return err
		}
		if have >= hookyard.MaxPortalLinks {
			return hookyard.Errorf(hookyard.Conflict, "the portal of the project has %d links and sessions, "+
				"the most allowed: revoke them, or wait until some expire", have)
		}
		_, err = tx.ExecContext(ctx, "insert into portal_links (hash, project_key, data, expires) "+
			"values ($1, $2, $3, $4)", l.Hash, l.ProjectKey, string(data), micros(l.ExpiresAt))
		if err != nil {
			return err
		}
		var what changes
		what.add("readOnly", "false", strconv.FormatBool(l.ReadOnly))
		what.add("ttl", "", time.Duration(l.TTL).String())
		return db.audit(ctx, tx, l.ProjectKey, hookyard.Actor(ctx), "portal.link", "portal", what.String())
	})
}

// OpenPortal uses a link of a project up and starts the session s, of which it sets what the link gives, the id and
// the times. from says in the audit log where the session is. Of two calls with one link the second fails. It fails
// with [hookyard.ErrNotFound] if the project has no such link, or it was used or has expired.
func (db *DB) OpenPortal(ctx context.Context, link []byte, s *hookyard.PortalSession, from string) error {
	s.ID, s.CreatedAt = hookyard.NewID("pts"), stamp()
	return db.tx(ctx, func(tx *limitedTx) error {
		var data string
		err := tx.QueryRowContext(ctx, "delete from portal_links where hash = $1 and project_key = $2 and "+
			"expires > $3 returning data", link, s.ProjectKey, micros(s.CreatedAt)).Scan(&data)
		if err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(data), &s.PortalGrant); err != nil {
			return err
		}
		s.ExpiresAt = s.CreatedAt.Add(time.Duration(s.TTL))
		_, err = tx.ExecContext(ctx, `insert into portal_sessions (hash, id, project_key, data, created, expires)
			values ($1, $2, $3, $4, $5, $6)`,
			s.Hash, s.ID, s.ProjectKey, data, micros(s.CreatedAt), micros(s.ExpiresAt))
		if err != nil {
			return err
		}
		return db.audit(ctx, tx, s.ProjectKey, s.Actor(), "portal.open", s.ID,
			"from "+from+", link by "+s.CreatedBy)
	})
}

// PortalSession returns a session that has not expired at a time by the hash of its cookie, or [hookyard.ErrNotFound].
func (db *DB) PortalSession(ctx context.Context, hash []byte, at time.Time) (*hookyard.PortalSession, error) {
	s := &hookyard.PortalSession{}
	var data string
	var created, expires int64
	err := db.read.QueryRowContext(ctx, `select hash, id, project_key, data, created, expires from portal_sessions
		where hash = $1 and expires > $2`, hash, micros(at)).
		Scan(&s.Hash, &s.ID, &s.ProjectKey, &data, &created, &expires)
	if err != nil {
		return nil, db.translate(err)
	}
	s.CreatedAt, s.ExpiresAt = fromMicros(created), fromMicros(expires)
	return s, json.Unmarshal([]byte(data), &s.PortalGrant)
}

// ClosePortal ends a session. It is not an error if it has ended.
func (db *DB) ClosePortal(ctx context.Context, s *hookyard.PortalSession) error {
	return db.tx(ctx, func(tx *limitedTx) error {
		res, err := tx.ExecContext(ctx, "delete from portal_sessions where hash = $1", s.Hash)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		return db.audit(ctx, tx, s.ProjectKey, s.Actor(), "portal.close", s.ID, "")
	})
}

// RevokePortal deletes all links of a project's portal and ends its sessions. It returns how many there were that had
// not expired.
func (db *DB) RevokePortal(ctx context.Context, projectKey int64) (links, sessions int64, err error) {
	err = db.tx(ctx, func(tx *limitedTx) error {
		// Links first: a link that is being opened holds this up until its session is there to be ended.
		for i, table := range []string{"portal_links", "portal_sessions"} {
			rows, err := tx.QueryContext(ctx, "delete from "+table+" where project_key = $1 returning expires",
				projectKey)
			if err != nil {
				return err
			}
			ends, err := collect(rows, func(row scanner) (at int64, err error) {
				err = row.Scan(&at)
				return at, err
			})
			if err != nil {
				return err
			}
			n := []*int64{&links, &sessions}[i]
			*n = 0
			for _, at := range ends {
				if at > micros(time.Now()) {
					*n++
				}
			}
		}
		var what changes
		what.add("links", strconv.FormatInt(links, 10), "0")
		what.add("sessions", strconv.FormatInt(sessions, 10), "0")
		return db.audit(ctx, tx, projectKey, hookyard.Actor(ctx), "portal.revoke", "portal", what.String())
	})
	return links, sessions, err
}

// AuditSecretShown enters into the audit log that the caller has seen the secret of a hook.
func (db *DB) AuditSecretShown(ctx context.Context, h *hookyard.Hook) error {
	return db.txPlain(ctx, func(c conn) error {
		return db.audit(ctx, c, h.ProjectKey, hookyard.Actor(ctx), "hook.show-secret", h.ID, "")
	})
}
