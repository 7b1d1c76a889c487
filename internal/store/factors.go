package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/hookyard/hookyard"
)

// hasFactor is the condition on a row of users that the user has a second factor.
const hasFactor = "(exists (select 1 from totp where user_key = users.key) or " +
	"exists (select 1 from passkeys where user_key = users.key))"

// factorTables hold the second factors of users and what belongs to them.
var factorTables = []string{"totp", "passkeys", "recovery_codes"}

// Factors returns which second factors a user has.
func (db *DB) Factors(ctx context.Context, userKey int64) (*hookyard.Factors, error) {
	f := &hookyard.Factors{}
	var since int64
	err := db.read.QueryRowContext(ctx, `select coalesce((select created from totp where user_key = $1), 0),
		(select count(*) from recovery_codes where user_key = $1)`, userKey).Scan(&since, &f.RecoveryCodes)
	if err != nil {
		return nil, err
	}
	f.App = since > 0
	f.AppSince = fromMicros(since)
	f.Passkeys, err = db.Passkeys(ctx, userKey)
	return f, err
}

// NewFactor is what comes with a second factor of a user.
type NewFactor struct {
	UserKey int64
	Codes   [][]byte // hashes of recovery codes, stored with the first factor
	Session []byte   // hash of the session in which it is set up: the only one to outlive the first factor
}

// AddTOTP stores what a user's authenticator app makes codes of. It reports whether it is the user's first factor. f
// sees the user before; if it fails, nothing is changed. It fails with [hookyard.ErrNotFound] if there is no such user,
// and with [hookyard.Conflict] if the user has an app already.
func (db *DB) AddTOTP(ctx context.Context, n NewFactor, t *hookyard.TOTP, f func(u *hookyard.User) error) (first bool,
	err error) {
	err = db.changeRoles(ctx, func(tx *limitedTx) error {
		u, _, err := db.lockUser(ctx, tx, n.UserKey)
		if err != nil {
			return err
		}
		if err := f(u); err != nil {
			return err
		}
		first = !u.SecondFactor
		_, err = tx.ExecContext(ctx, "insert into totp (user_key, secret, step, created) values ($1, $2, $3, $4)",
			u.Key, db.seal.seal(t.Secret), t.Step, micros(stamp()))
		if db.dialect.isDuplicate(err) {
			return hookyard.Errorf(hookyard.Conflict, "there is an authenticator app already: remove it first")
		}
		if err != nil {
			return err
		}
		return db.factorAdded(ctx, tx, u, n, "authenticator app: none → "+hookyard.Masked)
	})
	return first, err
}

// factorAdded does what goes with a new factor of a user. Before the first one, sessions were begun with a password
// alone: they end.
func (db *DB) factorAdded(ctx context.Context, tx *limitedTx, u *hookyard.User, n NewFactor, what string) error {
	if !u.SecondFactor {
		if err := setRecoveryCodes(ctx, tx, u.Key, n.Codes); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "delete from sessions where user_key = $1 and hash <> $2", u.Key,
			append([]byte{}, n.Session...))
		if err != nil {
			return err
		}
	}
	return db.audit(ctx, tx, 0, hookyard.Actor(ctx), "user.update", u.Name, what)
}

// RemoveTOTP removes a user's authenticator app, and with the last factor the recovery codes. It fails with
// [hookyard.ErrNotFound] if the user has none.
func (db *DB) RemoveTOTP(ctx context.Context, userKey int64) error {
	return db.changeRoles(ctx, func(tx *limitedTx) error {
		u, _, err := db.lockUser(ctx, tx, userKey)
		if err != nil {
			return err
		}
		if err := changeOne(ctx, tx, "delete from totp where user_key = $1", userKey); err != nil {
			return err
		}
		return db.factorRemoved(ctx, tx, u, "authenticator app: "+hookyard.Masked+" → none")
	})
}

// factorRemoved deletes the recovery codes of a user whose last factor is gone.
func (db *DB) factorRemoved(ctx context.Context, tx *limitedTx, u *hookyard.User, what string) error {
	_, err := tx.ExecContext(ctx, "delete from recovery_codes where user_key = $1 and not exists "+
		"(select 1 from users where key = $1 and "+hasFactor+")", u.Key)
	if err != nil {
		return err
	}
	return db.audit(ctx, tx, 0, hookyard.Actor(ctx), "user.update", u.Name, what)
}

