package budget

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/hookyard/hookyard"
)

const largest = 25 << 20

func testBodies(t *testing.T) *Bodies {
	return NewBodies(t.TempDir(), hookyard.DefaultLimits().Body, slog.New(slog.DiscardHandler))
}

func TestLargeBodies(t *testing.T) {
	t.Parallel()
	l := testBodies(t)
	for _, size := range []int{0, 1, SmallBody - 1, SmallBody, SmallBody + 1, SmallBody + 2, 1_000_000, 3<<20 + 7,
		largest} {
		want := bytes.Repeat([]byte("ab"), size/2+1)[:size]
		for _, known := range []int64{-1, int64(size)} {
			for name, body := range map[string]io.Reader{"whole": bytes.NewReader(want),
				"end with data": iotest.DataErrReader(bytes.NewReader(want))} {
				ctx, cancel := context.WithCancel(t.Context())
				r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", nil)
				r.ContentLength = known
				got, err := l.Read(r, body, "", nil)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%d bytes, length %d, %s: %d bytes, %v", size, known, name, len(got), err)
				}
				cancel()
			}
		}
	}
	if left, err := os.ReadDir(l.dir); err != nil || len(left) > 0 {
		t.Errorf("%d files are left, %v", len(left), err)
	}
	l.dir = filepath.Join(l.dir, "missing")
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
	if _, err := l.Read(r, io.LimitReader(endless{}, largest), "", nil); hookyard.CodeOf(err) != hookyard.Unavailable {
		t.Errorf("a directory that is not there: %v", err)
	}
}

// TestLargeBodiesWait holds that a body waits for memory, and is refused if there is none in time.
func TestLargeBodiesWait(t *testing.T) {
	t.Parallel()
	l := testBodies(t)
	synctest.Test(t, func(t *testing.T) {
		read := func(ctx context.Context) error {
			_, err := l.Read(httptest.NewRequestWithContext(ctx, http.MethodPost, "/", nil),
				io.LimitReader(endless{}, largest), "", nil)
			return err
		}
		first, end := context.WithCancel(t.Context())
		for range largeRoom / largest {
			if err := read(first); err != nil {
				t.Fatal(err)
			}
		}
		if err := read(t.Context()); hookyard.CodeOf(err) != hookyard.Unavailable {
			t.Fatalf("there was room for one more: %v", err)
		}
		waiting := make(chan error)
		go func() { waiting <- read(t.Context()) }()
		synctest.Wait()
		end()
		if err := <-waiting; err != nil {
			t.Errorf("there was room in time: %v", err)
		}
	})
}

// TestSlowBodies holds that senders who do not finish take neither the memory nor the share of others: a body of the
// largest size comes in at once beside as many of them as there is room for.
func TestSlowBodies(t *testing.T) {
	t.Parallel()
	const senders = 100 // five times the share of one destination
	for _, known := range []int64{-1, largest} {
		l := testBodies(t)
		synctest.Test(t, func(t *testing.T) {
			ctx, end := context.WithCancel(t.Context())
			errs := make(chan error, senders)
			for i := range senders {
				go func() {
					r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", nil)
					r.ContentLength = known
					_, err := l.Read(r, io.MultiReader(io.LimitReader(endless{}, 1<<20), stalled{ctx}), "slow", nil)
					errs <- err
				}()
				if i%10 == 0 {
					synctest.Wait()
				}
			}
			synctest.Wait()
			if files, err := filepath.Glob(filepath.Join(l.dir, "*")); err != nil || len(files) > spoolShare/largest {
				t.Errorf("length %d: the share of one destination has %d files, %v", known, len(files), err)
			}
			for _, of := range []string{"quick", "other"} {
				request, done := context.WithCancel(t.Context())
				r := httptest.NewRequestWithContext(request, http.MethodPost, "/", nil)
				r.ContentLength = largest
				if _, err := l.Read(r, io.LimitReader(endless{}, largest), of, nil); err != nil {
					t.Errorf("length %d, %s: %v", known, of, err)
				}
				done()
				synctest.Wait()
			}
			for range senders - spoolShare/largest {
				if err := <-errs; hookyard.CodeOf(err) != hookyard.Unavailable {
					t.Errorf("length %d: a body that waits for its share too long gets %v", known, err)
				}
			}
			end()
			synctest.Wait()
			if !l.spool.TryAcquire(spoolRoom) || !l.memory.TryAcquire(largeRoom) || len(l.shares.all) > 0 {
				t.Errorf("length %d: room is not given back", known)
			}
		})
	}
}

// TestHold: who has memory already is refused at once when there is no more, and others wait for it.
func TestHold(t *testing.T) {
	t.Parallel()
	l := testBodies(t)
	synctest.Test(t, func(t *testing.T) {
		first, end := context.WithCancel(t.Context())
		if err := l.Hold(first, largeRoom, true); err != nil {
			t.Fatal(err)
		}
		if err := l.Hold(t.Context(), SmallBody+1, true); hookyard.CodeOf(err) != hookyard.Unavailable {
			t.Errorf("there was room for more: %v", err)
		}
		waiting := make(chan error)
		go func() { waiting <- l.Hold(t.Context(), SmallBody+1, false) }()
		synctest.Wait()
		end()
		if err := <-waiting; err != nil {
			t.Errorf("there was room in time: %v", err)
		}
	})
}

// TestShares holds that destinations do not pile up.
func TestShares(t *testing.T) {
	t.Parallel()
	s := NewShares()
	room, done := s.Of("a", 10)
	again, doneAgain := s.Of("a", 10)
	if room != again {
		t.Error("one destination has two rooms")
	}
	for i := range 10 {
		_, done := s.Of(strconv.Itoa(i), 10)
		done()
	}
	done()
	if len(s.all) != 1 {
		t.Errorf("%d destinations, want 1", len(s.all))
	}
	doneAgain()
	if len(s.all) != 0 {
		t.Errorf("%d destinations, want 0", len(s.all))
	}
}

// stalled is the rest of a body that does not come.
type stalled struct{ ctx context.Context }

func (s stalled) Read([]byte) (int, error) {
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
