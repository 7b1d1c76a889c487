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
	"github.com/hookyard/hookyard/internal/control"
)

// visit is one request for a page. It belongs to one goroutine.
type visit struct {
	web  *Web
	w    http.ResponseWriter
	r    *http.Request
	id   *auth.Identity // the caller; may be nil on a public page
	form url.Values     // the fields of the query and, of a POST, the body

	enrolling *auth.Identity // a caller who must set up a second factor first; id is nil then

	project *control.Project // the project of the path, in the hands of the caller; nil on pages without one
	portal  *portalView      // nil outside of portals
}

// handle registers a page. A page must say who has access to it.
func (w *Web) handle(pattern string, access control.Access, do func(*visit) error) {
	if access == 0 {
		panic("page " + pattern + " names no access")
	}
	w.mux.HandleFunc(pattern, func(rw http.ResponseWriter, r *http.Request) {
		v := &visit{web: w, w: rw, r: r.WithContext(control.ForRequest(r.Context()))}
		if err := v.serve(access, do); err != nil {
			v.fail(err)
		}
	})
}

// serve identifies the caller first, so that the page of any error that follows knows the user.
func (v *visit) serve(access control.Access, do func(*visit) error) error {
	stranger := v.identify()
	if v.enrolling != nil && access == control.Enrolling {
		v.setCaller(v.enrolling)
		stranger = nil
	}
	if err := v.web.csrf.Check(v.r); err != nil {
		return hookyard.Errorf(hookyard.Forbidden,
			"A page of another site may not change anything here. Open hookyard itself and try again.")
	}
	if err := v.readForm(); err != nil {
		return err
	}
	if stranger != nil && access != control.Public {
		if v.enrolling != nil && v.r.Method == http.MethodGet {
			return v.redirect(factorPath, "")
		}
		return stranger
	}
	if err := v.admit(access); err != nil {
		return err
	}
	return do(v)
}

func (v *visit) identify() error {
	id, err := v.web.o.Auth.Identify(v.r)
	if errors.Is(err, auth.ErrFactorMissing) {
		v.enrolling = id
	}
	if err != nil {
		return err
	}
	v.setCaller(id)
	return nil
}

func (v *visit) setCaller(id *auth.Identity) {
	v.id = id
	v.r = v.r.WithContext(hookyard.WithActor(v.r.Context(), id.User.Name))
}

// admit checks that the caller has access to the page, and reads the project of its path.
func (v *visit) admit(access control.Access) error {
	if access.InProject() {
		return v.admitToProject(access)
	}
	err := v.web.o.Control.Admit(v.id, access)
	switch hookyard.CodeOf(err) {
	case hookyard.Unauthenticated:
		return hookyard.Errorf(hookyard.Unauthenticated, "Sign in to see this page.")
	case hookyard.Forbidden:
		if access == control.Administrator {
			return hookyard.Errorf(hookyard.Forbidden, "Only an administrator may see this page.")
		}
		return hookyard.Errorf(hookyard.Forbidden,
			"This page is for people, or for a token with all rights of its user.")
	}
	return err
}

// admitToProject is admit for a page of a project. A project that does not exist and one that the caller may not see
// look the same.
func (v *visit) admitToProject(access control.Access) error {
	owner, name := v.r.PathValue("owner"), v.r.PathValue("project")
	p, err := v.web.o.Control.Project(v.ctx(), v.id, owner, name, access)
	switch hookyard.CodeOf(err) {
	case hookyard.Unauthenticated:
		return hookyard.Errorf(hookyard.Unauthenticated, "There is no such project, or you must sign in to do this.")
	case hookyard.Forbidden, hookyard.NotFound:
		if p, err := v.web.o.Control.Project(v.ctx(), v.id, owner, name, control.Read); err == nil {
			v.project = p
			return hookyard.Errorf(hookyard.Forbidden, "Your role in this project is %s; this needs role %s.", p.Role,
				access.Role())
		}
		return hookyard.Errorf(hookyard.Forbidden, "There is no such project, or you may not see it.")
	}
	v.project = p
	return err
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
func (v *visit) key() int64 { return v.project.Key() }

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
	return homeOf(v.portal, v.project.Snapshot.Project, parts)
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
