package auth

import (
	"sync"
	"time"
)

// cache remembers a bounded number of values for a while. It is safe for concurrent use.
type cache[K comparable, V any] struct {
	max  int
	life time.Duration

	mu      sync.RWMutex // guards what follows
	entries map[K]remembered[V]
	cleared uint64
}

type remembered[V any] struct {
	value V
	until time.Time
}

func newCache[K comparable, V any](max int, life time.Duration) *cache[K, V] {
	return &cache[K, V]{max: max, life: life, entries: make(map[K]remembered[V])}
}

func (c *cache[K, V]) get(key K, now time.Time) (V, bool) {
	c.mu.RLock()
	e, ok := c.entries[key]
	c.mu.RUnlock()
	if !ok || !now.Before(e.until) {
		var zero V
		return zero, false
	}
	return e.value, true
}

// generation names the state before a lookup, for put.
func (c *cache[K, V]) generation() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.cleared
}

// put remembers a value looked up since generation, unless the cache was cleared in between: the value may then be from
// before the change that cleared it.
func (c *cache[K, V]) put(key K, value V, now time.Time, generation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cleared != generation {
		return
	}
	c.set(key, value, now)
}

// add remembers key and says whether it was not remembered before.
func (c *cache[K, V]) add(key K, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.entries[key]; ok && now.Before(e.until) {
		return false
	}
	var zero V
	c.set(key, zero, now)
	return true
}

// set makes room and stores. The caller holds mu. Which entry goes does not matter: it only has to be looked up again.
func (c *cache[K, V]) set(key K, value V, now time.Time) {
	if _, ok := c.entries[key]; !ok && len(c.entries) >= c.max {
		for other := range c.entries {
			delete(c.entries, other)
			break
		}
	}
	c.entries[key] = remembered[V]{value: value, until: now.Add(c.life)}
}

func (c *cache[K, V]) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.entries)
	c.cleared++
}
