package dispatch

import (
	"testing"
	"time"

	"github.com/hookyard/hookyard"
)

// noon is the time in the tests of queue and pace.
var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// queueOf is a queue with n deliveries in memory, for a hook that allows 4 attempts at once.
func queueOf(n int, change func(q *queue)) *queue {
	q := &queue{}
	q.pace.refresh(&hookyard.Hook{Revision: 1, InFlight: 4})
	for i := range n {
		q.add(hookyard.Work{Delivery: hookyard.Delivery{EventSeq: int64(i + 1)}})
	}
	if change != nil {
		change(q)
	}
	return q
}

func TestQueuePlan(t *testing.T) {
	t.Parallel()
	later := noon.Add(time.Minute)
	for name, c := range map[string]struct {
		queue *queue
		start int
		again time.Time
	}{
		"nothing":            {queueOf(0, nil), 0, time.Time{}},
		"one waits":          {queueOf(1, nil), 1, time.Time{}},
		"more than allowed":  {queueOf(9, nil), 4, time.Time{}},
		"some are at work":   {queueOf(9, func(q *queue) { q.workers, q.sending = 3, 3 }), 1, time.Time{}},
		"one is idle":        {queueOf(1, func(q *queue) { q.workers = 1 }), 0, time.Time{}},
		"rows are due":       {queueOf(0, func(q *queue) { q.rows = noon }), 1, time.Time{}},
		"rows are loading":   {queueOf(0, func(q *queue) { q.rows, q.loading = noon, true }), 0, time.Time{}},
		"rows are due later": {queueOf(2, func(q *queue) { q.rows = later }), 2, later},
		"the hook rests": {queueOf(2, func(q *queue) {
			q.pace.health.RestUntil, q.rows = later, noon
		}), 0, later},
		"the rate is used up": {queueOf(2, func(q *queue) { q.pace.paused = later }), 0, later},
		"the window is shut":  {queueOf(9, func(q *queue) { q.pace.window = 0 }), 1, time.Time{}},
	} {
		if start, again := c.queue.plan(noon); start != c.start || !again.Equal(c.again) {
			t.Errorf("%s: start %d, again at %v; want %d, %v", name, start, again, c.start, c.again)
		}
	}
}

func TestQueueNext(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		queue   *queue
		full    bool // memory
		step    step
		workers int // of 2, after the call
	}{
		"nothing":                {queueOf(0, nil), false, stepEnd, 1},
		"one waits":              {queueOf(1, nil), false, stepSend, 2},
		"rows and few in memory": {queueOf(1, func(q *queue) { q.rows = noon }), false, stepLoad, 2},
		"rows and many in memory": {queueOf(claimRows, func(q *queue) {
			q.rows = noon
		}), false, stepSend, 2},
		"rows that another worker claims": {queueOf(1, func(q *queue) {
			q.rows, q.loading = noon, true
		}), false, stepSend, 2},
		"rows while memory is full": {queueOf(1, func(q *queue) { q.rows = noon }), true, stepSend, 2},
		"rows for the only worker while memory is full": {queueOf(0, func(q *queue) {
			q.rows, q.workers = noon, 1
		}), true, stepLoad, 1},
		"rows of an ordered hook": {queueOf(0, func(q *queue) {
			q.rows, q.pace.ordered = noon, true
		}), false, stepLoad, 2},
		"rows of an ordered hook behind others": {queueOf(1, func(q *queue) {
			q.rows, q.pace.ordered = noon, true
		}), false, stepSend, 2},
		"the window shrank": {queueOf(5, func(q *queue) { q.pace.window = 1 }), false, stepEnd, 1},
		"the hook rests": {queueOf(5, func(q *queue) {
			q.pace.health.RestUntil = noon.Add(time.Second)
		}), false, stepEnd, 1},
	} {
		if c.queue.workers == 0 {
			c.queue.workers = 2
		}
		do, w := c.queue.next(noon, c.full)
		if do != c.step || c.queue.workers != c.workers || (w != nil) != (do == stepSend) {
			t.Errorf("%s: step %d, work %v, %d workers; want step %d, %d workers", name, do, w, c.queue.workers, c.step,
				c.workers)
		}
		if do == stepSend && (w.Delivery.EventSeq != 1 || c.queue.sending != 1) {
			t.Errorf("%s: sends %d first, %d are sending", name, w.Delivery.EventSeq, c.queue.sending)
		}
	}
}

func TestQueueReserve(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		queue *queue
		want  bool
	}{
		"room":               {queueOf(1, nil), true},
		"no room":            {queueOf(laneQueue-1, func(q *queue) { q.reserved = 1 }), false},
		"rows come first":    {queueOf(0, func(q *queue) { q.rows = noon }), false},
		"rows are loading":   {queueOf(0, func(q *queue) { q.loading = true }), false},
		"rows are due later": {queueOf(0, func(q *queue) { q.rows = noon.Add(time.Second) }), true},
		"the hook rests":     {queueOf(0, func(q *queue) { q.pace.health.RestUntil = noon.Add(time.Second) }), false},
	} {
		before := c.queue.reserved
		if got := c.queue.reserve(noon); got != c.want || (c.queue.reserved > before) != c.want {
			t.Errorf("%s: reserve = %t, want %t", name, got, c.want)
		}
	}
}

