package hookyard_test

import (
	"testing"
	"time"

	"github.com/hookyard/hookyard"
)

func TestBucket(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	var b hookyard.Bucket
	const rate, burst = 10, 20
	for _, step := range []struct {
		after time.Duration
		n     int64
		wait  time.Duration // 0: they are taken
	}{
		{0, 15, 0},
		{0, 6, 100*time.Millisecond + 1},
		{100*time.Millisecond + 1, 6, 0},
		{0, 1, 100*time.Millisecond + 1},
		{time.Hour, 100, 0}, // more than the burst, from a full bucket
		{time.Second, 1, 7100*time.Millisecond + 1},
		{7100*time.Millisecond + 1, 1, 0},
		{-time.Hour, 1, 100*time.Millisecond + 1}, // the clock was set back
	} {
		at = at.Add(step.after)
		wait := b.Wait(step.n, rate, burst, at)
		if diff := wait - step.wait; diff < -time.Microsecond || diff > time.Microsecond {
			t.Errorf("Wait(%d) after %v = %v, want %v", step.n, step.after, wait, step.wait)
		}
		if wait == 0 {
			b.Take(step.n)
		}
	}
}

func TestParseLimit(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"hooks=5": 5, "bytesPerDay=2GiB": 2 << 30, "keptBytes=7": 7,
		"burst=0": 0} {
		name, n, err := hookyard.ParseLimit(text)
		if err != nil || n != want {
			t.Errorf("ParseLimit(%q) = %d, %v, want %d", text, n, err, want)
		}
		if got := hookyard.FormatLimit(name, n); got != text {
			t.Errorf("FormatLimit of %q = %q", text, got)
		}
	}
	for _, text := range []string{"", "hooks", "hooks=", "hooks=-1", "hooks=2GiB", "colour=5", "hooks=9007199254740993",
		"bytesPerDay=1 PB"} {
		if _, _, err := hookyard.ParseLimit(text); err == nil {
			t.Errorf("ParseLimit(%q) succeeded", text)
		}
	}
}
