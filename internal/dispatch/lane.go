package dispatch

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/hookyard/hookyard"
)

// lane is one hook's queue, slots and clock.
type lane struct {
	d   *Dispatcher
	key int64

	mu       sync.Mutex // guards what follows
	queue    []hookyard.Work
	head     int                // of queue
	reserved int                // places promised to deliveries that are being committed
	running  int                // workers
	sending  int                // of them, those with an attempt under way
	held     map[int64]struct{} // events' seqs of what this node has taken: queued, under way or being kept
	window   int                // workers allowed now: halved by a failed connection, grown by a success
	rows     time.Time          // when rows are due; zero: none that we know of
	loading  bool               // a worker is taking rows
	woken    bool               // rows came while it did
	timer    *time.Timer
	known    bool // health is what the hook had when the lane first met this revision of it, and all since
	revision int64
	health   hookyard.Health
	limiter  *rate.Limiter
	paused   time.Time // until then the hook's rate lets nothing go
	ordered  bool      // as the hook was when last met
	moved    time.Time // when an attempt last ended
}

func (l *lane) depth() int { return len(l.queue) - l.head + l.reserved }

// reserve promises a place, unless there are rows that come first or no room.
func (l *lane) reserve() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if l.depth() >= laneQueue || l.loading || !l.rows.IsZero() && !l.rows.After(now) || l.health.RestUntil.After(now) {
		return false
	}
	l.reserved++
	return true
}

func (l *lane) release() {
	l.mu.Lock()
	l.reserved--
	l.mu.Unlock()
}

func (l *lane) push(w hookyard.Work) {
	l.mu.Lock()
	l.reserved--
	l.queue = append(l.queue, w)
	l.hold(w.Delivery.EventSeq)
	l.kick()
	l.mu.Unlock()
}

// hold notes that this node has a delivery. Call it with mu held.
func (l *lane) hold(seq int64) {
	if l.held == nil {
		l.held = map[int64]struct{}{}
	}
	l.held[seq] = struct{}{}
}

// letGo notes that it has it no more.
func (l *lane) letGo(seq int64) {
	l.mu.Lock()
	delete(l.held, seq)
	l.mu.Unlock()
}

func (l *lane) holds(seq int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.held[seq]
	return ok
}

// rowsAt notes that rows are due at t.
func (l *lane) rowsAt(t time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.woken = true
	if l.rows.IsZero() || t.Before(l.rows) {
		l.rows = t
	}
	l.kick()
}

// kick starts as many workers as there is work and room for, or sets the clock. Call it with mu held.
func (l *lane) kick() {
	now := time.Now()
	if until := l.quiet(); until.After(now) {
		l.wakeAt(until)
		return
	}
	due := !l.rows.IsZero() && !l.rows.After(now)
	if !l.rows.IsZero() && !due {
		l.wakeAt(l.rows)
	}
	want := len(l.queue) - l.head
	if due && !l.loading {
		want++
	}
	for l.running-l.sending < want && l.running < max(1, l.window) {
		if !l.d.start(l.run) {
			return
		}
		l.running++
	}
}

// quiet is until when nothing is sent, because the hook rests or its rate is used up. Call it with mu held.
func (l *lane) quiet() time.Time {
	if l.paused.After(l.health.RestUntil) {
		return l.paused
	}
	return l.health.RestUntil
}

// wakeAt sets the clock. Call it with mu held.
func (l *lane) wakeAt(t time.Time) {
	wait := time.Until(t)
	if l.timer != nil {
		l.timer.Stop()
	}
	l.timer = time.AfterFunc(wait, func() {
		l.mu.Lock()
		l.kick()
		l.mu.Unlock()
	})
}

