package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
)

const userColumns = "key, name, password, admin, disabled, subject, created, " +
	"coalesce((select expires from links where user_key = users.key), 0), " + hasFactor

func (db *DB) userWhere(ctx context.Context, where string, args ...any) (*hookyard.User, error) {
	u, err := scanUser(db.read.QueryRowContext(ctx, "select "+userColumns+" from users where "+where, args...))
	return u, db.translate(err)
}

func scanUser(row scanner) (*hookyard.User, error) {
	u := &hookyard.User{}
	var created, invited int64
	err := row.Scan(&u.Key, &u.Name, &u.PasswordHash, &u.Admin, &u.Disabled, &u.Subject, &created, &invited,
		&u.SecondFactor)
	u.CreatedAt = fromMicros(created)
	u.InvitedUntil = fromMicros(invited)
	return u, err
}

// UserByName returns the user of exactly that name, or [hookyard.ErrNotFound].
func (db *DB) UserByName(ctx context.Context, name string) (*hookyard.User, error) {
	return db.userWhere(ctx, "name = $1", name)
}

// UserByKey returns a user, or [hookyard.ErrNotFound].
func (db *DB) UserByKey(ctx context.Context, key int64) (*hookyard.User, error) {
	return db.userWhere(ctx, "key = $1", key)
}

// UserBySubject returns the user of an OpenID provider's issuer and subject, or [hookyard.ErrNotFound].
func (db *DB) UserBySubject(ctx context.Context, subject string) (*hookyard.User, error) {
	return db.userWhere(ctx, "subject = $1 and subject <> ''", subject)
}

// Users returns all users by name.
func (db *DB) Users(ctx context.Context) ([]*hookyard.User, error) {
	rows, err := db.read.QueryContext(ctx, "select "+userColumns+" from users order by name")
	if err != nil {
		return nil, err
	}
	return collect(rows, scanUser)
}

// CreateUser creates a user and sets its key and time. It fails with [hookyard.Conflict] if there is a user of that
// name, compared without case.
func (db *DB) CreateUser(ctx context.Context, u *hookyard.User) error {
	return db.changeRoles(ctx, func(tx *limitedTx) error { return db.createUser(ctx, tx, u) })
}

func (db *DB) createUser(ctx context.Context, tx *limitedTx, u *hookyard.User) error {
	u.CreatedAt = stamp()
	err := tx.QueryRowContext(ctx, `insert into users (name, password, admin, disabled, subject, created)
		values ($1, $2, $3, $4, $5, $6) returning key`,
		u.Name, u.PasswordHash, u.Admin, u.Disabled, u.Subject, micros(u.CreatedAt)).Scan(&u.Key)
	if db.dialect.isDuplicate(err) {
		return hookyard.Errorf(hookyard.Conflict, "user %s exists already", u.Name)
	}
	if err != nil {
		return err
	}
	var what changes
	what.addUser(&hookyard.User{}, u)
	return db.audit(ctx, tx, 0, hookyard.Actor(ctx), "user.create", u.Name, what.String())
}

// JoinUser creates a user for an account at a provider. The provider chose the name, so it must not give rights to
// what exists: if u.Name is the name of a user or the owner of a project, u.Name becomes the first of Name-2, Name-3
// and so on that is free.
func (db *DB) JoinUser(ctx context.Context, u *hookyard.User) error {
	wanted := u.Name
	return db.changeRoles(ctx, func(tx *limitedTx) error {
		for n := 1; n <= 1000; n++ {
			if u.Name = wanted; n > 1 {
				u.Name = fmt.Sprintf("%s-%d", wanted, n)
			}
			var taken bool
			err := tx.QueryRowContext(ctx, `select exists (select 1 from users where lower(name) = $1)
				or exists (select 1 from projects where lower(owner) = $1)`, strings.ToLower(u.Name)).Scan(&taken)
			if err != nil {
				return err
			}
			if !taken {
				return db.createUser(ctx, tx, u)
			}
		}
		return hookyard.Errorf(hookyard.Conflict, "user %s exists already, and so do a thousand more of that name",
			wanted)
	})
}

