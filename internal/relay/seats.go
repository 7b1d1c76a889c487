package relay

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/inbound"
)

// print is how a client without a cursor is recognised when it does not come on the same connection.
type print struct {
	project                int64
	address, agent, origin string
}

// seat is the place of one such client in a project's events.
type seat struct {
	print  print
	conn   string // address and port of the client's last poll: its connection, while that lasts
	cursor int64  // -1: it begins with what comes now
	busy   bool   // it is polling
	left   time.Time
}

// seats remembers clients between their polls. A poll takes the seat of its connection, else the one of its print that
// was left last: a client that is quick to come back is the likelier one. Two clients of one print that share
// connections, as two tabs of a browser may, can take each other's; who must not miss anything uses a cursor.
type seats struct {
	window time.Duration

	mu sync.Mutex // guards what follows, and the seats
	by map[print][]*seat
	n  int
}

// maxSeats bounds what is remembered; clients beyond it begin with what comes now.
const maxSeats = 20_000

func printOf(r *http.Request, projectKey int64) print {
	return print{project: projectKey, address: inbound.Address(r), agent: hookyard.Clean(r.UserAgent(), 300),
		origin: hookyard.Clean(r.Header.Get("Origin"), 200)}
}

// take gives a poll its seat. leave must be called.
func (s *seats) take(r *http.Request, projectKey int64, now time.Time) *seat {
	p := printOf(r, projectKey)
	s.mu.Lock()
	defer s.mu.Unlock()
	var best *seat
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
		best = &seat{print: p, cursor: -1}
		if s.n < maxSeats {
			s.by[p] = append(s.by[p], best)
			s.n++
		}
	}
	best.busy, best.conn = true, r.RemoteAddr
	return best
}

// leave ends a poll; the client has everything up to cursor.
func (s *seats) leave(c *seat, cursor int64, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.busy, c.cursor, c.left = false, cursor, now
}

// putBack undoes the move of a seat that was left: the client did not get what it was moved for.
func (s *seats) putBack(c *seat, cursor int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !c.busy {
		c.cursor = cursor
	}
}

// tidy forgets who did not come back.
func (s *seats) tidy(now time.Time) {
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
