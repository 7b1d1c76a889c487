package egress

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter bounds the wait that a receiver can request.
const maxRetryAfter = 7 * 24 * time.Hour

// RetryAfter returns the wait that the header Retry-After requests, in seconds or as a date (RFC 9110 section 10.2.3).
// Fractions of a second, which some servers send, are accepted too. It is 0 if the header is missing, malformed or in
// the past, and at most a week.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0
	}
	if strings.Trim(v, "0123456789.") == "" {
		n, err := strconv.ParseFloat(v, 64)
		switch {
		case n > maxRetryAfter.Seconds():
			return maxRetryAfter // an overflow is +Inf
		case err != nil:
			return 0
		}
		return time.Duration(n * float64(time.Second))
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}
