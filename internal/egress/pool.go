package egress

import (
	"sync"
	"time"
)

// pool holds the idle connections, and tracks all open ones so that Close can end them.
//
// Idle connections are in two structures: by key, newest last, because the newest is most likely still alive; and in a
// list by age, to close the oldest when there are too many or they have expired.
type pool struct {
	perHost, max int // set before use

	mu     sync.Mutex // guards all below, and the idle fields of every conn
	closed bool
	open   map[*conn]struct{}
	byKey  map[key][]*conn
	oldest *conn
	newest *conn
	idle   int
	reaper *time.Timer // closes expired connections; nil while none is idle
}

// add tracks a new connection. It returns false if the pool is closed.
func (p *pool) add(cn *conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	if p.open == nil {
		p.open = map[*conn]struct{}{}
		p.byKey = map[key][]*conn{}
	}
	p.open[cn] = struct{}{}
	return true
}

// take removes and returns the most recently used idle connection for k, or nil.
func (p *pool) take(k key, now time.Time) *conn {
	p.mu.Lock()
	for {
		list := p.byKey[k]
		if len(list) == 0 {
			p.mu.Unlock()
			return nil
		}
		cn := list[len(list)-1]
		p.unlink(cn)
		p.mu.Unlock()
		idle := now.Sub(cn.idleSince)
		if idle < idleTimeout && (idle < quietTime || cn.alive()) {
			return cn
		}
		p.drop(cn)
		p.mu.Lock()
	}
}

// put adds a connection to the idle ones and closes those beyond the limits.
func (p *pool) put(cn *conn, now time.Time) {
	p.mu.Lock()
	var surplus [2]*conn
	switch {
	case p.closed || p.perHost < 0 || p.max < 0:
		surplus[0] = cn
	default:
		if list := p.byKey[cn.key]; len(list) >= p.perHost {
			surplus[0] = list[0]
			p.unlink(list[0])
		}
		if p.idle >= p.max {
			surplus[1] = p.oldest
			p.unlink(p.oldest)
		}
		p.link(cn, now)
	}
	p.mu.Unlock()
	for _, s := range surplus {
		if s != nil {
			p.drop(s)
		}
	}
}

// drop closes a connection that is not idle.
func (p *pool) drop(cn *conn) {
	p.mu.Lock()
	delete(p.open, cn)
	p.mu.Unlock()
	cn.hangUp()
}

// link adds cn to both structures. The caller holds mu.
func (p *pool) link(cn *conn, now time.Time) {
	cn.idleSince = now
	p.byKey[cn.key] = append(p.byKey[cn.key], cn)
	cn.older, cn.newer = p.newest, nil
	if p.newest != nil {
		p.newest.newer = cn
	} else {
		p.oldest = cn
	}
	p.newest = cn
	p.idle++
	if p.reaper == nil {
		p.reaper = time.AfterFunc(idleTimeout, p.reap)
	}
}

// unlink removes cn from both structures. The caller holds mu.
func (p *pool) unlink(cn *conn) {
	list := p.byKey[cn.key]
	last := len(list) - 1
	if list[last] != cn {
		copy(list, list[1:]) // a connection that is not the last is the oldest of its key
	}
	list[last] = nil
	p.byKey[cn.key] = list[:last] // reap deletes empty lists: this one is likely to be used again soon
	if cn.older != nil {
		cn.older.newer = cn.newer
	} else {
		p.oldest = cn.newer
	}
	if cn.newer != nil {
		cn.newer.older = cn.older
	} else {
		p.newest = cn.older
	}
	cn.older, cn.newer = nil, nil
	p.idle--
}

// reap closes expired connections and schedules its next run.
func (p *pool) reap() {
	now := time.Now()
	var expired []*conn
	p.mu.Lock()
	for p.oldest != nil && now.Sub(p.oldest.idleSince) >= idleTimeout {
		expired = append(expired, p.oldest)
		p.unlink(p.oldest)
	}
	for k, list := range p.byKey {
		if len(list) == 0 {
			delete(p.byKey, k)
		}
	}
	p.reaper = nil
	if p.oldest != nil {
		p.reaper = time.AfterFunc(idleTimeout-now.Sub(p.oldest.idleSince), p.reap)
	}
	p.mu.Unlock()
	for _, cn := range expired {
		p.drop(cn)
	}
}

// close closes every connection, idle or not. The pool accepts no more.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	open := p.open
	p.open = nil
	p.byKey = nil
	p.oldest, p.newest = nil, nil
	p.idle = 0
	if p.reaper != nil {
		p.reaper.Stop()
	}
	p.mu.Unlock()
	for cn := range open {
		cn.hangUp()
	}
}
