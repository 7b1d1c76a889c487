package relay

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestSeatsBehindAProxy: clients that come by a proxy have no port, so none is known by its connection: the seat that
// was left last is taken.
func TestSeatsBehindAProxy(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]int64{"203.0.113.5:0": 2, "203.0.113.5:4711": 1} {
		s := seats{window: time.Minute, by: map[print][]*seat{}}
		r := httptest.NewRequest(http.MethodGet, "/_webhook/register", nil)
		r.RemoteAddr = remote
		now := time.Now()
		first, second := s.take(r, 1, now), s.take(r, 1, now)
		s.leave(first, 1, now)
		s.leave(second, 2, now.Add(time.Second))
		if got := s.take(r, 1, now.Add(2*time.Second)).cursor; got != want {
			t.Errorf("%s: the seat with cursor %d, want %d", remote, got, want)
		}
	}
}
