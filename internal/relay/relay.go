// Package relay speaks to the clients of two relays of webhooks, as those relays did but without their holes: the long
// poll of lively4's server (any path with /_webhook/register and /_webhook/signal in it), and smee.io's channels.
//
// What comes in is an event like any other: kept, delivered to the project's hooks, and read by listeners from the
// store.
package relay

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/stream"
)

// Names of the sources of what comes in here.
const (
	SourceRelay = "relay"
	SourceSmee  = "smee"
)

// Options are what a [Relay] is made of. All functions but Ensure are required.
type Options struct {
	Hub  *stream.Hub
	Gate *stream.Gate
	Log  *slog.Logger
	// Snapshot returns a project to any caller, or fails with NotFound.
	Snapshot func(ctx context.Context, owner, project string) (*hookyard.Snapshot, error)
	// Ensure makes a project on its first use; nil, as without --dev: there must be one.
	Ensure func(ctx context.Context, owner, project string) (*hookyard.Snapshot, error)
	// Open makes the relay of projects that do not say otherwise open (--dev) and not off.
	Open bool
	// Authorize returns the project if the sender of r may read it, and when its credential expires; zero is never.
	Authorize func(r *http.Request, owner, project string) (p *hookyard.Snapshot, until time.Time, err error)
	// MayPublish fails when the sender of r may not publish to the project.
	MayPublish func(r *http.Request, owner, project string) error
	// Receive makes the event of a request, and Accept keeps it. See ingest for the contracts.
	Receive func(w http.ResponseWriter, r *http.Request) (*hookyard.Event, error)
	Accept  func(ctx context.Context, snapshot *hookyard.Snapshot, e *hookyard.Event) (hookyard.Receipt, error)
	// WriteError answers with an error in JSON.
	WriteError func(w http.ResponseWriter, r *http.Request, err error)
	Limits     hookyard.Limits

	Hold   time.Duration // a poll without an event ends after it; 0 means 55 s, below the minute of most proxies
	Beat   time.Duration // between heartbeats; 0 means 15 s
	Window time.Duration // how long a client without a cursor is remembered between polls; 0 means 2 minutes
}

// Relay serves both relays. Safe for concurrent use.
type Relay struct {
	o        Options
	sessions pollSessions
}

// New makes a Relay.
func New(o Options) *Relay {
	for _, d := range []struct {
		at      *time.Duration
		shipped time.Duration
	}{{&o.Hold, 55 * time.Second}, {&o.Beat, 15 * time.Second}, {&o.Window, 2 * time.Minute}} {
		if *d.at <= 0 {
			*d.at = d.shipped
		}
	}
	return &Relay{o: o, sessions: pollSessions{window: o.Window, by: map[fingerprint][]*session{}}}
}

// Run forgets clients that did not come back, until ctx ends.
func (rl *Relay) Run(ctx context.Context) error {
	tick := time.NewTicker(rl.o.Window / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			rl.sessions.tidy(now)
		}
	}
}

// Matches says whether a path is the relay's: whatever stands before /_webhook/.
func Matches(path string) bool { return strings.Contains(path, "/_webhook/") }

// ServeHTTP serves every path that has /_webhook/ in it, as lively4's server did: GET …/_webhook/register, POST and PUT
// …/_webhook/signal; anything else is answered 200 with nothing, which is how preflights pass.
func (rl *Relay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "OPTIONS, GET, POST, DELETE, PUT, MOVE")
	// * does not mean Authorization (Fetch standard)
	h.Set("Access-Control-Allow-Headers", "*, Authorization, repositoryname, "+stream.CursorHeader)
	h.Set("Access-Control-Expose-Headers", stream.CursorHeader+", Retry-After")
	h.Set("Access-Control-Request-Method", "*") // a request's header; the old server sent it
	h.Set("X-Content-Type-Options", "nosniff")
	r = stream.WithoutForeignCookies(r)
	var err error
	switch {
	case r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/_webhook/register"):
		err = rl.register(w, r)
	case (r.Method == http.MethodPost || r.Method == http.MethodPut) &&
		strings.Contains(r.URL.Path, "/_webhook/signal"):
		err = rl.signal(w, r)
	default:
		w.WriteHeader(http.StatusOK)
	}
	if err != nil {
		rl.o.WriteError(w, r, err)
	}
}

