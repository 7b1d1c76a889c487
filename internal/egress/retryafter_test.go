package egress

import (
	"net/http"
	"testing"
	"time"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for v, want := range map[string]time.Duration{
		"": 0, "0": 0, "120": 2 * time.Minute, " 5 ": 5 * time.Second, "-1": 0, "+5": 0,
		"1.5": 1500 * time.Millisecond, "2.5.1": 0, ".": 0, "soon": 0, "1e3": 0,
		"604800": maxRetryAfter, "604801": maxRetryAfter, "99999999999999999999999": maxRetryAfter,
		"Fri, 02 Jan 2026 12:01:00 GMT": time.Minute, "Fri, 02 Jan 2026 11:59:00 GMT": 0,
		"Friday, 02-Jan-26 12:00:09 GMT": 9 * time.Second, "Fri Jan  2 12:00:10 2026": 10 * time.Second,
		"Fri, 02 Jan 9999 12:01:00 GMT": maxRetryAfter,
	} {
		if got := RetryAfter(http.Header{"Retry-After": {v}}, noon); got != want {
			t.Errorf("%q: %v, want %v", v, got, want)
		}
	}
	if got := RetryAfter(nil, noon); got != 0 {
		t.Errorf("no header: %v", got)
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"120", "-1", "Fri, 02 Jan 2026 12:01:00 GMT", "99999999999999999999", "٣"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, v string) {
		if d := RetryAfter(http.Header{"Retry-After": {v}}, noon); d < 0 || d > maxRetryAfter {
			t.Errorf("%q: %v", v, d)
		}
	})
}
