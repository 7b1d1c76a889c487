package e2e_test

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/testenv"
)

// TestLargeBacklog: large pending events use disk, not memory, even when all are due at the same time.
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
	testenv.Until(t, "all 50 events arrive", func() bool {
		most = max(most, y.s.rss())
		return rc.count() >= 50
	})
	y.drained()
	t.Logf("%d MiB at most", most>>20)
	if !raceEnabled && most > 300<<20 {
		t.Errorf("%d MiB of memory for a backlog of 600 MiB", most>>20)
	}
}

// TestManyLargeAtOnce: large bodies beyond the memory limit wait, or get 503 with Retry-After.
func TestManyLargeAtOnce(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t, "--log-level", "warn"), "many")
	in := y.source("in", "none", "", client.SourcePatch{})
	body := bytes.Repeat([]byte("x"), 25<<20)
	const n = 24
	answers := make(chan reply, n)
	for range n {
		go func() {
			r, err := askContext(t.Context(), http.MethodPost, in, body)
			if err != nil {
				t.Error(err)
			}
			answers <- r
		}()
	}
	kept, most := 0, int64(0)
	for got := 0; got < n; {
		look := time.NewTimer(10 * time.Millisecond)
		select {
		case r := <-answers:
			got++
			if r.status == http.StatusOK {
				kept++
			} else if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" {
				t.Errorf("%d %.200s", r.status, r.body)
			}
		case <-look.C:
		}
		look.Stop()
		most = max(most, y.s.rss())
	}
	t.Logf("%d of %d kept, %d MiB at most", kept, n, most>>20)
	if len(y.events()) != kept || kept == 0 {
		t.Errorf("%d events, %d acknowledged", len(y.events()), kept)
	}
	if !raceEnabled && most > 400<<20 { // all bodies together are 600 MiB
		t.Errorf("%d MiB of memory", most>>20)
	}
}
