package hookyard_test

import (
	"slices"
	"testing"

	"github.com/hookyard/hookyard"
)

// TestCuts holds that those give who keep most, down to one level.
func TestCuts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kept   map[int64]int64
		excess int64
		want   []hookyard.Cut
	}{
		{nil, 10, nil},
		{map[int64]int64{1: 100}, 30, []hookyard.Cut{{1, 30}}},
		{map[int64]int64{1: 100}, 300, []hookyard.Cut{{1, 100}}},
		{map[int64]int64{1: 100, 2: 20, 3: 30}, 60, []hookyard.Cut{{1, 60}}},
		{map[int64]int64{1: 100, 2: 20, 3: 40}, 80, []hookyard.Cut{{1, 70}, {3, 10}}},
		{map[int64]int64{1: 50, 2: 50, 3: 50}, 30, []hookyard.Cut{{1, 10}, {2, 10}, {3, 10}}},
		{map[int64]int64{1: 10, 2: 20, 3: -5}, 1000, []hookyard.Cut{{2, 20}, {1, 10}}},
	} {
		if got := hookyard.Cuts(c.kept, c.excess); !slices.Equal(got, c.want) {
			t.Errorf("of %v %d are to go: %v, want %v", c.kept, c.excess, got, c.want)
		}
	}
}
