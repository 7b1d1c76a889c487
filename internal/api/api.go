// Package api is the REST face: it turns requests into calls of the store and the engines, and what they return into
// the shapes of package client. The routes are in routes.go, one file for each noun holds its handlers.
//
// Every answer is JSON, every error has the same four members, and everything is served under /api and /api/v1 alike.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/auth"
	"github.com/hookyard/hookyard/internal/control"
)

// Projects is what the API asks of the store about projects. As with the interfaces below, internal/store has the
// contracts.
type Projects interface {
	View(ctx context.Context, owner, name string) (*hookyard.View, error)
	Projects(ctx context.Context, user *hookyard.User, after string, limit int) ([]*hookyard.Project, error)
	CreateProject(ctx context.Context, p *hookyard.Project, hooks []*hookyard.Hook) error
	UpdateProject(ctx context.Context, p *hookyard.Project) error
	DeleteProject(ctx context.Context, p *hookyard.Project) error
	CopyProject(ctx context.Context, from *hookyard.View, to *hookyard.Project, move bool) error
}

// Hooks is what the API asks of the store about hooks.
type Hooks interface {
	Hook(ctx context.Context, projectKey int64, id string) (*hookyard.Hook, error)
	Hooks(ctx context.Context, projectKey int64) ([]*hookyard.Hook, error)
	HookByKey(ctx context.Context, key int64) (*hookyard.Hook, error)
	CreateHook(ctx context.Context, h *hookyard.Hook, max int) error
	UpdateHook(ctx context.Context, projectKey int64, id string, ifRevision int64, action string,
		f func(h *hookyard.Hook) error) (*hookyard.Hook, error)
	DeleteHook(ctx context.Context, projectKey int64, id string) error
}

// Sources is what the API asks of the store about sources.
type Sources interface {
	PutSource(ctx context.Context, s *hookyard.Source) (created bool, err error)
	DeleteSource(ctx context.Context, projectKey int64, name string) error
	Refused(ctx context.Context, projectKey int64, source string, limit int) ([]hookyard.Refusal, error)
}

// Events is what the API asks of the store about events.
type Events interface {
	Accept(ctx context.Context, r *hookyard.RoutedEvent) (hookyard.Receipt, error)
	Event(ctx context.Context, projectKey int64, id string) (*hookyard.Event, error)
	Events(ctx context.Context, q hookyard.EventQuery) (hookyard.EventPage, error)
}

// Deliveries is what the API asks of the store about deliveries.
type Deliveries interface {
	Delivery(ctx context.Context, projectKey int64, id string) (hookyard.Delivery, error)
	Deliveries(ctx context.Context, q hookyard.DeliveryQuery) (list []hookyard.Delivery, next string, err error)
	Attempts(ctx context.Context, eventSeq, hookKey int64) ([]hookyard.Attempt, error)
	Reopen(ctx context.Context, eventSeq, hookKey int64) error
	CreateDelivery(ctx context.Context, eventSeq, hookKey int64) error
	Cancel(ctx context.Context, eventSeq, hookKey int64, reason string) error
}

// Listeners is what the API asks of the store about listeners that forward events.
type Listeners interface {
	PutListener(ctx context.Context, h *hookyard.Hook, max int) error
	DeleteListener(ctx context.Context, projectKey int64, id string) error
	RecordForwarded(ctx context.Context, projectKey int64, a *hookyard.Attempt, state hookyard.State,
		reason string) error
}

// Replays is what the API asks of the store about bulk replays.
type Replays interface {
	CreateReplay(ctx context.Context, r *hookyard.Replay) error
	Replay(ctx context.Context, projectKey int64, id string) (*hookyard.Replay, error)
	Replays(ctx context.Context, projectKey int64, limit int) ([]*hookyard.Replay, error)
	CancelReplay(ctx context.Context, projectKey int64, id string) error
}

// Users is what the API asks of the store about users.
type Users interface {
	UserByName(ctx context.Context, name string) (*hookyard.User, error)
	Users(ctx context.Context) ([]*hookyard.User, error)
	CreateUser(ctx context.Context, u *hookyard.User) error
	UpdateUser(ctx context.Context, u *hookyard.User) error
	DeleteUser(ctx context.Context, u *hookyard.User) error
}

// Access is what the API asks of the store about tokens, members and who changed what.
type Access interface {
	Tokens(ctx context.Context, userKey, projectKey int64) ([]*hookyard.Token, error)
	CreateToken(ctx context.Context, t *hookyard.Token) error
	DeleteToken(ctx context.Context, userKey int64, id string) error
	Members(ctx context.Context, projectKey int64) ([]hookyard.Member, error)
	SetMember(ctx context.Context, p *hookyard.Project, u *hookyard.User, role hookyard.Role) error
	Audit(ctx context.Context, projectKey, before int64, limit int) ([]hookyard.AuditEntry, error)
}

// Store is everything the API asks of the store.
type Store interface {
	Projects
	Hooks
	Sources
	Events
	Deliveries
	Listeners
	Replays
	Users
	Access
}

