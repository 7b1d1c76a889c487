package e2e_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/hookyard/hookyard/client"
)

// TestOrderedBacklog: an ordered hook gets its backlog as fast as its receiver accepts it.
func TestOrderedBacklog(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "ordered")
	rc := newReceiver(t, first(1, http.StatusServiceUnavailable))
	y.hook("h", rc.url, client.HookPatch{Ordered: ptr(true), Schedule: waits(0, time.Second)})
	var ids []string
	for range 300 {
		ids = append(ids, y.publish("order.created", `1`))
	}
	started := time.Now()
	all := rc.wait(t, len(ids)+1)[1:]
	if took := time.Since(started); took > 10*time.Second {
		t.Errorf("%d events in order took %s", len(ids), took)
	}
	for i, id := range ids {
		if all[i].id != id {
			t.Fatalf("event %d came out of order", i)
		}
	}
}
