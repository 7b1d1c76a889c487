package web

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
	"github.com/hookyard/hookyard/internal/inbound"
)

// field is a field of a form, as it was filled in.
type field struct{ Name, Value string }

// loginPage is where users sign in. It carries the fields of a form that was sent after the session had ended.
type loginPage struct {
	base
	Next     string
	Username string
	Why      string
	Keep     []field
}

// Kept returns the carried fields by their own names.
func (p *loginPage) Kept() []field {
	var out []field
	for _, f := range p.Keep {
		out = append(out, field{strings.TrimPrefix(f.Name, "keep."), f.Value})
	}
	return out
}

func serveLogin(v *visit) error {
	if v.id != nil && !v.id.Guest {
		return v.redirect(safeNext(v.get("next")), "")
	}
	return v.show(http.StatusOK, "Sign in", &loginPage{Next: safeNext(v.get("next"))})
}

// showLogin shows the sign-in page in place of one that the caller may not see.
func (v *visit) showLogin(status int, err error) error {
	p := &loginPage{Next: v.returnURL(), Why: err.Error()}
	if v.r.Method == http.MethodPost && v.r.URL.Path != "/login" {
		p.Next = v.r.URL.RequestURI()
		p.Why = "Your session has ended. Sign in to continue; what you typed is still there."
		for name, values := range v.r.PostForm {
			if strings.Contains(strings.ToLower(name), "password") || slices.Contains(passwordFields, name) {
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

// passwordFields are those fields with a password or code that are not called so.
var passwordFields = []string{"current", "again", "code"}

func login(v *visit) error {
	next, kept := safeNext(v.get("next")), v.kept()
	user, err := v.signIn(v.get("username"), v.form.Get("password"))
	if err != nil {
		return v.loginFailed(err, "password",
			&loginPage{Next: next, Username: v.get("username"), Keep: keep(kept)})
	}
	return v.passwordProved(user, arrival{Means: hookyard.MeansPassword, Next: next, Kept: kept})
}

// kept returns the fields of a form that was sent after the session had ended, carried by the forms of signing in.
func (v *visit) kept() []field {
	var kept []field
	for name, values := range v.r.PostForm {
		if plain, ok := strings.CutPrefix(name, "keep."); ok {
			for _, s := range values {
				kept = append(kept, field{plain, s})
			}
		}
	}
	slices.SortStableFunc(kept, func(a, b field) int { return strings.Compare(a.Name, b.Name) })
	return kept
}

// keep is the inverse of kept.
func keep(kept []field) (out []field) {
	for _, f := range kept {
		out = append(out, field{"keep." + f.Name, f.Value})
	}
	return out
}

// arrival is how a user signs in, and what the user gets to see then.
type arrival struct {
	Means string // such as hookyard.MeansPassword
	Next  string // the page to go to
	Kept  []field
}

// enter signs a user in who has proved who they are.
func (v *visit) enter(user *hookyard.User, a arrival) error {
	if err := v.startSession(user, a.Means); err != nil {
		return err
	}
	if len(a.Kept) == 0 {
		return v.redirect(a.Next, "in")
	}
	v.id = &auth.Identity{User: user}
	return v.show(http.StatusOK, "Continue", &resumePage{Next: a.Next, Fields: a.Kept})
}

// loginFailed shows the sign-in page with the reason why signing in failed.
func (v *visit) loginFailed(err error, field string, p *loginPage) error {
	inbound.SetRetryAfter(v.w.Header(), err)
	var e *hookyard.Error
	if !errors.As(err, &e) {
		return err
	}
	p.Problems = []*hookyard.Error{{Code: e.Code, Field: field, Message: e.Message}}
	return v.show(e.Code.Status(), "Sign in", p)
}

// resumePage offers to send a form that was filled in before the session ended.
type resumePage struct {
	base
	Next   string
	Fields []field
}

// safeNext returns where to go after signing in: next if it is a path on this server, else the first page.
func safeNext(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") ||
		strings.HasPrefix(next, "/login") || strings.HasPrefix(next, "/logout") {
		return "/"
	}
	return next
}
