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
	for _, size := range []int{0, 1, smallBody - 1, smallBody, smallBody + 1, 2 << 20, 3<<20 + 7, 25 << 20} {
		want := bytes.Repeat([]byte("ab"), size/2+1)[:size]
		for _, known := range []int64{-1, int64(size)} {
			for name, body := range map[string]io.Reader{"whole": bytes.NewReader(want), "end with data": iotest.DataErrReader(bytes.NewReader(want))} {
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
			_, err := l.read(httptest.NewRequestWithContext(ctx, http.MethodPost, "/", nil), io.LimitReader(endless{}, 25<<20))
			return err
		}
		first, end := context.WithCancel(t.Context())
		for range largeRoom / (25 << 20) {
			if err := read(first); err != nil {
				t.Fatal(err)
			}
		}
		if err := read(t.Context()); hookyard.CodeOf(err) != hookyard.TooMany {
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

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
