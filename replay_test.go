package hookyard

import (
	"testing"
	"time"
)

func TestSendTime(t *testing.T) {
	t.Parallel()
	var answers, timeouts Counts
	for range 10 {
		answers.Attempt(&Attempt{Status: 200, Duration: 100 * time.Millisecond})
		timeouts.Attempt(&Attempt{ErrorKind: KindTimeout})
	}
	for _, c := range []struct {
		name   string
		hook   Hook
		n      int64
		recent Counts
		want   time.Duration
	}{
		{"nothing is known", Hook{}, 10, Counts{}, 0},
		{"one at a time", Hook{Ordered: true}, 100, answers, 10 * time.Second},
		{"four at a time", Hook{InFlight: 4}, 100, answers, 2500 * time.Millisecond},
		{"the rate is slower", Hook{InFlight: 4, Rate: 2}, 100, answers, 50 * time.Second},
		{"the receiver is slower", Hook{Ordered: true, Rate: 100}, 100, answers, 10 * time.Second},
		{"only the rate is known", Hook{Rate: 0.5}, 10, Counts{}, 20 * time.Second},
		{"no answers", Hook{Ordered: true, Timeout: 3 * time.Second}, 10, timeouts, 30 * time.Second},
		{"nothing to send", Hook{Rate: 1}, 0, answers, 0},
		{"longer than time goes", Hook{Rate: 1e-9}, 1 << 60, answers, 365 * 24 * time.Hour},
	} {
		want := Duration((c.want + time.Second - 1).Truncate(time.Second))
		if got := c.hook.SendTime(c.n, &c.recent); got != want {
			t.Errorf("%s: %s, want %s", c.name, got.String(), want.String())
		}
	}
}

func TestEstimateLeft(t *testing.T) {
	t.Parallel()
	now := time.Now()
	began := now.Add(-time.Minute)
	for _, c := range []struct {
		name string
		r    Replay
		want time.Duration
	}{
		{"nothing was sent yet", Replay{Status: ReplayQueued, Opened: 10, Queued: 10}, 0},
		{"a quarter was sent", Replay{Status: ReplayQueued, Opened: 8, Queued: 5, Sending: 1, Delivered: 1, Failed: 1},
			3 * time.Minute},
		{"half was searched", Replay{Status: ReplayRunning, Total: 100, Seen: 50, Opened: 8, Queued: 6, Delivered: 2},
			7 * time.Minute},
		{"it was canceled", Replay{Status: ReplayCanceled, Opened: 8, Sending: 1, Canceled: 7}, 0},
		{"it is done", Replay{Status: ReplayDone, Opened: 8, Delivered: 8}, 0},
	} {
		c.r.CreatedAt = began
		if got := c.r.EstimateLeft(now); got != Duration(c.want) {
			t.Errorf("%s: %s, want %s", c.name, got.String(), c.want)
		}
	}
}
