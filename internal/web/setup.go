package web

import (
	"net/http"

	"github.com/hookyard/hookyard"
)

// setupPage is where a user chooses the first password: the first administrator, or one who was invited.
type setupPage struct {
	base
	Token    string
	Username string
}

func showSetup(v *visit) error {
	if v.id == nil {
		v.identifyBrowser()
	}
	u, err := v.web.o.Control.LinkUser(v.ctx(), v.get("token"))
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, "Welcome", &setupPage{Token: v.get("token"), Username: u.Name})
}

func finishSetup(v *visit) error {
	if v.id == nil {
		v.identifyBrowser()
	}
	token := v.get("token")
	invited, err := v.web.o.Control.LinkUser(v.ctx(), token)
	if err != nil {
		return err
	}
	var u *hookyard.User
	password, err := v.newPassword()
	if err == nil {
		u, err = v.web.o.Control.UseLink(v.ctx(), token, password)
	}
	if err != nil {
		return v.showInvalid(err, "Welcome", &setupPage{Token: token, Username: invited.Name})
	}
	return v.passwordProved(u, arrival{Means: hookyard.MeansLink, Next: "/"})
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

// newPassword returns the password that was typed into two fields.
func (v *visit) newPassword() (string, error) {
	password := v.form.Get("password")
	if password != v.form.Get("again") {
		return "", hookyard.FieldErrorf("again", "The two passwords differ.")
	}
	return password, nil
}
