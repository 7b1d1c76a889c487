package store

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookyard/hookyard"
)

// TestTurns holds that projects take turns and that the ops of one keep their order.
func TestTurns(t *testing.T) {
	t.Parallel()
	w := newWaiting()
	for i := range 100 {
		if err := w.push(&namedOp{name: fmt.Sprint("loud", i), project: 1, bytes: 1}); err != nil {
			t.Fatal(err)
		}
	}
	for _, project := range []int64{2, 3} {
		if err := w.push(&namedOp{name: fmt.Sprint("quiet", project), project: project, bytes: 1}); err != nil {
			t.Fatal(err)
		}
	}
	var got string
	for range 5 {
		o, _ := w.pop()
		got += o.(*namedOp).name + " "
	}
	if want := "loud0 quiet2 quiet3 loud1 loud2 "; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	w.close()
	if err := w.push(&namedOp{}); !errors.Is(err, hookyard.ErrUnavailable) {
		t.Errorf("push after close = %v", err)
	}
	for range 97 {
		if o, _ := w.next(); o == nil {
			t.Fatal("an op was lost with the end")
		}
	}
	if o, _ := w.next(); o != nil || w.ops != 0 || w.bytes != 0 || len(w.lines) != 0 {
		t.Errorf("left: %v, %d ops, %d bytes, %d lines", o, w.ops, w.bytes, len(w.lines))
	}
}

// TestFullQueue holds that one project fills at most half of the queue, by number and by bytes, and that results always
// find a place.
func TestFullQueue(t *testing.T) {
	t.Parallel()
	for _, bytes := range []int64{1, 1 << 20} {
		w := newWaiting()
		fill := func(project int64) (n int) {
			for {
				if err := w.push(&namedOp{project: project, bytes: bytes}); err != nil {
					if hookyard.CodeOf(err) != hookyard.Unavailable {
						t.Error(err)
					}
					return n
				}
				n++
			}
		}
		half := min(maxWaitingOps/2, int(maxWaitingBytes/2/bytes))
		for project, want := range []int{half, half, 0} {
			if n := fill(int64(project + 1)); n != want {
				t.Errorf("ops of %d bytes: project %d has %d, want %d", bytes, project+1, n, want)
			}
		}
		if err := w.push(&namedOp{project: 1}); err != nil {
			t.Errorf("a result: %v", err)
		}
	}
	if err := newWaiting().push(&namedOp{project: 1, bytes: 2 * maxWaitingBytes}); err != nil {
		t.Errorf("one op of any size: %v", err)
	}
}

// TestAbandoned holds that an event that finds no place in a batch within the time is refused and not stored later.
func TestAbandoned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		s := &script{fail: func(int, []string) error {
			<-free
			return nil
		}}
		g := newGroup(s, slog.New(slog.DiscardHandler), 100)
		busy := &namedOp{name: "busy", done: make(chan error, 1)}
		if err := g.put(t.Context(), busy); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		db := &DB{accepts: g}
		began := time.Now()
		event := &hookyard.RoutedEvent{Event: &hookyard.Event{ProjectKey: 1}}
		if _, err := db.Accept(t.Context(), event); hookyard.CodeOf(err) != hookyard.Unavailable ||
			time.Since(began) != acceptWait {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		_, errs := db.AcceptAll(t.Context(), []*hookyard.RoutedEvent{event, event})
		for _, err := range errs {
			if hookyard.CodeOf(err) != hookyard.Unavailable || time.Since(began) != 2*acceptWait {
				t.Errorf("several: %v after %s", err, time.Since(began))
			}
		}
		close(free)
		g.close()
		if len(s.batches) != 1 {
			t.Errorf("%d batches, want the one that was busy", len(s.batches))
		}
	})
}
