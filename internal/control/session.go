package control

import (
	"context"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
)

// Browser says where a session is.
type Browser struct {
	Agent  string // its User-Agent
	Remote string // its address
	Means  string // how the user proved there who they are, such as [hookyard.MeansPassword]
}

// CreateSession starts a session of a user who has proved who they are, and returns the value of its cookie. The cookie
// is good for [auth.SessionLife] at most.
func (c *Control) CreateSession(ctx context.Context, u *hookyard.User, b Browser) (cookie string, err error) {
	cookie, hash := auth.NewSession()
	at := time.Now().UTC()
	return cookie, c.store.CreateSession(ctx, &hookyard.Session{
		Hash: hash, UserKey: u.Key, CreatedAt: at, SeenAt: at, ExpiresAt: at.Add(auth.SessionLife),
		Agent: hookyard.Clean(b.Agent, 200), Remote: hookyard.Clean(b.Remote, 100), Means: b.Means,
	})
}

// Sessions lists the caller's sessions, the newest first.
func (c *Control) Sessions(ctx context.Context, id *auth.Identity) ([]*hookyard.Session, error) {
	if err := c.Admit(id, SignedIn); err != nil {
		return nil, err
	}
	return c.store.Sessions(ctx, id.User.Key)
}

// DeleteSession ends a session of the caller's. One that has ended is no error.
func (c *Control) DeleteSession(ctx context.Context, id *auth.Identity, sessionID string) error {
	if err := c.Admit(id, SignedIn); err != nil {
		return err
	}
	return c.store.DeleteSession(ctx, id.User.Key, sessionID)
}
