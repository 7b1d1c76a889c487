package dispatch_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

// TestIdleLanesGo holds that a lane is dropped when it has nothing to do, unless it knows what a new one would not, and
// that nothing is lost while lanes come and go.
func TestIdleLanesGo(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	good := receive(t, nil)
	bad := receive(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	well := storetest.Project(t, db, "acme", "well", good.URL, good.URL, good.URL)
	ill := storetest.Project(t, db, "acme", "ill", bad.URL)
	y := start(t, db)
	y.update(ill, "h1", func(h *hookyard.Hook) { h.Schedule = []time.Duration{0} })
	y.publish(well, "a.b")
	y.publish(ill, "a.b")
	y.settled(well)
	y.settled(ill)
	later := time.Now().Add(time.Hour)
	testenv.Until(t, "only the lane of the failing hook is left", func() bool {
		y.dispatcher.Sweep(later)
		return y.dispatcher.Stats().Lanes == 1
	})
	stop := make(chan struct{})
	var sweeper sync.WaitGroup
	sweeper.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				y.dispatcher.Sweep(later)
			}
		}
	})
	var publishers sync.WaitGroup
	const events = 50
	for range 4 {
		publishers.Go(func() {
			for range events {
				y.publish(well, "a.b")
			}
		})
	}
	publishers.Wait()
	y.settled(well)
	close(stop)
	sweeper.Wait()
	if n := good.count(); n != 3*(1+4*events) {
		t.Errorf("%d requests arrived, want %d", n, 3*(1+4*events))
	}
}
