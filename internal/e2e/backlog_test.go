package e2e_test

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/hookyard/hookyard/client"
)

// TestLargeBacklog: large events that wait for a receiver cost rows, not memory, also when they are all due at once.
func TestLargeBacklog(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t, "--log-level", "warn"), "large")
	in := y.source("in", "none", "", client.SourcePatch{})
	rc := newReceiver(t, slow(50*time.Millisecond))
	rc.forget = true
	y.hook("h", rc.url, client.HookPatch{Schedule: waits(3*time.Second, 0), InFlight: ptr(1)})
	body := bytes.Repeat([]byte("x"), 12<<20)
	for range 50 {
		if r := ask(t, http.MethodPost, in, body); r.status != http.StatusOK {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	most := y.s.rss()
	for rc.count() < 50 {
		most = max(most, y.s.rss())
		pause(t.Context(), 20*time.Millisecond)
	}
	y.drained()
	t.Logf("%d MiB at most", most>>20)
	if !raceEnabled && most > 300<<20 {
		t.Errorf("%d MiB of memory for a backlog of 600 MiB", most>>20)
	}
}
