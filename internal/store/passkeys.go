package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/hookyard/hookyard"
)

const passkeyColumns = "key, id, user_key, name, credential, record, count, created, used"

func (db *DB) scanPasskey(row scanner) (*hookyard.Passkey, error) {
	p := &hookyard.Passkey{}
	var sealed []byte
	var created, used int64
	err := row.Scan(&p.Key, &p.ID, &p.UserKey, &p.Name, &p.Credential, &sealed, &p.Count, &created, &used)
	if err != nil {
		return nil, err
	}
	p.CreatedAt = fromMicros(created)
	p.LastUsedAt = fromMicros(used)
	if p.Record, err = db.seal.open(sealed); err != nil {
		return nil, hookyard.Errorf(hookyard.Unavailable, "the passkeys cannot be read: %v", err)
	}
	return p, nil
}

// Passkeys returns a user's passkeys, oldest first.
func (db *DB) Passkeys(ctx context.Context, userKey int64) ([]*hookyard.Passkey, error) {
	rows, err := db.read.QueryContext(ctx, "select "+passkeyColumns+" from passkeys where user_key = $1 order by key",
		userKey)
	if err != nil {
		return nil, err
	}
	return collect(rows, db.scanPasskey)
}

// PasskeyUser returns the user who has the passkey with a credential, or [hookyard.ErrNotFound].
func (db *DB) PasskeyUser(ctx context.Context, credential []byte) (*hookyard.User, error) {
	return db.userWhere(ctx, "key = (select user_key from passkeys where credential = $1)", credential)
}

// AddPasskey stores a passkey of a user and sets its key, id and time. It reports whether it is the user's first
// factor. f sees the user before; if it fails, nothing is changed. It fails with [hookyard.ErrNotFound] if there is no
// such user, and with [hookyard.Conflict] if there is a passkey with that credential or the user has too many.
func (db *DB) AddPasskey(ctx context.Context, n NewFactor, p *hookyard.Passkey,
	f func(u *hookyard.User) error) (first bool, err error) {
	p.ID, p.CreatedAt = hookyard.NewID("psk"), stamp()
	err = db.changeRoles(ctx, func(tx *limitedTx) error {
		u, _, err := db.lockUser(ctx, tx, n.UserKey)
		if err != nil {
			return err
		}
		if err := f(u); err != nil {
			return err
		}
		first = !u.SecondFactor
		var have int
		err = tx.QueryRowContext(ctx, "select count(*) from passkeys where user_key = $1", u.Key).Scan(&have)
		if err != nil {
			return err
		}
		if have >= hookyard.MaxPasskeys {
			return hookyard.Errorf(hookyard.Conflict, "you have %d passkeys, the most allowed: remove one first", have)
		}
		err = tx.QueryRowContext(ctx, `insert into passkeys (id, user_key, name, credential, record, count, created,
				used)
			values ($1, $2, $3, $4, $5, $6, $7, 0) returning key`,
			p.ID, u.Key, p.Name, p.Credential, db.seal.seal(p.Record), p.Count, micros(p.CreatedAt)).Scan(&p.Key)
		if db.dialect.isDuplicate(err) {
			return hookyard.Errorf(hookyard.Conflict, "this passkey is here already")
		}
		if err != nil {
			return err
		}
		return db.factorAdded(ctx, tx, u, n, "passkey: none → "+shownValue(p.Name))
	})
	return first, err
}

// RemovePasskey removes a user's passkey, and with the last factor the recovery codes. It fails with
// [hookyard.ErrNotFound] if the user has no such passkey.
func (db *DB) RemovePasskey(ctx context.Context, userKey int64, id string) error {
	return db.changeRoles(ctx, func(tx *limitedTx) error {
		u, _, err := db.lockUser(ctx, tx, userKey)
		if err != nil {
			return err
		}
		var name string
		err = tx.QueryRowContext(ctx, "delete from passkeys where user_key = $1 and id = $2 returning name", userKey,
			id).Scan(&name)
		if err != nil {
			return err
		}
		return db.factorRemoved(ctx, tx, u, "passkey: "+shownValue(name)+" → none")
	})
}

// UsePasskey stores that a passkey signed a challenge, of which it takes the hash and when it expires. Of two uses of
// one challenge, also on two nodes, one fails with [hookyard.Conflict]; so does one whose count is not above that of
// another use.
func (db *DB) UsePasskey(ctx context.Context, p *hookyard.Passkey, challenge []byte, expires time.Time) error {
	return db.txPlain(ctx, func(c conn) error {
		_, err := c.ExecContext(ctx, "insert into used_challenges (hash, expires) values ($1, $2)", challenge,
			micros(expires))
		if err != nil {
			return err
		}
		err = changeOne(ctx, c, `update passkeys set record = $1, count = $2, used = $3
			where key = $4 and (count < $2 or count = 0 and $2 = 0)`,
			db.seal.seal(p.Record), p.Count, micros(stamp()), p.Key)
		if err == sql.ErrNoRows {
			return hookyard.Errorf(hookyard.Conflict, "the passkey was used at the same time, or removed: try again")
		}
		return err
	})
}