// run is a worker: it sends what is queued and fetches rows when the queue runs low, until there is nothing to do.
func (l *lane) run() {
	failing := l.slot()
	defer l.unslot(failing)
	_, _ = l.meet(l.d.ctx) // its rate must be known before the first is taken; a failure shows again when sending
	for sent := false; ; {
		w, load := l.next(sent)
		sent = w != nil
		switch {
		case load:
			l.load()
		case w == nil:
			return
		default:
			l.d.send(l, w)
		}
	}
}

// slot takes a place among all attempts, or among those to failing hooks.
func (l *lane) slot() (failing bool) {
	l.mu.Lock()
	failing = l.health.Failures > 0
	l.mu.Unlock()
	if failing {
		l.d.failing <- struct{}{}
	} else {
		l.d.slots <- struct{}{}
	}
	return failing
}

func (l *lane) unslot(failing bool) {
	if failing {
		<-l.d.failing
	} else {
		<-l.d.slots
	}
}

// next decides what a worker does: take the next of the queue, fetch rows, or end. A worker that ends is no longer
// counted when next returns. sent says that it comes from sending.
func (l *lane) next(sent bool) (w *hookyard.Work, load bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if sent {
		l.sending--
	}
	now := time.Now()
	if until := l.quiet(); l.d.ctx.Err() != nil || l.isStopped() || l.running > max(1, l.window) || until.After(now) {
		l.running--
		if until.After(now) {
			l.wakeAt(until)
		}
		return nil, false
	}
	if !l.loading && !l.rows.IsZero() && !l.rows.After(now) && l.isLow() {
		l.loading, l.woken = true, false
		return nil, true
	}
	if l.head == len(l.queue) {
		l.queue, l.head = l.queue[:0], 0
		l.running--
		if !l.rows.IsZero() && !l.loading {
			l.kick()
		}
		return nil, false
	}
	if l.limiter != nil { // here and not in the slot, which others want
		token := l.limiter.ReserveN(now, 1)
		if wait := token.DelayFrom(now); wait > 0 {
			token.CancelAt(now)
			l.running--
			l.paused = now.Add(wait)
			l.wakeAt(l.paused)
			return nil, false
		}
	}
	l.sending++
	item := l.queue[l.head]
	l.queue[l.head] = hookyard.Work{} // lets go of the event
	if l.head++; l.head >= 2*laneQueue {
		l.queue, l.head = append(l.queue[:0], l.queue[l.head:]...), 0
	}
	return &item, false
}

// isLow says whether it is time to fetch rows. An ordered hook gets none while something of it is taken. When the
// events of all hooks fill the memory that there is for them, each hook may still have what one claim brings. Call it
// with mu held, from a worker.
func (l *lane) isLow() bool {
	queued := len(l.queue) - l.head
	switch {
	case l.ordered:
		return queued == 0
	case l.d.memory.Load() >= memoryBytes:
		return queued == 0 && l.running == 1
	}
	return queued < claimRows/4
}

func (l *lane) isStopped() bool {
	l.d.mu.RLock()
	defer l.d.mu.RUnlock()
	return l.d.stopped
}

