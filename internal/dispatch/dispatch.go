// Package dispatch sends what is due and records the outcome.
//
// Deliveries are claimed by hook, never by event: each hook has a lane with its own queue, its own workers and its own
// timer, so a dead, slow or endlessly answering receiver holds up no deliveries but its own. New deliveries are handed
// over in memory, within bounds; beyond them a delivery is only a row, and the lane claims it when it has room. All
// state that matters is in rows: losing a wake-up costs one poll interval, a crash costs nothing.
package dispatch

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/budget"
	"github.com/hookyard/hookyard/internal/egress"
)

// Hooks reads the configuration. This interface and the next four are met by internal/store, which has the contracts.
type Hooks interface {
	HookByKey(ctx context.Context, key int64) (*hookyard.Hook, error)
	SnapshotByKey(ctx context.Context, key int64) (*hookyard.Snapshot, error)
}

// Deliveries are the rows that the lanes work on.
type Deliveries interface {
	Claim(ctx context.Context, hookKey int64, now time.Time, limit int) ([]hookyard.Work, error)
	EventBody(ctx context.Context, seq int64) ([]byte, error)
	FinishThen(ctx context.Context, r *hookyard.Result, then func(error)) error
	Backlog(ctx context.Context) ([]hookyard.HookDue, error)
	NextDue(ctx context.Context, hookKey int64) (time.Time, bool, error)
	EndPending(ctx context.Context, hookKey int64, state hookyard.State, reason string, limit int) (int, error)
	Held(ctx context.Context) ([]hookyard.DeliveryKey, error)
	Free(ctx context.Context, keys []hookyard.DeliveryKey) error
}

// Nodes are the nodes at the same database.
type Nodes interface {
	IsShared() bool
	WakeNode(hookKey int64)
	Alive() bool
}

// Threads remembers the threads of chats.
type Threads interface {
	Thread(ctx context.Context, hookKey int64, resource string) (string, error)
	SetThread(ctx context.Context, hookKey int64, resource, thread string) error
}

// Replays are the bulk replays.
type Replays interface {
	RunningReplays(ctx context.Context) ([]*hookyard.Replay, error)
	StepReplay(ctx context.Context, r *hookyard.Replay, want func(*hookyard.Event) (bool, error)) (hooks []int64,
		done bool, err error)
	ReplayCanceled(ctx context.Context, key int64) (bool, error)
}

// Broker sends to hooks whose URL is amqp:// or amqps://.
type Broker interface {
	// Send publishes body and waits for the broker's confirmation. ctx carries the hook's timeout.
	Send(ctx context.Context, h *hookyard.Hook, eventType string, header map[string]string, contentType string,
		body []byte) hookyard.Outcome
}

// Options are what a [Dispatcher] is made of.
type Options struct {
	Hooks      Hooks
	Deliveries Deliveries
	Nodes      Nodes
	Threads    Threads
	Replays    Replays
	Client     *egress.Client
	Broker     Broker // nil: hooks to brokers fail with a text that says so
	Filter     hookyard.Filter
	Log        *slog.Logger
	Limits     hookyard.Limits
	// Room returns an error if the tenants have as many pending deliveries as they may: replays wait then. Else opened
	// must be called with the number of deliveries that are opened. Nil: replays never wait.
	Room      func(ctx context.Context, tenants []hookyard.Tenant) (opened func(n int64), err error)
	BaseURL   string // public, for links in what is sent
	UserAgent string
	Poll      time.Duration  // how often rows are looked for without a wake-up; 0 means 5 s
	Grace     time.Duration  // for attempts under way when Run ends; 0 means 10 s
	Passive   bool           // other nodes send; this one only wakes them
	Rand      func() float64 // from 0 to 1, spreads retries; nil means math/rand
	Tracer    Tracer         // nil: receivers get the trace that the event is stored with

	Decoding *budget.Decoding // nil means the default
}

// Tracer makes a span of each attempt.
type Tracer interface {
	// Attempting starts a span and returns the trace that the receiver continues. end ends the span; a span that is
	// not ended is not reported.
	Attempting(w *hookyard.Work) (t hookyard.Trace, end func(*hookyard.Attempt, hookyard.Decision))
}

// Bounds on what is kept in memory instead of being read from rows.
const (
	laneQueue   = 2048     // deliveries of one hook
	memoryBytes = 24 << 20 // of events, all hooks together; large bodies are read when they are sent
	claimRows   = 128
)

// slotsOfFailing bounds the attempts under way to hooks that fail: a thousand dead receivers must not take the memory.
const slotsOfFailing = 1024

// slotsOfAll bounds all attempts under way.
const slotsOfAll = 4096

