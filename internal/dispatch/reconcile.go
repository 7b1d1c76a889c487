package dispatch

import (
	"context"
	"maps"
	"time"

	"github.com/hookyard/hookyard"
)

// reconcileEvery is how many polls lie between two looks at what this node holds, when nothing is in doubt.
const reconcileEvery = 12

// handOver is longer than a delivery can take from the commit of its claim until a lane has it.
const handOver = 15 * time.Second

// doubtLooks is at how many looks Run reconciles after an answer of the database was lost: it may yet do what it was
// asked.
const doubtLooks = 3

// doubtWait is how long after a doubt Run looks: before the lane tries again, and once for the doubts of a whole batch.
const doubtWait = 500 * time.Millisecond

// doubt notes that rows may be marked as this node's that no lane has, and has Run look soon.
func (d *Dispatcher) doubt() {
	d.doubts.Store(doubtLooks)
	if !d.doubted.CompareAndSwap(false, true) {
		return
	}
	time.AfterFunc(doubtWait, func() {
		d.doubted.Store(false)
		d.lookAgain()
	})
}

// lookAgain has Run look at once.
func (d *Dispatcher) lookAgain() {
	select {
	case d.again <- struct{}{}:
	default:
	}
}

// NodesChanged says that nodes have come or gone, or that this one was cut off from the database. lost says that what
// it had claimed is others' now.
func (d *Dispatcher) NodesChanged(lost bool) {
	d.lanes.Range(func(_, v any) bool {
		v.(*lane).nodesChanged(lost)
		return true
	})
	d.doubts.Store(doubtLooks)
	d.lookAgain()
}

// nodesChanged goes on with what this node still has, and asks again who sends to the hook.
func (l *lane) nodesChanged(lost bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue.comeBack(time.Now())
	if lost {
		for _, w := range l.queue.takeAll() {
			l.d.memory.Add(-heldBytes(w.Event))
			l.queue.untrack(w.Delivery.EventSeq)
		}
	}
	l.schedule()
}

// reconcile frees rows that are marked as this node's and that no lane has: those of a claim whose answer was lost,
// say. What a lane was being given meanwhile looks the same, so it is freed only if nothing was handed over to the lane
// during the look, or when that would have come to an end long ago. suspects are the rows that are left for that, with
// the time when they were first seen. It returns the suspects for the next call.
func (d *Dispatcher) reconcile(ctx context.Context,
	suspects map[hookyard.DeliveryKey]time.Time) map[hookyard.DeliveryKey]time.Time {
	before := map[int64]laneState{}
	d.lanes.Range(func(key, v any) bool {
		before[key.(int64)] = v.(*lane).state()
		return true
	})
	rows, err := d.o.Deliveries.Held(ctx)
	if err != nil {
		return suspects
	}
	found, now := map[hookyard.DeliveryKey]time.Time{}, time.Now()
	var lost []hookyard.DeliveryKey
	for _, key := range rows {
		l, first := d.lane(key.HookKey), suspects[key]
		was, known := before[key.HookKey]
		switch quiet := was.quiet || !known; {
		case was.held[key.EventSeq] || l.holds(key.EventSeq):
		case quiet && l.isQuietSince(was.turn), !first.IsZero() && now.Sub(first) > handOver:
			lost = append(lost, key)
		case first.IsZero():
			found[key] = now
		default:
			found[key] = first
		}
	}
	if len(lost) == 0 {
		return found
	}
	d.o.Log.Warn("deliveries were claimed and forgotten; they are free again", "deliveries", len(lost))
	if err := d.o.Deliveries.Free(ctx, lost); err != nil {
		d.o.Log.Warn("they cannot be freed; trying again", "error", err)
		d.doubt()
		return found
	}
	hooks := map[int64]bool{}
	for _, key := range lost {
		hooks[key.HookKey] = true
	}
	for key := range hooks {
		d.Woken(key)
	}
	return found
}

// laneState is what reconcile must know of a lane before it looks at the rows.
type laneState struct {
	held  map[int64]bool
	quiet bool // nothing is being handed over
	turn  int  // how often something was
}

func (l *lane) state() laneState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return laneState{held: maps.Clone(l.queue.held), quiet: l.queue.isQuiet(), turn: l.queue.turn}
}

// isQuietSince reports whether nothing has been handed over since turn.
func (l *lane) isQuietSince(turn int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.queue.isQuiet() && l.queue.turn == turn
}
