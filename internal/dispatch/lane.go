package dispatch

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/hookyard/hookyard"
)

// lane runs the workers of one hook: each makes one attempt at a time. What they do is decided by the queue.
type lane struct {
	d   *Dispatcher
	key int64 // of the hook

	mu    sync.Mutex // guards what follows
	queue queue
	timer *time.Timer // schedules when the queue asked for it
	gone  bool        // the hook has another lane, or none
}

// Reserve asks for a place in memory for a delivery of e to h that is about to be committed. When it returns true the
// delivery must be committed as InMemory, and Push or Release must follow. When it returns false the delivery will be
// claimed from its row, and Wake must follow the commit.
func (d *Dispatcher) Reserve(h *hookyard.Hook, e *hookyard.Event) bool {
	if d.o.Passive || h.Ordered || e.Size > hookyard.LargeBody || h.EffectiveSchedule()[0] > 0 {
		return false
	}
	if d.shared && (h.Limited() || !d.o.Nodes.Alive()) {
		return false
	}
	if d.memory.Add(e.Size) > memoryBytes {
		d.memory.Add(-e.Size)
		return false
	}
	reserved := false
	d.at(h.Key, func(l *lane) { reserved = l.queue.reserve(time.Now()) })
	if !reserved {
		d.memory.Add(-e.Size)
	}
	return reserved
}

// Push hands over a delivery for which Reserve returned true, after it was committed. The event must not change.
func (d *Dispatcher) Push(delivery hookyard.Delivery, e *hookyard.Event) {
	d.at(delivery.HookKey, func(l *lane) {
		l.queue.push(hookyard.Work{Delivery: delivery, Event: e})
		l.schedule()
	})
}

// Release gives back a place for which Reserve returned true, when the commit failed. unsure says that the delivery may
// have been stored all the same.
func (d *Dispatcher) Release(hookKey int64, e *hookyard.Event, unsure bool) {
	d.memory.Add(-e.Size)
	d.at(hookKey, func(l *lane) { l.queue.release() })
	if unsure {
		d.doubt()
	}
}

// Wake says that hooks have new rows, or changed. The node that sends to a limited hook is told. It never blocks.
func (d *Dispatcher) Wake(hookKeys ...int64) {
	now := time.Now()
	for _, key := range hookKeys {
		away := d.o.Passive
		if !away {
			d.at(key, func(l *lane) {
				if away = l.queue.away.After(now); !away {
					l.rowsAt(now)
				}
			})
		}
		if away {
			d.o.Nodes.WakeNode(key)
		}
	}
}

// Woken is Wake for what another node says: it is not passed on.
func (d *Dispatcher) Woken(hookKey int64) {
	if !d.o.Passive {
		d.at(hookKey, func(l *lane) { l.rowsAt(time.Now()) })
	}
}

// HookChanged says that a hook was changed: what was remembered of its failures is dropped, and its rows are looked at.
func (d *Dispatcher) HookChanged(hookKey int64) {
	if d.o.Passive {
		d.o.Nodes.WakeNode(hookKey)
		return
	}
	d.at(hookKey, func(l *lane) {
		l.queue.pace.known = false
		l.rowsAt(time.Now())
	})
}

// at calls f with the lane of a hook, whose mu is held.
func (d *Dispatcher) at(hookKey int64, f func(l *lane)) {
	for {
		l := d.lane(hookKey)
		l.mu.Lock()
		if !l.gone {
			f(l)
			l.mu.Unlock()
			return
		}
		l.mu.Unlock() // the next one is another lane
	}
}

// sweep drops the lanes of which nothing is known that a new one would not know: where hooks are many, most have
// nothing to send most of the time.
func (d *Dispatcher) sweep(now time.Time) {
	d.lanes.Range(func(key, v any) bool {
		l := v.(*lane)
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.queue.isIdle(now) {
			l.gone = true
			d.lanes.Delete(key)
		}
		return true
	})
}

// untrack notes that this node has a delivery no more.
func (l *lane) untrack(seq int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.queue.untrack(seq) {
		l.schedule()
	}
}

func (l *lane) holds(seq int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.queue.held[seq]
}

