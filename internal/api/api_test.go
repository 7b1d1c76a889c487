package api_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/api"
	"github.com/hookyard/hookyard/internal/auth"
	"github.com/hookyard/hookyard/internal/bin"
	"github.com/hookyard/hookyard/internal/budget"
	"github.com/hookyard/hookyard/internal/control"
	"github.com/hookyard/hookyard/internal/dispatch"
	"github.com/hookyard/hookyard/internal/egress"
	"github.com/hookyard/hookyard/internal/filter"
	"github.com/hookyard/hookyard/internal/ingest"
	"github.com/hookyard/hookyard/internal/quota"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// bundle is a server with everything real behind it, and a client for each of some users.
type bundle struct {
	t     *testing.T
	db    *store.DB
	api   *api.API
	bins  *bin.Bins
	ctl   *control.Control
	proxy *proxy
	url   string
	admin *client.Client // administrator
	alice *client.Client // owner of alice/…
	bob   *client.Client // no right anywhere
	token string         // alice's
	bobs  string         // bob's
}

// options are what a test changes of the server's.
type options struct {
	api.Options
	DefaultHooks []hookyard.Hook
	CreateOnUse  bool
	Guests       bool
}

// each runs f against a server on each database.
func each(t *testing.T, change func(*options), f func(t *testing.T, b *bundle)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { f(t, serve(t, db, change)) })
}

// one runs f against a server on SQLite, for what does not depend on the database.
func one(t *testing.T, change func(*options)) *bundle {
	t.Helper()
	return serve(t, storetest.Open(t, storetest.SQLite(t)), change)
}

func serve(t *testing.T, db *store.DB, change func(*options)) *bundle {
	t.Helper()
	b := &bundle{t: t, db: db}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	out, err := egress.New(egress.Options{Allow: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	filters := filter.NewCache(100, budget.NewDecoding(1<<20))
	accepts := func(h *hookyard.Hook, e *hookyard.Event) (bool, error) { return filters.Match(h.Filter, e) }
	limits := hookyard.DefaultLimits()
	dispatcher := dispatch.New(dispatch.Options{Hooks: db, Deliveries: db, Nodes: db, Threads: db,
		Replays: db, Client: out, Filter: accepts, Log: log, Limits: limits,
		BaseURL: "http://hooks.test", UserAgent: "hookyard/test", Poll: 100 * time.Millisecond, Grace: time.Second})
	o := options{Options: api.Options{Limits: limits, Log: log, BaseURL: "http://hooks.test", Version: "test"}}
	if change != nil {
		change(&o)
	}
	who := auth.New(db, auth.Options{Dev: o.Dev, Guests: o.Guests})
	o.Auth = who
	quotas := quota.New(db, nil)
	in := ingest.New(ingest.Options{Store: db, Dispatcher: dispatcher, Filter: accepts, Limits: o.Limits, Log: log,
		BaseURL: o.BaseURL, Quotas: quotas})
	o.Ingest = in
	o.Control, err = control.New(control.Options{
		Store: db, Ingest: in, Dispatcher: dispatcher, Auth: who, Targets: out, Filter: accepts,
		Limits: o.Limits, Quotas: quotas, Log: log,
		DefaultHooks: o.DefaultHooks, CreateOnUse: o.CreateOnUse, Dev: o.Dev,
	})
	if err != nil {
		t.Fatal(err)
	}
	o.Bins = bin.New(bin.Options{Store: db, Client: out, Log: log, BaseURL: o.BaseURL, Limits: o.Limits})
	a, err := api.New(o.Options)
	if err != nil {
		t.Fatal(err)
	}
	b.proxy = behindProxy(t, a)
	server := httptest.NewServer(b.proxy)
	b.url, b.api = server.URL, a
	b.ctl = o.Control
	b.bins = o.Bins
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = dispatcher.Run(ctx) })
	t.Cleanup(func() {
		server.Close()
		cancel()
		running.Wait()
		out.Close()
	})
	b.admin, _ = b.user("root", true)
	b.alice, b.token = b.user("alice", false)
	b.bob, b.bobs = b.user("bob", false)
	return b
}

// user makes a user with a token, and a client that uses it.
func (b *bundle) user(name string, admin bool) (*client.Client, string) {
	b.t.Helper()
	ctx := context.Background()
	u := &hookyard.User{Name: name, Admin: admin}
	if err := b.db.CreateUser(ctx, u); err != nil {
		b.t.Fatal(err)
	}
	secret, hash := auth.NewToken()
	if err := b.db.CreateToken(ctx, &hookyard.Token{UserKey: u.Key, Hash: hash,
		Scope: hookyard.ScopeManage}); err != nil {
		b.t.Fatal(err)
	}
	return b.client(secret), secret
}

func (b *bundle) client(token string) *client.Client {
	b.t.Helper()
	c, err := client.New(b.url, token, client.WithRetries(0))
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

// project makes a project of alice's.
func (b *bundle) project(name string, p client.ProjectPatch) string {
	b.t.Helper()
	if _, _, err := b.alice.PutProject(b.t.Context(), "alice/"+name, p); err != nil {
		b.t.Fatal(err)
	}
	return "alice/" + name
}

// hook makes a hook for all events.
func (b *bundle) hook(project, id, url string) {
	b.t.Helper()
	if _, err := b.alice.PutHook(b.t.Context(), project, id,
		client.HookPatch{URL: new(url), Events: new(hookyard.SelectAll())}); err != nil {
		b.t.Fatal(err)
	}
}

// do sends a request as it stands and returns status, header and body.
func (b *bundle) do(token, method, path, body string, header ...string) (int, http.Header, string) {
	b.t.Helper()
	r, err := http.NewRequest(method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(got)
}

// received is one request that a receiver got.
type received struct {
	Header http.Header
	Body   string
}

// receiver listens for deliveries and answers them with status.
func receiver(t *testing.T, status int) (url string, got <-chan received) {
	t.Helper()
	out := make(chan received, 100)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(status)
		out <- received{r.Header, string(body)}
	}))
	t.Cleanup(s.Close)
	return s.URL, out
}

// wait returns what a receiver gets next.
func wait(t *testing.T, got <-chan received) received {
	t.Helper()
	select {
	case r := <-got:
		return r
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was received within 10 s")
		return received{}
	}
}

// until asks until ok, with a pause in between, for what the dispatcher does in its own time.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

// wantStatus fails unless err is the server's refusal with this status.
func wantStatus(t *testing.T, err error, status int, part string) {
	t.Helper()
	if got := client.StatusOf(err); got != status || !strings.Contains(err.Error(), part) {
		t.Errorf("got status %d, error %v; want %d and %q", got, err, status, part)
	}
}

// listen serves h on loopback until the test ends.
func listen(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// realIngest is an ingest over the bundle's store.
func realIngest(b *bundle) api.Ingest {
	return ingest.New(ingest.Options{Store: b.db, Limits: hookyard.DefaultLimits()})
}
