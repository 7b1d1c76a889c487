package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
	"github.com/hookyard/hookyard/internal/control"
)

// passkeyPath is where the browser sends a new passkey.
const passkeyPath = factorPath + "/passkey"

// passkeyCookie holds the ticket of a ceremony with a passkey while the browser asks the user. Its forms need
// JavaScript (passkey.js): first it fetches options for the browser, then it sends the form with the browser's answer.
const passkeyCookie = "hookyard_passkey"

// takeTicket returns the ticket of the ceremony, or "", and deletes its cookie.
func (v *visit) takeTicket() string {
	v.setHostCookie(passkeyCookie, "", -1)
	return v.hostCookie(passkeyCookie)
}

// passkeyOptions answers the script with the options of a ceremony, or with what is wrong.
func (v *visit) passkeyOptions(options []byte, ticket string, err error) error {
	status := http.StatusOK
	var e *hookyard.Error
	switch {
	case errors.As(err, &e):
		status = e.Code.Status()
		options, err = json.Marshal(map[string]string{"message": sentence(e.Message)})
		if err != nil {
			return err
		}
	case err != nil:
		return err
	default:
		v.setHostCookie(passkeyCookie, ticket, int(control.PasskeyLife/time.Second))
	}
	v.w.Header().Set("Content-Type", "application/json")
	v.w.Header().Set("Cache-Control", "no-store")
	v.w.WriteHeader(status)
	_, _ = v.w.Write(options)
	return nil
}

func newPasskeyOptions(v *visit) error {
	var options []byte
	var ticket string
	err := v.checkCurrent()
	if err == nil {
		options, ticket, err = v.web.o.Control.BeginPasskey(v.ctx(), v.id, v.get("name"))
	}
	return v.passkeyOptions(options, ticket, err)
}

func addPasskey(v *visit) error {
	codes, err := v.web.o.Control.FinishPasskey(v.ctx(), v.id, v.takeTicket(), []byte(v.get("credential")))
	if err != nil {
		return v.showFactors(&factorPage{}, err)
	}
	if codes == nil {
		return v.redirect(factorPath, "created")
	}
	return v.showCodes(codes, "factor")
}

// passkeyStep returns the user whose second step the passkey is to be, or nil if the passkey comes first.
func (v *visit) passkeyStep() (*hookyard.User, error) {
	if !v.has("step") {
		return nil, nil
	}
	return v.stepUser()
}

func passkeySignInOptions(v *visit) error {
	var options []byte
	var ticket string
	user, err := v.passkeyStep()
	if err == nil {
		options, ticket, err = v.web.o.Control.BeginPasskeySignIn(v.ctx(), user)
	}
	return v.passkeyOptions(options, ticket, err)
}

func passkeySignIn(v *visit) error {
	a := arrival{Means: hookyard.MeansPasskey, Next: safeNext(v.get("next")), Kept: v.kept()}
	step, err := v.passkeyStep()
	var user *hookyard.User
	if err == nil {
		user, err = v.web.o.Control.FinishPasskeySignIn(v.ctx(), step, v.takeTicket(),
			[]byte(v.get("credential")), v.r.RemoteAddr)
	}
	switch {
	case err != nil && step != nil:
		return v.step(step, a, err)
	case err != nil:
		return v.loginFailed(err, "passkey", &loginPage{Next: a.Next, Keep: keep(a.Kept)})
	case step != nil:
		a.Means = hookyard.MeansBoth
		v.setHostCookie(auth.StepCookie, "", -1)
	}
	return v.enter(user, a)
}
