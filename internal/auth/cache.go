package auth

import (
	"sync"
	"time"
)

// cache holds a bounded number of values for a limited time. It is safe for concurrent use.
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

func newCache[K comparable, V any](size int, life time.Duration) *cache[K, V] {
	return &cache[K, V]{max: size, life: life, entries: make(map[K]remembered[V])}
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

// generation returns the number of times the cache was cleared, for put.
func (c *cache[K, V]) generation() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.cleared
}

// put stores the result of a lookup that began at generation. It does nothing if the cache was cleared since: the value
// may be older than the change that cleared it.
func (c *cache[K, V]) put(key K, value V, now time.Time, generation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cleared != generation {
		return
	}
	c.set(key, value, now)
}

// add stores key and reports whether it was absent.
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

// set stores a value, in place of an arbitrary one if the cache is full. The caller holds mu.
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