// Ingest keeps events. See internal/ingest.
type Ingest interface {
	ReadBody(w http.ResponseWriter, r *http.Request) ([]byte, error)
	Accept(ctx context.Context, view *hookyard.View, e *hookyard.Event) (hookyard.Receipt, error)
	AcceptAll(ctx context.Context, view *hookyard.View, events []*hookyard.Event) ([]hookyard.Receipt, []error)
}

// Dispatcher sends deliveries. See internal/dispatch.
type Dispatcher interface {
	Wake(hookKeys ...int64)
	Renew(hookKey int64)
	WakeReplays()
}

// Auth says who asks and what they may do. See internal/auth.
type Auth interface {
	Identify(r *http.Request) (*auth.Identity, error)
	Role(ctx context.Context, id *auth.Identity, p *hookyard.Project) (hookyard.Role, error)
	MayPublish(ctx context.Context, id *auth.Identity, p *hookyard.Project) (bool, error)
	Forget()
}

// Targets says which addresses may be sent to. See internal/egress.
type Targets interface {
	CheckURL(ctx context.Context, rawURL string) error
}

// Live serves a project's events to a listener, of any method. It finds out itself who asks, with [API.Authorize], and
// returns what went wrong before anything was answered. See internal/stream.
type Live func(w http.ResponseWriter, r *http.Request, owner, project string) error

// Options are what an [API] is made of. All but the last five are required.
type Options struct {
	Control    *control.Control
	Store      Store
	Ingest     Ingest
	Dispatcher Dispatcher
	Auth       Auth
	Targets    Targets
	Filter     hookyard.Filter // the one that routes events: it answers why a hook did not want one
	Limits     hookyard.Limits
	Log        *slog.Logger
	BaseURL    string // public, without a slash at the end
	Version    string

	Dev          bool            // authentication is off
	CreateOnUse  bool            // a hook, source or event put into a project that does not exist makes the project
	DefaultHooks []hookyard.Hook // added to every new project
	Stream       Live            // nil: there is no …/stream
	Poll         Live            // nil: there is no …/poll
}

// API serves everything under /api and /docs/api. It is safe for concurrent use.
type API struct {
	o    Options
	mux  *http.ServeMux
	spec spec
	csrf *http.CrossOriginProtection

	renewals renewals

	mediaType, contentType []string // values of headers; never written
}

// New makes an API. It fails when a default hook cannot work, or when two routes are the same.
func New(o Options) (*API, error) {
	a := &API{o: o, mux: http.NewServeMux(), csrf: http.NewCrossOriginProtection(),
		mediaType: []string{client.MediaType}, contentType: jsonType()}
	for i := range o.DefaultHooks {
		h := o.DefaultHooks[i]
		if err := h.Validate(nil, o.Limits); err != nil {
			return nil, err
		}
	}
	routes := a.routes()
	if err := a.spec.build(routes, o.Version); err != nil {
		return nil, err
	}
	a.mount(routes)
	return a, nil
}

// mount puts every route under both prefixes, and answers every other method and path in the shape of all errors.
func (a *API) mount(routes []route) {
	allow := map[string][]string{}
	for i := range routes {
		rt := &routes[i]
		method := rt.method + " "
		if rt.live {
			method = ""
		} else {
			allow[rt.path] = append(allow[rt.path], rt.method)
		}
		for _, prefix := range []string{"/api", "/api/v1"} {
			a.mux.HandleFunc(method+prefix+rt.path, a.handler(rt))
		}
	}
	for path, methods := range allow {
		for _, prefix := range []string{"/api", "/api/v1"} {
			if strings.Contains(path, "/hooks") {
				a.mux.HandleFunc(prefix+path, a.notFound) // WebGME knows no 405
				continue
			}
			a.mux.HandleFunc(prefix+path, a.methodNotAllowed(methods))
		}
	}
	a.mux.HandleFunc("/api/", a.notFound)
	a.mux.HandleFunc("GET /docs/api", a.docsPage)
}

// ServeHTTP answers requests whose path begins with /api or is /docs/api.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header()["X-WebGME-Media-Type"] = a.mediaType
	if p := r.URL.Path; strings.Contains(p, "//") || strings.Contains(p, "/.") && hasDots(p) {
		a.notFound(w, r) // the mux would redirect to the cleaned path, and not every client follows
		return
	}
	a.mux.ServeHTTP(w, r)
}

// hasDots says whether a segment of the path is . or .. and would be cleaned away.
func hasDots(p string) bool {
	for s := range strings.SplitSeq(p, "/") {
		if s == "." || s == ".." {
			return true
		}
	}
	return false
}

func (a *API) notFound(w http.ResponseWriter, r *http.Request) {
	a.fail(w, r, hookyard.Errorf(hookyard.NotFound, "there is nothing at %s %s; /docs/api lists what there is",
		hookyard.Clean(r.Method, 20), hookyard.Clean(r.URL.Path, 200)))
}

func (a *API) methodNotAllowed(methods []string) http.HandlerFunc {
	allow := strings.Join(methods, ", ")
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", allow)
		a.fail(w, r, withStatus(http.StatusMethodNotAllowed,
			hookyard.Errorf("method_not_allowed", "%s is not possible here; what is: %s",
				hookyard.Clean(r.Method, 20), allow)))
	}
}

// now is the time of a change, as the store keeps it.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
