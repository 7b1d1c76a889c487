package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/api"
	"github.com/hookyard/hookyard/internal/auth"
	"github.com/hookyard/hookyard/internal/bin"
	"github.com/hookyard/hookyard/internal/budget"
	"github.com/hookyard/hookyard/internal/control"
	"github.com/hookyard/hookyard/internal/dispatch"
	"github.com/hookyard/hookyard/internal/egress"
	"github.com/hookyard/hookyard/internal/encoding"
	"github.com/hookyard/hookyard/internal/filter"
	"github.com/hookyard/hookyard/internal/ingest"
	"github.com/hookyard/hookyard/internal/quota"
	"github.com/hookyard/hookyard/internal/rabbitmq"
	"github.com/hookyard/hookyard/internal/relay"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/stream"
	"github.com/hookyard/hookyard/internal/svix"
	"github.com/hookyard/hookyard/internal/web"
)

// App is a server: everything wired, its port bound, nothing running yet.
type App struct {
	config     Config
	version    string
	log        *slog.Logger
	db         *store.DB
	auth       *auth.Auth
	filters    *filter.Cache
	decoding   *budget.Decoding
	bodies     *budget.Bodies
	decoder    *encoding.Decoder
	client     *egress.Client
	dispatcher *dispatch.Dispatcher
	ingest     *ingest.Ingest
	control    *control.Control
	api        *api.API
	svix       *svix.API
	web        *web.Web
	hub        *stream.Hub
	relay      *relay.Relay
	bins       *bin.Bins
	broker     *rabbitmq.Broker
	queues     *rabbitmq.Sources
	metrics    *metrics
	tracer     *tracer
	gate       *stream.Gate
	readiness  readiness
	quotas     *quota.Limiter
	listener   net.Listener
	server     *http.Server
	plain      net.Listener // of redirect

	metricsPort   net.Listener // of metricsServer
	metricsServer *http.Server // with --metrics-listen, or nil

	redirect *http.Server // from plain HTTP, or nil
	draining atomic.Bool  // the server is to stop
	pair     *keyPair     // with --tls-cert, or nil
	setup    string       // one-time link to choose the first admin's password, or ""
}

