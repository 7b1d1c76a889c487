package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
)

// startSession creates a session and gives its cookie to the browser.
func (v *visit) startSession(user *hookyard.User) error {
	cookie, hash := auth.NewSession()
	now := time.Now().UTC()
	s := &hookyard.Session{
		Hash: hash, UserKey: user.Key, CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(auth.SessionLife),
		Agent: hookyard.Clean(v.r.UserAgent(), 200), Remote: hookyard.Clean(v.r.RemoteAddr, 100),
	}
	if err := v.web.o.Store.CreateSession(v.ctx(), s); err != nil {
		return err
	}
	http.SetCookie(v.w, v.web.cookie(cookie, int(auth.SessionLife/time.Second)))
	return nil
}

func (w *Web) cookie(value string, age int) *http.Cookie {
	return &http.Cookie{Name: auth.SessionCookie, Value: value, Path: "/", MaxAge: age, HttpOnly: true,
		Secure: strings.HasPrefix(w.o.BaseURL, "https://"), SameSite: http.SameSiteLaxMode}
}

func logout(v *visit) error {
	if v.id != nil && v.id.Session != nil {
		if err := v.web.o.Store.DeleteSession(v.ctx(), v.id.User.Key, v.id.Session.ID); err != nil {
			return err
		}
	}
	http.SetCookie(v.w, v.web.cookie("", -1))
	return v.redirect("/login", "out")
}
