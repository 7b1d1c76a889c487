// Package api is the REST face: it turns requests into calls of package control, and what they return into the shapes
// of package client. The routes are in routes.go, and one file for each noun holds its handlers. What WebGME's and
// Kenai's clients expect stands in webgme.go and kenai.go.
//
// Every answer is JSON, every error has the same four members, and everything is served under /api and /api/v1 alike.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/auth"
	"github.com/hookyard/hookyard/internal/bin"
	"github.com/hookyard/hookyard/internal/control"
)

// Ingest stores events. See internal/ingest for the contract.
type Ingest interface {
	ReadBody(w http.ResponseWriter, r *http.Request) ([]byte, error)
	Accept(ctx context.Context, snapshot *hookyard.Snapshot, e *hookyard.Event) (hookyard.Receipt, error)
	AcceptAll(ctx context.Context, snapshot *hookyard.Snapshot, events []*hookyard.Event) ([]hookyard.Receipt, []error)
}

// Auth says who sent a request. See internal/auth for the contract.
type Auth interface {
	Identify(r *http.Request) (*auth.Identity, error)
}

// Live serves a project's events to a listener, of any method. It identifies the caller itself, with [API.Authorize],
// and returns an error only when it has answered nothing. See internal/stream.
type Live func(w http.ResponseWriter, r *http.Request, owner, project string) error

// Options are what an [API] is made of. All but the last four are required.
type Options struct {
	Control *control.Control
	Ingest  Ingest
	Auth    Auth
	Limits  hookyard.Limits
	Log     *slog.Logger
	BaseURL string // public, without a slash at the end
	Version string

	Dev    bool      // authentication is off
	Bins   *bin.Bins // nil: there are no bins
	Stream Live      // nil: there is no …/stream
	Poll   Live      // nil: there is no …/poll
}

// API serves everything under /api. It is safe for concurrent use.
type API struct {
	o    Options
	mux  *http.ServeMux
	spec spec
	csrf *http.CrossOriginProtection

	renewals renewals

	mediaType, contentType []string // values of headers; never written
}

// New returns an API. It fails when a route does not say who may use it.
func New(o Options) (*API, error) {
	a := &API{o: o, mux: http.NewServeMux(), csrf: http.NewCrossOriginProtection(),
		mediaType: []string{client.MediaType}, contentType: jsonType()}
	routes := a.routes()
	if err := checkRoutes(routes); err != nil {
		return nil, err
	}
	base, err := url.Parse(o.BaseURL)
	if err != nil {
		return nil, err
	}
	if err := a.spec.build(routes, o.Version, base); err != nil {
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
			if rt.path == "" { // as programs write it that add the path / to the server's URL
				a.mux.HandleFunc(method+prefix+"/{$}", a.handler(rt))
			}
		}
	}
	for path, methods := range allow {
		for _, prefix := range []string{"/api", "/api/v1"} {
			if isWebGMEs(path) {
				a.mux.HandleFunc(prefix+path, a.notFound)
				continue
			}
			a.mux.HandleFunc(prefix+path, a.methodNotAllowed(methods))
		}
	}
	a.mux.HandleFunc("/api/", a.notFound)
}

// ServeHTTP answers requests whose path begins with /api.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header()[webgmeMediaType] = a.mediaType
	if p := r.URL.Path; strings.Contains(p, "//") || strings.Contains(p, "/.") && hasDots(p) {
		a.notFound(w, r) // the mux would redirect to the cleaned path, and not every client follows
		return
	}
	a.mux.ServeHTTP(w, r)
}

// hasDots reports whether a segment of the path is . or .., which the mux would clean away.
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
