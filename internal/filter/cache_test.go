package filter

import (
	"fmt"
	"sync"
	"testing"

	"github.com/hookyard/hookyard/internal/budget"
)

func TestCache(t *testing.T) {
	t.Parallel()
	c := NewCache(3, budget.NewDecoding(1<<20))
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 50 {
				n := (g + i) % 7
				ok, err := c.Match(fmt.Sprintf("data.amount = %d", n), order())
				if err != nil || ok != (n == 5) {
					t.Errorf("data.amount = %d: %v, %v", n, ok, err)
				}
			}
		})
	}
	wg.Wait()
	if len(c.entries) != 3 {
		t.Errorf("cache holds %d filters, want 3", len(c.entries))
	}
	for range 2 {
		if ok, err := c.Match("data.amount =", order()); ok || err == nil {
			t.Errorf("a wrong filter: %v, %v; want an error each time", ok, err)
		}
	}
	first := c.entry("type = a")
	if c.entry("type = a") != first {
		t.Error("a filter was compiled twice")
	}
	if NewCache(0, budget.NewDecoding(1<<20)).max != 1 {
		t.Error("a cache must hold at least one filter")
	}
}
