package store

import (
	"context"
	"time"

	"github.com/hookyard/hookyard"
)

// CreateLink stores the hash of a link by which a user may choose a password until it expires, in place of the user's
// last one. f sees the user before; if it fails, nothing is changed. It fails with [hookyard.ErrNotFound] if there is
// no such user.
func (db *DB) CreateLink(ctx context.Context, l hookyard.Link, f func(u *hookyard.User) error) error {
	return db.changeRoles(ctx, func(tx *limitedTx) error {
		u, _, err := db.lockUser(ctx, tx, l.UserKey)
		if err != nil {
			return err
		}
		if err := f(u); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `insert into links (user_key, hash, expires) values ($1, $2, $3)
			on conflict (user_key) do update set hash = excluded.hash, expires = excluded.expires`,
			l.UserKey, l.Hash, micros(l.ExpiresAt))
		if err != nil {
			return err
		}
		var what changes
		what.add("invitedUntil", "", l.ExpiresAt.UTC().Format(time.RFC3339))
		return db.audit(ctx, tx, 0, hookyard.Actor(ctx), "user.invite", u.Name, what.String())
	})
}

// LinkUser returns the user of a link that has not expired at a time, or [hookyard.ErrNotFound].
func (db *DB) LinkUser(ctx context.Context, hash []byte, at time.Time) (*hookyard.User, error) {
	return db.userWhere(ctx, "key = (select user_key from links where hash = $1 and expires > $2)", hash, micros(at))
}

// UseLink deletes a link and changes its user as [DB.UpdateUser] does, in one transaction: of two calls with one link
// the second fails. It fails with [hookyard.ErrNotFound] if there is no such link or it has expired.
func (db *DB) UseLink(ctx context.Context, hash []byte, f func(u *hookyard.User) error) (*hookyard.User, error) {
	var out *hookyard.User
	err := db.changeRoles(ctx, func(tx *limitedTx) error {
		const valid = " from links where hash = $1 and expires > $2"
		now := micros(time.Now())
		var key int64
		if err := tx.QueryRowContext(ctx, "select user_key"+valid, hash, now).Scan(&key); err != nil {
			return err
		}
		// Users are locked before their links, here as in CreateLink: transactions that lock in turn cannot deadlock.
		if _, _, err := db.lockUser(ctx, tx, key); err != nil {
			return err
		}
		if err := tx.QueryRowContext(ctx, "delete"+valid+" returning user_key", hash, now).Scan(&key); err != nil {
			return err
		}
		var err error
		out, err = db.updateUser(ctx, tx, key, f)
		return err
	})
	return out, err
}
