package filter

import (
	"sync"

	"github.com/hookyard/hookyard"
)

// Cache compiles each filter once and keeps a bounded number of them. It is safe for concurrent use.
type Cache struct {
	max int

	mu      sync.RWMutex // guards entries
	entries map[string]*entry
}

// entry is one filter, or why it is none.
type entry struct {
	once    sync.Once
	program *Program
	err     error
}

// NewCache returns a cache of at most max filters; max below 1 means 1.
func NewCache(max int) *Cache {
	if max < 1 {
		max = 1
	}
	return &Cache{max: max, entries: make(map[string]*entry)}
}

// Match compiles text, unless it did before, and holds e against it. Its errors are those of [Compile] and
// [Program.Match].
func (c *Cache) Match(text string, e *hookyard.Event) (bool, error) {
	one := c.entry(text)
	one.once.Do(func() { one.program, one.err = Compile(text) })
	if one.err != nil {
		return false, one.err
	}
	return one.program.Match(e)
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
	// Any entry may go: which, does not matter unless there are more filters in use than max, and then nothing would
	// help.
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
