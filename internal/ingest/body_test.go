package ingest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/hookyard/hookyard"
)

func TestLargeBodies(t *testing.T) {
	t.Parallel()
	l := newLargeBodies(25 << 20)
	for _, size := range []int{0, 1, smallBody - 1, smallBody, smallBody + 1, 1_000_000, middleBody - 1, middleBody,
		middleBody + 1, 2 << 20, 3<<20 + 7, 25 << 20} {
		want := bytes.Repeat([]byte("ab"), size/2+1)[:size]
		for _, known := range []int64{-1, int64(size)} {
			for name, body := range map[string]io.Reader{"whole": bytes.NewReader(want),
				"end with data": iotest.DataErrReader(bytes.NewReader(want))} {
				ctx, cancel := context.WithCancel(t.Context())
				r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", nil)
				r.ContentLength = known
				got, err := l.read(r, body)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%d bytes, length %d, %s: %d bytes, %v", size, known, name, len(got), err)
				}
				cancel()
			}
		}
	}
}

// TestLargeBodiesWait: who finds no room waits for it, and is refused when there is none in time.
func TestLargeBodiesWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLargeBodies(25 << 20)
		read := func(ctx context.Context) error {
			_, err := l.read(httptest.NewRequestWithContext(ctx, http.MethodPost, "/", nil),
				io.LimitReader(endless{}, 25<<20))
			return err
		}
		first, end := context.WithCancel(t.Context())
		for range largeRoom / (25 << 20) {
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

// TestSlowBodies: senders that do not finish have no more memory in all than there is room, and a length that they only
// announce takes none. Nobody of them is known yet.
func TestSlowBodies(t *testing.T) {
	t.Parallel()
	const senders = 400
	for _, known := range []int64{-1, 1_000_001} {
		synctest.Test(t, func(t *testing.T) {
			l := newLargeBodies(25 << 20)
			ctx, end := context.WithCancel(t.Context())
			bodies, errs := make([]*slow, senders), make(chan error, senders)
			for i := range bodies {
				bodies[i] = &slow{left: 1_000_000, ctx: ctx}
				go func() {
					r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", nil)
					r.ContentLength = known
					_, err := l.read(r, bodies[i])
					errs <- err
				}()
			}
			synctest.Wait()
			var room, least int
			for _, b := range bodies {
				room += b.room
				if b.left == 1_000_000-smallBody {
					least++
				}
			}
			if room > middleRoom+senders*smallBody+middleRoom/100 {
				t.Errorf("length %d: %d senders have buffers of %d bytes", known, senders, room)
			}
			if least == 0 || least == senders {
				t.Errorf("length %d: %d of %d wait for room", known, least, senders)
			}
			for range least {
				if err := <-errs; hookyard.CodeOf(err) != hookyard.Unavailable {
					t.Errorf("length %d: who waits too long gets %v", known, err)
				}
			}
			end()
			synctest.Wait()
			if !l.middle.TryAcquire(middleRoom) {
				t.Errorf("length %d: room is not given back", known)
			}
		})
	}
}

// slow is a body that stops before its end. Its fields are its reader's until that waits.
type slow struct {
	left, room int
	ctx        context.Context
}

func (s *slow) Read(p []byte) (int, error) {
	if s.left == 0 {
		<-s.ctx.Done()
		return 0, s.ctx.Err()
	}
	n := min(len(p), s.left)
	s.room = max(s.room, 1_000_000-s.left+len(p))
	s.left -= n
	return n, nil
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
