package web

import (
	"errors"
	"net/http"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
)

// stepPage is the second step of signing in, after the password, for users with a second factor.
type stepPage struct {
	base
	Username string
	Next     string
	Keep     []field
}

// passwordProved signs in a user who gave the right password, or asks for the second factor first.
func (v *visit) passwordProved(user *hookyard.User, a arrival) error {
	if !user.SecondFactor {
		return v.enter(user, a)
	}
	v.setStep(auth.NewStep(user, time.Now()), int(auth.StepLife/time.Second))
	return v.show(http.StatusOK, "Second step", &stepPage{Username: user.Name, Next: a.Next, Keep: keep(a.Kept)})
}

func (v *visit) setStep(value string, age int) {
	c := v.web.cookie(auth.StepCookie, value, age)
	c.Path = "/login"
	http.SetCookie(v.w, c)
}

// stepUser returns the user who gave the right password in this browser.
func (v *visit) stepUser() (*hookyard.User, error) {
	value := ""
	if c, err := v.r.Cookie(auth.StepCookie); err == nil {
		value = c.Value
	}
	return v.web.o.Auth.StepUser(v.ctx(), value)
}

// showStep is for those who load the page of the second step again.
func showStep(v *visit) error {
	user, err := v.stepUser()
	if err != nil {
		return v.redirect("/login", "")
	}
	return v.show(http.StatusOK, "Second step", &stepPage{Username: user.Name, Next: "/"})
}

func secondStep(v *visit) error {
	a := arrival{Means: hookyard.MeansCode, Next: safeNext(v.get("next")), Kept: v.kept()}
	user, err := v.stepUser()
	if err != nil {
		return v.loginFailed(err, "password", &loginPage{Next: a.Next, Keep: keep(a.Kept)})
	}
	if err := v.checkCode(user); err != nil {
		var e *hookyard.Error
		if !errors.As(err, &e) {
			return err
		}
		p := &stepPage{Username: user.Name, Next: a.Next, Keep: keep(a.Kept)}
		p.Problems = []*hookyard.Error{{Code: e.Code, Field: "code", Message: e.Message}}
		return v.show(e.Code.Status(), "Second step", p)
	}
	v.setStep("", -1)
	return v.enter(user, a)
}

// checkCode checks the code that was typed, and uses it up.
func (v *visit) checkCode(user *hookyard.User) error {
	return v.web.o.Auth.CheckCode(v.ctx(), user,
		auth.CodeRequest{Code: v.get("code"), Remote: v.r.RemoteAddr, Device: v.device()})
}
