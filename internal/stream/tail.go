package stream

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/hookyard/hookyard"
)

// Item is an event as listeners share it: it must not be changed.
type Item struct {
	Event *hookyard.Event

	once sync.Once
	json []byte
}

// JSON returns the event as it goes to listeners, encoded once for all of them.
func (it *Item) JSON() []byte {
	it.once.Do(func() { it.json = appendEvent(nil, it.Event, CursorAt(it.Event)) })
	return it.json
}

const (
	tailRows  = 256     // events read at a time
	tailBytes = 1 << 20 // bytes of bodies kept of a project, unless the newest event alone is larger
)

// tail is the end of a project's events, read from the store once for all who are there.
type tail struct {
	filling chan struct{} // one place: who reads the store

	mu     sync.RWMutex // guards what follows
	items  []*Item      // all events of the project with after < seq <= upTo
	after  int64
	upTo   int64
	seen   int64 // topic.version when upTo was the end
	bytes  int64
	used   time.Time
	erased int // how often forget was called
}

func (t *tail) init(at int64) {
	t.filling = make(chan struct{}, 1)
	t.after, t.upTo = at, at
}

// since returns what comes after a cursor and how far that reaches. behind: the tail does not reach back so far.
func (t *tail) since(cursor int64) (items []*Item, upTo, seen int64, behind bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if cursor < t.after {
		return nil, 0, 0, true
	}
	at, found := slices.BinarySearchFunc(t.items, cursor,
		func(it *Item, seq int64) int { return int(it.Event.Seq - seq) })
	if found {
		at++
	}
	return t.items[at:len(t.items):len(t.items)], max(t.upTo, cursor), t.seen, false
}

// fill reads on from the end of the tail, unless another listener has done so since version.
func (h *Hub) fill(ctx context.Context, t *topic, version int64) error {
	select {
	case t.tail.filling <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-t.tail.filling }()
	t.tail.mu.RLock()
	seen, upTo := t.tail.seen, t.tail.upTo
	erased := t.tail.erased
	t.tail.mu.RUnlock()
	if seen >= version {
		return nil
	}
	version = t.version.Load()
	found, err := h.o.Store.After(ctx, t.project, upTo, tailRows)
	if err != nil {
		return err
	}
	whole := len(found.Events) < tailRows
	light, cut := within(found.Events, tailBytes)
	items, err := h.load(ctx, light)
	if err != nil {
		return err
	}
	if cut {
		found.UpTo, whole = light[len(light)-1].Seq, false
	}
	t.tail.add(items, found.UpTo, erased)
	if whole {
		t.tail.mu.Lock()
		t.tail.seen = version
		t.tail.mu.Unlock()
	}
	return nil
}

// within returns the first of the events whose bodies together have at most n bytes, and always the first.
func within(events []*hookyard.Event, n int64) (first []*hookyard.Event, cut bool) {
	for i, e := range events {
		if n -= e.Size; n < 0 && i > 0 {
			return events[:i], true
		}
	}
	return events, false
}

// load reads the bytes of events. Those that the pruner took in between are left out.
func (h *Hub) load(ctx context.Context, light []*hookyard.Event) ([]*Item, error) {
	if len(light) == 0 {
		return nil, nil
	}
	seqs := make([]int64, len(light))
	for i, e := range light {
		seqs[i] = e.Seq
	}
	whole, err := h.o.Store.EventsBySeq(ctx, seqs)
	if err != nil {
		return nil, err
	}
	items := make([]*Item, 0, len(light))
	for _, seq := range seqs {
		if e := whole[seq]; e != nil {
			items = append(items, &Item{Event: e})
		}
	}
	return items, nil
}

// add adds events that were read when forget had been called so many times.
func (t *tail) add(items []*Item, upTo int64, erased int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.used = time.Now()
	t.upTo = max(t.upTo, upTo)
	if erased != t.erased { // they may be among what was erased since
		t.items, t.bytes = nil, 0
		t.after = t.upTo
		return
	}
	all := t.items
	for _, it := range items {
		all = append(all, it)
		t.bytes += it.Event.Size
	}
	drop := 0
	for ; t.bytes > tailBytes && drop < len(all)-1 || len(all)-drop > 4*tailRows; drop++ {
		t.bytes -= all[drop].Event.Size
		t.after = all[drop].Event.Seq
	}
	if drop > 0 {
		all = slices.Clone(all[drop:]) // listeners may still read the old one
	}
	t.items = all
}

// forget drops the events: listeners read the next ones for themselves.
func (t *tail) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.items, t.bytes = nil, 0
	t.after = t.upTo
	t.erased++
}

// dropIdle forgets the events when nothing new has come for a while: everybody has them, or reads for themselves.
func (t *tail) dropIdle(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.items) > 0 && now.Sub(t.used) > tailIdle {
		t.items, t.bytes = nil, 0
		t.after = t.upTo
	}
}
