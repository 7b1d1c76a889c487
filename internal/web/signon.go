package web

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
	"github.com/hookyard/hookyard/internal/oidc"
)

// SignOnReturn is the path that an OpenID provider sends users back to.
const SignOnReturn = "/login/oidc/callback"

// signOnCookie holds a [signOn] while a user is at the provider.
const (
	signOnCookie = "hookyard_signon"
	signOnLife   = 600 // seconds
)

// signOn is a sign-in at the provider that has not ended yet.
type signOn struct {
	oidc.Pending
	Next string `json:"next"`
	Link string `json:"link,omitempty"` // id of the session whose user links the account; "" to sign in
}

func beginSignOn(v *visit) error { return v.redirectToProvider(signOn{Next: safeNext(v.get("next"))}) }

// beginLink links an account at the provider to the user who is signed in. The page has a link to it and not a form,
// because browsers apply the policy's form-action to the redirects that follow a form. A link may come from any site,
// so the referring page is checked.
func beginLink(v *visit) error {
	if !v.sameOrigin() {
		return hookyard.Errorf(hookyard.Forbidden, "Open your profile here and follow its link to the provider.")
	}
	if v.id.Session == nil {
		return hookyard.Errorf(hookyard.Forbidden, "Sign in with your password first.")
	}
	return v.redirectToProvider(signOn{Next: "/profile", Link: v.id.Session.ID})
}

// sameOrigin reports whether the caller followed a link on one of our own pages. Browsers send Sec-Fetch-Site over
// https and to localhost only; else the Referer tells.
func (v *visit) sameOrigin() bool {
	if site := v.r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	before, err := url.Parse(v.r.Referer())
	return err == nil && before.Host != "" && before.Host == v.r.Host
}

// redirectToProvider sends the browser to the provider.
func (v *visit) redirectToProvider(s signOn) error {
	to, pending, err := v.web.o.SignOn.Begin(v.ctx())
	if err != nil {
		return v.loginFailed(err, "oidc", &loginPage{Next: s.Next})
	}
	s.Pending = pending
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	v.setHostCookie(signOnCookie, base64.RawURLEncoding.EncodeToString(b), signOnLife)
	v.w.Header().Set("Cache-Control", "no-store")
	http.Redirect(v.w, v.r, to, http.StatusSeeOther)
	return nil
}

// finishSignOn signs in a user who comes back from the provider, or links the account.
func finishSignOn(v *visit) error {
	var s signOn
	if b, err := base64.RawURLEncoding.DecodeString(v.hostCookie(signOnCookie)); err == nil {
		_ = json.Unmarshal(b, &s) // else Finish says that nothing is pending
	}
	v.setHostCookie(signOnCookie, "", -1)
	person, err := v.web.o.SignOn.Finish(v.ctx(), s.Pending, v.r.URL.Query())
	if err == nil && s.Link != "" {
		return v.link(person, s.Link)
	}
	var user *hookyard.User
	if err == nil {
		user, err = v.web.o.Control.SignOn(v.ctx(), control.Account{
			Provider: v.web.o.SignOn.Host(), Subject: person.Subject, Name: person.Name, Admin: person.Admin,
			Groups: person.Groups,
		})
	}
	if err != nil {
		return v.loginFailed(err, "oidc", &loginPage{Next: safeNext(s.Next)})
	}
	return v.enter(user, arrival{Means: hookyard.MeansProvider, Next: safeNext(s.Next)})
}

// link links the account to the user of the session that asked for it.
func (v *visit) link(p *oidc.Person, session string) error {
	if v.id == nil || v.id.Session == nil || v.id.Session.ID != session {
		return hookyard.Errorf(hookyard.Unauthenticated,
			"Your session ended while you were away. Sign in and try again.")
	}
	return v.setSubject(p.Subject, "linked")
}

// unlink removes the account from the user.
func unlink(v *visit) error {
	return v.setSubject("", "unlinked")
}

func (v *visit) setSubject(subject, note string) error {
	if _, err := v.web.o.Control.SetSubject(v.ctx(), v.id, subject); err != nil {
		if hookyard.CodeOf(err) == hookyard.Conflict {
			err = hookyard.FieldErrorf("oidc", "That account signs in another user of this server.")
		}
		return v.profile(http.StatusOK, &profilePage{}, err)
	}
	return v.redirect("/profile", note)
}
