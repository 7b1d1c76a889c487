package dispatch

import (
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// TestReleased: a place that is given back because an event was surely not stored, such as a duplicate, has nobody look
// for lost rows, and many doubts at a time have one look.
func TestReleased(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	h := storetest.Project(t, db, "acme", "shop", "http://127.0.0.1:1/").Hooks[0]
	e := hookyard.NewEvent("in", "a", []byte("{}"), time.Now())
	d := New(Options{Nodes: db})
	release := func(unsure bool) {
		t.Helper()
		if !d.Reserve(h, e) {
			t.Fatal("there is no place")
		}
		d.Release(h.Key, e, unsure)
	}
	release(false)
	if d.doubts.Load() != 0 || d.doubted.Load() {
		t.Error("a refused event is in doubt")
	}
	for range 20 {
		release(true)
	}
	if d.doubts.Load() != doubtLooks || !d.doubted.Load() {
		t.Error("an event of which nobody knows whether it is stored is not in doubt")
	}
	<-d.again
	release(true)
	if !d.doubted.Load() {
		t.Error("a doubt after a look is forgotten")
	}
}
