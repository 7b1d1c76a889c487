package hookyard_test

import (
	"net/http"
	"testing"

	"github.com/hookyard/hookyard"
)

func TestHops(t *testing.T) {
	t.Parallel()
	h := http.Header{}
	for n := 1; n <= hookyard.MaxHops+1; n++ {
		hookyard.SetHops(h, h)
		if err := hookyard.CheckHops(&hookyard.Event{Header: h}); hookyard.Hops(h) != n ||
			(err != nil) != (n > hookyard.MaxHops) {
			t.Errorf("sent on %d times: %v, %v", n, h, err)
		}
	}
	for _, odd := range []string{"", "-1", "x", "99999999999999"} {
		if got := hookyard.Hops(http.Header{hookyard.HeaderHops: {odd}}); got != 0 {
			t.Errorf("%q counts as %d", odd, got)
		}
	}
}
