package dispatch

import (
	"time"

	"github.com/hookyard/hookyard"
)

// queue is the state of one hook's queue: what waits in memory, when more is due in rows, and how many workers are at
// it. It decides what the workers do, and starts nothing itself: it reads no clock and takes no lock. Its lane does.
type queue struct {
	pace     pace
	items    []hookyard.Work // from head on
	head     int
	reserved int       // places promised to deliveries that are being committed
	workers  int       // running
	sending  int       // of them, those with an attempt under way
	rows     time.Time // when rows are due; zero: none that are known
	loading  bool      // a worker is claiming rows
	woken    bool      // rows were announced while it did
	turn     int       // how often places were promised and rows claimed
	away     time.Time // until then another node is taken to send to the hook

	held map[int64]bool // seqs of the events that this node has claimed: waiting, under way or being stored
}

// step is what a worker does next.
type step int

const (
	stepEnd  step = iota // return
	stepLoad             // claim rows
	stepSend             // make an attempt
)

// len is how many deliveries wait in memory.
func (q *queue) len() int { return len(q.items) - q.head }

// rowsDue says whether rows are known to be due.
func (q *queue) rowsDue(now time.Time) bool { return !q.rows.IsZero() && !q.rows.After(now) }

// reserve promises a place, unless there is no room or rows come first.
func (q *queue) reserve(now time.Time) bool {
	if q.len()+q.reserved >= laneQueue || q.loading || q.rowsDue(now) || q.pace.health.RestUntil.After(now) {
		return false
	}
	q.reserved++
	q.turn++
	return true
}

// release gives a promised place back.
func (q *queue) release() { q.reserved-- }

// push fills a promised place.
func (q *queue) push(w hookyard.Work) {
	q.reserved--
	q.add(w)
}

func (q *queue) add(all ...hookyard.Work) {
	if q.held == nil {
		q.held = map[int64]bool{}
	}
	for i := range all {
		q.held[all[i].Delivery.EventSeq] = true
	}
	q.items = append(q.items, all...)
}

// untrack notes that this node has a delivery no more. It reports whether that allows an ordered hook to go on.
func (q *queue) untrack(seq int64) bool {
	delete(q.held, seq)
	return q.pace.ordered && len(q.held) == 0
}

// pop takes the first of the queue, which must not be empty.
func (q *queue) pop() *hookyard.Work {
	item := q.items[q.head]
	q.items[q.head] = hookyard.Work{} // the event can be collected
	if q.head++; q.head >= 2*laneQueue {
		q.items, q.head = append(q.items[:0], q.items[q.head:]...), 0
	}
	return &item
}

// takeAll empties the queue.
func (q *queue) takeAll() []hookyard.Work {
	all := q.items[q.head:]
	q.items, q.head = nil, 0
	return all
}

// take removes what a condition holds for.
func (q *queue) take(which func(*hookyard.Work) bool) (taken []hookyard.Work) {
	kept := q.items[:0]
	for i := range q.items[q.head:] {
		if w := q.items[q.head+i]; which(&w) {
			taken = append(taken, w)
		} else {
			kept = append(kept, w)
		}
	}
	clear(q.items[len(kept):])
	q.items, q.head = kept, 0
	return taken
}

// announce notes that rows are due at t.
func (q *queue) announce(t time.Time) {
	q.woken = true
	if t.Before(q.away) {
		t = q.away
	}
	if q.rows.IsZero() || t.Before(q.rows) {
		q.rows = t
	}
}

// plan says how many workers to start now, and when to ask again if not before; zero means when something changes.
func (q *queue) plan(now time.Time) (start int, again time.Time) {
	if until := q.pace.quietUntil(); until.After(now) {
		return 0, until
	}
	want := q.len()
	switch {
	case q.rowsDue(now):
		if !q.loading && !q.mustStore() {
			want++
		}
	default:
		again = q.rows
	}
	idle := q.workers - q.sending // they will take some of that
	return max(0, min(want-idle, q.pace.workers()-q.workers)), again
}

// sent notes that a worker's attempt is over.
func (q *queue) sent() { q.sending-- }

// next tells a worker what to do. A worker that is told to end no longer counts. memoryFull says that the events of all
// hooks fill the memory that there is for them.
func (q *queue) next(now time.Time, memoryFull bool) (step, *hookyard.Work) {
	switch {
	case q.workers > q.pace.workers() || q.pace.quietUntil().After(now):
		q.workers--
		return stepEnd, nil
	case !q.loading && q.rowsDue(now) && q.isLow(memoryFull):
		q.loading, q.woken = true, false
		q.turn++
		return stepLoad, nil
	case q.len() == 0:
		q.items, q.head = q.items[:0], 0
		q.workers--
		return stepEnd, nil
	case !q.pace.admit(now): // here and not with a slot in hand, which others want
		q.workers--
		return stepEnd, nil
	}
	q.sending++
	return stepSend, q.pop()
}

// stop ends a worker whatever waits.
func (q *queue) stop() { q.workers-- }

// mustStore says that an ordered hook gets no rows yet, because something of it is claimed: the results of what was
// sent are being stored.
func (q *queue) mustStore() bool { return q.pace.ordered && len(q.held) > 0 }

// isLow says whether it is time to claim rows. An ordered hook gets none while something of it is claimed. When memory
// is full each hook may still have what one claim brings.
func (q *queue) isLow(memoryFull bool) bool {
	switch {
	case q.pace.ordered:
		return len(q.held) == 0
	case memoryFull:
		return q.len() == 0 && q.workers == 1
	}
	return q.len() < claimRows/4
}

// loaded adds the rows that a worker claimed. more is when the next is due, or zero; rows that were announced since are
// due at once, for more may have been read before them.
func (q *queue) loaded(now time.Time, claimed []hookyard.Work, more time.Time) {
	if q.woken && (more.IsZero() || more.After(now)) {
		more = now
	}
	q.loading, q.rows = false, more
	q.away = time.Time{}
	if len(claimed) == 0 {
		q.pace.vain = now
	}
	q.add(claimed...)
}

// goneAway notes that another node sends to the hook. It is asked for again then.
func (q *queue) goneAway(again time.Time) {
	q.loading = false
	q.rows, q.away = again, again
	q.pace.vain = again
}

// comeBack has rows looked for again that another node was taken to send.
func (q *queue) comeBack(now time.Time) {
	if q.away.After(now) {
		q.away, q.rows = time.Time{}, now
	}
}

// laneIdle is how long a lane is kept after its last attempt.
const laneIdle = 10 * time.Second

// isIdle reports whether a new queue would do the same as this one.
func (q *queue) isIdle(now time.Time) bool {
	return q.len() == 0 && q.reserved == 0 && q.workers == 0 && len(q.held) == 0 && q.rows.IsZero() && !q.loading &&
		!q.away.After(now) && q.pace.isIdle(now)
}

// isQuiet reports whether nothing is being handed over.
func (q *queue) isQuiet() bool { return !q.loading && q.reserved == 0 }

// loadFailed has the rows claimed later.
func (q *queue) loadFailed(again time.Time) { q.loading, q.rows = false, again }
