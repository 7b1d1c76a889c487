package egress

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter is the longest wait that is believed; a receiver that is gone for longer is a matter for its owner.
const maxRetryAfter = 7 * 24 * time.Hour

// RetryAfter returns how long a receiver asks to be left alone, from the Retry-After header: seconds or a date (RFC
// 9110 section 10.2.3). Garbage, zero and the past are 0; the result is at most a week.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0
	}
	if strings.Trim(v, "0123456789") == "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n > int64(maxRetryAfter/time.Second) { // all digits: too many of them
			return maxRetryAfter
		}
		return time.Duration(n) * time.Second
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}
