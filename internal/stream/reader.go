package stream

import (
	"context"
	"time"

	"github.com/hookyard/hookyard"
)

// Start is where a listener begins.
type Start struct {
	After int64  // the seq after which to begin
	Mark  uint32 // of the event at After, or 0; see [Place]
	Now   bool   // begin with what comes from now on instead
	Fresh bool   // the listener was never here: what is past retention is not missing
}

// Reader is one listener's place in a project's events. It is not safe for concurrent use. Close it.
type Reader struct {
	hub    *Hub
	topic  *topic
	sel    Selection
	cursor int64
	told   int64           // gaps up to this seq are known to the listener
	held   int64           // bytes of the hub's budget
	start  Place           // where the listener began
	reset  *Gap            // what the listener is told first, or nil
	cut    context.Context // of Next: ends when the database is lost

	guard   Guard     // nil: the listener may listen to the end
	until   time.Time // when the listener may at most listen without being asked about again; zero: no such time
	checked int64     // the version of the hub's grants at which guard was last called
}

// Guard reports, by an error, that a listener may not listen any more, and when to ask again at the latest; zero is
// never. It is asked again as well after each [Hub.Recheck].
type Guard func() (until time.Time, err error)

// Guard has Next fail with what guard says. until is what it said when the listener began.
func (r *Reader) Guard(until time.Time, guard Guard) {
	r.until, r.guard = until, guard
}

// allowed calls the guard when it has to be asked again.
func (r *Reader) allowed() error {
	if r.guard == nil {
		return nil
	}
	version := r.hub.grants.version.Load()
	if version == r.checked && (r.until.IsZero() || time.Now().Before(r.until)) {
		return nil
	}
	until, err := r.guard()
	if err != nil {
		return err
	}
	r.checked, r.until = version, until
	return nil
}

const (
	pageRows  = 200
	pageBytes = 64 << 10 // of bodies a listener that reads for itself holds, unless one alone is larger
)

// Follow begins to listen. A start that is ahead of everything there is, or whose mark is not of the event there, is
// the end, and the first batch says so.
func (h *Hub) Follow(ctx context.Context, projectKey int64, start Start, sel Selection) (*Reader, error) {
	if h.life.Err() != nil {
		return nil, ErrStopping
	}
	begun := h.grants.version.Load() - 1 // the caller was admitted before: check again at the first Next
	t, newest, err := h.join(ctx, projectKey)
	if err != nil {
		return nil, err
	}
	r := &Reader{hub: h, topic: t, sel: sel, cursor: start.After, checked: begun,
		start: Place{start.After, start.Mark}}
	elsewhere, err := h.isElsewhere(ctx, start, newest)
	switch {
	case err != nil:
		r.Close()
		return nil, err
	case start.Now:
		r.cursor = newest
	case elsewhere:
		r.cursor = newest
		r.reset = &Gap{From: r.start, Until: newest, Reset: true}
	case start.Fresh:
		first, err := h.o.Store.After(ctx, projectKey, start.After, 1)
		if err != nil {
			r.Close()
			return nil, err
		}
		r.told = first.Pruned
	}
	return r, nil
}

// isElsewhere reports whether a start is a place in the events of another database, or of this one before it was
// restored from a backup.
func (h *Hub) isElsewhere(ctx context.Context, start Start, newest int64) (bool, error) {
	if start.Now || start.After <= newest && start.Mark == 0 {
		return false, nil
	}
	if start.After > newest {
		return true, nil
	}
	id, err := h.o.Store.EventIDAt(ctx, start.After)
	if hookyard.CodeOf(err) == hookyard.NotFound { // past retention, if it was there
		return false, nil
	}
	return err == nil && markOf(id) != start.Mark, err
}

// Close ends the listening.
func (r *Reader) Close() {
	r.release()
	r.hub.leave(r.topic)
}

func (r *Reader) release() {
	if r.held > 0 {
		r.hub.budget.Release(r.held)
		r.held = 0
	}
}

// Cursor is the place up to which the listener has everything it wants.
func (r *Reader) Cursor() int64 { return r.cursor }

