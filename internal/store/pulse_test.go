package store

import (
	"testing"
	"time"
)

// TestPulse holds when a node may send, and when it may take others for dead.
func TestPulse(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	var p pulse
	beats := func(from, to time.Duration) {
		for d := from; d <= to; d += heartbeat {
			p.beat(noon.Add(d), true)
		}
	}
	check := func(at time.Duration, alive, locks, silence bool) {
		t.Helper()
		now := noon.Add(at)
		silent, locked := p.patience(now)
		if p.alive(now, true) != alive || (locked == lockedAfter) != locks || (silent == deadAfter) != silence {
			t.Errorf("after %s: alive %t, a free lock counts after %s, silence after %s; want %t, %t, %t", at,
				p.alive(now, true), locked, silent, alive, locks, silence)
		}
	}
	p.beat(noon, true)
	check(0, true, false, false)
	beats(time.Second, 9*time.Second)
	check(9*time.Second, true, false, false)
	beats(10*time.Second, 31*time.Second)
	check(31*time.Second, true, true, true)
	check(40*time.Second, true, false, false) // an outage begins
	check(47*time.Second, false, false, false)
	if !p.beat(noon.Add(time.Minute), true) {
		t.Error("the heartbeats were not broken")
	}
	check(time.Minute, true, false, false)
	beats(61*time.Second, 75*time.Second)
	check(75*time.Second, true, true, false)
	beats(76*time.Second, 91*time.Second)
	check(91*time.Second, true, true, true)
	for after, want := range map[time.Duration]bool{unlockedWait - 1: true, unlockedWait: false} {
		if got := p.alive(noon.Add(91*time.Second+after), false); got != want {
			t.Errorf("%s after the last heartbeat, without the lock: alive is %t", after, got)
		}
	}
	p.beat(noon.Add(92*time.Second), false) // the others know that the lock says nothing
	if !p.alive(noon.Add(92*time.Second+unlockedWait), false) {
		t.Error("a node without a lock is not alive as long as others think so")
	}
}