// New wires a server and binds its port, so that ":0" can be asked for its number with [App.Addr]. Close it, or Run it,
// which closes it at the end.
func New(ctx context.Context, config Config, version string, log *slog.Logger) (*App, error) {
	if err := config.Complete(); err != nil {
		return nil, err
	}
	if err := config.Verify(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(config.Data, 0o700); err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	a := &App{config: config, version: version, log: log, decoding: budget.NewDecoding(config.Limits.Decode),
		bodies: budget.NewBodies(config.Data, config.Limits.Body, log), decoder: encoding.NewDecoder(config.Limits)}
	a.filters = filter.NewCache(10_000, a.decoding)
	a.readiness = readiness{look: a.ready, log: log, ready: true}
	err := a.open(ctx)
	if err == nil {
		err = a.wire(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, a.close())
	}
	return a, nil
}

// open takes what the outside gives: the key, the port, the database, the way to receivers and to the tracer.
func (a *App) open(ctx context.Context) error {
	keys, err := readKeys(a.config.SecretKeyFile)
	if err != nil {
		return err
	}
	if a.listener, err = listen(a.config.Listen); err != nil {
		return err
	}
	if a.config.BaseURL == "" {
		a.config.BaseURL = a.origin()
	}
	projectLimits := hookyard.Quota{hookyard.LimitHooks: int64(a.config.Limits.HooksPerProject)}
	maps.Copy(projectLimits, hookyard.Quota(a.config.ProjectLimit))
	options := store.Options{
		Key: keys.current, OldKeys: keys.old, NewKey: keys.create, NodeName: a.config.NodeName, Version: a.version,
		Log:         a.log,
		AuditEvents: a.config.AuditProject != "",
		Keys:        func() ([][]byte, error) { return keysAgain(a.config.SecretKeyFile) },
		ReplaceKey:  func() error { return replaceKey(a.config.SecretKeyFile) },
		Decompress:  a.decoder.Plain,
		Connections: a.config.DatabaseConnections, Direct: a.config.DatabaseDirect,
		Decode: a.config.Limits.Decode,
		Quotas: store.QuotaDefaults{Project: projectLimits, Owner: hookyard.Quota(a.config.OwnerLimit)},
	}
	if a.db, err = store.Open(ctx, a.config.Database, options); err != nil {
		return err
	}
	if a.client, err = a.config.egress(a.userAgent()); err != nil {
		return err
	}
	a.tracer, err = newTracer(ctx, a.config, a.version, a.log)
	return err
}

// wire makes the engines and the faces, each from those before it.
func (a *App) wire(ctx context.Context) error {
	config, log := &a.config, a.log
	a.metrics = newMetrics(a)
	a.quotas = quota.New(a.db, nil)
	a.broker = rabbitmq.NewBroker(rabbitmq.BrokerOptions{Dial: a.client.Dial})
	deliver := dispatch.Options{
		Hooks: a.db, Deliveries: a.db, Nodes: a.db, Threads: a.db, Replays: a.db, Client: a.client,
		Broker: a.broker, Filter: a.accepts, Log: log, Limits: config.Limits,
		BaseURL: config.BaseURL, Room: a.quotas.Room, Passive: config.Role == roleAccept,
		UserAgent: a.userAgent(), Poll: config.Poll, Grace: config.Grace, Decoding: a.decoding,
	}
	receive := ingest.Options{
		Store: a.db, Filter: a.accepts, Limits: config.Limits, Decoder: a.decoder, Log: log,
		BaseURL: config.BaseURL, Bodies: a.bodies, Quotas: a.quotas, Accepted: a.metrics.accepted,
	}
	if a.tracer != nil {
		deliver.Tracer, receive.Tracer = a.tracer, a.tracer
	}
	a.dispatcher = dispatch.New(deliver)
	receive.Dispatcher = a.dispatcher
	a.ingest = ingest.New(receive)
	a.auth = auth.New(a.db, auth.Options{Dev: config.Dev, Guests: config.Guests, Log: log,
		Cookie:        auth.CookieName(config.BaseURL, auth.SessionCookie),
		RequireFactor: hookyard.FactorPolicy(config.RequireFactor)})
	if err := a.firstStart(ctx); err != nil {
		return err
	}
	defaults, err := config.defaultHooks()
	if err != nil {
		return err
	}
	a.control, err = control.New(control.Options{
		Store: a.db, Ingest: a.ingest, Dispatcher: a.dispatcher, Auth: a.auth, Targets: a.client, Filter: a.accepts,
		Limits: config.Limits, Quotas: a.quotas, Decoding: a.decoding, Log: log, BaseURL: config.BaseURL,
		DefaultHooks: defaults, Origins: []string{config.BaseURL, a.origin()}, CreateOnUse: config.Dev, Dev: config.Dev,
	})
	if err != nil {
		return err
	}
	live := a.live()
	a.bins = a.newBins()
	a.api, err = api.New(api.Options{
		Control: a.control, Ingest: a.ingest, Auth: a.auth, Limits: config.Limits, Log: log, BaseURL: config.BaseURL,
		Version: a.version, Dev: config.Dev, Bins: a.bins, Stream: live.Stream, Poll: live.Poll,
	})
	if err != nil {
		return err
	}
	a.others()
	signOn, err := config.signOn()
	if err != nil {
		return err
	}
	docs, err := a.api.Docs()
	if err != nil {
		return err
	}
	a.web, err = web.New(web.Options{
		Store: a.db, Control: a.control, Ingest: a.ingest, Export: a.api.Export, Auth: a.auth, SignOn: signOn,
		Bins: a.bins, Stats: a.dispatcher.Stats, Listeners: a.gate.Open, Filter: a.accepts, Limits: config.Limits,
		Log: log, BaseURL: config.BaseURL, Version: a.version, Targets: config.AllowTargets, Dev: config.Dev,
		Docs: docs,
	})
	if err != nil {
		return err
	}
	a.server = &http.Server{
		Handler: a.routes(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: config.ReadTimeout,
		IdleTimeout:    2 * time.Minute,
		MaxHeaderBytes: headerRoom * config.Limits.RequestHeader,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	if err := a.openMetrics(); err != nil {
		return err
	}
	if a.config.secure() {
		return a.useTLS()
	}
	return nil
}

func (a *App) userAgent() string { return "hookyard/" + a.version }

// accepts is the filter that routing uses.
func (a *App) accepts(h *hookyard.Hook, e *hookyard.Event) (bool, error) {
	return a.filters.Match(h.Filter, e)
}

// Addr is the address the server listens on.
func (a *App) Addr() string { return a.listener.Addr().String() }

// origin is the URL of the server's own port.
func (a *App) origin() string {
	scheme := "http://"
	if a.config.secure() {
		scheme = "https://"
	}
	return scheme + a.Addr()
}

// BaseURL is the URL under which the server is reached.
func (a *App) BaseURL() string { return a.config.BaseURL }

// Run serves until ctx ends, and for --drain more, or until a part fails. It stops in the order in which work flows: no
// more requests, then attempts under way get their grace, then the database. It returns when everything it started has
// returned, or a second after --grace, when the database does not let it.
func (a *App) Run(ctx context.Context) error {
	a.hello()
	ctx, stopServing := a.drained(ctx)
	defer stopServing()
	return a.inTime(ctx, func() error { return a.run(ctx) })
}

// stopSlack is how long a stop may take beyond --grace, to store the results of attempts that ended with it.
const stopSlack = time.Second

// inTime returns what run returns, or after the grace without it. That happens while the database does not answer: what
// is not stored then is as after a crash.
func (a *App) inTime(ctx context.Context, run func() error) error {
	done := make(chan error, 1)
	go func() { done <- run() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	late := time.NewTimer(a.config.Grace + stopSlack)
	defer late.Stop()
	select {
	case err := <-done:
		return err
	case <-late.C:
		a.log.Error("the stop takes longer than --grace, because the database does not answer: results of attempts "+
			"that are not stored are lost, and these deliveries will be repeated", "grace", a.config.Grace)
		return nil
	}
}

// run is Run after the start.
func (a *App) run(ctx context.Context) error {
	engines, stopEngines := context.WithCancel(context.WithoutCancel(ctx))
	defer stopEngines()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.dispatcher.Run(engines) })
	upkeep, stopUpkeep := context.WithCancel(context.WithoutCancel(ctx))
	defer stopUpkeep()
	keep := errgroup.Group{}
	keep.Go(func() error { return a.db.Run(upkeep) })
	keep.Go(func() error { return a.prune(upkeep) })
	keep.Go(func() error { return a.relay.Run(upkeep) })
	keep.Go(func() error { return a.bins.Run(upkeep) })
	keep.Go(func() error { return a.control.PublishAudit(upkeep, a.config.AuditProject) })
	g.Go(func() error { return a.hub.Run(ctx) }) // first to stop: listeners are told to come back
	read := make(chan struct{})                  // closed when no queue is read any more
	g.Go(func() error {
		defer close(read)
		if a.config.Role == roleDeliver {
			return nil
		}
		return a.queues.Run(ctx)
	})
	g.Go(a.serve)
	g.Go(func() error { return serveAside(ctx, a.redirect, a.plain) })
	g.Go(func() error { return serveAside(ctx, a.metricsServer, a.metricsPort) })
	g.Go(func() error {
		<-ctx.Done()
		a.log.Info("stopping")
		bounded, cancel := context.WithTimeout(context.Background(), a.config.Grace)
		defer cancel()
		err := a.server.Shutdown(bounded)
		if err != nil {
			err = a.server.Close()
		}
		<-read
		stopEngines()
		return err
	})
	err := g.Wait()
	stopUpkeep()
	return errors.Join(err, keep.Wait(), a.close())
}

// drained returns a context that ends --drain after ctx. Until then everything goes on but /readyz, which fails, so
// that a balancer sends no more requests here before the port closes. Call stop when all is over.
func (a *App) drained(ctx context.Context) (out context.Context, stop context.CancelFunc) {
	out, stop = context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() {
		a.draining.Store(true)
		if a.config.Drain > 0 {
			a.log.Info("draining: readyz fails, the port serves on", "for", a.config.Drain)
			select {
			case <-time.After(a.config.Drain):
			case <-out.Done():
			}
		}
		stop()
	})
	return out, stop
}

// close gives back what New took. It can be called on a half-made App.
func (a *App) close() error {
	var errs []error
	if a.server != nil {
		errs = append(errs, a.server.Close())
	}
	for _, l := range []net.Listener{a.listener, a.plain, a.metricsPort} {
		if l == nil {
			continue
		}
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if a.broker != nil {
		a.broker.Close()
	}
	if a.client != nil {
		a.client.Close()
	}
	if a.tracer != nil {
		errs = append(errs, a.tracer.close())
	}
	if a.db != nil {
		errs = append(errs, a.db.Close())
	}
	return errors.Join(errs...)
}

// hello tells the operator where to look, in words that can be copied.
func (a *App) hello() {
	a.log.Info("hookyard "+a.version+" serves", "url", a.config.BaseURL, "database", a.db.Name(), "version",
		a.version, "node", a.config.NodeName)
	if a.config.Dev {
		a.log.Warn(
			"--dev: sign-in is OFF: every caller is user guest and owns every project; loopback only")
	}
	if a.setup != "" {
		// The link itself is not for logs, which many read: the caller prints it.
		a.log.Info("the admin has no password yet: follow the link that is printed, or get one by: "+
			"hookyard user invite admin", "valid", auth.LinkLife)
		a.log.Info("for the command line, the admin's token is in a file", "file", a.adminTokenFile())
	}
}

// firstStart makes the first admin while no one can sign in, with a one-time link and a token for the command line.
// Until a password is chosen every start renews the link, for the one before may never have been seen, and sees that
// the token's file is good.
func (a *App) firstStart(ctx context.Context) error {
	if a.config.Dev {
		return a.ensureGuest(ctx)
	}
	users, err := a.db.Users(ctx)
	if err != nil {
		return err
	}
	// guest may be left of --dev
	if !slices.ContainsFunc(users, func(u *hookyard.User) bool { return u.Name != "guest" }) {
		u := &hookyard.User{Name: "admin", Admin: true}
		err = a.db.CreateUser(ctx, u)
		if errors.Is(err, hookyard.ErrConflict) { // another node was first
			u, err = a.db.UserByName(ctx, u.Name)
		}
		if err != nil {
			return err
		}
		users = []*hookyard.User{u}
	}
	for _, u := range users {
		if u.Name == "admin" && u.Admin && u.PasswordHash == "" && u.Subject == "" {
			return a.offerSetup(ctx, u)
		}
	}
	return nil
}

// offerSetup makes a new link, and a token for the command line if there is none.
func (a *App) offerSetup(ctx context.Context, u *hookyard.User) error {
	secret, link := auth.NewLink(u.Key, time.Now())
	if err := a.db.CreateLink(ctx, link, func(*hookyard.User) error { return nil }); err != nil {
		return err
	}
	a.setup = control.LinkPath + secret
	return a.keepAdminToken(ctx, u)
}

// keepAdminToken writes a token into the file where the command line looks for it, unless a good one is there.
func (a *App) keepAdminToken(ctx context.Context, u *hookyard.User) error {
	path := a.adminTokenFile()
	b, err := os.ReadFile(path)
	if err == nil {
		_, err = a.db.TokenByHash(ctx, auth.HashToken(strings.TrimSpace(string(b))))
	}
	if !errors.Is(err, os.ErrNotExist) && !errors.Is(err, hookyard.ErrNotFound) {
		return err
	}
	secret, err := a.newToken(ctx, u, "admin-token", hookyard.ScopeManage)
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(secret+"\n"), 0o600)
}

// newToken makes a token and returns its secret.
func (a *App) newToken(ctx context.Context, u *hookyard.User, name string, scope hookyard.Scope) (string, error) {
	secret, hash := auth.NewToken()
	return secret, a.db.CreateToken(ctx, &hookyard.Token{UserKey: u.Key, Name: name, Hash: hash, Scope: scope})
}

func (a *App) adminTokenFile() string { return filepath.Join(a.config.Data, "admin-token") }

// ensureGuest makes the user whom --dev takes everybody for.
func (a *App) ensureGuest(ctx context.Context) error {
	_, err := a.db.UserByName(ctx, "guest")
	if errors.Is(err, hookyard.ErrNotFound) {
		return a.db.CreateUser(ctx, &hookyard.User{Name: "guest"})
	}
	return err
}

// SetupLink is the URL at which the first admin chooses a password, once and within [auth.LinkLife]; "" when there is
// none to choose. Print it where only the operator sees it.
func (a *App) SetupLink() string {
	if a.setup == "" {
		return ""
	}
	return a.config.BaseURL + a.setup
}
