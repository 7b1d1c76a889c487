package dispatch

import (
	"context"
	"errors"
	"time"

	"github.com/hookyard/hookyard"
)

// resultWriter hands one result to the store until the store has it or refuses it: the result is all there is to know
// that the receiver has the event.
type resultWriter struct {
	d      *Dispatcher
	lane   *lane
	result *hookyard.Result
	pause  time.Duration // before the next try
}

// The pause between two tries doubles from the first to the longest.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// finish hands a result to the store and, once it is committed, wakes the lanes of what is due. It does not wait for
// the commit.
func (d *Dispatcher) finish(l *lane, r *hookyard.Result) {
	w := &resultWriter{d: d, lane: l, result: r, pause: firstPause}
	d.work.Add(1)
	w.write()
}

// write makes one try.
func (w *resultWriter) write() {
	err := w.d.o.Deliveries.FinishThen(context.WithoutCancel(w.d.ctx), w.result, w.written)
	if err != nil { // the store is closed
		w.d.o.Log.Error("result of an attempt is lost with the stop; the delivery will be repeated", "delivery",
			w.result.Work.Delivery.ID, "error", err)
		w.lane.untrack(w.result.Work.Delivery.EventSeq)
		w.d.work.Done()
	}
}

// written gets the outcome of a try from the store's goroutine, which must not wait.
func (w *resultWriter) written(err error) {
	r, log := w.result, w.d.o.Log
	switch {
	case isTransient(err):
		log.Warn("result of an attempt cannot be stored; trying again", "delivery", r.Work.Delivery.ID, "error", err)
		time.AfterFunc(w.pause, w.write)
		w.pause = min(w.pause*2, longestPause)
		return
	case err != nil && !errors.Is(err, hookyard.ErrLost) && r.Attempt == nil && r.OffEvent != nil:
		log.Error("event that a hook was switched off was refused by the database", "delivery", r.Work.Delivery.ID,
			"error", err)
		r.OffEvent = nil
		go w.write() // the store's goroutine must not wait for itself
		return
	case err != nil && !errors.Is(err, hookyard.ErrLost) && r.Attempt != nil: // the record is to blame: store the state
		log.Error("record of an attempt was refused by the database", "delivery", r.Work.Delivery.ID, "error", err)
		r.Attempt, r.Meta = nil, nil
		r.Decision.Reason = "the attempt's record was refused by the database"
		go w.write() // the store's goroutine must not wait for itself
		return
	case err != nil:
		log.Warn("result of an attempt was refused", "delivery", r.Work.Delivery.ID, "error", err)
	}
	w.lane.untrack(r.Work.Delivery.EventSeq) // first: onCommitted may have it claimed again
	if err == nil {
		w.d.onCommitted(w.lane, r)
	}
	w.d.work.Done()
}

// isTransient says whether the store failed for a reason that passes.
func isTransient(err error) bool { return errors.Is(err, hookyard.ErrUnavailable) }

// onCommitted wakes the lanes that a committed result concerns.
func (d *Dispatcher) onCommitted(l *lane, r *hookyard.Result) {
	if r.Decision.State == hookyard.Pending {
		d.at(l.key, func(l *lane) { l.rowsAt(r.Decision.Due) }) // l may be gone: it has had nothing to do since
	}
	meta := r.Meta
	if r.HookOff != "" {
		d.HookChanged(l.key)
	}
	if r.OffEvent != nil {
		meta = append(meta, r.OffEvent) // a wake-up costs nothing if it was not stored
	}
	for _, routed := range meta {
		for i := range routed.Deliveries {
			d.Wake(routed.Deliveries[i].HookKey)
		}
	}
}
