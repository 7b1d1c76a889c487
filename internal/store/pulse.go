package store

import (
	"math"
	"sync"
	"time"
)

// Times of nodes. Those that a node waits for another begin when its own heartbeats do: after an outage of the database
// every node has been silent, and each gets the time to be heard again.
const (
	heartbeat    = time.Second
	brokenAfter  = 3 * time.Second  // without a heartbeat of this node, its heartbeats begin again
	cutOffAfter  = 15 * time.Second // without a heartbeat this node sends nothing more; less than deadAfter
	lockedAfter  = 6 * time.Second  // of silence a node whose lock is free is dead
	unlockedWait = 5 * time.Second  // without a heartbeat a node that has lost its lock sends nothing more
	settledAfter = 10 * time.Second // of its own heartbeats a node trusts that a lock is free
	deadAfter    = 30 * time.Second // of silence a node is dead, if those that say so had heartbeats for as long
)

// pulse is when this node's heartbeats were stored. It is safe for concurrent use.
type pulse struct {
	mu    sync.Mutex
	since time.Time // of the first of an unbroken series
	last  time.Time
	lock  bool // the last one said that the node holds its lock
}

// beat notes a heartbeat that was sent at t and stored, and whether it says that the node holds its lock. It reports
// whether the heartbeats had been broken.
func (p *pulse) beat(t time.Time, lock bool) (resumed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if resumed = t.Sub(p.last) > brokenAfter; resumed {
		p.since = t
	}
	p.last, p.lock = t, lock
	return resumed
}

// alive reports whether this node may send: no other can have taken it for dead yet. locked says whether it still holds
// its lock.
func (p *pulse) alive(now time.Time, locked bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lock && !locked { // the others find it free
		return now.Sub(p.last) < unlockedWait
	}
	return now.Sub(p.last) < cutOffAfter
}

// patience is how long another node must have been silent to be dead, and how long one whose lock is free.
func (p *pulse) patience(now time.Time) (silent, locked time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	const forever = math.MaxInt64 / 4
	silent, locked = forever, forever
	if now.Sub(p.last) > brokenAfter {
		return silent, locked
	}
	if unbroken := now.Sub(p.since); unbroken >= deadAfter {
		return deadAfter, lockedAfter
	} else if unbroken >= settledAfter {
		locked = lockedAfter
	}
	return silent, locked
}
