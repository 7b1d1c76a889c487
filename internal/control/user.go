package control

import (
	"context"
	"errors"
	"strings"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
)

// UserPatch holds what to set of a user.
type UserPatch struct {
	Name     string           `json:"name"`     // of a new user; it is not changed later
	Password Optional[string] `json:"password"` // empty: none
	Admin    Optional[bool]   `json:"admin"`
	Disabled Optional[bool]   `json:"disabled"`

	RevokeTokens bool `json:"revokeTokens"` // revoke all tokens of the user's, too
}

// Users lists all users by name. The caller must be an administrator, as for every change of another user.
func (c *Control) Users(ctx context.Context, id *auth.Identity) ([]*hookyard.User, error) {
	if err := c.Admit(id, Administrator); err != nil {
		return nil, err
	}
	return c.store.Users(ctx)
}

// CreateUser creates a user. It fails with Conflict when there is one of that name, whatever its case.
func (c *Control) CreateUser(ctx context.Context, id *auth.Identity, in UserPatch) (*hookyard.User, error) {
	if err := c.Admit(id, Administrator); err != nil {
		return nil, err
	}
	u := &hookyard.User{Name: in.Name}
	change, err := c.changeOf(ctx, &in)
	if err != nil {
		return nil, err
	}
	change(u)
	if err := c.checkUserName(u.Name); err != nil {
		return nil, err
	}
	if err := c.store.CreateUser(actor(ctx, id), u); err != nil {
		return nil, err
	}
	c.auth.Forget()
	return u, nil
}

// UpdateUser changes a user. The user's sessions end when the password changes or the user is disabled. It fails with
// Conflict for a change that would leave the server without an administrator.
func (c *Control) UpdateUser(ctx context.Context, id *auth.Identity, name string, in UserPatch) (*hookyard.User,
	error) {
	if err := c.Admit(id, Administrator); err != nil {
		return nil, err
	}
	u, err := c.user(ctx, name)
	if err != nil {
		return nil, err
	}
	change, err := c.changeOf(ctx, &in)
	if err != nil {
		return nil, err
	}
	return c.changeUser(actor(ctx, id), u.Key, func(u *hookyard.User) error {
		change(u)
		return nil
	})
}

// DeleteUser deletes a user with tokens, sessions and roles; projects that the user owns stay. It fails with Conflict
// for the only administrator.
func (c *Control) DeleteUser(ctx context.Context, id *auth.Identity, name string) error {
	if err := c.Admit(id, Administrator); err != nil {
		return err
	}
	u, err := c.user(ctx, name)
	if err != nil {
		return err
	}
	if err := c.store.DeleteUser(actor(ctx, id), u.Key); err != nil {
		return err
	}
	c.auth.Forget()
	return nil
}

// SetPassword sets the caller's own password and ends the caller's sessions. The face has asked for the current one.
func (c *Control) SetPassword(ctx context.Context, id *auth.Identity, password string) (*hookyard.User, error) {
	hash, err := c.auth.HashPassword(ctx, password)
	if err != nil {
		return nil, err
	}
	return c.updateSelf(ctx, id, func(u *hookyard.User) error {
		u.PasswordHash = hash
		return nil
	})
}

// SetSubject connects the caller with an account at an OpenID provider, so that it signs the caller in; "" disconnects
// it. It fails with Conflict when the account signs another user in, and with Invalid when it is the only way in.
func (c *Control) SetSubject(ctx context.Context, id *auth.Identity, subject string) (*hookyard.User, error) {
	return c.updateSelf(ctx, id, func(u *hookyard.User) error {
		if subject == "" && u.PasswordHash == "" {
			return hookyard.FieldErrorf("oidc",
				"It is the only way you can sign in. An administrator can give you a password first.")
		}
		u.Subject = subject
		return nil
	})
}

// updateSelf makes a change to the caller's own user. It fails for a caller who was disabled since the request came.
func (c *Control) updateSelf(ctx context.Context, id *auth.Identity,
	change func(u *hookyard.User) error) (*hookyard.User, error) {
	if err := c.Admit(id, SignedIn); err != nil {
		return nil, err
	}
	return c.changeUser(actor(ctx, id), id.User.Key, func(u *hookyard.User) error {
		if u.Disabled {
			return hookyard.Errorf(hookyard.Unauthenticated, "the user is disabled; ask an administrator")
		}
		return change(u)
	})
}

