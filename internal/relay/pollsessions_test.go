package relay

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestSessionsBehindAProxy: clients behind a proxy have no port, so their connections are unknown, and a poll takes the
// session that was left last.
func TestSessionsBehindAProxy(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]int64{"203.0.113.5:0": 2, "203.0.113.5:4711": 1} {
		s := pollSessions{window: time.Minute, by: map[fingerprint][]*session{}}
		r := httptest.NewRequest(http.MethodGet, "/_webhook/register", nil)
		r.RemoteAddr = remote
		now := time.Now()
		first, second := s.take(r, 1, now), s.take(r, 1, now)
		s.leave(first, 1, now)
		s.leave(second, 2, now.Add(time.Second))
		if got := s.take(r, 1, now.Add(2*time.Second)).cursor; got != want {
			t.Errorf("%s: the session with cursor %d, want %d", remote, got, want)
		}
	}
}