// split reads a key of the relay: owner/name as at GitHub. A key without an owner belongs to "_", for the old server
// took any text.
func split(key string, limits hookyard.Limits) (owner, name string, err error) {
	owner, name, ok := strings.Cut(key, "/")
	if !ok {
		owner, name = "_", key
	}
	p := hookyard.Project{Owner: owner, Name: name}
	if err := p.Validate(limits); err != nil {
		return "", "", hookyard.Errorf(hookyard.Invalid,
			"%q is not the name of a repository: it is owner/name, each 1 to 100 of the characters A-Z a-z 0-9 . _ -",
			hookyard.Clean(key, 200))
	}
	return owner, name, nil
}

// find returns a project, made when it is used for the first time and that is allowed.
func (rl *Relay) find(ctx context.Context, owner, name string) (*hookyard.Snapshot, error) {
	snapshot, err := rl.o.Snapshot(ctx, owner, name)
	if hookyard.CodeOf(err) == hookyard.NotFound && rl.o.Ensure != nil {
		return rl.o.Ensure(ctx, owner, name)
	}
	return snapshot, err
}

func (rl *Relay) mayRead(r *http.Request, owner, project string) error {
	_, _, err := rl.o.Authorize(r, owner, project)
	return err
}

// guard ends a listener who may not read the project any more.
func (rl *Relay) guard(reader *stream.Reader, r *http.Request, p *hookyard.Project) {
	reader.Guard(time.Time{}, func() (time.Time, error) { // asked for the first time by the first Next
		now, until, err := rl.o.Authorize(r, p.Owner, p.Name)
		if err == nil && now.Project.Key != p.Key {
			err = hookyard.ErrNotFound // another project of the same name
		}
		return until, err
	})
}

// mode is who may use a project's relay.
func (rl *Relay) mode(p *hookyard.Project) string {
	switch {
	case p.Relay != "":
		return p.Relay
	case rl.o.Open:
		return hookyard.RelayOpen
	}
	return hookyard.RelayOff
}

// off is the answer for a project that does not exist or whose relay is off: which ones exist is only for those who may
// read them. Others get the answer that a project with a relay gives them.
func (rl *Relay) off(r *http.Request, owner, name string) error {
	if rl.o.Ensure == nil {
		if err := rl.mayRead(r, owner, name); err != nil && hookyard.CodeOf(err) != hookyard.NotFound {
			return err
		}
	}
	return hookyard.Errorf(hookyard.NotFound,
		"no relay for %s/%s: there is no such project, or its setting relay is off (it can be signed, token or open)",
		owner, name)
}

// keptQuery returns a request's query as an event keeps it: whole, without a token that lets the caller in.
func keptQuery(u *url.URL) string {
	query := u.RawQuery
	if q := u.Query(); q.Has("token") {
		q.Del("token")
		query = q.Encode()
	}
	if query == "" {
		return ""
	}
	return hookyard.Clean("?"+query, 1+3*len(query))
}

// typeOf names an event as its provider does, else by otherwise.
func typeOf(r *http.Request, otherwise string, limits hookyard.Limits) string {
	for _, name := range []string{"X-Github-Event", "X-Gitea-Event", "X-Gitlab-Event", "X-Event-Key"} {
		t := strings.TrimSpace(hookyard.CleanLine(r.Header.Get(name), limits.EventType))
		if t != "" && !strings.HasPrefix(t, "hookyard.") {
			return t
		}
	}
	return otherwise
}
