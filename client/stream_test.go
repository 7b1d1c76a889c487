package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestStreamSilent holds that a stream without heartbeats ends with an error of its own, and that the time which the
// caller takes for an event does not count.
func TestStreamSilent(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, id := range []string{"a", "b"} {
			_, _ = fmt.Fprintf(w, "id: %s\ndata: {\"id\":%q}\n\n", id, id)
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	c, err := New(server.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	c.streamIdle = 300 * time.Millisecond
	n := 0
	cursor, err := c.Stream(t.Context(), "o/p", StreamQuery{}, nil, func(StreamEvent) error {
		if n++; n == 1 { // a receiver that is down for a while
			busy, cancel := context.WithTimeout(t.Context(), 2*c.streamIdle)
			defer cancel()
			<-busy.Done()
		}
		return nil
	})
	if !errors.Is(err, ErrSilent) || cursor != "b" || n != 2 {
		t.Errorf("cursor %q after %d events, %v; want b after 2, ErrSilent", cursor, n, err)
	}
}
