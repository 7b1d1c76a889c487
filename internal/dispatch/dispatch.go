// Package dispatch sends what is due and records what became of it.
//
// Work is taken by hook, never by event: each hook has a lane with its own queue, its own slots and its own clock, so a
// dead, slow or endlessly answering receiver holds up its own deliveries and nobody else's. What is fresh is handed
// over in memory, within bounds; beyond them a delivery is only a row, and the lane takes it from there when it has
// room. All state that matters is in rows: losing a wake-up costs one poll interval, a crash costs nothing.
package dispatch

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/egress"
)

// Store is what the dispatcher needs of the store. See internal/store for the contracts.
type Store interface {
	HookByKey(ctx context.Context, key int64) (*hookyard.Hook, error)
	ViewByKey(ctx context.Context, key int64) (*hookyard.View, error)
	Claim(ctx context.Context, hookKey int64, now time.Time, limit int) ([]hookyard.Work, error)
	FinishThen(ctx context.Context, r *hookyard.Result, then func(error)) error
	Backlog(ctx context.Context) ([]hookyard.HookDue, error)
	NextDue(ctx context.Context, hookKey int64) (time.Time, bool, error)
	EndPending(ctx context.Context, hookKey int64, state hookyard.State, reason string, limit int) (int, error)
	Thread(ctx context.Context, hookKey int64, resource string) (string, error)
	SetThread(ctx context.Context, hookKey int64, resource, thread string) error
	Held(ctx context.Context) ([]hookyard.DeliveryKey, error)
	Free(ctx context.Context, keys []hookyard.DeliveryKey) error
	RunningReplays(ctx context.Context) ([]*hookyard.Replay, error)
	StepReplay(ctx context.Context, r *hookyard.Replay, want func(*hookyard.Event) (bool, error)) (hooks []int64,
		done bool, err error)
}

// Broker sends to hooks whose URL is amqp:// or amqps://.
type Broker interface {
	// Send publishes body and waits for the broker's confirmation. ctx carries the hook's timeout.
	Send(ctx context.Context, h *hookyard.Hook, eventType string, header map[string]string, contentType string,
		body []byte) hookyard.Outcome
}

// Options are what a [Dispatcher] is made of.
type Options struct {
	Store     Store
	Client    *egress.Client
	Broker    Broker // nil: hooks to brokers fail with a text that says so
	Filter    hookyard.Filter
	Log       *slog.Logger
	Limits    hookyard.Limits
	BaseURL   string
	UserAgent string
	Poll      time.Duration // how often rows are looked at even if nobody woke us; 0 means 5 s
	Grace     time.Duration // for attempts under way when Run ends; 0 means 10 s
	Rand      func() float64
	Watch     Watcher // nil: nobody looks
}

// Watcher is told of every attempt, for metrics and traces. It must not block.
type Watcher interface {
	Attempted(w *hookyard.Work, a *hookyard.Attempt, d hookyard.Decision)
}

// Bounds on what is kept in memory instead of being read from rows.
const (
	laneQueue    = 2048     // deliveries of one hook
	memoryBytes  = 24 << 20 // of events, all hooks together
	bodyInMemory = 256 << 10
	claimRows    = 128
)

// slotsOfFailing bounds the attempts under way to hooks that fail: a thousand dead receivers must not take the memory.
const slotsOfFailing = 1024

// slotsOfAll bounds all attempts under way.
const slotsOfAll = 4096

// Dispatcher is the engine. Safe for concurrent use; one [Dispatcher.Run] at a time.
type Dispatcher struct {
	o       Options
	lanes   sync.Map // hook key -> *lane
	memory  atomic.Int64
	lastEnd atomic.Int64 // unix µs of the last attempt's end
	failing chan struct{}
	slots   chan struct{}
	replay  chan struct{} // wakes the replayer

	ctx     context.Context // ends when sending must stop; set by New
	cancel  context.CancelFunc
	work    sync.WaitGroup // everything the lanes started
	mu      sync.RWMutex   // guards stopped against work.Add
	stopped bool
}

// New makes a dispatcher. It sends only while Run runs or after Push and Wake; call Run to start and to stop it.
func New(o Options) *Dispatcher {
	if o.Poll == 0 {
		o.Poll = 5 * time.Second
	}
	if o.Grace == 0 {
		o.Grace = 10 * time.Second
	}
	d := &Dispatcher{o: o, failing: make(chan struct{}, slotsOfFailing), slots: make(chan struct{}, slotsOfAll),
		replay: make(chan struct{}, 1)}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	d.lastEnd.Store(time.Now().UnixMicro())
	return d
}

// Run looks for due rows until ctx ends; then it lets attempts under way end, within the grace, gives back what it has
// in memory, and returns when everything it started has returned.
func (d *Dispatcher) Run(ctx context.Context) error {
	replays := sync.WaitGroup{}
	replays.Go(func() { d.runReplays(ctx) })
	poll := time.NewTicker(d.o.Poll)
	defer poll.Stop()
	var suspects map[hookyard.DeliveryKey]bool
	for n := 1; ; n++ {
		if n%reconcileEvery == 0 {
			suspects = d.reconcile(ctx, suspects)
		}
		if err := d.look(ctx); err != nil && ctx.Err() == nil {
			d.o.Log.Warn("looking for due deliveries failed; trying again", "error", err)
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			replays.Wait()
			d.stop()
			return nil
		}
	}
}

// look finds every hook that has rows and tells its lane.
func (d *Dispatcher) look(ctx context.Context) error {
	backlog, err := d.o.Store.Backlog(ctx)
	if err != nil {
		return err
	}
	for _, h := range backlog {
		d.lane(h.HookKey).rowsAt(h.Due)
	}
	return nil
}

