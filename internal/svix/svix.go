// Package svix serves the API of Svix's server, so that programs written with its SDKs work with hookyard when they are
// given another URL and token. It maps words and does nothing of its own: an application is a project of the token's
// owner, an endpoint is a hook, a message is an event, and an attempt is an attempt of a delivery. See docs/svix.md for
// what works and what differs.
package svix

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
	"github.com/hookyard/hookyard/internal/control"
	"github.com/hookyard/hookyard/internal/inbound"
)

// Ingest stores events. See internal/ingest for the contract.
type Ingest interface {
	ReadBody(w http.ResponseWriter, r *http.Request) ([]byte, error)
	Accept(ctx context.Context, snapshot *hookyard.Snapshot, e *hookyard.Event) (hookyard.Receipt, error)
}

// Auth says who sent a request. See internal/auth for the contract.
type Auth interface {
	Identify(r *http.Request) (*auth.Identity, error)
}

// Options are what an [API] is made of. All but Dev are required.
type Options struct {
	Control *control.Control
	Ingest  Ingest
	Auth    Auth
	Limits  hookyard.Limits
	Log     *slog.Logger
	BaseURL string                          // public, without a slash at the end
	Ping    func(ctx context.Context) error // of the database
	Dev     bool                            // authentication is off
}

// API serves Svix's routes below /api/v1. It is safe for concurrent use.
type API struct {
	o       Options
	mux     *http.ServeMux
	answers *answers
}

// maxBody is the largest request, as with Svix.
const maxBody = 2 << 20

// Prefix is the path above all routes.
const Prefix = "/api/v1"

// Paths are the paths of the API, each with everything below it.
func Paths() []string {
	return []string{Prefix + "/app", Prefix + "/event-type", Prefix + "/auth", Prefix + "/health",
		Prefix + "/background-task", Prefix + "/operational-webhook"}
}

// New returns an API.
func New(o Options) *API {
	a := &API{o: o, mux: http.NewServeMux(), answers: newAnswers()}
	allow := map[string][]string{}
	for _, rt := range routes() {
		allow[rt.path] = append(allow[rt.path], rt.method)
		a.mux.HandleFunc(rt.method+" "+Prefix+rt.path, func(w http.ResponseWriter, r *http.Request) {
			a.serve(&rt, w, r)
		})
	}
	for path, methods := range allow {
		a.mux.HandleFunc(Prefix+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Allow", strings.Join(methods, ", "))
			a.fail(w, refuse(http.StatusMethodNotAllowed, "method_not_allowed", "Method not allowed"))
		})
	}
	a.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		a.fail(w, refuse(http.StatusNotFound, "not_found",
			"hookyard has no such route of Svix's API; docs/svix.md lists those there are"))
	})
	return a
}

// ServeHTTP answers requests below [Paths].
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !a.o.Dev { // without sign-in, pages of other sites must not reach it
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		if r.Method == http.MethodOptions {
			h.Set("Access-Control-Allow-Methods", "*")
			if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
				h.Set("Access-Control-Allow-Headers", hookyard.Clean(asked, 1000))
			}
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusOK)
			return
		}
	}
	if p := r.URL.Path; strings.HasSuffix(p, "/") {
		r2, u := *r, *r.URL
		u.Path, u.RawPath = strings.TrimRight(p, "/"), strings.TrimRight(u.RawPath, "/")
		r2.URL = &u
		r = &r2
	}
	a.mux.ServeHTTP(w, r)
}

// call is one request on its way through a handler. It belongs to one goroutine.
type call struct {
	a      *API
	r      *http.Request
	w      http.ResponseWriter // to limit the body
	id     *auth.Identity      // nil on routes that are open to all
	owner  string              // whose applications they are
	portal bool                // the token is of one application only
	faults faults              // of the request's fields
}

// serve finds who asks, runs the handler, once for each Idempotency-Key, and writes what it returns.
func (a *API) serve(rt *route, w http.ResponseWriter, r *http.Request) {
	c := &call{a: a, r: r.WithContext(control.ForRequest(r.Context())), w: w}
	if !hookyard.ValidPath(r.URL.Path) {
		a.fail(w, notFound())
		return
	}
	if !rt.open {
		if err := c.identify(); err != nil {
			a.fail(w, err)
			return
		}
	}
	key := c.answerKey()
	if key == nil {
		a.write(w, c.run(rt))
		return
	}
	out, err := a.answers.once(r.Context(), *key, func() answer { return c.run(rt) })
	if err != nil {
		a.fail(w, err)
		return
	}
	a.write(w, out)
}

