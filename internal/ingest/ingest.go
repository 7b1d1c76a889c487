// Package ingest lets events in: it finds out what came, who sent it and who wants it, keeps it, and only then says so.
package ingest

import (
	"context"
	"log/slog"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/budget"
	"github.com/hookyard/hookyard/internal/encoding"
	"github.com/hookyard/hookyard/internal/quota"
	"github.com/hookyard/hookyard/signature"
)

// Store is what ingest needs of the store. See internal/store for the contracts.
type Store interface {
	Snapshot(ctx context.Context, owner, name string) (*hookyard.Snapshot, error)
	Accept(ctx context.Context, r *hookyard.RoutedEvent) (hookyard.Receipt, error)
	AcceptAll(ctx context.Context, all []*hookyard.RoutedEvent) ([]hookyard.Receipt, []error)
	Refuse(ctx context.Context, r *hookyard.Refusal) error
	CountRefusal(projectKey int64, code hookyard.Code)
}

// Dispatcher is what ingest needs of the dispatcher. See internal/dispatch for the contracts.
type Dispatcher interface {
	Reserve(h *hookyard.Hook, e *hookyard.Event) bool
	Push(d hookyard.Delivery, e *hookyard.Event)
	Release(hookKey int64, e *hookyard.Event, unsure bool)
	Wake(hookKeys ...int64)
}

// Options are what an [Ingest] is made of.
type Options struct {
	Store      Store
	Dispatcher Dispatcher
	Filter     hookyard.Filter
	Limits     hookyard.Limits
	Decoder    *encoding.Decoder // nil: one with Limits
	Log        *slog.Logger
	BaseURL    string         // public, without a slash at the end: what senders see
	Bodies     *budget.Bodies // room for large bodies, shared by all ways in; nil: this one has its own
	Quotas     *quota.Limiter // nil: events are not limited
	Tracer     Tracer         // nil: events keep the trace that they came with

	Accepted func(took time.Duration) // called for each event that is stored; must not block; may be nil
}

// Tracer makes a span of the acceptance of each event.
type Tracer interface {
	// Accepting starts a span of the trace that e belongs to, and moves e into the span. end ends it.
	Accepting(e *hookyard.Event) (end func(hookyard.Receipt, error))
}

// Ingest is the one way in. Safe for concurrent use.
type Ingest struct {
	o         Options
	verifiers sync.Map // source key -> *verifier
	refusals  *rate.Limiter
	turns     *budget.Shares // of projects, to run their filters
	prefix    string         // path of BaseURL
}

// New makes an Ingest.
func New(o Options) *Ingest {
	if o.Bodies == nil {
		o.Bodies = budget.NewBodies("", o.Limits.Body, o.Log)
	}
	if o.Decoder == nil {
		o.Decoder = encoding.NewDecoder(o.Limits)
	}
	in := &Ingest{o: o, refusals: rate.NewLimiter(20, 100), turns: budget.NewShares()}
	if base, err := url.Parse(o.BaseURL); err == nil {
		in.prefix = base.EscapedPath()
	}
	return in
}

// Accept routes an event of a project and stores it with its deliveries. When it returns nil the event is committed,
// and its deliveries will be sent; the event must not change any more. A duplicate is not an error: the receipt says
// so. It fails with [hookyard.TooMany] beyond a limit of the project or its owner.
func (in *Ingest) Accept(ctx context.Context, snapshot *hookyard.Snapshot, e *hookyard.Event) (hookyard.Receipt,
	error) {
	if err := hookyard.CheckHops(e); err != nil {
		return hookyard.Receipt{}, err
	}
	started := time.Now()
	grant, err := in.permit(ctx, snapshot, e.Source, 1, e.Size)
	if err != nil {
		return hookyard.Receipt{}, err
	}
	var stored hookyard.Use
	defer func() { grant.End(stored) }()
	r, err := in.routeOne(ctx, snapshot, e, nil)
	if err == nil {
		err = grant.Open(ctx, pending(r))
	}
	var receipt hookyard.Receipt
	if err == nil {
		end := in.trace(e)
		receipt, err = in.o.Store.Accept(ctx, r)
		end(receipt, err)
	}
	stored = storedOf(r, receipt, err)
	in.settle(r, receipt, err, started)
	return receipt, err
}

