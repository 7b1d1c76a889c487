package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
	"github.com/hookyard/hookyard/internal/control"
)

// startSession creates a session and gives its cookie to the browser.
func (v *visit) startSession(user *hookyard.User) error {
	cookie, err := v.web.o.Control.CreateSession(v.ctx(), user,
		control.Browser{Agent: v.r.UserAgent(), Remote: v.r.RemoteAddr})
	if err != nil {
		return err
	}
	http.SetCookie(v.w, v.web.cookie(cookie, int(auth.SessionLife/time.Second)))
	return nil
}

func (w *Web) cookie(value string, age int) *http.Cookie {
	return &http.Cookie{Name: auth.CookieName(w.o.BaseURL), Value: value, Path: "/", MaxAge: age, HttpOnly: true,
		Secure: strings.HasPrefix(w.o.BaseURL, "https://"), SameSite: http.SameSiteLaxMode}
}

func logout(v *visit) error {
	if v.id != nil && v.id.Session != nil {
		if err := v.web.o.Control.DeleteSession(v.ctx(), v.id, v.id.Session.ID); err != nil {
			return err
		}
	}
	http.SetCookie(v.w, v.web.cookie("", -1))
	return v.redirect("/login", "out")
}