// identify finds the caller. The credential must be in the header Authorization: a browser adds no other one to
// requests of other sites' pages.
func (c *call) identify() error {
	if kind, _, _ := strings.Cut(c.r.Header.Get("Authorization"), " "); !strings.EqualFold(kind, "Bearer") {
		return invalidToken()
	}
	var err error
	if c.id, err = c.a.o.Auth.Identify(c.r); err != nil {
		return err
	}
	if c.id.Guest {
		return invalidToken()
	}
	c.owner = c.id.User.Name
	if t := c.id.Token; t != nil && t.ProjectKey != 0 {
		c.owner, _, _ = strings.Cut(t.Project, "/")
		c.portal = true
	}
	return nil
}

// run runs the handler.
func (c *call) run(rt *route) answer {
	if rt.whole && c.portal {
		return c.a.answerOf(insufficient())
	}
	status, v, err := rt.do(c)
	if err == nil {
		err = c.faults.err() // a handler that forgets to ask must not go through
	}
	if err != nil {
		return c.a.answerOf(err)
	}
	return encode(status, v)
}

// write writes an answer.
func (a *API) write(w http.ResponseWriter, out answer) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if out.retryAfter > 0 {
		inbound.SetRetryAfter(h, &hookyard.Error{Code: hookyard.Unavailable, RetryAfter: out.retryAfter})
	}
	if out.body != nil {
		h.Set("Content-Type", "application/json")
	}
	w.WriteHeader(out.status)
	_, _ = w.Write(out.body) // the caller may have hung up
}

func (a *API) fail(w http.ResponseWriter, err error) { a.write(w, a.answerOf(err)) }

// ctx is the request's context.
func (c *call) ctx() context.Context { return c.r.Context() }

// param is a part of the path.
func (c *call) param(name string) string { return c.r.PathValue(name) }

// app returns the application of the path, by id or uid, if the caller may use it so.
func (c *call) app(a control.Access) (*control.Project, error) { return c.appOf(c.param("app"), a) }

func (c *call) appOf(app string, a control.Access) (*control.Project, error) {
	if hookyard.CheckUID(app) != nil {
		return nil, noApplication()
	}
	name := app
	if !strings.HasPrefix(app, "app_") {
		var err error
		if name, err = c.a.o.Control.NameOf(c.ctx(), c.owner, app); err != nil {
			return nil, err
		}
	}
	p, err := c.a.o.Control.Project(c.ctx(), c.id, c.owner, name, control.Read)
	switch hookyard.CodeOf(err) {
	case hookyard.Forbidden, hookyard.NotFound, hookyard.Invalid:
		return nil, noApplication()
	}
	if err != nil {
		return nil, err
	}
	if !p.Role.Allows(a.Role()) {
		return nil, insufficient()
	}
	return p, nil
}

// endpoint returns the application and the endpoint of the path, by id or uid, as the database has it now.
func (c *call) endpoint(a control.Access) (*control.Project, *hookyard.Hook, error) {
	p, err := c.app(a)
	if err != nil {
		return nil, nil, err
	}
	h, err := c.hook(p, c.param("endpoint"))
	return p, h, err
}

// appAndBody is app and the object in the body.
func (c *call) appAndBody(a control.Access) (*control.Project, object, error) {
	p, err := c.app(a)
	if err != nil {
		return nil, nil, err
	}
	o, err := c.object(false)
	return p, o, err
}

// endpointAndBody is endpoint, to be changed, and the object in the body, which may be missing if empty is true.
func (c *call) endpointAndBody(empty bool) (*control.Project, *hookyard.Hook, object, error) {
	p, h, err := c.endpoint(control.Write)
	if err != nil {
		return nil, nil, nil, err
	}
	o, err := c.object(empty)
	return p, h, o, err
}

func (c *call) hook(p *control.Project, id string) (*hookyard.Hook, error) {
	hooks, err := p.Hooks(c.ctx())
	if err != nil {
		return nil, err
	}
	var found *hookyard.Hook
	for _, h := range hooks {
		if h.ID == id || h.UID == id && found == nil {
			found = h
		}
	}
	if found == nil {
		return nil, notFound()
	}
	return found, nil
}

// message returns the application and the message of the path, by id or eventId, without its body.
func (c *call) message(a control.Access) (*control.Project, *hookyard.Event, error) {
	p, err := c.app(a)
	if err != nil {
		return nil, nil, err
	}
	var e *hookyard.Event
	if id, ok := hookyard.EventID(c.param("msg")); ok {
		e, err = p.EventMeta(c.ctx(), id)
	} else if hookyard.CheckUID(c.param("msg")) == nil {
		e, err = p.EventByUID(c.ctx(), c.param("msg"))
	} else {
		return nil, nil, notFound()
	}
	if err == nil && e.IsMeta() {
		err = notFound()
	}
	return p, e, err
}

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
