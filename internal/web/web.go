// Package web is the HTML face. Its pages work without JavaScript and update themselves with it.
//
// The routes are in routes.go. A page is a struct named for its template: templates/events.html renders eventsPage. The
// struct, its handlers and its form stand in one file, here events.go.
package web

import (
	"compress/gzip"
	"context"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
	"github.com/hookyard/hookyard/internal/bin"
	"github.com/hookyard/hookyard/internal/control"
	"github.com/hookyard/hookyard/internal/dispatch"
	"github.com/hookyard/hookyard/internal/oidc"
	"github.com/hookyard/hookyard/internal/store"
)

// Ingest stores events that a page publishes. See internal/ingest for the contract.
type Ingest interface {
	Accept(ctx context.Context, snapshot *hookyard.Snapshot, e *hookyard.Event) (hookyard.Receipt, error)
}

// Auth identifies callers and says what they may do. See internal/auth for the contract.
type Auth interface {
	Identify(r *http.Request) (*auth.Identity, error)
	SignIn(ctx context.Context, r auth.SignInRequest) (*hookyard.User, error)
	StepUser(ctx context.Context, cookie string) (*hookyard.User, error)
	CheckCode(ctx context.Context, user *hookyard.User, r auth.CodeRequest) error
}

// Options are what a [Web] is made of. All but SignOn, Bins, Targets and Dev are required.
type Options struct {
	Store     *store.DB // for reads only
	Control   *control.Control
	Ingest    Ingest
	Export    func(context.Context, *control.Project) ([]byte, error) // a project as the API shows it, in JSON
	Stats     func() dispatch.Stats
	Listeners func() int // how many are connected to this node
	Auth      Auth
	SignOn    *oidc.Provider // nil: users sign in with passwords only
	Bins      *bin.Bins      // nil: there are no pages for bins
	Filter    hookyard.Filter
	Limits    hookyard.Limits
	Log       *slog.Logger
	BaseURL   string // public, without a trailing slash
	Version   string
	Targets   []string      // private addresses that the server may send to
	Docs      template.HTML // the description of the API; its links begin with / or #
	Dev       bool          // authentication is off
}

// Web serves the pages. It is safe for concurrent use.
type Web struct {
	o        Options
	mux      *http.ServeMux
	portal   *http.ServeMux // of the portals
	pages    map[string]*template.Template
	portals  map[string]func() (map[string]*template.Template, error) // pages of portals, by language
	assets   map[string]*asset
	messages map[string]*messages // by language
	prefix   string               // path of Options.BaseURL, such as /hooks, or ""
	csrf     *http.CrossOriginProtection
	started  time.Time
	gzips    sync.Pool // of *gzip.Writer: allocating one costs more than rendering a page
}

// New returns a Web. It fails when a template cannot be parsed, a page has no template, or a template has no page.
func New(o Options) (*Web, error) {
	w := &Web{o: o, mux: http.NewServeMux(), portal: http.NewServeMux(), started: time.Now(),
		csrf: http.NewCrossOriginProtection(), gzips: sync.Pool{New: newGzipWriter}}
	base, err := url.Parse(o.BaseURL)
	if err != nil {
		return nil, err
	}
	w.prefix = base.Path
	if w.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	if w.pages, err = loadPages(); err != nil {
		return nil, err
	}
	if w.messages, err = loadMessages(); err != nil {
		return nil, err
	}
	w.portals = map[string]func() (map[string]*template.Template, error){}
	for lang, m := range w.messages {
		w.portals[lang] = sync.OnceValues(func() (map[string]*template.Template, error) {
			return m.portal(func(string) {})
		})
	}
	w.routes()
	return w, nil
}

// policy lets a page load what comes from this server and nothing else. Inline scripts and styles do not run.
const policy = "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'"

// ServeHTTP serves the pages and their assets. An unknown path gets a page that says so, with status 404.
func (w *Web) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	h := rw.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	if strings.HasPrefix(r.URL.Path, portalPrefix) {
		w.portal.ServeHTTP(rw, r)
		return
	}
	w.mux.ServeHTTP(rw, r)
}

// reply writes a page.
func (v *visit) reply(status int, body []byte) error {
	h := v.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	return v.writeBody(status, body)
}

// writeBody writes a response, compressed if it is large enough and the browser accepts gzip.
func (v *visit) writeBody(status int, body []byte) error {
	v.w.Header().Add("Vary", "Accept-Encoding")
	if len(body) < 1000 || !takesGzip(v.r) {
		v.w.WriteHeader(status)
		_, _ = v.w.Write(body)
		return nil
	}
	v.w.Header().Set("Content-Encoding", "gzip")
	v.w.WriteHeader(status)
	z := v.web.gzips.Get().(*gzip.Writer)
	defer v.web.gzips.Put(z)
	z.Reset(v.w)
	_, _ = z.Write(body) // an error means that the browser has closed the connection
	_ = z.Close()
	return nil
}
