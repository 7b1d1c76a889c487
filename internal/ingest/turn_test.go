package ingest

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookyard/hookyard"
)

// TestTimeOfFilters routes events whose filters take longer together than those of a request may: events of one list
// are refused together, those that came apart are not, however they were put together here.
func TestTimeOfFilters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := func(*hookyard.Hook, *hookyard.Event) (bool, error) {
			<-time.After(hookyard.FilterTime * 2 / 3)
			return false, nil
		}
		in := New(Options{Log: slog.New(slog.DiscardHandler), Filter: slow})
		snapshot := &hookyard.Snapshot{Project: &hookyard.Project{Owner: "acme", Name: "shop", Key: 1},
			Hooks: []*hookyard.Hook{{ID: "slow", Key: 1, Filter: "a = 1", Events: hookyard.SelectAll()}}}
		events := []*hookyard.Event{{Type: "a"}, {Type: "b"}, {Type: "c"}}
		all, err := in.routeAll(t.Context(), snapshot, events, make([][]*hookyard.Hook, 3))
		if err != nil || len(all) != 3 {
			t.Errorf("apart: %d routed, %v", len(all), err)
		}
		if _, err := in.routeAll(t.Context(), snapshot, events, nil); hookyard.CodeOf(err) != hookyard.TooLarge ||
			!strings.Contains(err.Error(), "hook slow") {
			t.Errorf("a list: %v, want it refused", err)
		}
		if all, err := in.routeAll(t.Context(), snapshot, events[:1], nil); err != nil || len(all) != 1 {
			t.Errorf("the turn was not given back: %v", err)
		}
	})
}
