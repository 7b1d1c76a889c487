package web

import (
	"cmp"
	"net/http"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
	"github.com/hookyard/hookyard/internal/control"
)

// startSession creates a session and gives its cookie to the browser, with one by which the browser is recognized as a
// device of the user. means is how the user has proved who they are.
func (v *visit) startSession(user *hookyard.User, means string) error {
	cookie, err := v.web.o.Control.CreateSession(v.ctx(), user,
		control.Browser{Agent: v.r.UserAgent(), Remote: v.r.RemoteAddr, Means: means})
	if err != nil {
		return err
	}
	v.setHostCookie(auth.SessionCookie, cookie, int(auth.SessionLife/time.Second))
	if device := auth.NewDevice(user, time.Now()); device != "" {
		v.setHostCookie(auth.DeviceCookie, device, int(auth.DeviceLife/time.Second))
	}
	return nil
}

func (w *Web) cookie(name, value string, age int) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: age, HttpOnly: true,
		Secure: strings.HasPrefix(w.o.BaseURL, "https://"), SameSite: http.SameSiteLaxMode}
}

// hostCookie is a cookie that is bound to this host, if possible.
func (w *Web) hostCookie(name, value string, age int) *http.Cookie {
	return w.cookie(auth.CookieName(w.o.BaseURL, name), value, age)
}

// setHostCookie gives the browser a cookie that is bound to this host, if possible.
func (v *visit) setHostCookie(name, value string, age int) {
	http.SetCookie(v.w, v.web.hostCookie(name, value, age))
}

// hostCookie returns the value of such a cookie, or "".
func (v *visit) hostCookie(name string) string {
	c, err := v.r.Cookie(auth.CookieName(v.web.o.BaseURL, name))
	if err != nil {
		return ""
	}
	return c.Value
}

// signIn checks a password that was typed in this browser.
func (v *visit) signIn(name, password string) (*hookyard.User, error) {
	return v.web.o.Auth.SignIn(v.ctx(),
		auth.SignInRequest{Name: name, Password: password, Remote: v.r.RemoteAddr,
			Device: v.hostCookie(auth.DeviceCookie)})
}

func logout(v *visit) error {
	if id := cmp.Or(v.id, v.enrolling); id != nil && id.Session != nil {
		if err := v.web.o.Control.DeleteSession(v.ctx(), id, id.Session.ID); err != nil {
			return err
		}
	}
	v.setHostCookie(auth.SessionCookie, "", -1)
	return v.redirect("/login", "out")
}