// Lane returns what this node does with the deliveries of a hook.
func (d *Dispatcher) Lane(hookKey int64) hookyard.Lane {
	found, ok := d.lanes.Load(hookKey)
	if !ok {
		return hookyard.Lane{}
	}
	l := found.(*lane)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	p := &l.queue.pace
	out := hookyard.Lane{Sending: maps.Clone(l.queue.held), RestUntil: p.health.RestUntil,
		Held: p.limiter != nil && now.Sub(p.paused) < heldFor}
	for i := l.queue.head; i < len(l.queue.items); i++ {
		delete(out.Sending, l.queue.items[i].Delivery.EventSeq)
	}
	return out
}

// heldFor is how long after a pause a hook still counts as held by its rate: the next pause begins with the next
// attempt.
const heldFor = time.Second

// rowsAt says that rows are due at t. Call it with mu held.
func (l *lane) rowsAt(t time.Time) {
	l.queue.announce(t)
	l.schedule()
}

// schedule starts as many workers as the queue asks for, and sets the timer. Call it with mu held.
func (l *lane) schedule() {
	start, again := l.queue.plan(time.Now())
	if !again.IsZero() {
		l.scheduleAt(again)
	}
	for range start {
		if !l.d.start(l.work) {
			return
		}
		l.queue.workers++
	}
}

// scheduleAt sets the timer. Call it with mu held.
func (l *lane) scheduleAt(t time.Time) {
	if l.timer != nil {
		l.timer.Stop()
	}
	l.timer = time.AfterFunc(time.Until(t), func() {
		l.mu.Lock()
		l.schedule()
		l.mu.Unlock()
	})
}

// work is a worker: it sends what is queued and claims rows when the queue runs low, until there is nothing to do.
func (l *lane) work() {
	failing := l.slot()
	defer l.releaseSlot(failing)
	_, _ = l.refreshHook(l.d.ctx) // the rate must be known before the first attempt; a failure shows again when sending
	for sent := false; ; {
		do, w := l.next(sent)
		sent = do == stepSend
		switch do {
		case stepLoad:
			l.load()
		case stepSend:
			l.d.send(l, w)
		case stepEnd:
			return
		}
	}
}

// isFailing reports whether the last attempt failed.
func (l *lane) isFailing() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.queue.pace.health.Failures > 0
}

func (l *lane) isOrdered() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.queue.pace.ordered
}

// slot takes a place among all attempts, or among those to failing hooks.
func (l *lane) slot() (failing bool) {
	failing = l.isFailing()
	if failing {
		l.d.failing <- struct{}{}
	} else {
		l.d.slots <- struct{}{}
	}
	return failing
}

func (l *lane) releaseSlot(failing bool) {
	if failing {
		<-l.d.failing
	} else {
		<-l.d.slots
	}
}

// next asks the queue what a worker is to do. sent says that the worker comes from sending.
func (l *lane) next(sent bool) (step, *hookyard.Work) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if sent {
		l.queue.sent()
	}
	if l.d.ctx.Err() != nil || l.d.isStopped() || !l.d.o.Nodes.Alive() { // nodesChanged starts others
		l.queue.stop()
		return stepEnd, nil
	}
	do, w := l.queue.next(time.Now(), l.d.memory.Load() >= memoryBytes)
	if do == stepEnd {
		l.schedule()
	}
	return do, w
}

// load claims due rows for the queue, or ends them when the hook is off.
func (l *lane) load() {
	ctx := l.d.ctx
	claimed, more, err := l.claim(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case errors.Is(err, hookyard.ErrElsewhere):
		l.queue.goneAway(time.Now().Add(l.d.o.Poll))
		l.d.o.Nodes.WakeNode(l.key)
	case err != nil:
		if ctx.Err() == nil {
			l.d.o.Log.Warn("claiming due deliveries failed; trying again", "hook", l.key, "error", err)
		}
		l.queue.loadFailed(time.Now().Add(time.Second))
		l.d.doubt()
	default:
		for i := range claimed {
			l.d.memory.Add(heldBytes(claimed[i].Event))
		}
		l.queue.loaded(time.Now(), claimed, more)
	}
	l.schedule()
}

