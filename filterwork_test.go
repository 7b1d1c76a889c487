package hookyard

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestFilterWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		defer end()
		calls := 0
		w := NewFilterWork(ctx, func(h *Hook, _ *Event) (bool, error) {
			calls++
			<-time.After(time.Duration(h.Key) * time.Second)
			return true, nil
		})
		quick, slow := &Hook{Key: 1, ID: "quick"}, &Hook{Key: 3, ID: "slow"}
		for range 3 {
			for _, h := range []*Hook{quick, slow} {
				if ok, err := w.Match(h, nil); w.spent <= FilterTime && (!ok || err != nil) {
					t.Errorf("within the time: %v", err)
				}
			}
		}
		if calls != 6 {
			t.Errorf("%d calls in 12 s, want 6", calls)
		}
		if _, err := w.Match(quick, nil); CodeOf(err) != TooLarge || !strings.Contains(err.Error(), "hook slow 9s") {
			t.Errorf("beyond the time: %v", err)
		}
		if calls != 6 {
			t.Error("a filter ran beyond the time")
		}
		w = NewFilterWork(ctx, w.filter)
		end()
		if _, err := w.Match(quick, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("after the request: %v", err)
		}
	})
}
