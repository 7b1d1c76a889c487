package relay

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/inbound"
)

// fingerprint identifies a client without a cursor that comes back on another connection.
type fingerprint struct {
	project                int64
	address, agent, origin string
}

// session is the position of one such client in a project's events.
type session struct {
	fingerprint fingerprint
	conn        string // address and port of the client's last poll: its connection, while that lasts
	cursor      int64  // -1: it begins with what comes now
	busy        bool   // it is polling
	left        time.Time
}

// pollSessions remembers clients between their polls. A poll takes the session of its connection, or else the session
// of its fingerprint that was left last, because a client that polls again soon is the most likely one. Two clients
// with one fingerprint that share connections, such as two tabs of a browser, can take each other's session; a client
// that must not miss anything uses a cursor.
type pollSessions struct {
	window time.Duration

	mu sync.Mutex // guards the fields below and the fields of each session
	by map[fingerprint][]*session
	n  int
}

// maxSessions bounds what is remembered; clients beyond it begin with what comes now.
const maxSessions = 20_000

func fingerprintOf(r *http.Request, projectKey int64) fingerprint {
	return fingerprint{project: projectKey, address: inbound.Address(r), agent: hookyard.Clean(r.UserAgent(), 300),
		origin: hookyard.Clean(r.Header.Get("Origin"), 200)}
}

// take gives a poll its session. leave must be called.
func (s *pollSessions) take(r *http.Request, projectKey int64, now time.Time) *session {
	p := fingerprintOf(r, projectKey)
	s.mu.Lock()
	defer s.mu.Unlock()
	var best *session
	for _, c := range s.by[p] {
		if c.busy || now.Sub(c.left) > s.window {
			continue
		}
		if c.conn == r.RemoteAddr && !strings.HasSuffix(c.conn, ":0") { // port 0: it came by a proxy
			best = c
			break
		}
		if best == nil || c.left.After(best.left) {
			best = c
		}
	}
	if best == nil {
		best = &session{fingerprint: p, cursor: -1}
		if s.n < maxSessions {
			s.by[p] = append(s.by[p], best)
			s.n++
		}
	}
	best.busy, best.conn = true, r.RemoteAddr
	return best
}

// leave ends a poll; the client has everything up to cursor.
func (s *pollSessions) leave(c *session, cursor int64, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.busy = false
	c.cursor, c.left = cursor, now
}

// putBack moves a session that was left back to cursor, because the client did not receive what followed it.
func (s *pollSessions) putBack(c *session, cursor int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !c.busy {
		c.cursor = cursor
	}
}

// tidy deletes the sessions whose clients did not come back.
func (s *pollSessions) tidy(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p, list := range s.by {
		kept := list[:0]
		for _, c := range list {
			if c.busy || now.Sub(c.left) <= s.window {
				kept = append(kept, c)
			}
		}
		s.n -= len(list) - len(kept)
		clear(list[len(kept):])
		if s.by[p] = kept; len(kept) == 0 {
			delete(s.by, p)
		}
	}
}
