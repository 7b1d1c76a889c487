package budget

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// TestDecoding holds that bodies under way have at most the limit together, and that one beyond it needs no room.
func TestDecoding(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := NewDecoding(100)
		first, err := d.Acquire(t.Context(), 60)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Acquire(t.Context(), 101); err != nil {
			t.Errorf("a body beyond the limit: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := d.Acquire(ctx, 41); !errors.Is(err, context.Canceled) {
			t.Errorf("there was room for 101 bytes: %v", err)
		}
		got := make(chan error)
		go func() {
			release, err := d.Acquire(t.Context(), 100)
			if err == nil {
				release()
			}
			got <- err
		}()
		synctest.Wait()
		first()
		if err := <-got; err != nil {
			t.Error(err)
		}
	})
}
