package store

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/hookyard/hookyard"
)

// SetMember gives a user a role in a project in place of the one before. [hookyard.RoleNone] removes the member.
func (db *DB) SetMember(ctx context.Context, p *hookyard.Project, u *hookyard.User, role hookyard.Role) error {
	return db.setRole(ctx, p, grantee{"members", "user_key", u.Key, u.Name}, role)
}

// SetMemberGroup gives a group of the OpenID provider a role in a project as [DB.SetMember] does a user.
func (db *DB) SetMemberGroup(ctx context.Context, p *hookyard.Project, group string, role hookyard.Role) error {
	return db.setRole(ctx, p, grantee{"member_groups", "name", group, hookyard.GroupPrefix + group}, role)
}

// grantee is who gets a role: a row of a table, found by a column, and a name for the audit log.
type grantee struct {
	table, column string
	key           any
	name          string
}

func (db *DB) setRole(ctx context.Context, p *hookyard.Project, g grantee, role hookyard.Role) error {
	return db.changeRoles(ctx, func(tx *limitedTx) error {
		var old string
		err := tx.QueryRowContext(ctx, "delete from "+g.table+" where project_key = $1 and "+g.column+
			" = $2 returning role", p.Key, g.key).Scan(&old)
		if err == sql.ErrNoRows {
			err = nil
		}
		if err == nil && role != hookyard.RoleNone {
			_, err = tx.ExecContext(ctx, "insert into "+g.table+" (project_key, "+g.column+
				", role) values ($1, $2, $3)", p.Key, g.key, string(role))
		}
		if err != nil {
			return err
		}
		var what changes
		what.add("role", old, string(role))
		return db.audit(ctx, tx, p.Key, hookyard.Actor(ctx), "member.set", g.name, what.String())
	})
}

// Members returns who has a role in a project: users by name, then groups by name. The owner is not among them.
func (db *DB) Members(ctx context.Context, projectKey int64) ([]hookyard.Member, error) {
	rows, err := db.read.QueryContext(ctx, `select u.name, m.role, 0 as kind
			from members m join users u on u.key = m.user_key where m.project_key = $1
		union all select $2 || name, role, 1 from member_groups where project_key = $1
		order by 3, 1`, projectKey, hookyard.GroupPrefix)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(row scanner) (m hookyard.Member, err error) {
		var kind int
		err = row.Scan(&m.User, &m.Role, &kind)
		return m, err
	})
}

// RoleIn returns the highest of the roles in a project that a user has as a member and by groups, or
// [hookyard.RoleNone].
func (db *DB) RoleIn(ctx context.Context, userKey, projectKey int64) (hookyard.Role, error) {
	rows, err := db.read.QueryContext(ctx, `select role from members where user_key = $1 and project_key = $2
		union all select m.role from user_groups g join member_groups m on m.name = g.name
			where g.user_key = $1 and m.project_key = $2`, userKey, projectKey)
	if err != nil {
		return hookyard.RoleNone, err
	}
	roles, err := collect(rows, func(row scanner) (r hookyard.Role, err error) {
		err = row.Scan(&r)
		return r, err
	})
	if err != nil {
		return hookyard.RoleNone, err
	}
	highest := hookyard.RoleNone
	for _, r := range roles {
		if !highest.Allows(r) {
			highest = r
		}
	}
	return highest, nil
}

// UserGroups returns the names of the groups that a user is in, sorted.
func (db *DB) UserGroups(ctx context.Context, userKey int64) ([]string, error) {
	return userGroups(ctx, db.read, userKey)
}

func userGroups(ctx context.Context, c conn, userKey int64) ([]string, error) {
	rows, err := c.QueryContext(ctx, "select name from user_groups where user_key = $1 order by name", userKey)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(row scanner) (name string, err error) {
		err = row.Scan(&name)
		return name, err
	})
}

// SetUserGroups replaces the groups that a user is in. It fails with [hookyard.ErrNotFound] if there is no such user.
func (db *DB) SetUserGroups(ctx context.Context, userKey int64, groups []string) error {
	groups = slices.Compact(slices.Sorted(slices.Values(groups)))
	was, err := db.UserGroups(ctx, userKey)
	if err != nil || slices.Equal(was, groups) { // most sign-ins change nothing, and a change empties every cache
		return err
	}
	return db.changeRoles(ctx, func(tx *limitedTx) error {
		u, _, err := db.lockUser(ctx, tx, userKey)
		if err != nil {
			return err
		}
		was, err := userGroups(ctx, tx, userKey)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "delete from user_groups where user_key = $1", userKey); err != nil {
			return err
		}
		for _, name := range groups {
			_, err := tx.ExecContext(ctx, "insert into user_groups (user_key, name) values ($1, $2)", userKey, name)
			if err != nil {
				return err
			}
		}
		var what changes
		what.add("groups", strings.Join(was, ", "), strings.Join(groups, ", "))
		return db.audit(ctx, tx, 0, hookyard.Actor(ctx), "user.update", u.Name, what.String())
	})
}
