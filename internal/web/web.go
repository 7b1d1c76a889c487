// Package web is the HTML face: pages that are whole without JavaScript and live with it. Pages read from the store and
// change things through package api, so both faces have one set of rules.
//
// The routes are in routes.go. A page is a struct named for its template: eventsPage is shown by templates/events.html.
package web

import (
	"context"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
	"github.com/hookyard/hookyard/internal/dispatch"
	"github.com/hookyard/hookyard/internal/oidc"
	"github.com/hookyard/hookyard/internal/store"
)

// Store is what pages read. internal/store has the contracts.
type Store interface {
	View(ctx context.Context, owner, name string) (*hookyard.View, error)
	Projects(ctx context.Context, user *hookyard.User, after string, limit int) ([]*hookyard.Project, error)
	Members(ctx context.Context, projectKey int64) ([]hookyard.Member, error)
	Audit(ctx context.Context, projectKey, before int64, limit int) ([]hookyard.AuditEntry, error)

	Hook(ctx context.Context, projectKey int64, id string) (*hookyard.Hook, error)
	Hooks(ctx context.Context, projectKey int64) ([]*hookyard.Hook, error)
	HookByKey(ctx context.Context, key int64) (*hookyard.Hook, error)
	HookCounts(ctx context.Context, hookKey int64, n int) (map[hookyard.State]int, error)
	HookAttempts(ctx context.Context, hookKey int64, limit int) ([]store.AttemptMark, error)
	PendingOf(ctx context.Context, hookKey int64, max int) (int, error)
	NextDue(ctx context.Context, hookKey int64) (due time.Time, ok bool, err error)
	Refused(ctx context.Context, projectKey int64, source string, limit int) ([]hookyard.Refusal, error)

	Event(ctx context.Context, projectKey int64, id string) (*hookyard.Event, error)
	Events(ctx context.Context, q hookyard.EventQuery) (hookyard.EventPage, error)
	RecentTypes(ctx context.Context, projectKey int64, n int) ([]string, error)
	SeqAt(ctx context.Context, t time.Time) (int64, error)
	CountBetween(ctx context.Context, projectKey int64, marks []int64) ([]store.Count, error)
	Bounds(ctx context.Context, projectKey int64) (oldest, newest int64, err error)
	Delivery(ctx context.Context, projectKey int64, id string) (hookyard.Delivery, error)
	Deliveries(ctx context.Context, q hookyard.DeliveryQuery) (list []hookyard.Delivery, next string, err error)
	Attempts(ctx context.Context, eventSeq, hookKey int64) ([]hookyard.Attempt, error)
	Outcomes(ctx context.Context, eventSeq int64, hookKeys []int64) (map[int64][]hookyard.Attempt, error)
	Replays(ctx context.Context, projectKey int64, limit int) ([]*hookyard.Replay, error)

	Users(ctx context.Context) ([]*hookyard.User, error)
	UserByName(ctx context.Context, name string) (*hookyard.User, error)
	UserBySubject(ctx context.Context, subject string) (*hookyard.User, error)
	JoinUser(ctx context.Context, u *hookyard.User) error
	UpdateUser(ctx context.Context, u *hookyard.User) error
	Tokens(ctx context.Context, userKey, projectKey int64) ([]*hookyard.Token, error)
	TokenByHash(ctx context.Context, hash []byte) (*hookyard.Token, error)
	DeleteToken(ctx context.Context, userKey int64, id string) error
	CreateSession(ctx context.Context, s *hookyard.Session) error
	Sessions(ctx context.Context, userKey int64) ([]*hookyard.Session, error)
	DeleteSession(ctx context.Context, userKey int64, id string) error

	Nodes(ctx context.Context) ([]store.NodeInfo, error)
	Size(ctx context.Context) (int64, error)
	Lag(ctx context.Context, now time.Time) (map[int64]time.Duration, error)
	Version(ctx context.Context) (database string, schema int, err error)
}

// API makes changes. See [api.API.Do].
type API interface {
	Do(ctx context.Context, id *auth.Identity, method, path string, in, out any) error
}

// Ingest keeps events that a page makes.
type Ingest interface {
	Accept(ctx context.Context, view *hookyard.View, e *hookyard.Event) (hookyard.Receipt, error)
}

// Auth says who asks and what they may do. See internal/auth.
type Auth interface {
	Identify(r *http.Request) (*auth.Identity, error)
	Role(ctx context.Context, id *auth.Identity, p *hookyard.Project) (hookyard.Role, error)
	SignIn(ctx context.Context, name, password, remote string) (*hookyard.User, error)
	Forget()
}

// Options are what a [Web] is made of; all but SignOn, Bins, Targets, SetupFile and Dev are required.
type Options struct {
	Store     Store
	API       API
	Ingest    Ingest
	Stats     func() dispatch.Stats
	Listeners func() int // connected to this node
	Auth      Auth
	SignOn    *oidc.Provider // nil: people sign in with passwords only
	Bins      http.Handler   // nil: there are no pages for bins
	Filter    hookyard.Filter
	Limits    hookyard.Limits
	Log       *slog.Logger
	BaseURL   string // public, without a slash at the end
	Version   string
	Targets   []string // private ones that the server may send to
	Dev       bool     // authentication is off
}

// Web serves the pages. It is safe for concurrent use.
type Web struct {
	o       Options
	mux     *http.ServeMux
	pages   map[string]*template.Template
	assets  map[string]*asset
	csrf    *http.CrossOriginProtection
	started time.Time
	rates   *rates
}

// New makes a Web. It fails when a template cannot be parsed, when a page has none, or when one belongs to no page.
func New(o Options) (*Web, error) {
	w := &Web{o: o, mux: http.NewServeMux(), csrf: http.NewCrossOriginProtection(), started: time.Now(),
		rates: newRates(o.Store)}
	var err error
	if w.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	if w.pages, err = w.loadPages(); err != nil {
		return nil, err
	}
	w.routes()
	return w, nil
}

// policy allows what comes from this server and nothing else: no script or style stands in a page.
const policy = "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'"

// ServeHTTP answers everything that no other face does; what it does not know is a page that says so.
func (w *Web) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	h := rw.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	w.mux.ServeHTTP(rw, r)
}

// reply writes a page.
func (v *visit) reply(status int, body []byte) error {
	h := v.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	return writeBody(v.w, v.r, status, body)
}

// writeBody writes a body that is worth compressing, compressed where the browser takes that.
func writeBody(w http.ResponseWriter, r *http.Request, status int, body []byte) error {
	w.Header().Add("Vary", "Accept-Encoding")
	if len(body) < 1000 || !takesGzip(r) {
		w.WriteHeader(status)
		_, _ = w.Write(body)
		return nil
	}
	w.Header().Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	z := squeezers.Get().(*squeezer)
	defer squeezers.Put(z)
	z.Reset(w)
	_, _ = io.Writer(z).Write(body) // whoever hung up does not want it
	_ = z.Close()
	return nil
}
