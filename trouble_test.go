package hookyard_test

import (
	"testing"
	"time"

	"github.com/hookyard/hookyard"
)

// TestTrouble holds that the wait grows with the trouble, up to a minute, and begins again when it is over.
func TestTrouble(t *testing.T) {
	t.Parallel()
	var trouble hookyard.Trouble
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, step := range []struct {
		after time.Duration
		over  bool
		want  time.Duration
	}{
		{0, false, time.Second},
		{time.Second, false, time.Second},
		{10 * time.Second, false, 5 * time.Second},
		{19 * time.Second, false, 9500 * time.Millisecond},
		{37 * time.Second, false, 18500 * time.Millisecond},
		{70 * time.Second, false, 35 * time.Second},
		{139 * time.Second, false, time.Minute},
		{250 * time.Second, false, time.Minute},
		{400 * time.Second, false, time.Second}, // nothing was seen for longer than two waits
		{409 * time.Second, false, 4500 * time.Millisecond},
		{410 * time.Second, true, time.Second},
	} {
		if step.over {
			trouble.Over()
		}
		if got := trouble.Seen(start.Add(step.after)); got != step.want {
			t.Errorf("after %s the wait is %s, want %s", step.after, got, step.want)
		}
	}
}