// load takes due rows into the queue, or ends them when the hook is off.
func (l *lane) load() {
	ctx := l.d.ctx
	taken, rows, err := l.takeRows(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loading = false
	switch {
	case err != nil:
		if ctx.Err() == nil {
			l.d.o.Log.Warn("taking due deliveries failed; trying again", "hook", l.key, "error", err)
		}
		l.rows = time.Now().Add(time.Second)
	case l.woken: // what rows says may be older than what woke us
		if rows.IsZero() || rows.After(time.Now()) {
			rows = time.Now()
		}
		l.rows = rows
	default:
		l.rows = rows
	}
	for i := range taken {
		l.d.memory.Add(taken[i].Event.Size)
		l.hold(taken[i].Delivery.EventSeq)
	}
	l.queue = append(l.queue, taken...)
	l.kick()
}

// takeRows returns what it took and when the next row is due.
func (l *lane) takeRows(ctx context.Context) (taken []hookyard.Work, next time.Time, err error) {
	h, err := l.meet(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	if reason, off := h.IsOff(); off {
		state := hookyard.Skipped
		if h.Deleted {
			state = hookyard.Canceled
		}
		for n := claimRows * 8; n == claimRows*8; {
			if n, err = l.d.o.Store.EndPending(ctx, l.key, state, reason, claimRows*8); err != nil {
				return nil, time.Time{}, err
			}
		}
		return nil, time.Time{}, nil
	}
	limit := claimRows
	if h.Ordered {
		limit = 16
	}
	taken, err = l.d.o.Store.Claim(ctx, l.key, time.Now(), limit)
	if err != nil {
		return nil, time.Time{}, err
	}
	if len(taken) == limit || h.Ordered && len(taken) > 0 {
		return taken, time.Now(), nil // more may wait; for an ordered hook nothing counts before these are done
	}
	next, _, err = l.d.o.Store.NextDue(ctx, l.key)
	if soon := time.Now().Add(l.d.o.Poll); len(taken) == 0 && err == nil && !next.IsZero() &&
		(h.Ordered || next.Before(time.Now())) {
		next = soon // another node is at it, or has found that the hook is to rest
	}
	if err != nil {
		next, err = time.Now(), nil // what was taken must not be lost
	}
	return taken, next, err
}

// meet returns the hook as it is now; the first time, and when somebody has changed it, it also takes over the health
// that the store has.
func (l *lane) meet(ctx context.Context) (*hookyard.Hook, error) {
	h, err := l.d.o.Store.HookByKey(ctx, l.key)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ordered = h.Ordered
	if !l.known || l.revision != h.Revision {
		l.known, l.revision, l.health, l.window, l.paused = true, h.Revision, h.Health, h.EffectiveInFlight(),
			time.Time{}
		if h.Rate > 0 {
			l.limiter = rate.NewLimiter(rate.Limit(h.Rate), max(1, int(h.Rate)))
		} else {
			l.limiter = nil
		}
	}
	return h, nil
}

// ended notes what became of an attempt: health, and how many may be under way.
func (l *lane) ended(h *hookyard.Hook, o hookyard.Outcome,
	decide func(before hookyard.Health) hookyard.Decision) (d hookyard.Decision, changed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d = decide(l.health)
	changed = d.Health != l.health
	l.health = d.Health
	l.moved = time.Now()
	limit := h.EffectiveInFlight()
	if o.ConnectionFailure() {
		l.window = max(1, l.window/2)
	} else if l.window < limit {
		l.window++
		l.kick()
	} else {
		l.window = limit
	}
	return d, changed
}

// excused says whether the lane has a reason for due rows that do not move.
func (l *lane) excused(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.health.RestUntil.After(now) || l.limiter != nil || now.Sub(l.moved) < stalledAfter
}

// putBack makes rows of what is queued, so that another node, or this one after its restart, finds them at once. It
// returns when they are, or cannot be.
func (l *lane) putBack() {
	l.mu.Lock()
	if l.timer != nil {
		l.timer.Stop()
	}
	queue := append([]hookyard.Work(nil), l.queue[l.head:]...)
	l.queue, l.head = nil, 0
	l.mu.Unlock()
	var kept sync.WaitGroup
	for i := range queue {
		w := &queue[i]
		l.d.memory.Add(-w.Event.Size)
		r := &hookyard.Result{Work: w,
			Decision: hookyard.Decision{State: hookyard.Pending, Due: w.Delivery.Due}}
		kept.Add(1)
		then := func(error) { // a row that is not put back is found by reconcile, or by the restart
			l.letGo(w.Delivery.EventSeq)
			kept.Done()
		}
		if err := l.d.o.Store.FinishThen(context.Background(), r, then); err != nil {
			then(err)
		}
	}
	kept.Wait()
	if len(queue) > 0 {
		l.rowsAt(time.Now())
	}
}
