// Package quota counts what projects and owners use, and refuses what is beyond their limits.
package quota

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hookyard/hookyard"
)

// Store reads what is used. See internal/store for the contract.
type Store interface {
	UseOf(ctx context.Context, t hookyard.TenantKey, now time.Time) (hookyard.Use, error)
}

const (
	// refreshEvery is how often the figures of a tenant are read, while events come. In between, the node adds what it
	// accepts itself.
	refreshEvery = time.Second
	// refuseAfter is how old figures may be by which an event is refused: meanwhile deliveries have ended.
	refuseAfter = 10 * time.Millisecond
	// readTimeout is how long an event waits for the figures: without them it is accepted.
	readTimeout = 2 * time.Second
	// maxTenants is how many tenants are remembered before those that were not used for idleAfter are forgotten.
	maxTenants = 10_000
	idleAfter  = time.Minute
)

// Limiter counts what tenants use. Rates and listeners are those of this node; the other figures are those of the
// database, which all nodes share. A nil Limiter refuses nothing. It is safe for concurrent use.
type Limiter struct {
	store Store
	now   func() time.Time

	mu      sync.Mutex // guards what follows
	tenants map[hookyard.TenantKey]*state
	sweptAt time.Time
}

// state is what is known of a tenant.
type state struct {
	bucket    hookyard.Bucket
	listeners int64
	read      hookyard.Use // from the store
	readAt    time.Time
	reading   chan struct{} // closed when the figures are read; nil: nobody reads them
	flying    hookyard.Use  // admitted, neither stored nor refused
	stored    hookyard.Use  // by this node, ever
	counted   hookyard.Use  // of stored: what read contains
	usedAt    time.Time
}

func (s *state) use() hookyard.Use { return s.read.Plus(s.flying).Plus(s.stored).Minus(s.counted) }

// New returns a Limiter. now is nil for the time.
func New(s Store, now func() time.Time) *Limiter {
	if now == nil {
		now = time.Now
	}
	return &Limiter{store: s, now: now, tenants: map[hookyard.TenantKey]*state{}}
}

// Grant is the permission to store events. A nil Grant is one without limits. It belongs to one goroutine.
type Grant struct {
	l       *Limiter
	tenants []hookyard.Tenant
	events  int64 // taken of the rates
	more    hookyard.Use
}

// Admit permits events of the given number and size to be stored, or fails with [hookyard.TooMany] or
// [hookyard.TooLarge]. The caller ends the grant once it is known what was stored.
func (l *Limiter) Admit(ctx context.Context, tenants []hookyard.Tenant, events, size int64) (*Grant, error) {
	if l == nil || len(tenants) == 0 {
		return nil, nil
	}
	g := &Grant{l: l, tenants: tenants, events: events}
	l.refresh(ctx, tenants, refreshEvery)
	err := l.admit(g, size)
	if byFigures(err) {
		l.refresh(ctx, tenants, refuseAfter)
		err = l.admit(g, size)
	}
	if err != nil {
		return nil, err
	}
	return g, nil
}

// byFigures reports whether something was refused because of figures of the database.
func byFigures(err error) bool {
	var e *hookyard.Error
	return errors.As(err, &e) && e.Code == hookyard.TooMany && e.Excess != nil && e.Excess.Name != hookyard.LimitEvents
}

// admit is Admit with the figures that there are.
func (l *Limiter) admit(g *Grant, size int64) error {
	tenants, events := g.tenants, g.events
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for i := range tenants {
		if err := tenants[i].CheckRate(&l.state(tenants[i].TenantKey, now).bucket, events, now); err != nil {
			return err
		}
	}
	if err := l.add(g, hookyard.Use{Day: size, Kept: size}, now); err != nil {
		return err
	}
	for _, t := range tenants {
		if t.Quota[hookyard.LimitEvents] > 0 {
			l.state(t.TenantKey, now).bucket.Take(events)
		}
	}
	return nil
}

// Open permits the events to open deliveries, too. The grant must be ended also if it fails.
func (g *Grant) Open(ctx context.Context, deliveries int64) error {
	if g == nil || deliveries == 0 {
		return nil
	}
	err := g.open(deliveries)
	if byFigures(err) {
		g.l.refresh(ctx, g.tenants, refuseAfter)
		err = g.open(deliveries)
	}
	return err
}

// open is Open with the figures that there are.
func (g *Grant) open(deliveries int64) error {
	g.l.mu.Lock()
	defer g.l.mu.Unlock()
	return g.l.add(g, hookyard.Use{Pending: deliveries}, g.l.now())
}

