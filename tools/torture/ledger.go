//go:build linux

package main

import (
	"encoding/json"
	"sync"
	"time"
)

// The two flows of events: many at a time, and one at a time for the ordered hook.
const (
	plain   = "plain"
	ordered = "ordered"
)

// eventType is the type of a flow's events.
func eventType(flow string) string { return "load." + flow }

// key names an event. It stands in the event's data, so that it is found again wherever the event goes.
type key struct {
	Flow string `json:"flow"`
	N    int    `json:"n"` // counts from 1 within the flow
}

// payload is an event's data.
type payload struct {
	key
	Pad string `json:"pad,omitempty"`
}

// keyOf reads the key out of an event as it was published or delivered.
func keyOf(event []byte) (key, bool) {
	var e struct{ Data key }
	err := json.Unmarshal(event, &e)
	return e.Data, err == nil && e.Data.N > 0
}

// ledger records what was promised to clients and what they were told. It is safe for concurrent use.
type ledger struct {
	mu       sync.Mutex // guards what follows
	acked    []ack      // in the order of the answers
	statuses map[string]int
	slowest  time.Duration // answer to one request
	hangs    int           // requests that took longer than hangLimit
	waiting  map[key]time.Time
}

// ack is an event that the server acknowledged.
type ack struct {
	key key
	at  time.Time
}

func newLedger() *ledger {
	return &ledger{statuses: map[string]int{}, waiting: map[key]time.Time{}}
}

// begin notes that a client has an event to publish.
func (l *ledger) begin(k key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting[k] = time.Now()
}

// answer notes what one request came to, and how long a server that could run took for it.
func (l *ledger) answer(status string, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.statuses[status]++
	l.slowest = max(l.slowest, took)
	if took > hangLimit {
		l.hangs++
	}
}

// end notes that the client is done with an event: it was acknowledged, or given up.
func (l *ledger) end(k key, acked bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, k)
	if acked {
		l.acked = append(l.acked, ack{k, time.Now()})
	}
}

// since returns the acknowledgements from number n on. The caller must not change them.
func (l *ledger) since(n int) []ack {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.acked[n:len(l.acked):len(l.acked)]
}

// oldestWait returns how long the client that waits longest has tried to publish its event.
func (l *ledger) oldestWait(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	var oldest time.Duration
	for _, since := range l.waiting {
		oldest = max(oldest, now.Sub(since))
	}
	return oldest
}
