// Package control is where a caller changes things: projects, hooks, sources, members, tokens, users, replays and
// listeners. Each operation checks the caller's rights and the input, makes the change at the revision it was meant
// for, enters it into the audit log and wakes the engines that depend on it.
//
// The package knows no HTTP. A face decodes what its callers send into a patch, calls one operation and encodes the
// result. Errors are [hookyard.Error]; their codes are all that a face maps to its own statuses and words.
package control

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
	"github.com/hookyard/hookyard/internal/catalogue"
	"github.com/hookyard/hookyard/internal/passkey"
	"github.com/hookyard/hookyard/internal/quota"
	"github.com/hookyard/hookyard/internal/store"
)

// Ingest stores events that a change makes. See internal/ingest for the contract.
type Ingest interface {
	Accept(ctx context.Context, snapshot *hookyard.Snapshot, e *hookyard.Event) (hookyard.Receipt, error)
	Recheck(ctx context.Context, snapshot *hookyard.Snapshot, s *hookyard.Source,
		rf *hookyard.Refusal) (hookyard.Receipt, error)
}

// Dispatcher is told what to look at again. See internal/dispatch for the contract.
type Dispatcher interface {
	Wake(hookKeys ...int64)
	HookChanged(hookKey int64)
	WakeReplays()
	Lane(hookKey int64) hookyard.Lane
}

// Auth says what a caller may do. See internal/auth for the contract.
type Auth interface {
	Role(ctx context.Context, id *auth.Identity, p *hookyard.Project) (hookyard.Role, error)
	MayPublish(ctx context.Context, id *auth.Identity, p *hookyard.Project) (bool, error)
	HashPassword(ctx context.Context, password string) (string, error)
	Refused(ctx context.Context, user, wrong, remote string)
	Forget()
}

// Targets says which addresses may be sent to. See internal/egress for the contract.
type Targets interface {
	CheckURL(ctx context.Context, rawURL string) error
}

// Options are what a [Control] is made of. All but the last seven are required.
type Options struct {
	Store      *store.DB
	Ingest     Ingest
	Dispatcher Dispatcher
	Auth       Auth
	Targets    Targets
	Filter     hookyard.Filter // the one that routes events: it answers why a hook did not want one
	Limits     hookyard.Limits
	Log        *slog.Logger

	BaseURL      string          // at which users sign in: passkeys are bound to its host
	Quotas       *quota.Limiter  // nil: no limits but those that the store holds
	Decoding     Decoding        // of data that is checked against schemas; nil: as much as comes
	DefaultHooks []hookyard.Hook // added to every new project
	Origins      []string        // base URLs that lead to this server: hooks must not lead back to their project
	CreateOnUse  bool            // a hook, source or event put into a project that does not exist creates the project
	Dev          bool            // authentication is off
}

// Control makes changes for callers. It is safe for concurrent use.
type Control struct {
	store      *store.DB
	ingest     Ingest
	dispatcher Dispatcher
	auth       Auth
	targets    Targets
	filter     hookyard.Filter
	limits     hookyard.Limits
	quotas     *quota.Limiter
	decoding   Decoding
	checker    *catalogue.Checker
	importing  *semaphore.Weighted // one document at a time
	log        *slog.Logger
	passkeys   *passkey.Passkeys // nil: browsers offer none at the server's URL

	defaultHooks []hookyard.Hook // never written
	origins      []string
	createOnUse  bool
	dev          bool
}

// ForRequest returns the context of an HTTP request whose handler keeps what it reads until the request ends. It is not
// for streams.
func ForRequest(ctx context.Context) context.Context { return store.ForRequest(ctx) }

// New returns a Control. It fails when the base URL cannot work.
func New(o Options) (*Control, error) {
	passkeys, err := passkey.New(o.BaseURL)
	if err != nil {
		return nil, err
	}
	return &Control{
		store: o.Store, ingest: o.Ingest, dispatcher: o.Dispatcher, auth: o.Auth, targets: o.Targets, filter: o.Filter,
		limits: o.Limits, quotas: o.Quotas, decoding: o.Decoding, checker: catalogue.NewChecker(), log: o.Log,
		importing: semaphore.NewWeighted(1),
		passkeys:  passkeys, defaultHooks: o.DefaultHooks, origins: o.Origins,
		createOnUse: o.CreateOnUse, dev: o.Dev,
	}, nil
}

// now is the time of a change, as the store keeps it.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// Fault returns the error to answer with instead of one that no operation foresaw: Unavailable when the database is
// away, locked or too slow, else err.
func (c *Control) Fault(err error) error { return c.store.Fault(err) }

// Storable reports whether the store can hold a time: it counts microseconds, with room for sums.
func Storable(t time.Time) bool { return t.Year() >= 1 && t.Year() <= 9999 }

// MaxPage is the most entries that one page of a list may have.
const MaxPage = 500