// End ends the grant. stored is what came of it: events that are not among it give back what they took of the rates.
func (g *Grant) End(stored hookyard.Use) {
	if g == nil {
		return
	}
	g.l.mu.Lock()
	defer g.l.mu.Unlock()
	refused := g.events - stored.Events
	stored.Events = 0
	for _, t := range g.tenants {
		s := g.l.state(t.TenantKey, g.l.now())
		if t.Quota[hookyard.LimitEvents] > 0 {
			s.bucket.Give(refused)
		}
		s.flying, s.stored = s.flying.Minus(g.more), s.stored.Plus(stored)
	}
}

// Room returns an error if the tenants may not have more deliveries pending than they have. Else the caller must call
// opened once, with the number of deliveries that it has opened.
func (l *Limiter) Room(ctx context.Context, tenants []hookyard.Tenant) (opened func(n int64), err error) {
	g, err := l.Admit(ctx, tenants, 0, 0)
	if err != nil {
		return nil, err
	}
	if err := g.Open(ctx, 1); err != nil {
		g.End(hookyard.Use{})
		return nil, err
	}
	return func(n int64) { g.End(hookyard.Use{Pending: n}) }, nil
}

// Listen lets a listener of a project in, until leave is called, once. It fails with [hookyard.TooMany].
func (l *Limiter) Listen(to *hookyard.Snapshot) (leave func(), err error) {
	if l == nil {
		return func() {}, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for i := range to.Tenants {
		t := &to.Tenants[i]
		used := hookyard.Use{Listeners: l.state(t.TenantKey, now).listeners}
		if err := t.Check(used, hookyard.Use{Listeners: 1}, now); err != nil {
			return nil, err
		}
	}
	all := to.Project.Tenants() // those without limits, too: they may get some
	for _, t := range all {
		l.state(t, now).listeners++
	}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, t := range all {
			l.state(t, l.now()).listeners--
		}
	}, nil
}

// Listeners returns how many listeners of a tenant are connected to this node.
func (l *Limiter) Listeners(t hookyard.TenantKey) int64 {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.tenants[t]; s != nil {
		return s.listeners
	}
	return 0
}

// add checks that all tenants of a grant may have more, and counts it. It needs l.mu.
func (l *Limiter) add(g *Grant, more hookyard.Use, now time.Time) error {
	for i := range g.tenants {
		t := &g.tenants[i]
		if err := t.Check(l.state(t.TenantKey, now).use(), more, now); err != nil {
			return err
		}
	}
	g.more = g.more.Plus(more)
	for _, t := range g.tenants {
		s := l.state(t.TenantKey, now)
		s.flying = s.flying.Plus(more)
	}
	return nil
}

// state returns what is known of a tenant. It needs l.mu.
func (l *Limiter) state(key hookyard.TenantKey, now time.Time) *state {
	s := l.tenants[key]
	if s == nil {
		if len(l.tenants) >= maxTenants && now.Sub(l.sweptAt) > refreshEvery {
			l.sweptAt = now
			for k, old := range l.tenants {
				if now.Sub(old.usedAt) > idleAfter && old.listeners == 0 && old.flying == (hookyard.Use{}) {
					delete(l.tenants, k)
				}
			}
		}
		s = &state{}
		l.tenants[key] = s
	}
	s.usedAt = now
	return s
}

// refresh reads the figures of tenants for which they are older than a time. One caller reads those of a tenant; others
// go on with what there is, but wait for the first figures, and for those by which they may be refused.
func (l *Limiter) refresh(ctx context.Context, tenants []hookyard.Tenant, older time.Duration) {
	for _, t := range tenants {
		if t.Quota[hookyard.LimitDay] == 0 && t.Quota[hookyard.LimitKept] == 0 && t.Quota[hookyard.LimitPending] == 0 {
			continue
		}
		l.mu.Lock()
		now := l.now()
		s := l.state(t.TenantKey, now)
		first := s.readAt.Before(now.UTC().Truncate(24 * time.Hour))
		switch reading := s.reading; {
		case reading != nil && (first || older < refreshEvery):
			l.mu.Unlock()
			select {
			case <-reading:
			case <-ctx.Done():
			}
		case reading != nil || !first && now.Sub(s.readAt) < older:
			l.mu.Unlock()
		default:
			s.reading = make(chan struct{})
			l.mu.Unlock()
			l.read(ctx, t.TenantKey, s, now)
		}
	}
}

// read reads the figures of a tenant.
func (l *Limiter) read(ctx context.Context, t hookyard.TenantKey, s *state, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	l.mu.Lock()
	counted := s.stored
	l.mu.Unlock()
	use, err := l.store.UseOf(ctx, t, now)
	l.mu.Lock()
	defer l.mu.Unlock()
	close(s.reading)
	s.reading, s.readAt = nil, now
	if err == nil { // what was stored before it was read is in it
		s.read, s.counted = use, counted
	}
}