// UpdateUser reads a user, calls f to change password, rights or subject, and stores the result, in one transaction: of
// two calls at the same time the second sees the change of the first. If f fails, nothing is changed. The user's
// sessions are deleted if the password changed, which another person may have known, or if the user is disabled; a link
// by which the user could choose a password is deleted with the user's first way in, or if the user is disabled; groups
// are deleted with the account at the provider that named them. Tokens stay unless u.RevokeTokens is set: programs hold
// them, and each can be revoked on its own. It fails with [hookyard.ErrNotFound] if there is no such user, and with
// [hookyard.Conflict] if the subject is another user's or no administrator would be left.
func (db *DB) UpdateUser(ctx context.Context, key int64, f func(u *hookyard.User) error) (*hookyard.User, error) {
	var out *hookyard.User
	err := db.changeRoles(ctx, func(tx *limitedTx) (err error) {
		out, err = db.updateUser(ctx, tx, key, f)
		return err
	})
	return out, err
}

func (db *DB) updateUser(ctx context.Context, tx *limitedTx, key int64, f func(u *hookyard.User) error) (*hookyard.User,
	error) {
	u, admins, err := db.lockUser(ctx, tx, key)
	if err != nil {
		return nil, err
	}
	was := *u
	if err := f(u); err != nil {
		return nil, err
	}
	if err := keepAdmin(&was, admins, u.Admin && !u.Disabled); err != nil {
		return nil, err
	}
	_, err = tx.ExecContext(ctx,
		"update users set password = $1, admin = $2, disabled = $3, subject = $4 where key = $5",
		u.PasswordHash, u.Admin, u.Disabled, u.Subject, u.Key)
	if db.dialect.isDuplicate(err) {
		return nil, hookyard.Errorf(hookyard.Conflict, "that account signs another user in already")
	}
	if err != nil {
		return nil, err
	}
	ended := map[string]bool{
		"sessions":    u.Disabled || u.PasswordHash != was.PasswordHash,
		"links":       u.Disabled || u.PasswordHash != "" || u.Subject != "",
		"user_groups": u.Subject != was.Subject, // another account's, or none's
	}
	for table, end := range ended {
		if !end {
			continue
		}
		if _, err := tx.ExecContext(ctx, "delete from "+table+" where user_key = $1", u.Key); err != nil {
			return nil, err
		}
	}
	if ended["links"] {
		u.InvitedUntil = time.Time{}
	}
	if u.RevokeTokens {
		rows, err := tx.QueryContext(ctx, tokenQuery+"where t.user_key = $1", u.Key)
		if err != nil {
			return nil, err
		}
		if err := db.deleteTokens(ctx, tx, rows); err != nil && err != sql.ErrNoRows {
			return nil, err
		}
	}
	var what changes
	what.addUser(&was, u)
	return u, db.audit(ctx, tx, 0, hookyard.Actor(ctx), "user.update", u.Name, what.String())
}

// lockUser reads a user and counts the administrators who are not disabled. It locks their rows, always in the same
// order, so that two of them cannot demote each other at the same moment.
func (db *DB) lockUser(ctx context.Context, tx *limitedTx, key int64) (u *hookyard.User, admins int, err error) {
	rows, err := tx.QueryContext(ctx, "select "+userColumns+" from users where key = $1 or admin order by key"+
		db.dialect.forUpdate, key)
	if err != nil {
		return nil, 0, err
	}
	all, err := collect(rows, scanUser)
	if err != nil {
		return nil, 0, err
	}
	for _, one := range all {
		if one.Admin && !one.Disabled {
			admins++
		}
		if one.Key == key {
			u = one
		}
	}
	if u == nil {
		return nil, 0, hookyard.ErrNotFound
	}
	return u, admins, nil
}

// keepAdmin fails if the only administrator is to be one no longer.
func keepAdmin(u *hookyard.User, admins int, stays bool) error {
	if u.Admin && !u.Disabled && !stays && admins == 1 {
		return hookyard.Errorf(hookyard.Conflict, "user %s is the only administrator: make another one first", u.Name)
	}
	return nil
}

// DeleteUser deletes a user with tokens, sessions and roles. The user's projects stay, and admins can reach them. It
// fails with [hookyard.ErrNotFound] if there is no such user, and with [hookyard.Conflict] for the only administrator.
func (db *DB) DeleteUser(ctx context.Context, key int64) error {
	return db.changeRoles(ctx, func(tx *limitedTx) error {
		u, admins, err := db.lockUser(ctx, tx, key)
		if err != nil {
			return err
		}
		if err := keepAdmin(u, admins, false); err != nil {
			return err
		}
		for _, table := range append([]string{"tokens", "sessions", "members", "user_groups", "links"},
			factorTables...) {
			if _, err := tx.ExecContext(ctx, "delete from "+table+" where user_key = $1", key); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, "delete from users where key = $1", key); err != nil {
			return err
		}
		var what changes
		what.addUser(u, &hookyard.User{})
		return db.audit(ctx, tx, 0, hookyard.Actor(ctx), "user.delete", u.Name, what.String())
	})
}