// ResetFactors removes all second factors of a user, if there are any, and ends the user's sessions. It fails with
// [hookyard.ErrNotFound] if there is no such user.
func (db *DB) ResetFactors(ctx context.Context, userKey int64) error {
	return db.changeRoles(ctx, func(tx *limitedTx) error {
		u, _, err := db.lockUser(ctx, tx, userKey)
		if err != nil || !u.SecondFactor {
			return err
		}
		for _, table := range append([]string{"sessions"}, factorTables...) {
			if _, err := tx.ExecContext(ctx, "delete from "+table+" where user_key = $1", userKey); err != nil {
				return err
			}
		}
		return db.audit(ctx, tx, 0, hookyard.Actor(ctx), "user.update", u.Name, "second factor: reset")
	})
}

// TOTP returns what a user's authenticator app makes codes of, or [hookyard.ErrNotFound].
func (db *DB) TOTP(ctx context.Context, userKey int64) (*hookyard.TOTP, error) {
	t := &hookyard.TOTP{}
	var sealed []byte
	err := db.read.QueryRowContext(ctx, "select secret, step from totp where user_key = $1", userKey).Scan(&sealed,
		&t.Step)
	if err != nil {
		return nil, db.translate(err)
	}
	if t.Secret, err = db.seal.open(sealed); err != nil {
		return nil, hookyard.Errorf(hookyard.Unavailable, "the code cannot be checked: %v", err)
	}
	return t, nil
}

// UseTOTP records that the code of a step was used. It fails with [hookyard.ErrNotFound] if that of this or a later
// step was before: of two uses at the same time, also on two nodes, one fails.
func (db *DB) UseTOTP(ctx context.Context, userKey, step int64) error {
	return db.txPlain(ctx, func(c conn) error {
		return changeOne(ctx, c, "update totp set step = $1 where user_key = $2 and step < $1", step, userKey)
	})
}

// SetRecoveryCodes replaces a user's recovery codes, of which hashes are stored.
func (db *DB) SetRecoveryCodes(ctx context.Context, userKey int64, hashes [][]byte) error {
	return db.changeRoles(ctx, func(tx *limitedTx) error {
		u, _, err := db.lockUser(ctx, tx, userKey)
		if err != nil {
			return err
		}
		if err := setRecoveryCodes(ctx, tx, userKey, hashes); err != nil {
			return err
		}
		return db.audit(ctx, tx, 0, hookyard.Actor(ctx), "user.update", u.Name, "recovery codes: changed")
	})
}

func setRecoveryCodes(ctx context.Context, tx *limitedTx, userKey int64, hashes [][]byte) error {
	if _, err := tx.ExecContext(ctx, "delete from recovery_codes where user_key = $1", userKey); err != nil {
		return err
	}
	for _, hash := range hashes {
		_, err := tx.ExecContext(ctx, "insert into recovery_codes (user_key, hash) values ($1, $2)", userKey, hash)
		if err != nil {
			return err
		}
	}
	return nil
}

// UseRecoveryCode deletes a recovery code and enters its use into the audit log. It fails with [hookyard.ErrNotFound]
// if the user has no such code.
func (db *DB) UseRecoveryCode(ctx context.Context, userKey int64, hash []byte) error {
	return db.txPlain(ctx, func(c conn) error {
		err := changeOne(ctx, c, "delete from recovery_codes where user_key = $1 and hash = $2", userKey, hash)
		if err != nil {
			return err
		}
		var user string
		var left int
		err = c.QueryRowContext(ctx, `select name, (select count(*) from recovery_codes where user_key = $1)
			from users where key = $1`, userKey).Scan(&user, &left)
		if err != nil {
			return err
		}
		return db.audit(ctx, c, 0, user, "user.recovery-code", user, fmt.Sprintf("%d left", left))
	})
}

// changeOne runs a statement that changes one row. It fails with sql.ErrNoRows if it changed none.
func changeOne(ctx context.Context, c conn, query string, args ...any) error {
	res, err := c.ExecContext(ctx, query, args...)
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		return sql.ErrNoRows
	}
	return err
}
