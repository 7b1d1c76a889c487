package store_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// TestRoomForReaders reads bodies that have no room beside each other.
func TestRoomForReaders(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := storetest.Project(t, db, "acme", "shop")
		var events []*hookyard.Event
		for range 2 {
			e := event(s.Project.Key, "text/plain", string(bytes.Repeat([]byte("a"), 20<<20)))
			accept(t, db, s, e)
			events = append(events, e)
		}
		ctx, end := context.WithCancel(t.Context())
		first := store.ForRequest(ctx)
		for range 2 { // it has the room already
			if e, err := db.Event(first, 0, events[0].ID); err != nil || len(e.Body) != 20<<20 {
				t.Fatal(err)
			}
		}
		hurried, stop := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer stop()
		if _, err := db.Event(hurried, 0, events[1].ID); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("beside another: %v, want the end of the context", err)
		}
		context.AfterFunc(t.Context(), end)
		time.AfterFunc(10*time.Millisecond, end)
		page, err := db.Events(store.ForRequest(t.Context()), hookyard.EventQuery{ProjectKey: s.Project.Key,
			Bodies: true, Limit: 10})
		if err != nil || len(page.Events) != 1 || !page.Cut || page.Next != page.Events[0].Seq {
			t.Errorf("a page with both: %d events, cut %t, next %d, %v", len(page.Events), page.Cut, page.Next, err)
		}
	})
}
