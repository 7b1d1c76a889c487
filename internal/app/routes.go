package app

import (
	"context"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/hookyard/hookyard/internal/bin"
	"github.com/hookyard/hookyard/internal/inbound"
	"github.com/hookyard/hookyard/internal/relay"
	"github.com/hookyard/hookyard/internal/svix"
)

// routes lists everything the server answers to, top to bottom.
func (a *App) routes() http.Handler {
	mux := http.NewServeMux()
	a.health(mux)
	if a.config.Role == roleDeliver {
		mux.HandleFunc("/", a.sendsOnly)
		return a.middleware(mux)
	}
	if a.config.Dev { // to profile the server
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	}
	mux.Handle("/api", a.api)
	for _, path := range svix.Paths() {
		mux.Handle(path, a.svix)
		mux.Handle(path+"/", a.svix)
	}
	mux.Handle("/api/", a.api)
	inbound := a.handle(func(w http.ResponseWriter, r *http.Request) error {
		rest := r.PathValue("rest")
		if rest != "" {
			rest = "/" + rest
		}
		return a.ingest.Inbound(w, r, r.PathValue("owner"), r.PathValue("project"), r.PathValue("source"), rest)
	})
	mux.Handle("/in/{owner}/{project}/{source}", inbound)
	mux.Handle("/in/{owner}/{project}/{source}/{rest...}", inbound)
	smee := a.handle(func(w http.ResponseWriter, r *http.Request) error {
		return a.relay.Smee(w, r, r.PathValue("owner"), r.PathValue("project"))
	})
	mux.Handle("/smee/{owner}/{project}", smee)
	mux.Handle("/", a.web)
	return a.middleware(a.before(mux))
}

// before takes out what no pattern can tell: the relay answers under any prefix, and bins stand at the top.
func (a *App) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case relay.Matches(r.URL.Path):
			a.relay.ServeHTTP(w, r)
		case bin.Matches(r.URL.Path):
			a.bins.ServeHTTP(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// handle lets a handler return its error, which is then written in the shape of the API's.
func (a *App) handle(f func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := f(w, r); err != nil {
			a.api.Fail(w, r, err)
		}
	})
}

// healthLimit is how long the database has to answer. The limit is ours: some checkers close their side of the
// connection while they wait, which would end the request's context.
const healthLimit = 5 * time.Second

func (a *App) healthz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), healthLimit)
	defer cancel()
	if err := a.db.Fault(a.db.Ping(ctx)); err != nil {
		inbound.SetRetryAfter(w.Header(), err)
		http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n"))
}

// readyz says nothing of why the server is not ready: everybody may ask.
func (a *App) readyz(w http.ResponseWriter, _ *http.Request) {
	if a.draining.Load() {
		http.Error(w, "the server is stopping", http.StatusServiceUnavailable)
		return
	}
	if err := a.readiness.ask(); err != nil {
		inbound.SetRetryAfter(w.Header(), err)
		http.Error(w, "not ready: the server's log says why", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok " + time.Now().UTC().Format(time.RFC3339) + "\n"))
}