// reconcileEvery is how many polls lie between two looks at what this node holds.
const reconcileEvery = 12

// reconcile frees rows that are marked as this node's and that no lane knows of: those of a claim whose answer was
// lost, say. suspects are what the last look found; only what is found twice is freed, for what is being handed over at
// the moment looks the same. It returns what to suspect the next time.
func (d *Dispatcher) reconcile(ctx context.Context,
	suspects map[hookyard.DeliveryKey]bool) map[hookyard.DeliveryKey]bool {
	held, err := d.o.Store.Held(ctx)
	if err != nil {
		return suspects
	}
	found := map[hookyard.DeliveryKey]bool{}
	var lost []hookyard.DeliveryKey
	for _, key := range held {
		switch {
		case d.lane(key.HookKey).holds(key.EventSeq):
		case suspects[key]:
			lost = append(lost, key)
		default:
			found[key] = true
		}
	}
	if len(lost) > 0 {
		d.o.Log.Warn("deliveries were taken and forgotten; they are free again", "deliveries", len(lost))
		if err := d.o.Store.Free(ctx, lost); err != nil {
			d.o.Log.Warn("they cannot be freed; trying again", "error", err)
		}
	}
	return found
}

func (d *Dispatcher) stop() {
	d.mu.Lock()
	d.stopped = true
	d.mu.Unlock()
	grace := time.AfterFunc(d.o.Grace, d.cancel)
	defer grace.Stop()
	d.lanes.Range(func(_, l any) bool {
		l.(*lane).putBack()
		return true
	})
	d.work.Wait()
	d.cancel()
}

// start runs f in a goroutine that stop waits for; false means that it is too late.
func (d *Dispatcher) start(f func()) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.stopped {
		return false
	}
	d.work.Go(f)
	return true
}

func (d *Dispatcher) lane(hookKey int64) *lane {
	if l, ok := d.lanes.Load(hookKey); ok {
		return l.(*lane)
	}
	l, _ := d.lanes.LoadOrStore(hookKey, &lane{d: d, key: hookKey})
	return l.(*lane)
}

// Reserve asks for a place in memory for a delivery of e to h that is about to be committed. When it returns true the
// delivery is to be committed as taken, and Push or Release must follow. When it returns false the delivery is to be a
// row, and Wake must follow.
func (d *Dispatcher) Reserve(h *hookyard.Hook, e *hookyard.Event) bool {
	if h.Ordered || e.Size > bodyInMemory || h.EffectiveSchedule()[0] > 0 {
		return false
	}
	if d.memory.Add(e.Size) > memoryBytes {
		d.memory.Add(-e.Size)
		return false
	}
	if !d.lane(h.Key).reserve() {
		d.memory.Add(-e.Size)
		return false
	}
	return true
}

// Push hands over a delivery for which Reserve returned true, after it was committed. The event must not change.
func (d *Dispatcher) Push(delivery hookyard.Delivery, e *hookyard.Event) {
	d.lane(delivery.HookKey).push(hookyard.Work{Delivery: delivery, Event: e})
}

// Release gives back a place for which Reserve returned true, when the commit failed.
func (d *Dispatcher) Release(hookKey int64, e *hookyard.Event) {
	d.memory.Add(-e.Size)
	d.lane(hookKey).release()
}

// Wake says that hooks have new rows, or changed. It never blocks.
func (d *Dispatcher) Wake(hookKeys ...int64) {
	now := time.Now()
	for _, key := range hookKeys {
		d.lane(key).rowsAt(now)
	}
}

// Renew says that somebody changed a hook: what was remembered of its failures is dropped, and its rows are looked at.
func (d *Dispatcher) Renew(hookKey int64) {
	l := d.lane(hookKey)
	l.mu.Lock()
	l.known = false
	l.mu.Unlock()
	l.rowsAt(time.Now())
}

// WakeReplays says that there is a new bulk job.
func (d *Dispatcher) WakeReplays() {
	select {
	case d.replay <- struct{}{}:
	default:
	}
}

// Stats are numbers for metrics and the status page.
type Stats struct {
	Lanes   int   // hooks with something to send, or lately so
	Queued  int   // deliveries in memory, not under way
	Running int   // attempts under way
	Memory  int64 // bytes of events in memory
	Resting int   // hooks that rest
}

// Stats counts.
func (d *Dispatcher) Stats() Stats {
	s := Stats{Memory: d.memory.Load()}
	now := time.Now()
	d.lanes.Range(func(_, v any) bool {
		l := v.(*lane)
		l.mu.Lock()
		defer l.mu.Unlock()
		s.Lanes++
		s.Queued += len(l.queue) - l.head
		s.Running += l.running
		if l.health.RestUntil.After(now) {
			s.Resting++
		}
		return true
	})
	return s
}

// stalledAfter is how long a lane may have due rows without an attempt ending before the dispatcher is called stalled.
const stalledAfter = time.Minute

// Ready fails when due deliveries have stopped moving: rows that were due a minute ago while no attempt ended since,
// although their hook is on and does not rest.
func (d *Dispatcher) Ready(ctx context.Context) error {
	backlog, err := d.o.Store.Backlog(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	moved := time.UnixMicro(d.lastEnd.Load())
	for _, h := range backlog {
		late := now.Sub(h.Due)
		if late < stalledAfter || now.Sub(moved) < stalledAfter {
			continue
		}
		if l := d.lane(h.HookKey); !l.excused(now) {
			return hookyard.Errorf(hookyard.Unavailable,
				"deliveries have stopped moving: one has been due for %s and none has been attempted for %s",
				late.Round(time.Second), now.Sub(moved).Round(time.Second))
		}
	}
	return nil
}
