package dispatch_test

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/dispatch"
	"github.com/hookyard/hookyard/internal/egress"
	"github.com/hookyard/hookyard/internal/ingest"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// lateHooks is a store that answers the first read of a hook when the gate opens.
type lateHooks struct {
	*store.DB
	gate chan struct{}
}

func (l lateHooks) HookByKey(ctx context.Context, key int64) (*hookyard.Hook, error) {
	<-l.gate
	return l.DB.HookByKey(ctx, key)
}

// TestBurstToANewLane publishes a burst before the lane has read its hook: as many attempts as the hook allows are then
// under way together, and not one after the other.
func TestBurstToANewLane(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	var mu sync.Mutex
	waiting := 0
	together := make(chan struct{})
	rc := receive(t, func(int, http.ResponseWriter, *http.Request) {
		mu.Lock()
		if waiting++; waiting == hookyard.DefaultInFlight {
			close(together)
		}
		mu.Unlock()
		<-together
	})
	client, err := egress.New(egress.Options{Allow: []string{"127.0.0.0/8"}})
	if err != nil {
		t.Fatal(err)
	}
	late := lateHooks{DB: db, gate: make(chan struct{})}
	d := dispatch.New(dispatch.Options{Hooks: late, Deliveries: db, Nodes: db, Threads: db, Replays: db, Client: client,
		Log: slog.New(slog.DiscardHandler), Limits: hookyard.DefaultLimits(), Poll: time.Hour,
		Rand: func() float64 { return 0.5 }})
	in := ingest.New(ingest.Options{Store: db, Dispatcher: d, Limits: hookyard.DefaultLimits(),
		Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		client.Close()
	}()
	snapshot := storetest.Project(t, db, "ann", "a", rc.URL)
	for range 3 * hookyard.DefaultInFlight {
		e := hookyard.NewEvent("in", "x", []byte("{}"), time.Now())
		if _, err := in.Accept(t.Context(), snapshot, e); err != nil {
			t.Fatal(err)
		}
	}
	close(late.gate)
	select {
	case <-together:
	case <-time.After(time.Minute):
		mu.Lock()
		t.Errorf("%d attempts are under way, want %d", waiting, hookyard.DefaultInFlight)
		mu.Unlock()
		close(together)
	}
}