// AcceptAll is Accept for several events; each has its own receipt and error.
func (in *Ingest) AcceptAll(ctx context.Context, snapshot *hookyard.Snapshot,
	events []*hookyard.Event) ([]hookyard.Receipt,
	[]error) {
	return in.AcceptFor(ctx, snapshot, events, nil)
}

// AcceptFor is AcceptAll for events that name receivers of their own: event i goes to the hooks also[i], too, whatever
// events they want. The hooks are of the snapshot's project. also is as long as events, which were not sent together:
// each has the time of a request for its filters. With nil it is AcceptAll.
func (in *Ingest) AcceptFor(ctx context.Context, snapshot *hookyard.Snapshot, events []*hookyard.Event,
	also [][]*hookyard.Hook) ([]hookyard.Receipt, []error) {
	started := time.Now()
	none := make([]hookyard.Receipt, len(events))
	var size int64
	for _, e := range events {
		size += e.Size
		if err := hookyard.CheckHops(e); err != nil { // the events of a batch came by one request, or one at a time
			return none, slices.Repeat([]error{err}, len(events))
		}
	}
	var source string // of all
	if len(events) > 0 {
		source = events[0].Source
	}
	grant, err := in.permit(ctx, snapshot, source, int64(len(events)), size)
	if err != nil {
		return none, slices.Repeat([]error{err}, len(events))
	}
	var stored hookyard.Use
	defer func() { grant.End(stored) }()
	all, err := in.routeAll(ctx, snapshot, events, also)
	if err == nil {
		var opened int64
		for _, r := range all {
			opened += pending(r)
		}
		err = grant.Open(ctx, opened)
	}
	if err != nil {
		for _, r := range all {
			in.settle(r, hookyard.Receipt{}, err, started)
		}
		return none, slices.Repeat([]error{err}, len(events))
	}
	receipts, errs := in.storeAll(ctx, all)
	for i, r := range all {
		stored = stored.Plus(storedOf(r, receipts[i], errs[i]))
		in.settle(r, receipts[i], errs[i], started)
	}
	return receipts, errs
}

// storeAll stores events, each in a span of its own.
func (in *Ingest) storeAll(ctx context.Context, all []*hookyard.RoutedEvent) ([]hookyard.Receipt, []error) {
	ends := make([]func(hookyard.Receipt, error), len(all))
	for i, r := range all {
		ends[i] = in.trace(r.Event)
	}
	receipts, errs := in.o.Store.AcceptAll(ctx, all)
	for i, end := range ends {
		end(receipts[i], errs[i])
	}
	return receipts, errs
}

// routeOne routes an event when it is its turn to run filters. Also with an error, the event has places in memory if it
// is returned.
func (in *Ingest) routeOne(ctx context.Context, snapshot *hookyard.Snapshot, e *hookyard.Event,
	also []*hookyard.Hook) (*hookyard.RoutedEvent, error) {
	turn, err := in.takeTurn(ctx, snapshot)
	if err != nil {
		return nil, err
	}
	defer turn.end()
	r := in.route(snapshot, e, also, turn)
	return r, turn.check(1)
}

// routeAll routes events of one request until their filters have used up its time, or each in a turn of its own if also
// says that they came apart. Also with an error, what it returns has places in memory.
func (in *Ingest) routeAll(ctx context.Context, snapshot *hookyard.Snapshot, events []*hookyard.Event,
	also [][]*hookyard.Hook) ([]*hookyard.RoutedEvent, error) {
	all := make([]*hookyard.RoutedEvent, 0, len(events))
	for i := range also {
		r, err := in.routeOne(ctx, snapshot, events[i], also[i])
		if r != nil {
			all = append(all, r)
		}
		if err != nil {
			return all, err
		}
	}
	if also != nil {
		return all, nil
	}
	turn, err := in.takeTurn(ctx, snapshot)
	if err != nil {
		return nil, err
	}
	defer turn.end()
	for _, e := range events {
		if turn != nil && turn.work.Err() != nil {
			break
		}
		all = append(all, in.route(snapshot, e, nil, turn))
	}
	return all, turn.check(len(events))
}