// Next returns what comes next, at most n events, and moves on. It waits for it as long as wait, and then returns an
// empty batch whose cursor may have moved. It fails with [ErrStopping] when the server stops or has lost its database,
// or with what ctx, the store or the guard says. The batch may be used until the next call.
func (r *Reader) Next(ctx context.Context, n int, wait time.Duration) (Batch, error) {
	end := time.Now().Add(wait)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		wake := r.topic.waker() // before reading: what is committed later closes it
		regrant := r.hub.grants.waker()
		r.cut = r.hub.outage.next()
		if err := r.allowed(); err != nil {
			return Batch{Cursor: r.cursor}, err
		}
		if !r.until.IsZero() && r.until.Before(end) {
			timer.Reset(time.Until(r.until))
		}
		if r.reset != nil {
			b := Batch{Cursor: r.cursor, Gap: r.reset}
			r.reset = nil
			return b, nil
		}
		b, more, err := r.read(ctx, n)
		if err != nil && r.cut.Err() != nil {
			err = errCutOff
		}
		if err != nil {
			return Batch{Cursor: r.cursor}, err
		}
		if len(b.Items) > 0 || b.Gap != nil {
			return b, nil
		}
		if more {
			if err := ctx.Err(); err != nil {
				return Batch{Cursor: r.cursor}, err
			}
			continue
		}
		select {
		case <-wake:
		case <-regrant:
			timer.Reset(time.Until(end))
		case now := <-timer.C:
			if now.Before(end) {
				timer.Reset(time.Until(end))
				continue // the guard has to be asked
			}
			return Batch{Cursor: r.cursor}, nil
		case <-r.cut.Done():
			return Batch{Cursor: r.cursor}, errCutOff
		case <-r.hub.life.Done():
			return Batch{Cursor: r.cursor}, ErrStopping
		case <-ctx.Done():
			return Batch{Cursor: r.cursor}, ctx.Err()
		}
	}
}

// read takes one step. more: there is something left to read, though this step found nothing for this listener.
func (r *Reader) read(ctx context.Context, n int) (b Batch, more bool, err error) {
	r.release()
	version := r.topic.version.Load()
	items, upTo, seen, behind := r.topic.tail.since(r.cursor)
	if behind {
		return r.readStore(ctx, n)
	}
	if len(items) == 0 && seen < version {
		reading, done := r.untilCut(ctx)
		err := r.hub.fill(reading, r.topic, version)
		if done(); err != nil {
			return b, false, err
		}
		if items, upTo, seen, behind = r.topic.tail.since(r.cursor); behind {
			return b, true, nil
		}
	}
	if len(items) > 0 {
		b.Items = make([]*Item, 0, min(n, len(items)))
	}
	for _, it := range items {
		if len(b.Items) == n {
			upTo = b.Items[n-1].Event.Seq
			break
		}
		if r.sel.light(it.Event) && r.matches(it.Event) {
			b.Items = append(b.Items, it)
		}
	}
	r.cursor = upTo
	b.Cursor = upTo
	return b, seen < version, nil
}

// untilCut returns a context for a read, which ends with an outage, too. The caller must call done.
func (r *Reader) untilCut(ctx context.Context) (reading context.Context, done func()) {
	reading, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(r.cut, cancel)
	return reading, func() {
		stop()
		cancel()
	}
}

// readStore reads a page for this listener alone, and tells of a gap before it.
func (r *Reader) readStore(ctx context.Context, n int) (b Batch, more bool, err error) {
	ctx, done := r.untilCut(ctx)
	defer done()
	found, err := r.hub.o.Store.After(ctx, r.topic.project, r.cursor, pageRows)
	if err != nil {
		return b, false, err
	}
	if found.Pruned > r.cursor && found.Pruned > r.told {
		r.told = found.Pruned
		b.Gap = &Gap{From: Place{Seq: r.cursor}, Until: found.Pruned, Time: found.PrunedTime}
		if r.cursor == r.start.Seq {
			b.Gap.From = r.start
		}
	}
	wanted := make([]*hookyard.Event, 0, min(n, len(found.Events)))
	for _, e := range found.Events {
		if !r.sel.light(e) {
			continue
		}
		if len(wanted) == n {
			found.UpTo = wanted[n-1].Seq
			break
		}
		wanted = append(wanted, e)
	}
	wanted, cut := within(wanted, pageBytes)
	if cut {
		found.UpTo = wanted[len(wanted)-1].Seq
	}
	if err := r.hold(ctx, wanted); err != nil {
		return b, false, err
	}
	items, err := r.hub.load(ctx, wanted)
	if err != nil {
		return b, false, err
	}
	if len(items) < len(wanted) && b.Gap == nil {
		return b, true, nil // the pruner came between: look again, and tell of the gap
	}
	for _, it := range items {
		if r.matches(it.Event) {
			b.Items = append(b.Items, it)
		}
	}
	r.cursor = found.UpTo
	b.Cursor = found.UpTo
	return b, true, nil
}

// hold takes the bytes of events from the hub's budget, so that many listeners far behind do not take all memory.
func (r *Reader) hold(ctx context.Context, events []*hookyard.Event) error {
	var n int64
	for _, e := range events {
		n += e.Size
	}
	n = min(n, readBudget)
	if n == 0 {
		return nil
	}
	waiting, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(r.hub.life, func() { cancel(ErrStopping) })
	defer stop()
	if err := r.hub.budget.Acquire(waiting, n); err != nil {
		return context.Cause(waiting)
	}
	r.held = n
	return nil
}

// matches holds a whole event against the listener's filter. As for hooks, a filter that cannot decide means no.
func (r *Reader) matches(e *hookyard.Event) bool {
	if r.sel.Filter == "" {
		return true
	}
	ok, err := r.hub.o.Filter(r.sel.Filter, e)
	return ok && err == nil
}
