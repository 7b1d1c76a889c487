package auth

import (
	"sync"
	"time"

	"github.com/hookyard/hookyard/internal/inbound"
)

const (
	maxSlow   = 10_000    // keys that a slowdown remembers
	slowDecay = time.Hour // after the last failure a key is forgotten
)

// slowdown counts failures by key and makes each further try wait longer: the first few cost nothing, then it is 1 s,
// 2 s, 4 s … up to longest. It holds at most maxSlow keys; the empty key is not counted. It is safe for concurrent use.
type slowdown struct {
	free    int
	longest time.Duration

	mu   sync.Mutex // guards keys
	keys map[string]failures
}

type failures struct {
	count int
	last  time.Time
	until time.Time // no try before
}

func newSlowdown(free int, longest time.Duration) *slowdown {
	return &slowdown{free: free, longest: longest, keys: make(map[string]failures)}
}

// until returns the time before which key may not try; the zero time when it may.
func (s *slowdown) until(key string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys[key].until
}

func (s *slowdown) failed(key string, now time.Time) {
	if key == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, known := s.keys[key]
	if !known && len(s.keys) >= maxSlow {
		s.makeRoom(now)
	}
	if now.Sub(f.last) > slowDecay {
		f = failures{}
	}
	f.count++
	f.last = now
	if over := f.count - s.free; over > 0 {
		f.until = now.Add(min(time.Second<<min(over-1, 20), s.longest))
	}
	s.keys[key] = f
}

func (s *slowdown) forget(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.keys, key)
}

// makeRoom drops one of a few keys looked at: one whose time is over, else the one with the fewest failures, so that a
// flood of new names does not wash out those being guessed at. The caller holds mu.
func (s *slowdown) makeRoom(now time.Time) {
	const look = 16
	var victim string
	fewest, seen := -1, 0
	for key, f := range s.keys {
		if now.Sub(f.last) > slowDecay {
			delete(s.keys, key)
			return
		}
		if fewest < 0 || f.count < fewest {
			victim, fewest = key, f.count
		}
		if seen++; seen == look {
			break
		}
	}
	delete(s.keys, victim)
}

// addressKey returns what failures from an address are counted under. It is empty when there is no address: behind a
// Unix socket all senders would be one.
func addressKey(remote string) string {
	network := inbound.Network(remote)
	switch {
	case !network.IsValid():
		return ""
	case network.IsSingleIP():
		return network.Addr().String()
	}
	return network.String()
}
