package web

import (
	"net/http"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
)

// profilePage is where users change their own password, tokens and sessions.
type profilePage struct {
	base
	Tokens     []*hookyard.Token
	Sessions   []*hookyard.Session
	Current    string // id of the session that the page is shown to
	Factor     bool   // the user has a second factor
	Linked     bool   // an account at the OpenID provider signs in as well
	Groups     []string
	Secret     string // of a token that was just created
	Name       string
	Scope      string
	ForProject string
	ExpiresIn  string
}

func showProfile(v *visit) error {
	return v.profile(http.StatusOK, &profilePage{Secret: v.onceSecret(), ForProject: v.get("project")}, nil)
}

// profile shows the page, with err as the fault of its form unless it is nil.
func (v *visit) profile(status int, p *profilePage, err error) error {
	var e error
	if p.Tokens, e = v.web.o.Store.Tokens(v.ctx(), v.id.User.Key, 0); e != nil {
		return e
	}
	if p.Sessions, e = v.web.o.Control.Sessions(v.ctx(), v.id); e != nil {
		return e
	}
	if v.id.Session != nil {
		p.Current = v.id.Session.ID
	}
	p.Factor = v.id.User.SecondFactor
	p.Linked = v.id.User.Subject != ""
	if p.Groups, e = v.web.o.Store.UserGroups(v.ctx(), v.id.User.Key); e != nil {
		return e
	}
	if err != nil {
		return v.showInvalid(err, "Your profile", p)
	}
	return v.show(status, "Your profile", p)
}

func changePassword(v *visit) error {
	if v.web.o.Dev {
		return v.profile(0, &profilePage{}, hookyard.FieldErrorf("password",
			"Sign-in is off (--dev): there is no password to change."))
	}
	if err := v.checkCurrent(); err != nil {
		return v.profile(0, &profilePage{}, err)
	}
	password, err := v.newPassword()
	if err != nil {
		return v.profile(0, &profilePage{}, err)
	}
	u, err := v.web.o.Control.SetPassword(v.ctx(), v.id, password)
	if err != nil {
		return v.profile(0, &profilePage{}, err)
	}
	if err := v.renewSession(u); err != nil {
		return err
	}
	return v.redirect("/profile", "password")
}

// checkCurrent checks the current password that a form of the profile asks for.
func (v *visit) checkCurrent() error {
	_, err := v.signIn(v.id.User.Name, v.form.Get("current"))
	if hookyard.CodeOf(err) == hookyard.Unauthenticated {
		return hookyard.FieldErrorf("current", "That is not your current password.")
	}
	return err
}

// renewSession starts a new session for a browser whose session has ended with all others of the user, because the
// password was changed.
func (v *visit) renewSession(user *hookyard.User) error {
	if v.id.Session == nil {
		return nil
	}
	return v.startSession(user, v.id.Session.Means)
}

// createToken creates a token and shows its secret once: the server stores only the hash.
func createToken(v *visit) error {
	p := &profilePage{
		Name: v.get("name"), Scope: v.get("scope"), ForProject: v.get("project"), ExpiresIn: v.get("expiresIn"),
	}
	in := control.TokenSpec{Name: p.Name, Scope: hookyard.Scope(p.Scope), Project: p.ForProject}
	if p.ExpiresIn != "" {
		d, err := hookyard.ParseDuration(p.ExpiresIn)
		if err != nil {
			return v.profile(0, p, hookyard.FieldErrorf("expiresIn", "Choose how long the token is valid."))
		}
		in.ExpiresIn = hookyard.Duration(d)
	}
	_, secret, err := v.web.o.Control.CreateToken(v.ctx(), v.id, in)
	if err != nil {
		if hookyard.CodeOf(err) == hookyard.Forbidden {
			err = hookyard.FieldErrorf("project", "There is no such project, or you may not see it.")
		}
		return v.profile(0, p, err)
	}
	return v.showOnce("/profile", secret, "")
}

func deleteToken(v *visit) error {
	err := v.web.o.Control.DeleteToken(v.ctx(), v.id, v.get("id"))
	if err != nil && hookyard.CodeOf(err) != hookyard.NotFound {
		return err
	}
	return v.redirect("/profile", "revoked")
}

func deleteSession(v *visit) error {
	if err := v.web.o.Control.DeleteSession(v.ctx(), v.id, v.get("id")); err != nil {
		return err
	}
	return v.redirect("/profile", "ended")
}