// permit asks for the permission to store n events of a project that came by a source. What the server itself reports
// is not limited.
func (in *Ingest) permit(ctx context.Context, snapshot *hookyard.Snapshot, source string, n, size int64) (*quota.Grant,
	error) {
	tenants := snapshot.Tenants
	if s := snapshot.Sources[source]; s != nil && s.Rate > 0 {
		tenants = append(slices.Clip(tenants), s.Tenant())
	}
	if len(tenants) == 0 || source == hookyard.SourceMeta {
		return nil, nil
	}
	return in.o.Quotas.Admit(ctx, tenants, n, size)
}

// pending counts the deliveries that an event opens.
func pending(r *hookyard.RoutedEvent) (n int64) {
	for i := range r.Deliveries {
		if r.Deliveries[i].State == hookyard.Pending {
			n++
		}
	}
	return n
}

// storedOf returns what an event uses of the limits, nothing if it is refused.
func storedOf(r *hookyard.RoutedEvent, receipt hookyard.Receipt, err error) hookyard.Use {
	switch {
	case err != nil:
		return hookyard.Use{}
	case receipt.Duplicate:
		return hookyard.Use{Events: 1}
	}
	return hookyard.Use{Events: 1, Day: r.Event.Size, Kept: r.Event.Size, Pending: pending(r)}
}

// route decides which hooks get the event, and asks the dispatcher for places in memory before the commit: no other
// node looks for a row that is committed as this node's.
func (in *Ingest) route(snapshot *hookyard.Snapshot, e *hookyard.Event, also []*hookyard.Hook,
	turn *turn) *hookyard.RoutedEvent {
	e.ProjectKey = snapshot.Project.Key
	if unpacked, ok := e.Unpacked(); ok && e.Encoding() != "" { // once for the filters of all hooks
		e.SetPlain(unpacked.Plain())
	}
	filter := in.o.Filter
	if turn != nil {
		filter = turn.work.Match
	}
	r := hookyard.Route(e, snapshot, filter)
	e.SetPlain(nil) // what waits for its deliveries is the body as it came
	for _, h := range also {
		r.Add(h)
	}
	for i := range r.Deliveries {
		d := &r.Deliveries[i]
		d.InMemory = d.State == hookyard.Pending && in.o.Dispatcher.Reserve(d.Hook, e)
	}
	return r
}

// trace finds out which trace the event belongs to, and starts the span of its acceptance, which end ends.
func (in *Ingest) trace(e *hookyard.Event) (end func(hookyard.Receipt, error)) {
	if e.Trace.Parent == "" {
		e.Trace = hookyard.TraceOf(e.Header)
	}
	if in.o.Tracer == nil {
		return func(hookyard.Receipt, error) {}
	}
	return in.o.Tracer.Accepting(e)
}

// settle follows the commit: it uses the places in memory or releases them, and wakes the hooks whose deliveries are
// only rows.
func (in *Ingest) settle(r *hookyard.RoutedEvent, receipt hookyard.Receipt, err error, started time.Time) {
	if r == nil {
		return
	}
	stored := err == nil && !receipt.Duplicate
	unsure := hookyard.CodeOf(err) == hookyard.Unavailable // the rows may be there, marked as this node's
	for i := range r.Deliveries {
		d := &r.Deliveries[i]
		switch {
		case d.InMemory && stored:
			d.EventType, d.EventTime = r.Event.Type, r.Event.Time
			d.ID = hookyard.DeliveryID(r.Event.ID, d.HookKey)
			in.o.Dispatcher.Push(d.Delivery, r.Event)
		case d.InMemory:
			in.o.Dispatcher.Release(d.HookKey, r.Event, unsure)
		case stored && d.State == hookyard.Pending:
			in.o.Dispatcher.Wake(d.HookKey)
		}
	}
	if stored && in.o.Accepted != nil {
		in.o.Accepted(time.Since(started))
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
	if s.Unreadable {
		return nil, hookyard.Errorf(hookyard.Unavailable,
			"the secrets of source %s cannot be opened with the server's key: give them again", s.Name)
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
