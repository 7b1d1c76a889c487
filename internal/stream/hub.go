package stream

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/hookyard/hookyard"
)

// HubOptions are what a [Hub] is made of.
type HubOptions struct {
	Store Store
	// Filter holds an event against a listener's filter; it may be nil when no listener has one.
	Filter func(text string, e *hookyard.Event) (bool, error)
	// Look is how often to look for what other nodes committed; 0 means never: this process is the only one.
	Look time.Duration
}

const (
	// wakeCost spaces wake-ups by what they cost: with 2,000 listeners on a project they come 200 ms apart and each
	// brings several events, with 10 they come at once.
	wakeCost = 100 * time.Microsecond
	// tailIdle is how long what was read for many is kept when nothing new comes.
	tailIdle = 10 * time.Second
	// readBudget bounds the bytes held by listeners that read for themselves, in all.
	readBudget = 64 << 20
)

// Hub wakes listeners. It carries no events. Safe for concurrent use.
type Hub struct {
	o       HubOptions
	poke    chan struct{}   // one place: dirty is not empty
	life    context.Context // ends, with ErrStopping, when the hub stops
	end     context.CancelCauseFunc
	budget  *semaphore.Weighted
	grants  grants
	outage  *outage
	buffers sync.Pool // *[]byte, of lines that are being written

	mu     sync.RWMutex // guards topics
	topics map[int64]*topic

	dirtyMu sync.Mutex // guards dirty
	dirty   []*topic
}

// grants wakes all listeners when it may have changed who may listen.
type grants struct {
	version atomic.Int64 // counts calls of Recheck
	told    int64        // the version that listeners were woken for; owned by Hub.Run
	at      time.Time    // when that was; owned by Hub.Run

	mu   sync.Mutex // guards wake
	wake chan struct{}
}

func (g *grants) waker() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.wake
}

// outage tells listeners that the database does not answer.
type outage struct {
	seen time.Time // when it last did; owned by Hub.lookAround

	mu  sync.Mutex // guards cut and end
	cut context.Context
	end context.CancelFunc
}

func newOutage() *outage {
	o := &outage{seen: time.Now()}
	o.cut, o.end = context.WithCancel(context.Background())
	return o
}

// next returns a context that ends with the next outage.
func (o *outage) next() context.Context {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.cut
}

// tell ends the listening of all.
func (o *outage) tell() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.end()
	o.cut, o.end = context.WithCancel(context.Background())
}

const (
	lookTime = time.Second     // for a look
	cutOff   = 3 * time.Second // without an answer of the database listeners are told
)

// recheckEvery is the least time between two wake-ups of all listeners by changes of who may listen.
const recheckEvery = time.Second

// wakeDue wakes the listeners if a change is new and the last wake-up is long enough ago.
func (g *grants) wakeDue(now time.Time) {
	version := g.version.Load()
	if version == g.told || now.Sub(g.at) < recheckEvery {
		return
	}
	g.told, g.at = version, now
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.wake)
	g.wake = make(chan struct{})
}

// topic is a project with listeners.
type topic struct {
	project int64
	version atomic.Int64 // counts commits
	dirty   atomic.Bool  // is in Hub.dirty
	due     time.Time    // of the next wake-up at the earliest; owned by Hub.Run
	tail    tail

	mu        sync.Mutex // guards what follows
	wake      chan struct{}
	listeners int
}

// NewHub makes a hub. No listener is woken until [Hub.Run] runs.
func NewHub(o HubOptions) *Hub {
	h := &Hub{o: o, poke: make(chan struct{}, 1), topics: map[int64]*topic{}, budget: semaphore.NewWeighted(readBudget),
		grants: grants{wake: make(chan struct{})}, outage: newOutage()}
	h.life, h.end = context.WithCancelCause(context.Background())
	return h
}

// Notify says that events were committed to a project. It is called from the store's committer and never waits for
// listeners: they are woken by Run.
func (h *Hub) Notify(projectKey int64) {
	h.mu.RLock()
	t := h.topics[projectKey]
	h.mu.RUnlock()
	if t != nil {
		h.mark(t)
	}
}

// Recheck has every listener's guard asked again: at once, or within a second if that was done just now. It never waits
// for listeners. Call it after each change of users, tokens, roles and projects.
func (h *Hub) Recheck() {
	h.grants.version.Add(1)
	h.wakeRun()
}

// Forget drops the events of a project that are in memory, or those of all if the key is 0. Call it after some were
// erased.
func (h *Hub) Forget(projectKey int64) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for key, t := range h.topics {
		if projectKey == 0 || projectKey == key {
			t.tail.forget()
		}
	}
}