// TestQueueLoads holds when rows are due again after some were claimed.
func TestQueueLoads(t *testing.T) {
	t.Parallel()
	later := noon.Add(time.Minute)
	for name, c := range map[string]struct {
		announced, more, want time.Time
	}{
		"none are left":              {time.Time{}, time.Time{}, time.Time{}},
		"some are due later":         {time.Time{}, later, later},
		"announced while claiming":   {noon, time.Time{}, noon},
		"announced, and more later":  {noon, later, noon},
		"announced, and more before": {noon, noon.Add(-time.Second), noon.Add(-time.Second)},
	} {
		q := queueOf(0, func(q *queue) { q.rows, q.workers = noon, 1 })
		if do, _ := q.next(noon, false); do != stepLoad {
			t.Fatalf("%s: step %d", name, do)
		}
		if !c.announced.IsZero() {
			q.announce(c.announced)
		}
		q.loaded(noon, make([]hookyard.Work, 3), c.more)
		if !q.rows.Equal(c.want) || q.len() != 3 || q.loading {
			t.Errorf("%s: rows at %v, %d in memory; want %v, 3", name, q.rows, q.len(), c.want)
		}
	}
}

// TestMayBeIdle has rows that are due and not claimed, for a good reason or not.
func TestMayBeIdle(t *testing.T) {
	t.Parallel()
	const after = 3 * time.Minute
	for name, c := range map[string]struct {
		change func(q *queue)
		want   bool
	}{
		"no one looked":           {func(*queue) {}, false},
		"another node has them":   {func(q *queue) { q.loaded(noon.Add(-time.Minute), nil, noon) }, true},
		"another node sends":      {func(q *queue) { q.goneAway(noon.Add(-time.Second)) }, true},
		"another node had them":   {func(q *queue) { q.loaded(noon.Add(-time.Hour), nil, noon) }, false},
		"they were claimed":       {func(q *queue) { q.loaded(noon, make([]hookyard.Work, 1), noon) }, false},
		"an attempt takes long":   {func(q *queue) { q.pace.moved = noon.Add(-2 * time.Minute) }, true},
		"the last attempt is old": {func(q *queue) { q.pace.moved = noon.Add(-time.Hour) }, false},
	} {
		q := queueOf(0, c.change)
		if got := q.pace.mayBeIdle(noon, after); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestQueueForgets holds that a long queue does not grow for ever, and keeps its order.
func TestQueueForgets(t *testing.T) {
	t.Parallel()
	q := queueOf(0, nil)
	next := int64(1)
	for seq := int64(1); seq <= 6*laneQueue; seq++ {
		q.reserved++
		q.push(hookyard.Work{Delivery: hookyard.Delivery{EventSeq: seq}})
		if q.len() < 3 {
			continue
		}
		if got := q.pop().Delivery.EventSeq; got != next {
			t.Fatalf("popped %d, want %d", got, next)
		}
		next++
	}
	if len(q.items) > 2*laneQueue+2 || q.reserved != 0 {
		t.Errorf("%d items are kept, %d places are reserved", len(q.items), q.reserved)
	}
	if all := q.takeAll(); len(all) != 2 || all[0].Delivery.EventSeq != next || q.len() != 0 {
		t.Errorf("took %v; want the two that are left", all)
	}
}

func TestPace(t *testing.T) {
	t.Parallel()
	h := &hookyard.Hook{Revision: 1, InFlight: 4, Rate: 1}
	var p pace
	p.refresh(h)
	refused, ok := hookyard.Outcome{Kind: hookyard.KindConnect}, hookyard.Outcome{Status: 200}
	for i, c := range []struct {
		outcome hookyard.Outcome
		window  int
		grew    bool
	}{{ok, 4, false}, {refused, 2, false}, {refused, 1, false}, {refused, 1, false}, {ok, 2, true}, {ok, 3, true},
		{ok, 4, true}, {ok, 4, false}} {
		health := hookyard.Health{Failures: i}
		if grew := p.recordOutcome(c.outcome, health, 4, noon); grew != c.grew || p.window != c.window {
			t.Errorf("outcome %d: window %d, grew %t; want %d, %t", i, p.window, grew, c.window, c.grew)
		}
	}
	if p.refresh(h); p.health.Failures != 7 {
		t.Errorf("an unchanged hook has %d failures; want those counted since", p.health.Failures)
	}
	if !p.admit(noon) || p.admit(noon) {
		t.Error("a rate of one a second admits one attempt, then none")
	}
	if until := p.quietUntil(); !until.Equal(noon.Add(time.Second)) {
		t.Errorf("quiet until %v; want a second later", until)
	}
	if !p.admit(noon.Add(time.Second)) {
		t.Error("the rate admits nothing a second later")
	}
	changed := &hookyard.Hook{Revision: 2, InFlight: 4}
	if p.refresh(changed); p.health.Failures != 0 || !p.quietUntil().IsZero() || !p.admit(noon) || !p.admit(noon) {
		t.Error("a changed hook keeps its old health or rate")
	}
}
