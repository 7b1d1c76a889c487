//go:build unix

package store_test

import (
	"context"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// BenchmarkAcceptFinish is what the store costs an event with one hook: 64 at a time, each accepted as taken and
// finished. cpu-µs/op is of the whole process and says more than ns/op, which is mostly fsync.
func BenchmarkAcceptFinish(b *testing.B) {
	db := storetest.Open(b, storetest.SQLite(b))
	snapshot := storetest.Project(b, db, "acme", "shop", "http://a.example/")
	body := []byte(`{"n":"` + strings.Repeat("x", 1000) + `"}`)
	cpu := func() time.Duration {
		var u syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := cpu()
	var wg sync.WaitGroup
	for p := range 64 {
		wg.Go(func() {
			for i := p; i < b.N; i += 64 {
				e, err := hookyard.Publish(hookyard.Publication{Type: "order.created", Data: body}, time.Now(),
					hookyard.DefaultLimits())
				if err != nil {
					b.Error(err)
					return
				}
				e.ProjectKey = snapshot.Project.Key
				a := hookyard.Route(e, snapshot, nil)
				a.Deliveries[0].InMemory = true
				if _, err := db.Accept(context.Background(), a); err != nil {
					b.Error(err)
					return
				}
				w := &hookyard.Work{Delivery: a.Deliveries[0].Delivery, Event: e}
				r := &hookyard.Result{Work: w, Decision: hookyard.Decision{State: hookyard.Delivered},
					Attempt: &hookyard.Attempt{
						EventSeq: e.Seq, HookKey: w.Delivery.HookKey, N: 1, StartedAt: time.Now(), Status: 200,
						URL: "http://a.example/", ResponseBody: []byte("ok"),
						RequestHeader: map[string][]string{"Content-Type": {"application/json"}, "Webhook-Id": {e.ID},
							"Webhook-Timestamp": {"1700000000"}, "User-Agent": {"hookyard/devel"}},
					}}
				if err := db.FinishThen(context.Background(), r, func(error) {}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-µs/op")
}