func (h *Hub) mark(t *topic) {
	t.version.Add(1)
	if t.dirty.Swap(true) {
		return
	}
	h.dirtyMu.Lock()
	h.dirty = append(h.dirty, t)
	h.dirtyMu.Unlock()
	h.wakeRun()
}

func (h *Hub) wakeRun() {
	select {
	case h.poke <- struct{}{}:
	default:
	}
}

// Run wakes listeners until ctx ends; then it tells each of them to come back, and returns.
func (h *Hub) Run(ctx context.Context) error {
	defer h.end(ErrStopping)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	tidy := time.NewTicker(time.Second)
	defer tidy.Stop()
	var looks sync.WaitGroup
	defer looks.Wait()
	if h.o.Look > 0 {
		looks.Go(func() { h.lookAround(ctx) })
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-h.poke:
		case <-timer.C:
		case <-tidy.C:
			h.tidy()
		}
		h.grants.wakeDue(time.Now())
		if wait := h.wakeDue(time.Now()); wait > 0 {
			timer.Reset(wait)
		}
	}
}

// wakeDue wakes the listeners of projects that changed, unless it is too early; it returns when to call it again, 0
// when there is no need to.
func (h *Hub) wakeDue(now time.Time) time.Duration {
	h.dirtyMu.Lock()
	dirty := h.dirty
	h.dirty = nil
	h.dirtyMu.Unlock()
	var wait time.Duration
	early := dirty[:0]
	for _, t := range dirty {
		if left := t.due.Sub(now); left > 0 {
			early = append(early, t)
			if wait == 0 || left < wait {
				wait = left
			}
			continue
		}
		t.dirty.Store(false) // before the wake-up: what is committed from now on marks it again
		t.due = now.Add(time.Duration(t.wakeAll()) * wakeCost)
	}
	if len(early) > 0 {
		h.dirtyMu.Lock()
		h.dirty = append(h.dirty, early...)
		h.dirtyMu.Unlock()
	}
	return wait
}

func (t *topic) wakeAll() (listeners int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.wake)
	t.wake = make(chan struct{})
	return t.listeners
}

func (t *topic) waker() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.wake
}

// lookAround marks every project when anything was committed by anybody, until ctx ends. When the database has not
// answered for a while it tells the listeners: another node may reach it.
func (h *Hub) lookAround(ctx context.Context) {
	tick := time.NewTicker(h.o.Look)
	defer tick.Stop()
	h.outage.seen = time.Now()
	var newest int64
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		all := h.allTopics()
		if len(all) == 0 {
			h.outage.seen = time.Now()
			continue
		}
		bounded, cancel := context.WithTimeout(ctx, lookTime)
		_, now, err := h.o.Store.Bounds(bounded, 0)
		cancel()
		if err != nil {
			if time.Since(h.outage.seen) >= cutOff {
				h.outage.tell()
			}
			continue
		}
		h.outage.seen = time.Now()
		if now == newest {
			continue
		}
		newest = now
		for _, t := range all {
			h.mark(t)
		}
	}
}

func (h *Hub) allTopics() []*topic {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return slices.Collect(maps.Values(h.topics))
}

// tidy gives back the memory of tails that no listener needs at the moment.
func (h *Hub) tidy() {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, t := range h.topics {
		t.tail.dropIdle(time.Now())
	}
}

// join enters a listener at a project's topic.
func (h *Hub) join(ctx context.Context, projectKey int64) (t *topic, newest int64, err error) {
	_, newest, err = h.o.Store.Bounds(ctx, projectKey)
	if err != nil {
		return nil, 0, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if t = h.topics[projectKey]; t == nil {
		t = &topic{project: projectKey, wake: make(chan struct{})}
		t.version.Store(1) // what was committed between Bounds and now has to be looked for
		t.tail.init(newest)
		h.topics[projectKey] = t
	}
	t.mu.Lock()
	t.listeners++
	t.mu.Unlock()
	return t, newest, nil
}

// leave is the end of a listener; with the last one the topic goes.
func (h *Hub) leave(t *topic) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.listeners--; t.listeners == 0 {
		delete(h.topics, t.project)
	}
}

// Listeners is how many follow: each of them gets what is committed from now on.
func (h *Hub) Listeners() (n int) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, t := range h.topics {
		t.mu.Lock()
		n += t.listeners
		t.mu.Unlock()
	}
	return n
}

// Stopping is closed when the hub stops.
func (h *Hub) Stopping() <-chan struct{} { return h.life.Done() }
