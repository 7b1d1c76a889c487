package web

import (
	"net/http"

	"github.com/hookyard/hookyard"
)

// usersPage is where administrators create, change and delete users.
type usersPage struct {
	base
	Users    []*hookyard.User
	Changed  string // the user whose form has a fault, "" when it is the form of a new user
	NewName  string
	NewAdmin bool
}

func showUsers(v *visit) error { return v.users(&usersPage{}, nil) }

func (v *visit) users(p *usersPage, err error) error {
	var e error
	if p.Users, e = v.web.o.Store.Users(v.ctx()); e != nil {
		return e
	}
	if err != nil {
		return v.showInvalid(err, "Users", p)
	}
	return v.show(http.StatusOK, "Users", p)
}

func createUser(v *visit) error {
	in := map[string]any{"name": v.get("name"), "admin": v.has("admin")}
	if password := v.form.Get("password"); password != "" {
		in["password"] = password
	}
	if err := v.web.o.API.Do(v.ctx(), v.id, http.MethodPost, "/users", in, nil); err != nil {
		return v.users(&usersPage{NewName: v.get("name"), NewAdmin: v.has("admin")}, err)
	}
	return v.redirect("/users", "created")
}

func userAction(v *visit) error {
	path, in := "/users"+join(v.r.PathValue("user")), map[string]any{}
	var err error
	switch v.get("do") {
	case "delete":
		err = v.web.o.API.Do(v.ctx(), v.id, http.MethodDelete, path, nil, nil)
	case "disable", "enable":
		in["disabled"] = v.get("do") == "disable"
		err = v.web.o.API.Do(v.ctx(), v.id, http.MethodPatch, path, in, nil)
	case "admin", "plain":
		in["admin"] = v.get("do") == "admin"
		err = v.web.o.API.Do(v.ctx(), v.id, http.MethodPatch, path, in, nil)
	case "password":
		in["password"] = v.form.Get("password")
		err = v.web.o.API.Do(v.ctx(), v.id, http.MethodPatch, path, in, nil)
		if err == nil && v.r.PathValue("user") == v.id.User.Name {
			err = v.renewSession(v.id.User)
		}
	default:
		err = hookyard.Errorf(hookyard.Invalid, "The form does not say what to do.")
	}
	if err != nil {
		return v.users(&usersPage{Changed: v.r.PathValue("user")}, err)
	}
	return v.redirect("/users", "saved")
}
