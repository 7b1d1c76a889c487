package egress

import (
	"sync"
	"time"
)

// pool keeps idle connections and knows all open ones, so that Close can end them.
//
// Idle connections stand in two orders: by key, newest last, for taking the one most likely still alive; and in a list
// by age, for closing the oldest when there are too many or their time is over.
type pool struct {
	perHost, max int // set before use

	mu     sync.Mutex // guards all below, and the idle fields of every conn
	closed bool
	open   map[*conn]struct{}
	byKey  map[key][]*conn
	oldest *conn
	newest *conn
	idle   int
	reaper *time.Timer // closes what was idle too long; nil while nothing is
}

// add makes a new connection known; it says no when the pool is closed.
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

// take returns the idle connection used last, or nil.
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

// put keeps a connection for later use.
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

// link and unlink are called with mu held.
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

func (p *pool) unlink(cn *conn) {
	list := p.byKey[cn.key]
	last := len(list) - 1
	if list[last] != cn {
		copy(list, list[1:]) // whatever is not taken from the end is the oldest of its key
	}
	list[last] = nil
	p.byKey[cn.key] = list[:last] // kept when empty, as it is filled again in a moment; see reap
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

// reap closes what has been idle too long and comes back when the next is due.
func (p *pool) reap() {
	now := time.Now()
	var over []*conn
	p.mu.Lock()
	for p.oldest != nil && now.Sub(p.oldest.idleSince) >= idleTimeout {
		over = append(over, p.oldest)
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
	for _, cn := range over {
		p.drop(cn)
	}
}

// close closes every connection, idle or not, for good.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	open := p.open
	p.open, p.byKey, p.oldest, p.newest, p.idle = nil, nil, nil, nil, 0
	if p.reaper != nil {
		p.reaper.Stop()
	}
	p.mu.Unlock()
	for cn := range open {
		cn.hangUp()
	}
}
