package web

import (
	"net/http"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
)

// usersPage is where administrators create, change and delete users.
type usersPage struct {
	base
	Users    []*hookyard.User
	Changed  string // the user whose form has a fault, "" when it is the form of a new user
	NewName  string
	NewAdmin bool
	Link     string // to choose a password, just created
	Now      time.Time
}

func showUsers(v *visit) error { return v.users(&usersPage{Link: v.onceSecret()}, nil) }

func (v *visit) users(p *usersPage, err error) error {
	p.Now = time.Now()
	var e error
	if p.Users, e = v.web.o.Control.Users(v.ctx(), v.id); e != nil {
		return e
	}
	if err != nil {
		return v.showInvalid(err, "Users", p)
	}
	return v.show(http.StatusOK, "Users", p)
}

func createUser(v *visit) error {
	in := control.UserPatch{Name: v.get("name"), Admin: control.Value(v.has("admin"))}
	if password := v.form.Get("password"); password != "" {
		in.Password = control.Value(password)
	}
	u, err := v.web.o.Control.CreateUser(v.ctx(), v.id, in)
	if err != nil {
		return v.users(&usersPage{NewName: v.get("name"), NewAdmin: v.has("admin")}, err)
	}
	if u.PasswordHash == "" && v.has("invite") {
		return v.inviteUser(u.Name)
	}
	return v.redirect("/users", "created")
}

// inviteUser shows, once, a link by which a user chooses a password.
func (v *visit) inviteUser(name string) error {
	secret, _, err := v.web.o.Control.InviteUser(v.ctx(), v.id, name)
	if err != nil {
		return v.users(&usersPage{Changed: name}, err)
	}
	return v.showOnce("/users", v.web.o.BaseURL+control.LinkPath+secret, "invited")
}

// userAction does what the pressed button of a user's form says.
func userAction(v *visit) error {
	name := v.r.PathValue("user")
	update := func(in control.UserPatch) error {
		_, err := v.web.o.Control.UpdateUser(v.ctx(), v.id, name, in)
		return err
	}
	var err error
	switch do := v.get("do"); do {
	case "invite":
		return v.inviteUser(name)
	case "factor":
		err = v.web.o.Control.ResetFactors(v.ctx(), v.id, name)
	case "delete":
		err = v.web.o.Control.DeleteUser(v.ctx(), v.id, name)
	case "disable", "enable":
		err = update(control.UserPatch{Disabled: control.Value(do == "disable")})
	case "admin", "plain":
		err = update(control.UserPatch{Admin: control.Value(do == "admin")})
	case "password":
		err = update(control.UserPatch{Password: control.Value(v.form.Get("password")), RevokeTokens: v.has("revoke")})
		if err == nil && name == v.id.User.Name {
			err = v.renewSession(v.id.User)
		}
	default:
		err = hookyard.Errorf(hookyard.Invalid, "The form does not say what to do.")
	}
	if err != nil {
		return v.users(&usersPage{Changed: name}, err)
	}
	return v.redirect("/users", "saved")
}