// Account is what an OpenID provider says of a user who signs in.
type Account struct {
	Provider string // its host: the actor of what is changed here
	Subject  string // issuer and subject
	Name     string // that the user is to have
	Admin    *bool  // whether the operator's rules make the account an administrator; nil: no rule says so
	Groups   []string
}

// SignOn returns the user of an account, and creates one on its first sign-in. It fails with Forbidden for a user who
// is disabled. The rules for administrators are followed at each sign-in, except that a user who has a password stays
// an administrator: an administrator who connects an account was one before. The groups replace those of the last
// sign-in: roles in projects that the user had by other groups end at once, for sessions and tokens that exist, too.
func (c *Control) SignOn(ctx context.Context, a Account) (*hookyard.User, error) {
	ctx = hookyard.WithActor(ctx, a.Provider)
	u, err := c.accountUser(ctx, a)
	if err != nil {
		return nil, err
	}
	if err := c.store.SetUserGroups(ctx, u.Key, a.Groups); err != nil {
		return nil, err
	}
	c.auth.Forget()
	return u, nil
}

func (c *Control) accountUser(ctx context.Context, a Account) (*hookyard.User, error) {
	u, err := c.store.UserBySubject(ctx, a.Subject)
	if errors.Is(err, hookyard.ErrNotFound) {
		u = &hookyard.User{Name: a.Name, Subject: a.Subject, Admin: a.Admin != nil && *a.Admin}
		return u, c.store.JoinUser(ctx, u)
	}
	if err != nil {
		return nil, err
	}
	if u.Disabled {
		return nil, hookyard.Errorf(hookyard.Forbidden, "User %s is disabled. Ask an administrator.", u.Name)
	}
	if a.Admin != nil && *a.Admin != u.Admin && (*a.Admin || u.PasswordHash == "") {
		return c.changeUser(ctx, u.Key, func(u *hookyard.User) error {
			u.Admin = *a.Admin && !u.Disabled
			return nil
		})
	}
	return u, nil
}

// user returns the user of that name.
func (c *Control) user(ctx context.Context, name string) (*hookyard.User, error) {
	u, err := c.store.UserByName(ctx, name)
	if errors.Is(err, hookyard.ErrNotFound) {
		return nil, hookyard.Errorf(hookyard.NotFound, "no such user [%s]", hookyard.Clean(name, 100))
	}
	return u, err
}

// changeUser changes a user, and has what is remembered of users forgotten.
func (c *Control) changeUser(ctx context.Context, key int64, change func(u *hookyard.User) error) (*hookyard.User,
	error) {
	u, err := c.store.UpdateUser(ctx, key, change)
	if errors.Is(err, hookyard.ErrNotFound) {
		return nil, hookyard.Errorf(hookyard.NotFound, "no such user: it was deleted")
	}
	if err != nil {
		return nil, err
	}
	c.auth.Forget()
	return u, nil
}

// changeOf returns the function that sets what the patch gives. The password is hashed before, as that takes long.
func (c *Control) changeOf(ctx context.Context, in *UserPatch) (func(u *hookyard.User), error) {
	password, given := in.Password.Get()
	hash := ""
	if password != "" {
		var err error
		if hash, err = c.auth.HashPassword(ctx, password); err != nil {
			return nil, err
		}
	}
	return func(u *hookyard.User) {
		in.Admin.SetTo(&u.Admin)
		in.Disabled.SetTo(&u.Disabled)
		u.RevokeTokens = in.RevokeTokens
		if given {
			u.PasswordHash = hash
		}
	}, nil
}

// checkUserName refuses names that cannot own a project. Whether the name is another user's is the store's to say.
func (c *Control) checkUserName(name string) error {
	if err := (&hookyard.Project{Owner: name, Name: "x"}).Validate(c.limits); err != nil {
		return hookyard.FieldErrorf("name", "user name must be 1 to 100 of the characters A-Z a-z 0-9 . _ -")
	}
	if strings.EqualFold(name, auth.GuestName) {
		return hookyard.FieldErrorf("name", "guest is whoever has not signed in; choose another name")
	}
	return nil
}
