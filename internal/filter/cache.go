package filter

import (
	"sync"

	"github.com/hookyard/hookyard"
)

// Cache is a bounded cache of compiled filters. It is safe for concurrent use.
type Cache struct {
	max      int
	decoding Decoding

	mu      sync.RWMutex // guards entries
	entries map[string]*entry
}

// entry is a compiled filter, or the error of compiling it.
type entry struct {
	once    sync.Once
	program *Program
	err     error
}

// NewCache returns a cache of at most size filters, but at least one. Its filters decode bodies within decoding.
func NewCache(size int, decoding Decoding) *Cache {
	return &Cache{max: max(size, 1), decoding: decoding, entries: make(map[string]*entry)}
}

// Match reports whether the filter text accepts e. Its errors are those of [Compile] and [Program.Match].
func (c *Cache) Match(text string, e *hookyard.Event) (bool, error) {
	one := c.entry(text)
	one.once.Do(func() { one.program, one.err = Compile(text) })
	if one.err != nil {
		return false, one.err
	}
	return one.program.Match(e, c.decoding)
}

func (c *Cache) entry(text string) *entry {
	c.mu.RLock()
	one := c.entries[text]
	c.mu.RUnlock()
	if one != nil {
		return one
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if one := c.entries[text]; one != nil {
		return one
	}
	// Which entry is dropped matters only if more filters are in use than fit, and then no choice would help.
	for other := range c.entries {
		if len(c.entries) < c.max {
			break
		}
		delete(c.entries, other)
	}
	one = new(entry)
	c.entries[text] = one
	return one
}