const tokenQuery = `select t.key, t.id, t.user_key, u.name, t.name, t.hash, t.project_key,
	coalesce(p.owner || '/' || p.name, ''), t.scope, t.expires, t.created, t.used
	from tokens t join users u on u.key = t.user_key left join projects p on p.key = t.project_key `

func scanToken(row scanner) (*hookyard.Token, error) {
	t := &hookyard.Token{}
	var expires, created, used int64
	err := row.Scan(&t.Key, &t.ID, &t.UserKey, &t.User, &t.Name, &t.Hash, &t.ProjectKey, &t.Project, &t.Scope, &expires,
		&created, &used)
	t.ExpiresAt = fromMicros(expires)
	t.CreatedAt = fromMicros(created)
	t.LastUsedAt = fromMicros(used)
	return t, err
}

// TokenByHash returns a token by its SHA-256, or [hookyard.ErrNotFound].
func (db *DB) TokenByHash(ctx context.Context, hash []byte) (*hookyard.Token, error) {
	t, err := scanToken(db.read.QueryRowContext(ctx, tokenQuery+"where t.hash = $1", hash))
	return t, db.translate(err)
}

// Tokens returns the tokens of a user, or those for a project, newest first. The other key is 0.
func (db *DB) Tokens(ctx context.Context, userKey, projectKey int64) ([]*hookyard.Token, error) {
	rows, err := db.read.QueryContext(ctx, tokenQuery+`where (cast($1 as bigint) = 0 or t.user_key = $1)
		and (cast($2 as bigint) = 0 or t.project_key = $2) order by t.key desc`, userKey, projectKey)
	if err != nil {
		return nil, err
	}
	return collect(rows, scanToken)
}

// CreateToken stores a token and sets its key, id and time.
func (db *DB) CreateToken(ctx context.Context, t *hookyard.Token) error {
	t.ID, t.CreatedAt = hookyard.NewID("tok"), stamp()
	return db.changeRoles(ctx, func(tx *limitedTx) error {
		err := tx.QueryRowContext(ctx, `insert into tokens (id, user_key, name, hash, project_key, scope, expires,
				created, used)
			values ($1, $2, $3, $4, $5, $6, $7, $8, 0) returning key`,
			t.ID, t.UserKey, t.Name, t.Hash, t.ProjectKey, string(t.Scope), micros(t.ExpiresAt),
			micros(t.CreatedAt)).Scan(&t.Key)
		if err != nil {
			return err
		}
		var what changes
		what.add("name", "", t.Name)
		what.add("scope", "", string(t.Scope))
		if !t.ExpiresAt.IsZero() {
			what.add("expiresAt", "", t.ExpiresAt.UTC().Format(time.RFC3339))
		}
		var user string
		if err := tx.QueryRowContext(ctx, "select name from users where key = $1", t.UserKey).Scan(&user); err != nil {
			return err
		}
		what.add("user", "", user)
		return db.audit(ctx, tx, t.ProjectKey, hookyard.Actor(ctx), "token.create", t.ID, what.String())
	})
}

// TokenOf limits whose token it is, by the key of the user and of the project that it is bound to; 0 is any.
type TokenOf struct{ User, Project int64 }

// DeleteToken deletes a token by id, or fails with [hookyard.ErrNotFound].
func (db *DB) DeleteToken(ctx context.Context, of TokenOf, id string) error {
	return db.changeRoles(ctx, func(tx *limitedTx) error {
		rows, err := tx.QueryContext(ctx, tokenQuery+`where t.id = $1
			and (cast($2 as bigint) = 0 or t.user_key = $2) and (cast($3 as bigint) = 0 or t.project_key = $3)`,
			id, of.User, of.Project)
		if err != nil {
			return err
		}
		return db.deleteTokens(ctx, tx, rows)
	})
}

