package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
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
	project *control.Project // of the path; nil on routes without one
	q       url.Values       // the query, checked
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
	if rt.access == control.Public || rt.live {
		return rt.do(c)
	}
	c.r = r.WithContext(control.ForRequest(r.Context()))
	var err error
	if c.id, err = a.identify(r); err != nil {
		return err
	}
	if err := c.admit(rt); err != nil {
		return err
	}
	c.renewToken()
	return rt.do(c)
}

// identify returns the caller. What a browser sends by itself, a cookie or, without authentication, nothing at all,
// does not prove that its user wants the change: then the request must come from our own pages.
func (a *API) identify(r *http.Request) (*auth.Identity, error) {
	if a.o.Dev || !auth.Explicit(r) {
		if err := a.csrf.Check(r); err != nil {
			return nil, hookyard.Errorf(hookyard.Forbidden, "a page of another site may not change anything here: %v",
				err)
		}
	}
	return a.o.Auth.Identify(r)
}

// admit checks that the caller may use the route, and finds the project of the path.
func (c *call) admit(rt *route) error {
	if !rt.access.InProject() {
		return c.a.o.Control.Admit(c.id, rt.access)
	}
	find := c.a.o.Control.Project
	if rt.creates {
		find = c.a.o.Control.ProjectOnUse
	}
	var err error
	c.project, err = find(c.r.Context(), c.id, c.param("owner"), c.param("project"), rt.access)
	var missing *hookyard.Error
	if errors.As(err, &missing) && missing.Code == hookyard.NotFound && isWebGMEs(rt.path) {
		return withStatus(http.StatusForbidden, missing) // also to its owner, as WebGME does
	}
	return err
}

// Authorize returns the project if the sender of r may read it, and when its credential expires; zero is never. Else it
// returns the error to answer with. It looks at r again each time, so a listener that stays can be asked about again.
func (a *API) Authorize(r *http.Request, owner, project string) (found *hookyard.Snapshot, until time.Time,
	err error) {
	id, err := a.identify(r)
	if err != nil {
		return nil, time.Time{}, err
	}
	p, err := a.o.Control.Project(r.Context(), id, owner, project, control.Read)
	if err != nil {
		return nil, time.Time{}, err
	}
	return p.Snapshot, id.ExpiresAt(), nil
}

// AuthorizePublish returns the project if the sender of r may publish into it, and else the error to answer with.
func (a *API) AuthorizePublish(r *http.Request, owner, project string) (*hookyard.Snapshot, error) {
	if !hookyard.ValidPath(owner + project) {
		return nil, hookyard.Errorf(hookyard.NotFound,
			"no such project: its name holds control characters or is not UTF-8")
	}
	id, err := a.identify(r)
	if err != nil {
		return nil, err
	}
	return a.o.Control.Publish(r.Context(), id, owner, project)
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

// ctx is the request's context.
func (c *call) ctx() context.Context { return c.r.Context() }

// param is a part of the path.
func (c *call) param(name string) string { return c.r.PathValue(name) }

// reply answers with the JSON of v.
func (c *call) reply(status int, v any) error {
	write(c.w, status, v)
	return nil
}

// noContent answers that it is done.
func (c *call) noContent() error {
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}
