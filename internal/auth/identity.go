package auth

import (
	"context"

	"github.com/hookyard/hookyard"
)

// GuestName is the user name of whoever has not signed in.
const GuestName = "guest"

// Identity is who sends a request. It is shared between requests and must not be changed.
type Identity struct {
	User    *hookyard.User    // never nil; of a guest only its name is set
	Token   *hookyard.Token   // when a token was given: it limits what its user may
	Session *hookyard.Session // when a browser signed in
	Guest   bool              // nobody signed in
	dev     bool              // authentication is off
}

func guestIdentity() *Identity {
	return &Identity{User: &hookyard.User{Name: GuestName}, Guest: true}
}

func devIdentity() *Identity {
	return &Identity{User: &hookyard.User{Name: GuestName, Admin: true}, dev: true}
}

// IsAdmin says whether the request may administer the whole server: an administrator's, and if by a token, then by one
// that may manage every project. Ask this and not User.Admin, which knows nothing of the token.
func (id *Identity) IsAdmin() bool {
	if id.Guest || !id.User.Admin {
		return false
	}
	return id.Token == nil || id.Token.Scope == hookyard.ScopeManage && id.Token.ProjectKey == 0
}

type contextKey struct{}

// With returns a context that carries id.
func With(ctx context.Context, id *Identity) context.Context {
	return context.WithValue(ctx, contextKey{}, id)
}

// From returns the identity that ctx carries, or nil when it carries none.
func From(ctx context.Context) *Identity {
	id, _ := ctx.Value(contextKey{}).(*Identity)
	return id
}
