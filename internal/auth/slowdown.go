package auth

import (
	"sync"
	"time"

	"github.com/hookyard/hookyard"
)

const (
	maxSlow   = 10_000    // keys in a slowdown
	slowDecay = time.Hour // a key is dropped this long after its last failure
)

// slowdown counts failures by key and imposes a wait that grows with each: none for the first few, then 1 s, 2 s, 4 s
// and so on up to longest. It holds at most maxSlow keys and ignores the empty key. It is safe for concurrent use.
type slowdown struct {
	free    int
	longest time.Duration

	mu   sync.Mutex // guards keys
	keys map[string]failures
}

type failures struct {
	count int
	last  time.Time
	until time.Time // end of the wait
}

func newSlowdown(free int, longest time.Duration) *slowdown {
	return &slowdown{free: free, longest: longest, keys: make(map[string]failures)}
}

// until returns the end of the wait of key, or the zero time.
func (s *slowdown) until(key string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys[key].until
}

// failed counts a failure.
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

// forget drops the failures of key.
func (s *slowdown) forget(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.keys, key)
}

// makeRoom drops one of a few arbitrary keys: an expired one, or else the one with the fewest failures, so that a flood
// of new names does not displace those under attack. The caller holds mu.
func (s *slowdown) makeRoom(now time.Time) {
	const examined = 16
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
		if seen++; seen == examined {
			break
		}
	}
	delete(s.keys, victim)
}

// addressKey returns what failures from an address are counted under. It is empty when there is no address: behind a
// Unix socket all senders would be one.
func addressKey(remote string) string {
	network := hookyard.NetworkOf(remote)
	switch {
	case !network.IsValid():
		return ""
	case network.IsSingleIP():
		return network.Addr().String()
	}
	return network.String()
}
