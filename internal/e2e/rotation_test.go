package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

// TestRotateKeyUnderLoad changes the key of the secrets under load, again and again, and kills the server at random
// moments. Every acknowledged event must reach the hooks, and in the end the last key alone must do.
func TestRotateKeyUnderLoad(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		rotateUnderLoad(t, start(t, "--log-level", "warn", "--allow-target", "127.0.0.1"))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		rotateUnderLoad(t, start(t, "--log-level", "warn", "--allow-target", "127.0.0.1", "--database",
			storetest.Postgres(t)))
	})
}

func rotateUnderLoad(t *testing.T, s *server) {
	y := admin(t, s, "load")
	receivers := map[string]*receiver{"healthy": newReceiver(t, nil), "flaky": newReceiver(t, fails(0.3)),
		"slow": newReceiver(t, slow(10*time.Millisecond)), "ordered": newReceiver(t, nil)}
	for id, r := range receivers {
		set := client.HookPatch{Schedule: often(60, 50*time.Millisecond),
			Off: &hookyard.OffPolicy{Policy: hookyard.OffNever}}
		if id == "ordered" {
			set.Ordered, set.Events = ptr(true), &hookyard.Selector{Names: []string{paid}}
		}
		y.hook(id, r.url, set)
	}
	l := &ledger{acked: map[string]client.Receipt{}, unknown: map[string]bool{}}
	for range 4 { // so many attempts that sealing them again takes a while
		var keys []string
		for i := range 500 {
			keys = append(keys, fmt.Sprintf("before-%d-%d", len(l.acked), i))
		}
		receipts, err := batch(t.Context(), y, created, keys)
		if err != nil {
			t.Fatal(err)
		}
		l.note(keys, receipts)
	}
	publishing, stop := context.WithCancel(t.Context())
	var publishers sync.WaitGroup
	for _, p := range []publisher{ownID, idempotencyKey, batch} {
		name := fmt.Sprintf("p%d", len(l.names))
		l.names = append(l.names, name)
		publishers.Go(func() { l.publish(t, publishing, y, name, p) })
	}
	const rotations = 2
	for range rotations {
		if _, err := y.c.RotateKey(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 4 {
			pause(t.Context(), time.Duration(rand.IntN(900))*time.Millisecond)
			r, err := y.c.KeyRotation(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("killed while the rotation is %+v", r)
			s.kill()
			s.start()
		}
		testenv.Until(t, "the key is changed", func() bool {
			r, err := y.c.KeyRotation(t.Context())
			if err == nil && r.Unreadable > 0 {
				t.Fatalf("the rotation is %+v", r)
			}
			return err == nil && r.Phase == hookyard.RotationDone
		})
	}
	stop()
	publishers.Wait()
	y.drained()
	old, err := filepath.Glob(filepath.Join(s.data, "secret.key.old*"))
	if err != nil || len(old) != rotations {
		t.Errorf("the old keys are in %v, %v", old, err)
	}
	for _, file := range old {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	s.kill()
	s.start()
	keys := []string{"after"}
	receipts, err := ownID(t.Context(), y, created, keys)
	if err != nil {
		t.Fatal(err)
	}
	l.note(keys, receipts)
	y.drained()
	l.check(t, y, receivers)
}
