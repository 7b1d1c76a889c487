package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
)

// visit is one request for a page. It belongs to one goroutine.
type visit struct {
	web  *Web
	w    http.ResponseWriter
	r    *http.Request
	id   *auth.Identity // the caller; may be nil on a public page
	view *hookyard.View // the project of the path; nil on pages without one
	role hookyard.Role  // the caller's in that project
	form url.Values     // the fields of the query and, of a POST, the body
}

// need says who may see a page.
type need int

const (
	open          need = iota // everybody
	anybody                   // whoever is let in at all, guests included where they are
	signedIn                  // no guests
	administrator             // of the server
	toRead                    // role read in the project of the path
	toWrite                   // role write
	toRule                    // role admin
)

func (n need) role() hookyard.Role {
	switch n {
	case toRead:
		return hookyard.RoleRead
	case toWrite:
		return hookyard.RoleWrite
	}
	return hookyard.RoleAdmin
}

// handle registers a page.
func (w *Web) handle(pattern string, need need, do func(*visit) error) {
	w.mux.HandleFunc(pattern, func(rw http.ResponseWriter, r *http.Request) {
		v := &visit{web: w, w: rw, r: r}
		if err := v.serve(need, do); err != nil {
			v.fail(err)
		}
	})
}

// serve identifies the caller first, so that the page of any error that follows knows the user.
func (v *visit) serve(need need, do func(*visit) error) error {
	stranger := v.identify()
	if err := v.web.csrf.Check(v.r); err != nil {
		return hookyard.Errorf(hookyard.Forbidden,
			"A page of another site may not change anything here. Open hookyard itself and try again.")
	}
	if err := v.readForm(); err != nil {
		return err
	}
	if stranger != nil && need != open {
		return stranger
	}
	if err := v.admit(need); err != nil {
		return err
	}
	return do(v)
}

func (v *visit) identify() error {
	id, err := v.web.o.Auth.Identify(v.r)
	if err != nil {
		return err
	}
	v.id = id
	v.r = v.r.WithContext(hookyard.WithActor(v.r.Context(), id.User.Name))
	return nil
}

// admit lets in who may see the page. No right and no project look the same.
func (v *visit) admit(need need) error {
	switch need {
	case open, anybody:
		return nil
	case signedIn:
		if v.id.Guest {
			return hookyard.Errorf(hookyard.Unauthenticated, "Sign in to see this page.")
		}
		if t := v.id.Token; t != nil && (t.Scope != hookyard.ScopeManage || t.ProjectKey != 0) {
			return hookyard.Errorf(hookyard.Forbidden,
				"This page is for people, or for a token that may do everything its user may.")
		}
		return nil
	case administrator:
		if v.id.Guest {
			return hookyard.Errorf(hookyard.Unauthenticated, "Sign in to see this page.")
		}
		if !v.id.IsAdmin() {
			return hookyard.Errorf(hookyard.Forbidden, "Only an administrator may see this page.")
		}
		return nil
	}
	owner, name := v.r.PathValue("owner"), v.r.PathValue("project")
	view, err := v.web.o.Store.View(v.ctx(), owner, name)
	if errors.Is(err, hookyard.ErrNotFound) {
		view, err = &hookyard.View{Project: &hookyard.Project{Owner: owner, Name: name}}, nil
	}
	if err != nil {
		return err
	}
	if v.role, err = v.web.o.Auth.Role(v.ctx(), v.id, view.Project); err != nil {
		return err
	}
	if view.Project.Key == 0 || !v.role.Allows(need.role()) {
		if v.id.Guest {
			return hookyard.Errorf(hookyard.Unauthenticated,
				"There is no such project, or only who signs in may do this.")
		}
		if view.Project.Key != 0 && v.role.Allows(hookyard.RoleRead) {
			v.view = view
			return hookyard.Errorf(hookyard.Forbidden, "Your role in this project is %s; this needs role %s.", v.role,
				need.role())
		}
		return hookyard.Errorf(hookyard.Forbidden, "There is no such project, or you may not see it.")
	}
	v.view = view
	return nil
}

// maxForm is how large a form may be. The largest field is the body of an edited event.
const maxForm = 8 << 20

// readForm reads the fields of the query and the body. It refuses text that a database cannot store.
func (v *visit) readForm() error {
	if !utf8.ValidString(v.r.URL.Path) || strings.ContainsFunc(v.r.URL.Path,
		func(r rune) bool { return r < 0x20 || r == 0x7f }) {
		return hookyard.Errorf(hookyard.NotFound, "There is no such page.")
	}
	if v.r.Method == http.MethodPost {
		v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
	}
	err := v.r.ParseForm()
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return hookyard.Errorf(hookyard.TooLarge, "The form is larger than %d bytes.", maxForm)
	case err != nil:
		return hookyard.Errorf(hookyard.Invalid, "The form or the address cannot be read.")
	}
	v.form = v.r.Form
	for name, values := range v.form {
		for _, s := range values {
			if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
				return hookyard.FieldErrorf(hookyard.Clean(name, 100), "Field %s holds NUL or is not UTF-8.",
					hookyard.Clean(name, 100))
			}
		}
	}
	return nil
}

func (v *visit) ctx() context.Context { return v.r.Context() }

// get returns a field without surrounding space.
func (v *visit) get(name string) string { return strings.TrimSpace(v.form.Get(name)) }

func (v *visit) has(name string) bool { return v.form.Get(name) != "" }

// key is the key of the project.
func (v *visit) key() int64 { return v.view.Project.Key }

// do changes something through the API. parts are joined to its path below the project, "" being the project itself.
func (v *visit) do(method string, in, out any, parts ...string) error {
	return v.web.o.API.Do(v.ctx(), v.id, method, "/projects"+v.home(parts...), in, out)
}

// doAt is do for a change that is meant for one revision of what it changes, "" for any.
func (v *visit) doAt(revision, method string, in any, parts ...string) error {
	path := "/projects" + v.home(parts...)
	if revision != "" {
		path += "?revision=" + url.QueryEscape(revision)
	}
	return v.web.o.API.Do(v.ctx(), v.id, method, path, in, nil)
}

// reload reads the project again after a change.
func (v *visit) reload() error {
	view, err := v.web.o.Store.View(v.ctx(), v.view.Project.Owner, v.view.Project.Name)
	if err == nil {
		v.view = view
	}
	return err
}

// join returns a path of segments, which it escapes.
func join(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(p))
	}
	return b.String()
}

// home returns the URL of a page of the project.
func (v *visit) home(parts ...string) string {
	p := v.view.Project
	return join(append([]string{p.Owner, p.Name}, parts...)...)
}

// redirect sends the browser to a page after a form was handled. note is the name of a sentence of [noteOf], or "".
func (v *visit) redirect(to, note string) error {
	if note != "" {
		mark := "?"
		if strings.Contains(to, "?") {
			mark = "&"
		}
		to += mark + "done=" + note
	}
	v.w.Header().Set("Cache-Control", "no-store")
	http.Redirect(v.w, v.r, to, http.StatusSeeOther)
	return nil
}
