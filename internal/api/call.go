package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
	"github.com/hookyard/hookyard/internal/control"
)

// call is one request on its way through a handler. It belongs to one goroutine.
type call struct {
	a       *API
	w       http.ResponseWriter
	r       *http.Request
	id      *auth.Identity   // who asks; nil on routes that are open to all
	view    *hookyard.View   // the project of the path; nil on routes without one
	project *control.Project // likewise
	q       url.Values       // the query, checked
	body    []byte           // of settings, once it was read
}

// handler wraps a route: who asks, may they, and what went wrong.
func (a *API) handler(rt *route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := a.serve(rt, w, r); err != nil {
			a.fail(w, r, err)
		}
	}
}

func (a *API) serve(rt *route, w http.ResponseWriter, r *http.Request) error {
	if err := checkPath(r.URL.Path); err != nil {
		return err
	}
	if rt.publish {
		return a.publish(w, r)
	}
	c := &call{a: a, w: w, r: r}
	if err := c.readQuery(rt); err != nil {
		return err
	}
	if rt.need == open {
		return rt.do(c)
	}
	id, err := a.identify(r)
	if err != nil {
		return err
	}
	c.id, c.r = id, r.WithContext(hookyard.WithActor(r.Context(), id.User.Name))
	if err := c.admit(rt); err != nil {
		return err
	}
	c.renew()
	return rt.do(c)
}

// identify finds out who asks. What a browser sends along by itself, a cookie or, without authentication, nothing at
// all, is no proof that its user wants the change: then the request must come from our own pages.
func (a *API) identify(r *http.Request) (*auth.Identity, error) {
	if in := insideOf(r.Context()); in != nil {
		return in.id, nil
	}
	if a.o.Dev || !auth.Explicit(r) {
		if err := a.csrf.Check(r); err != nil {
			return nil, hookyard.Errorf(hookyard.Forbidden, "a page of another site may not change anything here: %v",
				err)
		}
	}
	return a.o.Auth.Identify(r)
}

// admit lets in who may use the route, and fills view.
func (c *call) admit(rt *route) error {
	switch rt.need {
	case signedIn:
		if c.id.Guest {
			return authenticationRequired()
		}
		return nil
	case administrator:
		if c.id.Guest {
			return authenticationRequired()
		}
		if !c.id.IsAdmin() {
			return hookyard.Errorf(hookyard.Forbidden,
				"only an administrator may do this, with a token of scope manage if with a token")
		}
		return nil
	case anybody:
		return nil
	}
	if rt.need == byItself {
		return nil
	}
	enter := c.a.o.Control.Project
	if rt.creates {
		enter = c.a.o.Control.ProjectOnUse
	}
	p, err := enter(c.ctx(), c.id, c.param("owner"), c.param("project"), rt.need.access())
	if err != nil {
		return err
	}
	c.project, c.view = p, p.View
	return nil
}

// enter finds a project. No project and no right look the same, unless the caller would own it.
func (a *API) enter(ctx context.Context, id *auth.Identity, owner, name string, need hookyard.Role,
	creates bool) (*hookyard.View, error) {
	view, err := a.project(ctx, owner, name)
	if err != nil {
		return nil, err
	}
	role, err := a.o.Auth.Role(ctx, id, view.Project)
	if err != nil {
		return nil, err
	}
	if !role.Allows(need) {
		return nil, notAuthorized(id, view.Project, need)
	}
	if view.Project.Key == 0 {
		return a.onUse(ctx, view.Project, creates)
	}
	return view, nil
}

// Authorize returns the project when whoever sent r may read it, and else the error to answer with. It looks at r anew
// each time, so a listener that stays can be asked about again.
func (a *API) Authorize(r *http.Request, owner, project string) (*hookyard.View, error) {
	if err := checkPath(owner + project); err != nil {
		return nil, err
	}
	id, err := a.identify(r)
	if err != nil {
		return nil, err
	}
	return a.enter(r.Context(), id, owner, project, hookyard.RoleRead, false)
}

// project returns a project, or one with key 0 when there is none of that name.
func (a *API) project(ctx context.Context, owner, name string) (*hookyard.View, error) {
	view, err := a.o.Store.View(ctx, owner, name)
	if errors.Is(err, hookyard.ErrNotFound) {
		return &hookyard.View{Project: &hookyard.Project{Owner: owner, Name: name}}, nil
	}
	return view, err
}

// onUse makes the project that is not there, where the operator wants that and the route puts something into it.
func (a *API) onUse(ctx context.Context, p *hookyard.Project, creates bool) (*hookyard.View, error) {
	if !creates || !a.o.CreateOnUse {
		return nil, hookyard.Errorf(hookyard.NotFound, "no such project [%s]", hookyard.Clean(p.ID(), 200))
	}
	if err := p.Validate(a.o.Limits); err != nil {
		return nil, err
	}
	if err := a.createProject(ctx, p); err != nil && !errors.Is(err, hookyard.ErrConflict) {
		return nil, err
	}
	return a.o.Store.View(ctx, p.Owner, p.Name)
}

// notAuthorized says what right is missing, or to who showed no credential that one is.
func notAuthorized(id *auth.Identity, p *hookyard.Project, need hookyard.Role) error {
	if id.Guest {
		return authenticationRequired()
	}
	verb := "modify"
	if need == hookyard.RoleRead {
		verb = "read"
	}
	return hookyard.Errorf(hookyard.Forbidden, "Not authorized to %s project [%s]", verb, hookyard.Clean(p.ID(), 200))
}

func authenticationRequired() error {
	return hookyard.Errorf(hookyard.Unauthenticated, "Authentication required")
}

// checkPath refuses what no name may hold, before a database sees it.
func checkPath(p string) error {
	if !hookyard.ValidPath(p) {
		return hookyard.Errorf(hookyard.Invalid, "the path holds control characters or is not UTF-8")
	}
	return nil
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }

// readQuery refuses parameters that the route does not know: a typing mistake must not widen a search.
func (c *call) readQuery(rt *route) error {
	if c.r.URL.RawQuery == "" {
		return nil
	}
	q, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return hookyard.Errorf(hookyard.Invalid, "the query cannot be read: %v", err)
	}
	for name, values := range q {
		if name != auth.TokenQuery && !rt.live && !rt.takes(name) {
			return hookyard.FieldErrorf(hookyard.Clean(name, 100), "unknown query parameter %q",
				hookyard.Clean(name, 100))
		}
		if len(values) > 1 && !rt.live {
			return hookyard.FieldErrorf(name, "query parameter %s stands %d times", name, len(values))
		}
		for _, v := range values {
			if !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
				return hookyard.FieldErrorf(name, "query parameter %s holds NUL or is not UTF-8",
					hookyard.Clean(name, 100))
			}
		}
	}
	c.q = q
	return nil
}

// ctx is the request's context; it names who makes a change.
func (c *call) ctx() context.Context { return c.r.Context() }

// param is a part of the path.
func (c *call) param(name string) string { return c.r.PathValue(name) }

// key is the project's.
func (c *call) key() int64 { return c.view.Project.Key }

// reply answers with the JSON of v.
func (c *call) reply(status int, v any) error {
	write(c.w, status, v)
	return nil
}

// nothing answers that it is done.
func (c *call) nothing() error {
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// encode writes JSON and leaves <, > and & alone.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
