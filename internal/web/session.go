package web

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/api"
	"github.com/hookyard/hookyard/internal/auth"
)

// field is what somebody typed.
type field struct{ Name, Value string }

// loginPage asks who somebody is. What was typed into a form when the session ended is carried along.
type loginPage struct {
	base
	Next     string
	Username string
	Why      string
	Keep     []field
}

// Kept are the fields without what marks them here.
func (p *loginPage) Kept() []field {
	var out []field
	for _, f := range p.Keep {
		out = append(out, field{strings.TrimPrefix(f.Name, "keep."), f.Value})
	}
	return out
}

func showLogin(v *visit) error {
	if v.id != nil && !v.id.Guest {
		return v.see(safeNext(v.get("next")), "")
	}
	return v.show(http.StatusOK, "Sign in", &loginPage{Next: safeNext(v.get("next"))})
}

// askWho shows the sign-in page in place of one that may not be seen.
func (v *visit) askWho(status int, err error) error {
	p := &loginPage{Next: v.comeBack(), Why: err.Error()}
	if v.r.Method == http.MethodPost && v.r.URL.Path != "/login" {
		p.Next, p.Why = v.r.URL.RequestURI(), "Your session has ended. Sign in, and what you typed is still there."
		for name, values := range v.r.PostForm {
			if strings.Contains(strings.ToLower(name), "password") {
				continue
			}
			for _, s := range values {
				p.Keep = append(p.Keep, field{"keep." + name, s})
			}
		}
		slices.SortStableFunc(p.Keep, func(a, b field) int { return strings.Compare(a.Name, b.Name) })
	}
	return v.show(status, "Sign in", p)
}

// resumePage gives back a form that was filled in before signing in anew.
type resumePage struct {
	base
	Next   string
	Fields []field
}

func doLogin(v *visit) error {
	next := safeNext(v.get("next"))
	var kept []field
	for name, values := range v.r.PostForm {
		if plain, ok := strings.CutPrefix(name, "keep."); ok {
			for _, s := range values {
				kept = append(kept, field{plain, s})
			}
		}
	}
	slices.SortStableFunc(kept, func(a, b field) int { return strings.Compare(a.Name, b.Name) })
	user, err := v.web.o.Auth.SignIn(v.ctx(), v.get("username"), v.form.Get("password"), v.r.RemoteAddr)
	if err != nil {
		p := &loginPage{Next: next, Username: v.get("username")}
		for _, f := range kept {
			p.Keep = append(p.Keep, field{"keep." + f.Name, f.Value})
		}
		return v.notIn(err, "password", p)
	}
	if err := v.begin(user); err != nil {
		return err
	}
	if len(kept) == 0 {
		return v.see(next, "in")
	}
	v.id = &auth.Identity{User: user}
	return v.show(http.StatusOK, "Go on where you were", &resumePage{Next: next, Fields: kept})
}

// notIn shows the sign-in page with why it did not work.
func (v *visit) notIn(err error, field string, p *loginPage) error {
	var e *hookyard.Error
	if !errors.As(err, &e) {
		return err
	}
	p.Problem = &hookyard.Error{Code: e.Code, Field: field, Message: e.Message}
	return v.show(api.StatusOf(e.Code), "Sign in", p)
}

// begin starts a session.
func (v *visit) begin(user *hookyard.User) error {
	cookie, hash := auth.NewSession()
	now := time.Now().UTC()
	s := &hookyard.Session{Hash: hash, UserKey: user.Key, CreatedAt: now, SeenAt: now,
		ExpiresAt: now.Add(auth.SessionLife),
		Agent:     hookyard.Clean(v.r.UserAgent(), 200), Remote: hookyard.Clean(v.r.RemoteAddr, 100)}
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

func doLogout(v *visit) error {
	if v.id != nil && v.id.Session != nil {
		if err := v.web.o.Store.DeleteSession(v.ctx(), v.id.User.Key, v.id.Session.ID); err != nil {
			return err
		}
	}
	http.SetCookie(v.w, v.web.cookie("", -1))
	return v.see("/login", "out")
}

// themeCookie holds which theme a browser wants.
const themeCookie = "hookyard_theme"

func (v *visit) theme() string {
	if c, err := v.r.Cookie(themeCookie); err == nil && (c.Value == "light" || c.Value == "dark") {
		return c.Value
	}
	return ""
}

// setTheme remembers the theme for a year.
func setTheme(v *visit) error {
	c := v.web.cookie(v.get("theme"), 365*24*3600)
	if c.Name = themeCookie; c.Value != "light" && c.Value != "dark" {
		c.Value, c.MaxAge = "", -1
	}
	http.SetCookie(v.w, c)
	return v.see(safeNext(v.get("next")), "")
}

// safeNext is where to go after signing in: an address of this server, whatever the query says.
func safeNext(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") ||
		strings.HasPrefix(next, "/login") || strings.HasPrefix(next, "/logout") {
		return "/"
	}
	return next
}

// setupPage lets the first administrator choose a password.
type setupPage struct {
	base
	Token    string
	Username string
}

// setupUser is whose link it is; the link is good once.
func (v *visit) setupUser(secret string) (*hookyard.Token, *hookyard.User, error) {
	used := hookyard.Errorf(hookyard.Forbidden,
		"This link is not good any more. Sign in with the password that was chosen by it; or, if the server was started anew since, follow the link that its log has now.")
	if v.id == nil {
		v.identifyBrowser()
	}
	t, err := v.web.o.Store.TokenByHash(v.ctx(), auth.HashToken(secret))
	if errors.Is(err, hookyard.ErrNotFound) || err == nil && t.Name != auth.SetupToken {
		return nil, nil, used
	}
	if err != nil {
		return nil, nil, err
	}
	u, err := v.web.o.Store.UserByName(v.ctx(), t.User)
	if errors.Is(err, hookyard.ErrNotFound) || err == nil && u.PasswordHash != "" {
		return nil, nil, used
	}
	return t, u, err
}

// identifyBrowser identifies by the session alone: the token in the address is a link's, not a credential.
func (v *visit) identifyBrowser() {
	r := v.r.Clone(v.ctx())
	r.URL.RawQuery = ""
	if id, err := v.web.o.Auth.Identify(r); err == nil {
		v.id = id
	}
}

func showSetup(v *visit) error {
	_, u, err := v.setupUser(v.get("token"))
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, "Welcome", &setupPage{Token: v.get("token"), Username: u.Name})
}

func doSetup(v *visit) error {
	t, u, err := v.setupUser(v.get("token"))
	if err != nil {
		return err
	}
	v.r = v.r.WithContext(hookyard.WithActor(v.ctx(), u.Name)) // the audit log says who chose it, not "guest"
	if err := v.newPassword(u); err != nil {
		return v.again(err, "Welcome", &setupPage{Token: v.get("token"), Username: u.Name})
	}
	if err := v.web.o.Store.DeleteToken(v.ctx(), u.Key, t.ID); err != nil {
		return err
	}
	v.web.o.Auth.Forget()
	if err := v.begin(u); err != nil {
		return err
	}
	return v.see("/", "in")
}

// newPassword sets a user's password from the fields password and again.
func (v *visit) newPassword(u *hookyard.User) error {
	password := v.form.Get("password")
	if password != v.form.Get("again") {
		return hookyard.FieldErrorf("again", "The two passwords differ.")
	}
	hash, err := auth.HashPassword(password)
	if err != nil {
		return err
	}
	u.PasswordHash = hash
	return v.web.o.Store.UpdateUser(v.ctx(), u)
}
