package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookyard/hookyard"
)

// script is a transactor whose transactions fail as a test says.
type script struct {
	batches [][]string
	fail    func(n int, batch []string) error // n counts from 1; nil means committed
	fault   fault
}

type namedOp struct {
	name    string
	done    chan error
	project int64
	bytes   int64
}

func (o *namedOp) end(err error) { o.done <- err }

func (o *namedOp) cost() (project, bytes int64) { return o.project, o.bytes }

func (*namedOp) take() bool { return true }

func (s *script) run(_ context.Context, batch []op) error {
	var names []string
	for _, o := range batch {
		names = append(names, o.(*namedOp).name)
	}
	s.batches = append(s.batches, names)
	return s.fail(len(s.batches), names)
}

func (s *script) faultOf(error) fault          { return s.fault }
func (s *script) endCommitted(batch []op) []op { return batch }
func (s *script) translate(err error) error    { return err }
func (s *script) unavailable(m string) error   { return hookyard.Errorf(hookyard.Unavailable, "%s", m) }
func (s *script) release()                     {}
func (s *script) close()                       {}

// commitAll commits ops of these names as one batch, and returns the error of each.
func (s *script) commitAll(names ...string) map[string]error {
	g := &group{tx: s, log: slog.New(slog.DiscardHandler), max: 100}
	var batch []op
	for _, name := range names {
		batch = append(batch, &namedOp{name: name, done: make(chan error, 1)})
	}
	all := slices.Clone(batch)
	g.do(batch)
	errs := map[string]error{}
	for _, o := range all {
		o := o.(*namedOp)
		errs[o.name] = <-o.done
	}
	return errs
}

// TestGroupFaults holds what becomes of a batch whose transaction fails.
func TestGroupFaults(t *testing.T) {
	t.Parallel()
	bad := errors.New("bad")
	always := func(int, []string) error { return bad }
	for name, c := range map[string]struct {
		script  script
		batches string
		failed  []string
		code    hookyard.Code // of those errors
	}{
		"none": {script{fail: func(int, []string) error { return nil }}, "[[a b c d]]", nil, ""},
		"an op": {script{fault: faultOp, fail: func(_ int, batch []string) error {
			if slices.Contains(batch, "c") {
				return bad
			}
			return nil
		}}, "[[a b c d] [a b] [c d] [c] [d]]", []string{"c"}, ""},
		"lost once": {script{fault: faultLost, fail: func(n int, _ []string) error {
			if n == 1 {
				return bad
			}
			return nil
		}}, "[[a b c d] [a b c d]]", nil, ""},
		"lost twice": {script{fault: faultLost, fail: always}, "[[a b c d] [a b c d]]", []string{"a", "b", "c", "d"},
			hookyard.Unavailable},
		"conflicts": {script{fault: faultConflict, fail: func(n int, _ []string) error {
			if n <= maxConflicts {
				return bad
			}
			return nil
		}}, "[[a b c d] [a b c d] [a b c d] [a b c d] [a b c d] [a b c d]]", nil, ""},
		"disk full": {script{fault: faultTransient, fail: always}, "[[a b c d]]", []string{"a", "b", "c", "d"},
			hookyard.Unavailable},
	} {
		errs := c.script.commitAll("a", "b", "c", "d")
		if got := fmt.Sprint(c.script.batches); got != c.batches {
			t.Errorf("%s: transactions %s, want %s", name, got, c.batches)
		}
		for op, err := range errs {
			if slices.Contains(c.failed, op) != (err != nil) || err != nil && hookyard.CodeOf(err) != c.code {
				t.Errorf("%s: op %s gets %v", name, op, err)
			}
		}
	}
}

// TestGroupWaits holds that a caller who comes alone does not wait, and that a crowd shares transactions.
func TestGroupWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{fail: func(int, []string) error { return nil }}
		g := newGroup(s, slog.New(slog.DiscardHandler), 100)
		put := func() {
			o := &namedOp{name: "x", done: make(chan error, 1)}
			if err := g.put(context.Background(), o); err != nil {
				t.Error(err)
			}
			if err := <-o.done; err != nil {
				t.Error(err)
			}
		}
		began := time.Now()
		put()
		put()
		if took := time.Since(began); took != 0 {
			t.Errorf("callers one by one waited %s", took)
		}
		for range 3 {
			var crowd sync.WaitGroup
			for range 40 {
				crowd.Go(put)
			}
			crowd.Wait()
		}
		if took := time.Since(began); took > 3*lingerSteps*lingerStep {
			t.Errorf("three crowds took %s", took)
		}
		g.close()
		if err := g.put(context.Background(), &namedOp{}); !errors.Is(err, hookyard.ErrUnavailable) {
			t.Errorf("put after close = %v", err)
		}
	})
}

// TestFrozenDatabase holds that a batch ends with its time, that the next is hurried, for its callers have waited for
// the first, and that what comes after it is not.
func TestFrozenDatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &frozen{}
		g := &group{tx: s, log: slog.New(slog.DiscardHandler), max: 100}
		for _, want := range []time.Duration{patience, hurried, patience} {
			began := time.Now()
			o := &namedOp{done: make(chan error, 1)}
			g.do([]op{o})
			if err := <-o.done; !errors.Is(err, hookyard.ErrUnavailable) || time.Since(began) != want {
				t.Errorf("%v after %s, want it to be unavailable after %s", err, time.Since(began), want)
			}
		}
		if patience+hurried >= 10*time.Second || acceptWait+outcomeWait >= 10*time.Second {
			t.Error("a caller waits longer than ten seconds")
		}
	})
}

// frozen is a transactor whose database does not answer.
type frozen struct{ script }

func (f *frozen) run(ctx context.Context, _ []op) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestQuietDoesNotLinger holds that the first op of a quiet project does not wait for more of a crowd's ops, while the
// crowd alone does.
func TestQuietDoesNotLinger(t *testing.T) {
	t.Parallel()
	for _, quiet := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			begun, free := make(chan struct{}), make(chan struct{})
			g := newGroup(&script{fail: func(int, []string) error {
				begun <- struct{}{}
				<-free
				return nil
			}}, slog.New(slog.DiscardHandler), 100)
			var last *namedOp
			put := func(n int, project int64) {
				for range n {
					last = &namedOp{project: project, done: make(chan error, 1)}
					if err := g.put(t.Context(), last); err != nil {
						t.Fatal(err)
					}
				}
			}
			put(1, 1)
			<-begun
			put(40, 1)
			free <- struct{}{}
			<-begun // the crowd's batch
			put(20, 1)
			if quiet {
				put(1, 2)
			}
			free <- struct{}{}
			began := time.Now()
			<-begun
			if waited := time.Since(began) > 0; waited == quiet {
				t.Errorf("quiet %t: the batch waited %t", quiet, waited)
			}
			free <- struct{}{}
			<-last.done
			g.close()
		})
	}
}

func TestCrowd(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		projects string // of the ops
		want     bool
	}{
		{"", false},
		{"1111111111", false},
		{"1111111112", true},
		{"2111111111", true},
		{"12", false},
		{"1212121212121212", false},
		{"123456789123456789", false},
		{"0000000001111111100000", false},
	} {
		var c crowd
		for _, p := range tc.projects {
			c.add(int64(p - '0'))
		}
		if got := c.hasQuiet(); got != tc.want {
			t.Errorf("%s: %t", tc.projects, got)
		}
	}
}
