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
	Has      *hookyard.Factors
	Next     string
	Keep     []field
}

// passwordProved signs in a user who gave the right password, or asks for the second factor first.
func (v *visit) passwordProved(user *hookyard.User, a arrival) error {
	if !user.SecondFactor {
		return v.enter(user, a)
	}
	v.setHostCookie(auth.StepCookie, auth.NewStep(user, time.Now()), int(auth.StepLife/time.Second))
	return v.step(user, a, nil)
}

// step shows the page of the second step, with err as the fault of its form unless it is nil.
func (v *visit) step(user *hookyard.User, a arrival, err error) error {
	has, e := v.web.o.Control.StepFactors(v.ctx(), user)
	if e != nil {
		return e
	}
	p := &stepPage{Username: user.Name, Has: has, Next: a.Next, Keep: keep(a.Kept)}
	if err == nil {
		return v.show(http.StatusOK, "Second step", p)
	}
	var refused *hookyard.Error
	if !errors.As(err, &refused) {
		return err
	}
	p.Problems = []*hookyard.Error{{Code: refused.Code, Field: "code", Message: refused.Message}}
	return v.show(refused.Code.Status(), "Second step", p)
}

// stepUser returns the user who gave the right password in this browser.
func (v *visit) stepUser() (*hookyard.User, error) {
	return v.web.o.Auth.StepUser(v.ctx(), v.hostCookie(auth.StepCookie))
}

// showStep is for those who load the page of the second step again.
func showStep(v *visit) error {
	user, err := v.stepUser()
	if err != nil {
		return v.redirect("/login", "")
	}
	return v.step(user, arrival{Next: "/"}, nil)
}

func secondStep(v *visit) error {
	a := arrival{Means: hookyard.MeansCode, Next: safeNext(v.get("next")), Kept: v.kept()}
	user, err := v.stepUser()
	if err != nil {
		return v.loginFailed(err, "password", &loginPage{Next: a.Next, Keep: keep(a.Kept)})
	}
	if err := v.checkCode(user); err != nil {
		return v.step(user, a, err)
	}
	v.setHostCookie(auth.StepCookie, "", -1)
	return v.enter(user, a)
}

// checkCode checks the code that was typed, and uses it up.
func (v *visit) checkCode(user *hookyard.User) error {
	return v.web.o.Auth.CheckCode(v.ctx(), user,
		auth.CodeRequest{Code: v.get("code"), Remote: v.r.RemoteAddr, Device: v.hostCookie(auth.DeviceCookie)})
}