// Dispatcher is the engine. Safe for concurrent use; one [Dispatcher.Run] at a time.
type Dispatcher struct {
	o       Options
	shared  bool     // other nodes may be at the database
	lanes   sync.Map // hook key -> *lane
	memory  atomic.Int64
	lastEnd atomic.Int64 // unix µs of the last attempt's end
	large   largeBodies
	failing chan struct{}
	slots   chan struct{}
	replay  chan struct{} // wakes the replayer
	again   chan struct{} // has Run look and reconcile at once
	doubts  atomic.Int64  // how many looks Run is to reconcile at
	doubted atomic.Bool   // a look is due because of a doubt

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
	if o.Decoding == nil {
		o.Decoding = budget.NewDecoding(hookyard.DefaultLimits().Decode)
	}
	if o.Grace == 0 {
		o.Grace = 10 * time.Second
	}
	d := &Dispatcher{o: o, shared: o.Nodes.IsShared(),
		failing: make(chan struct{}, slotsOfFailing), slots: make(chan struct{}, slotsOfAll),
		large:  newLargeBodies(o.Limits.Body),
		replay: make(chan struct{}, 1), again: make(chan struct{}, 1)}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	d.lastEnd.Store(time.Now().UnixMicro())
	d.stopped = o.Passive
	return d
}

// Run looks for due rows until ctx ends. Then it lets attempts under way end, within the grace, makes rows of what
// waits in memory, and returns when everything it started has returned.
func (d *Dispatcher) Run(ctx context.Context) error {
	if d.o.Passive {
		<-ctx.Done()
		return nil
	}
	replays := sync.WaitGroup{}
	replays.Go(func() { d.runReplays(ctx) })
	poll := time.NewTicker(d.o.Poll)
	defer poll.Stop()
	var suspects map[hookyard.DeliveryKey]time.Time
	for n := 1; ; n++ {
		doubts := d.doubts.Load()
		if n%reconcileEvery == 0 || len(suspects) > 0 || doubts > 0 {
			suspects = d.reconcile(ctx, suspects)
			d.doubts.CompareAndSwap(doubts, max(0, doubts-1))
		}
		if err := d.look(ctx); err != nil && ctx.Err() == nil {
			d.o.Log.Warn("looking for due deliveries failed; trying again", "error", err)
		}
		d.sweep(time.Now()) // not beside reconcile, which compares lanes with what they were
		select {
		case <-poll.C:
		case <-d.again:
		case <-ctx.Done():
			replays.Wait()
			d.stop()
			return nil
		}
	}
}

// look tells the lane of every hook that has rows.
func (d *Dispatcher) look(ctx context.Context) error {
	backlog, err := d.o.Deliveries.Backlog(ctx)
	if err != nil {
		return err
	}
	for _, h := range backlog {
		d.at(h.HookKey, func(l *lane) { l.rowsAt(h.Due) })
	}
	return nil
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

func (d *Dispatcher) isStopped() bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.stopped
}

func (d *Dispatcher) lane(hookKey int64) *lane {
	if l, ok := d.lanes.Load(hookKey); ok {
		return l.(*lane)
	}
	l, _ := d.lanes.LoadOrStore(hookKey, &lane{d: d, key: hookKey})
	return l.(*lane)
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
	Lanes   int   // hooks that had something to send of late
	Queued  int   // deliveries in memory, not under way
	Running int   // workers: attempts under way, and claims
	Memory  int64 // bytes of events in memory
	Resting int   // hooks that rest
}

// Stats returns the numbers of this node.
func (d *Dispatcher) Stats() Stats {
	s := Stats{Memory: d.memory.Load()}
	now := time.Now()
	d.lanes.Range(func(_, v any) bool {
		l := v.(*lane)
		l.mu.Lock()
		defer l.mu.Unlock()
		s.Lanes++
		s.Queued += l.queue.len()
		s.Running += l.queue.workers
		if l.queue.pace.health.RestUntil.After(now) {
			s.Resting++
		}
		return true
	})
	return s
}

// stalledAfter is how long a lane may have due rows without an attempt ending before the dispatcher is called stalled,
// besides the time that an attempt may take.
const stalledAfter = time.Minute

// Ready fails when due deliveries have stopped moving: rows that have been due for a minute more than an attempt may
// take while no attempt ended, although their hook is on and does not rest, and no other node keeps them from being
// claimed.
func (d *Dispatcher) Ready(ctx context.Context) error {
	if d.o.Passive {
		return nil
	}
	backlog, err := d.o.Deliveries.Backlog(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	moved := time.UnixMicro(d.lastEnd.Load())
	after := stalledAfter + d.o.Limits.Timeout
	for _, h := range backlog {
		late := now.Sub(h.Due)
		if late < after || now.Sub(moved) < after {
			continue
		}
		if l := d.lane(h.HookKey); !l.mayBeIdle(now, after) {
			return hookyard.Errorf(hookyard.Unavailable,
				"deliveries have stopped moving: one has been due for %s and none has been attempted for %s",
				hookyard.FormatDuration(late.Round(time.Second)),
				hookyard.FormatDuration(now.Sub(moved).Round(time.Second)))
		}
	}
	return nil
}
