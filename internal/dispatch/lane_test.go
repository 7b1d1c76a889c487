package dispatch_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

// TestLane looks at the lanes of a slow receiver, of one whose hook has a rate, and of one that is idle.
func TestLane(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		y := start(t, db)
		end := make(chan struct{})
		t.Cleanup(func() { close(end) })
		slow := receive(t, func(_ int, _ http.ResponseWriter, r *http.Request) {
			select {
			case <-end:
			case <-r.Context().Done():
			}
		})
		quick := receive(t, func(int, http.ResponseWriter, *http.Request) {})
		snapshot := storetest.Project(t, db, "acme", "shop", slow.URL, quick.URL)
		y.update(snapshot, "h1", func(h *hookyard.Hook) { h.InFlight = 2 })
		y.update(snapshot, "h2", func(h *hookyard.Hook) { h.Rate = 0.01 })
		key := func(id string) int64 { return snapshot.Hook(id).Key }
		if l := y.dispatcher.Lane(key("h1")); len(l.Sending) != 0 || l.Held {
			t.Errorf("before all: %+v", l)
		}
		for range 6 {
			y.publish(snapshot, "a")
		}
		testenv.Until(t, "two are under way and the others wait", func() bool {
			return slow.count() == 2 && len(y.dispatcher.Lane(key("h1")).Sending) == 2 &&
				y.dispatcher.Lane(key("h2")).Held
		})
		if l := y.dispatcher.Lane(key("h1")); l.Held || l.RestUntil.After(time.Now()) {
			t.Errorf("a slow receiver: %+v; want neither a rate nor a rest", l)
		}
		testenv.Until(t, "the one that the rate allows is stored", func() bool {
			return quick.count() == 1 && len(y.dispatcher.Lane(key("h2")).Sending) == 0
		})
	})
}
