package auth

import (
	"context"
	"strings"

	"github.com/hookyard/hookyard"
)

// roleKey identifies a user in a project.
type roleKey struct{ user, project int64 }

// Role returns the role of id in p: admin for administrators and the owner, otherwise the role as a member, but at
// least read in a public project if guests are allowed. A token never grants more than its user has: one for another
// project grants nothing, scope read at most read, and scope publish nothing but [Auth.MayPublish]. The error is the
// store's.
func (a *Auth) Role(ctx context.Context, id *Identity, p *hookyard.Project) (hookyard.Role, error) {
	if t := id.Token; t != nil {
		if !reaches(t, p) || t.Scope != hookyard.ScopeRead && t.Scope != hookyard.ScopeManage {
			return hookyard.RoleNone, nil
		}
	}
	role, err := a.userRole(ctx, id, p)
	if err != nil {
		return hookyard.RoleNone, err
	}
	if id.Token != nil && id.Token.Scope == hookyard.ScopeRead && role.Allows(hookyard.RoleRead) {
		return hookyard.RoleRead, nil
	}
	return role, nil
}

// MayPublish reports whether id may publish events to p. It requires role write and, for a token, scope publish or
// manage. The error is the store's.
func (a *Auth) MayPublish(ctx context.Context, id *Identity, p *hookyard.Project) (bool, error) {
	if t := id.Token; t != nil {
		if !reaches(t, p) || t.Scope != hookyard.ScopePublish && t.Scope != hookyard.ScopeManage {
			return false, nil
		}
	}
	role, err := a.userRole(ctx, id, p)
	return err == nil && role.Allows(hookyard.RoleWrite), err
}

// reaches reports whether a token is valid for a project.
func reaches(t *hookyard.Token, p *hookyard.Project) bool {
	return t.ProjectKey == 0 || t.ProjectKey == p.Key
}

// userRole returns the role of the user regardless of the token.
func (a *Auth) userRole(ctx context.Context, id *Identity, p *hookyard.Project) (hookyard.Role, error) {
	public := hookyard.RoleNone
	if p.Public && a.guests {
		public = hookyard.RoleRead
	}
	switch {
	case id.dev:
		return hookyard.RoleAdmin, nil
	case id.Guest: // before the owner: a guest is not a user with the name guest
		return public, nil
	case id.User.Admin || id.Owns(p):
		return hookyard.RoleAdmin, nil
	}
	role, err := a.memberRole(ctx, id.User.Key, p.Key)
	if err != nil {
		return hookyard.RoleNone, err
	}
	if !role.Allows(public) {
		return public, nil
	}
	return role, nil
}

// memberRole returns the role of a member. It is cached, because it runs for every published event.
func (a *Auth) memberRole(ctx context.Context, user, project int64) (hookyard.Role, error) {
	key, now := roleKey{user, project}, a.now()
	if role, known := a.roles.get(key, now); known {
		return role, nil
	}
	generation := a.roles.generation()
	role, err := a.store.RoleIn(ctx, user, project)
	if hookyard.CodeOf(err) == hookyard.NotFound {
		role, err = hookyard.RoleNone, nil
	}
	if err != nil {
		return hookyard.RoleNone, err
	}
	a.roles.put(key, role, now, generation)
	return role, nil
}

// sameName reports whether user is the owner, ignoring case as in names of projects. It requires equal length, because
// Unicode folds the Kelvin sign to k and the long s to s, and a look-alike must not own the project.
func sameName(user, owner string) bool {
	return user != "" && len(user) == len(owner) && strings.EqualFold(user, owner)
}
