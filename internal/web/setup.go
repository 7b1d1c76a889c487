package web

import (
	"errors"
	"net/http"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
)

// setupPage is where the first administrator chooses a password.
type setupPage struct {
	base
	Token    string
	Username string
}

func showSetup(v *visit) error {
	_, u, err := v.setupUser(v.get("token"))
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, "Welcome", &setupPage{Token: v.get("token"), Username: u.Name})
}

func finishSetup(v *visit) error {
	t, u, err := v.setupUser(v.get("token"))
	if err != nil {
		return err
	}
	v.r = v.r.WithContext(hookyard.WithActor(v.ctx(), u.Name)) // the audit log names the user and not a guest
	if err := v.newPassword(u); err != nil {
		return v.showInvalid(err, "Welcome", &setupPage{Token: v.get("token"), Username: u.Name})
	}
	if err := v.web.o.Store.DeleteToken(v.ctx(), u.Key, t.ID); err != nil {
		return err
	}
	v.web.o.Auth.Forget()
	if err := v.startSession(u); err != nil {
		return err
	}
	return v.redirect("/", "in")
}

// setupUser returns the token of a setup link and its user. A link can be used once.
func (v *visit) setupUser(secret string) (*hookyard.Token, *hookyard.User, error) {
	used := hookyard.Errorf(hookyard.Forbidden,
		"This link is not good any more. Sign in with the password that was chosen by it; or, if the server was "+
			"started again since, follow the link that its log has now.")
	if v.id == nil {
		v.identifyBrowser()
	}
	t, err := v.web.o.Store.TokenByHash(v.ctx(), auth.HashToken(secret))
	if errors.Is(err, hookyard.ErrNotFound) || err == nil && t.Name != auth.SetupToken {
		return nil, nil, used
	}
	if err != nil {
		return nil, nil, err
	}
	u, err := v.web.o.Store.UserByName(v.ctx(), t.User)
	if errors.Is(err, hookyard.ErrNotFound) || err == nil && u.PasswordHash != "" {
		return nil, nil, used
	}
	return t, u, err
}

// identifyBrowser identifies the caller by the session alone: the token in the URL belongs to the link and is not the
// caller's.
func (v *visit) identifyBrowser() {
	r := v.r.Clone(v.ctx())
	r.URL.RawQuery = ""
	if id, err := v.web.o.Auth.Identify(r); err == nil {
		v.id = id
	}
}

// newPassword sets a user's password from the fields password and again.
func (v *visit) newPassword(u *hookyard.User) error {
	password := v.form.Get("password")
	if password != v.form.Get("again") {
		return hookyard.FieldErrorf("again", "The two passwords differ.")
	}
	hash, err := auth.HashPassword(password)
	if err != nil {
		return err
	}
	u.PasswordHash = hash
	return v.web.o.Store.UpdateUser(v.ctx(), u)
}