// deleteTokens deletes the tokens in rows of tokenQuery. It fails with sql.ErrNoRows if there are none.
func (db *DB) deleteTokens(ctx context.Context, tx *limitedTx, rows *sql.Rows) error {
	found, err := collect(rows, scanToken)
	if err == nil && len(found) == 0 {
		return sql.ErrNoRows
	}
	if err != nil {
		return err
	}
	for _, t := range found {
		if _, err := tx.ExecContext(ctx, "delete from tokens where key = $1", t.Key); err != nil {
			return err
		}
		err := db.audit(ctx, tx, t.ProjectKey, hookyard.Actor(ctx), "token.delete", t.ID,
			fmt.Sprintf("%s of %s", t.Name, t.User))
		if err != nil {
			return err
		}
	}
	return nil
}

// TouchToken stores when a token was last used.
func (db *DB) TouchToken(ctx context.Context, key int64, at time.Time) error {
	return db.txPlain(ctx, func(c conn) error {
		_, err := c.ExecContext(ctx, "update tokens set used = $1 where key = $2", micros(at), key)
		return err
	})
}

// CreateSession stores a session, sets its id and enters the sign-in into the audit log. It fails with
// [hookyard.ErrNotFound] if the user was deleted.
func (db *DB) CreateSession(ctx context.Context, s *hookyard.Session) error {
	s.ID = hookyard.NewID("ses")
	return db.txPlain(ctx, func(c conn) error {
		var user string
		if err := c.QueryRowContext(ctx, "select name from users where key = $1", s.UserKey).Scan(&user); err != nil {
			return err
		}
		_, err := c.ExecContext(ctx, `insert into sessions (hash, id, user_key, created, seen, expires, agent, remote,
				means)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			s.Hash, s.ID, s.UserKey, micros(s.CreatedAt), micros(s.SeenAt), micros(s.ExpiresAt), s.Agent, s.Remote,
			s.Means)
		if err != nil {
			return err
		}
		return db.audit(ctx, c, 0, user, "user.sign-in", user, "from "+s.Remote+" by "+s.Means)
	})
}

// AuditRefusal enters into the audit log that somebody at an address gave something wrong for a user, such as a
// password.
func (db *DB) AuditRefusal(ctx context.Context, user, wrong, address string) error {
	return db.txPlain(ctx, func(c conn) error {
		return db.audit(ctx, c, 0, "guest", "user.sign-in-refused", user, "from "+address+": wrong "+wrong)
	})
}

const sessionColumns = "hash, id, user_key, created, seen, expires, agent, remote, means"

func scanSession(row scanner) (*hookyard.Session, error) {
	s := &hookyard.Session{}
	var created, seen, expires int64
	err := row.Scan(&s.Hash, &s.ID, &s.UserKey, &created, &seen, &expires, &s.Agent, &s.Remote, &s.Means)
	s.CreatedAt = fromMicros(created)
	s.SeenAt = fromMicros(seen)
	s.ExpiresAt = fromMicros(expires)
	return s, err
}

// SessionByHash returns a session by the hash of its cookie, or [hookyard.ErrNotFound].
func (db *DB) SessionByHash(ctx context.Context, hash []byte) (*hookyard.Session, error) {
	s, err := scanSession(db.read.QueryRowContext(ctx, "select "+sessionColumns+" from sessions where hash = $1", hash))
	return s, db.translate(err)
}

// Sessions returns a user's sessions, newest first.
func (db *DB) Sessions(ctx context.Context, userKey int64) ([]*hookyard.Session, error) {
	rows, err := db.read.QueryContext(ctx,
		"select "+sessionColumns+" from sessions where user_key = $1 order by created desc", userKey)
	if err != nil {
		return nil, err
	}
	return collect(rows, scanSession)
}

// TouchSession stores when a session was last seen.
func (db *DB) TouchSession(ctx context.Context, hash []byte, seen time.Time) error {
	return db.txPlain(ctx, func(c conn) error {
		_, err := c.ExecContext(ctx, "update sessions set seen = $1 where hash = $2", micros(seen), hash)
		return err
	})
}

// DeleteSession deletes a user's session by id. It is not an error if there is none.
func (db *DB) DeleteSession(ctx context.Context, userKey int64, id string) error {
	return db.changeRoles(ctx, func(tx *limitedTx) error {
		_, err := tx.ExecContext(ctx, "delete from sessions where user_key = $1 and id = $2", userKey, id)
		return err
	})
}