// orderedClaimRows is how many deliveries of an ordered hook are claimed at once, unless it fails. They are sent one
// after the other, and put back when one fails. The next are claimed when the results of all are stored.
const orderedClaimRows = 64

// claim claims due rows and returns when the next are due, or zero.
func (l *lane) claim(ctx context.Context) (claimed []hookyard.Work, more time.Time, err error) {
	h, err := l.refreshHook(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	if state, reason, off := endState(h); off {
		return nil, time.Time{}, l.endRows(ctx, state, reason)
	}
	limit := claimRows
	if h.Ordered {
		limit = orderedClaimRows
		if l.isFailing() {
			limit = 1
		}
	}
	claimed, err = l.d.o.Deliveries.Claim(ctx, l.key, time.Now(), limit)
	if err != nil {
		return nil, time.Time{}, err
	}
	if len(claimed) == limit || h.Ordered && len(claimed) > 0 {
		return claimed, time.Now(), nil // more may wait; for an ordered hook nothing counts before these are done
	}
	more, _, err = l.d.o.Deliveries.NextDue(ctx, l.key)
	if err != nil {
		return claimed, time.Now(), nil //nolint:nilerr // what was claimed must not be lost
	}
	if len(claimed) == 0 && !more.IsZero() && (h.Ordered || more.Before(time.Now())) {
		more = time.Now().Add(l.d.o.Poll) // another node has claimed it, or has found that the hook is to rest
	}
	return claimed, more, nil
}

// endState is the state in which the deliveries of a hook that is off or deleted end.
func endState(h *hookyard.Hook) (state hookyard.State, reason string, off bool) {
	reason, off = h.IsOff()
	if h.Deleted {
		return hookyard.Canceled, reason, off
	}
	return hookyard.Skipped, reason, off
}

// endRows ends all rows of the hook that wait.
func (l *lane) endRows(ctx context.Context, state hookyard.State, reason string) error {
	const limit = claimRows * 8
	for {
		n, err := l.d.o.Deliveries.EndPending(ctx, l.key, state, reason, limit)
		if err != nil || n < limit {
			return err
		}
	}
}

// refreshHook returns the hook as it is now, and tells the queue.
func (l *lane) refreshHook(ctx context.Context) (*hookyard.Hook, error) {
	h, err := l.d.o.Hooks.HookByKey(ctx, l.key)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.queue.pace.refresh(h)
	l.schedule() // a new lane had one worker: only now it is known how many there may be
	l.mu.Unlock()
	return h, nil
}

// recordOutcome notes how an attempt ended and returns what decide makes of the hook's health so far. changed says that
// the health is another now.
func (l *lane) recordOutcome(h *hookyard.Hook, o hookyard.Outcome,
	decide func(before hookyard.Health) hookyard.Decision) (d hookyard.Decision, changed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := &l.queue.pace
	d = decide(p.health)
	changed = d.Health != p.health
	if p.recordOutcome(o, d.Health, h.EffectiveInFlight(), time.Now()) {
		l.schedule()
	}
	return d, changed
}

// mayBeIdle says whether the lane has a good reason for due rows that do not move.
func (l *lane) mayBeIdle(now time.Time, after time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.queue.pace.mayBeIdle(now, after)
}

// putBack makes rows of what is queued, so that another node, or this one after its restart, finds them at once. It
// returns when they are, or cannot be.
func (l *lane) putBack() {
	l.mu.Lock()
	if l.timer != nil {
		l.timer.Stop()
	}
	queued := l.queue.takeAll()
	l.mu.Unlock()
	var stored sync.WaitGroup
	for i := range queued {
		w := &queued[i]
		l.d.memory.Add(-heldBytes(w.Event))
		r := &hookyard.Result{Work: w, Decision: hookyard.Decision{State: hookyard.Pending, Due: w.Delivery.Due}}
		stored.Add(1)
		then := func(error) { // a row that is not put back is found by reconcile, or by the restart
			l.untrack(w.Delivery.EventSeq)
			stored.Done()
		}
		if err := l.d.o.Deliveries.FinishThen(context.Background(), r, then); err != nil {
			then(err)
		}
	}
	stored.Wait()
	if len(queued) > 0 {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.rowsAt(time.Now())
	}
}
