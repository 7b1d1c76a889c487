package control

import (
	"context"
	"errors"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
)

// LinkPath is the path of the page at which a user chooses a password. The secret of the link follows.
const LinkPath = "/setup?token="

// InviteUser makes a link by which a user without a password chooses one, in place of the user's last link, and returns
// the secret in it, which is not stored. The link is good once and for [auth.LinkLife]. The caller must be an
// administrator. It fails with Conflict for a user who can sign in already, or is disabled.
func (c *Control) InviteUser(ctx context.Context, id *auth.Identity, name string) (secret string, until time.Time,
	err error) {
	if err := c.Admit(id, Administrator); err != nil {
		return "", time.Time{}, err
	}
	u, err := c.user(ctx, name)
	if err != nil {
		return "", time.Time{}, err
	}
	secret, link := auth.NewLink(u.Key, now())
	err = c.store.CreateLink(actor(ctx, id), link, func(u *hookyard.User) error {
		if !mayFollowLink(u) {
			return hookyard.Errorf(hookyard.Conflict,
				"user %s can sign in already, or is disabled: a link is for users without a password", u.Name)
		}
		return nil
	})
	return secret, link.ExpiresAt, err
}

// LinkUser returns the user who may choose a password by a link. It fails with Forbidden for a link that was used, was
// replaced or has expired.
func (c *Control) LinkUser(ctx context.Context, secret string) (*hookyard.User, error) {
	u, err := c.store.LinkUser(ctx, auth.HashToken(secret), now())
	if errors.Is(err, hookyard.ErrNotFound) || err == nil && !mayFollowLink(u) {
		return nil, errLink()
	}
	return u, err
}

// UseLink sets the password of the user of a link and uses the link up.
func (c *Control) UseLink(ctx context.Context, secret, password string) (*hookyard.User, error) {
	u, err := c.LinkUser(ctx, secret) // before the expensive hash
	if err != nil {
		return nil, err
	}
	hash, err := c.auth.HashPassword(ctx, password)
	if err != nil {
		return nil, err
	}
	u, err = c.store.UseLink(hookyard.WithActor(ctx, u.Name), auth.HashToken(secret), func(u *hookyard.User) error {
		if !mayFollowLink(u) {
			return errLink()
		}
		u.PasswordHash = hash
		return nil
	})
	if errors.Is(err, hookyard.ErrNotFound) {
		return nil, errLink()
	}
	if err != nil {
		return nil, err
	}
	c.auth.Forget()
	return u, nil
}

// mayFollowLink reports whether a link is good for a user: one who has no other way to sign in yet.
func mayFollowLink(u *hookyard.User) bool {
	return !u.Disabled && u.PasswordHash == "" && u.Subject == ""
}

func errLink() error {
	return hookyard.Errorf(hookyard.Forbidden, "This link is not valid any more: it was used, replaced by a newer "+
		"one, or is older than a day. If you chose a password, sign in with it. "+
		"Otherwise ask an administrator for a new link.")
}
