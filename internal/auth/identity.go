package auth

import (
	"context"
	"time"

	"github.com/hookyard/hookyard"
)

// GuestName is the user name of a caller that is not signed in.
const GuestName = "guest"

// Identity is an authenticated caller, or a guest. It is shared between requests and must not be modified.
type Identity struct {
	User    *hookyard.User    // never nil; for a guest only Name is set
	Token   *hookyard.Token   // not nil for a token, which limits what its user may do
	Session *hookyard.Session // not nil for a browser
	Guest   bool              // not signed in
	dev     bool              // authentication is off
}

func guestIdentity() *Identity {
	return &Identity{User: &hookyard.User{Name: GuestName}, Guest: true}
}

func devIdentity() *Identity {
	return &Identity{User: &hookyard.User{Name: GuestName, Admin: true}, dev: true}
}

// IsAdmin reports whether the caller may administer the server: an administrator, and with a token only if it has scope
// manage for every project. Use it instead of User.Admin, which ignores the token.
func (id *Identity) IsAdmin() bool {
	if id.Guest || !id.User.Admin {
		return false
	}
	return id.Token == nil || id.Token.Scope == hookyard.ScopeManage && id.Token.ProjectKey == 0
}

// Owns reports whether the caller is the user who owns p, ignoring case as in names of projects.
func (id *Identity) Owns(p *hookyard.Project) bool {
	return !id.Guest && sameName(id.User.Name, p.Owner)
}

// ExpiresAt returns when the caller's token or session ends, or the zero time if nothing ends.
func (id *Identity) ExpiresAt() time.Time {
	switch {
	case id.Token != nil:
		return id.Token.ExpiresAt
	case id.Session != nil:
		return sessionEnd(id.Session)
	}
	return time.Time{}
}

type contextKey struct{}

// With returns a context that carries id.
func With(ctx context.Context, id *Identity) context.Context {
	return context.WithValue(ctx, contextKey{}, id)
}

// From returns the identity that ctx carries, or nil if there is none.
func From(ctx context.Context) *Identity {
	id, _ := ctx.Value(contextKey{}).(*Identity)
	return id
}
