// Package ingest lets events in: it finds out what came, who sent it and who wants it, keeps it, and only then says so.
package ingest

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/signature"
)

// Store is what ingest needs of the store. See internal/store for the contracts.
type Store interface {
	View(ctx context.Context, owner, name string) (*hookyard.View, error)
	Accept(ctx context.Context, a *hookyard.Acceptance) (hookyard.Receipt, error)
	AcceptAll(ctx context.Context, all []*hookyard.Acceptance) ([]hookyard.Receipt, []error)
	Refuse(ctx context.Context, r *hookyard.Refusal) error
}

// Dispatcher is what ingest needs of the dispatcher. See internal/dispatch for the contracts.
type Dispatcher interface {
	Reserve(h *hookyard.Hook, e *hookyard.Event) bool
	Push(d hookyard.Delivery, e *hookyard.Event)
	Release(hookKey int64, e *hookyard.Event)
	Wake(hookKeys ...int64)
}

// Options are what an [Ingest] is made of.
type Options struct {
	Store      Store
	Dispatcher Dispatcher
	Filter     hookyard.Filter
	Limits     hookyard.Limits
	Log        *slog.Logger
	BaseURL    string // public, without a slash at the end: what senders see
	Watch      Watcher
}

// Watcher is told of everything that came in, for metrics and traces. It may be nil, and must not block.
type Watcher interface {
	Accepted(e *hookyard.Event, r hookyard.Receipt, took time.Duration)
	Refused(source, reason string)
}

// Ingest is the one way in. Safe for concurrent use.
type Ingest struct {
	o         Options
	verifiers sync.Map // source key -> *verifier
	refusals  *rate.Limiter
	large     largeBodies
}

// New makes an Ingest.
func New(o Options) *Ingest {
	return &Ingest{o: o, refusals: rate.NewLimiter(20, 100), large: newLargeBodies(o.Limits.Body)}
}

// Accept routes an event of a project and keeps it with its deliveries. When it returns nil the event is committed, and
// what is owed will be sent; the event must not change any more. A duplicate is not an error: the receipt says so.
func (in *Ingest) Accept(ctx context.Context, view *hookyard.View, e *hookyard.Event) (hookyard.Receipt, error) {
	started := time.Now()
	a := in.prepare(view, e)
	receipt, err := in.o.Store.Accept(ctx, a)
	in.settle(a, receipt, err, started)
	return receipt, err
}

// AcceptAll is Accept for several events; each has its own receipt and error.
func (in *Ingest) AcceptAll(ctx context.Context, view *hookyard.View, events []*hookyard.Event) ([]hookyard.Receipt,
	[]error) {
	started := time.Now()
	all := make([]*hookyard.Acceptance, len(events))
	for i, e := range events {
		all[i] = in.prepare(view, e)
	}
	receipts, errs := in.o.Store.AcceptAll(ctx, all)
	for i := range all {
		in.settle(all[i], receipts[i], errs[i], started)
	}
	return receipts, errs
}

// AcceptOwing is AcceptAll for events that name receivers of their own: event i is owed to the hooks also[i], too,
// whatever they want. The hooks are of the view's project.
func (in *Ingest) AcceptOwing(ctx context.Context, view *hookyard.View, events []*hookyard.Event,
	also [][]*hookyard.Hook) ([]hookyard.Receipt, []error) {
	started := time.Now()
	all := make([]*hookyard.Acceptance, len(events))
	for i, e := range events {
		all[i] = in.prepare(view, e)
		in.owe(all[i], also[i])
	}
	receipts, errs := in.o.Store.AcceptAll(ctx, all)
	for i := range all {
		in.settle(all[i], receipts[i], errs[i], started)
	}
	return receipts, errs
}

// owe adds deliveries to hooks that are not owed the event already.
func (in *Ingest) owe(a *hookyard.Acceptance, also []*hookyard.Hook) {
	for _, h := range also {
		if slices.ContainsFunc(a.Deliveries, func(d hookyard.Delivery) bool { return d.HookKey == h.Key }) {
			continue
		}
		d := hookyard.Owe(a.Event, h)
		a.Deliveries = append(a.Deliveries, d)
		a.Ordered = append(a.Ordered, h.Ordered)
		a.Taken = append(a.Taken, d.State == hookyard.Pending && in.o.Dispatcher.Reserve(h, a.Event))
	}
}

// prepare decides who is owed the event, and asks the dispatcher for places in memory before the commit: a row that is
// committed as taken is never looked for by anybody else.
func (in *Ingest) prepare(view *hookyard.View, e *hookyard.Event) *hookyard.Acceptance {
	e.ProjectKey = view.Project.Key
	a := &hookyard.Acceptance{Event: e, Deliveries: hookyard.Route(e, view.Hooks, in.o.Filter)}
	if len(a.Deliveries) == 0 {
		return a
	}
	a.Taken, a.Ordered = make([]bool, len(a.Deliveries)), make([]bool, len(a.Deliveries))
	next := 0 // deliveries are in the order of hooks
	for i := range a.Deliveries {
		for view.Hooks[next].Key != a.Deliveries[i].HookKey {
			next++
		}
		h := view.Hooks[next]
		a.Ordered[i] = h.Ordered
		a.Taken[i] = a.Deliveries[i].State == hookyard.Pending && in.o.Dispatcher.Reserve(h, e)
	}
	return a
}

// settle follows the commit: the places in memory are used or given back, and hooks whose deliveries are rows are
// woken.
func (in *Ingest) settle(a *hookyard.Acceptance, receipt hookyard.Receipt, err error, started time.Time) {
	kept := err == nil && !receipt.Duplicate
	for i, d := range a.Deliveries {
		switch {
		case a.Taken[i] && kept:
			d.EventType, d.EventTime = a.Event.Type, a.Event.Time
			d.ID = hookyard.DeliveryID(a.Event.ID, d.HookKey)
			in.o.Dispatcher.Push(d, a.Event)
		case a.Taken[i]:
			in.o.Dispatcher.Release(d.HookKey, a.Event)
		case kept && d.State == hookyard.Pending:
			in.o.Dispatcher.Wake(d.HookKey)
		}
	}
	if err == nil && in.o.Watch != nil {
		in.o.Watch.Accepted(a.Event, receipt, time.Since(started))
	}
}

// verifier is a source's verifier, made once for each revision of the source.
type verifier struct {
	revision int64
	expires  time.Time // when the first of the secrets does
	*signature.Verifier
}

// verifierOf returns the verifier of a source. It fails when the source's settings cannot work, which saving refuses.
func (in *Ingest) verifierOf(s *hookyard.Source, now time.Time) (*signature.Verifier, error) {
	if v, ok := in.verifiers.Load(s.Key); ok {
		if v := v.(*verifier); v.revision == s.Revision && (v.expires.IsZero() || now.Before(v.expires)) {
			return v.Verifier, nil
		}
	}
	scheme, err := signature.ParseScheme(s.Scheme)
	if err != nil {
		return nil, err
	}
	made, err := signature.New(s.Type, hookyard.Live(s.Secrets, now), scheme)
	if err != nil {
		return nil, err
	}
	v := &verifier{revision: s.Revision, Verifier: made}
	for _, secret := range s.Secrets {
		if !secret.Expires.IsZero() && secret.Expires.After(now) &&
			(v.expires.IsZero() || secret.Expires.Before(v.expires)) {
			v.expires = secret.Expires
		}
	}
	in.verifiers.Store(s.Key, v)
	return made, nil
}
