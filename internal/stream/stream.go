// Package stream lets listeners follow a project's events live and miss none: by long poll, Server-Sent Events, NDJSON
// and WebSocket.
//
// A listener is a cursor, and the truth is in the store. The [Hub] only says "look again"; a listener then reads on
// from where it is. So a slow listener reads later and costs no memory, one that comes back goes on where it was, and a
// lost wake-up costs a second. What many listeners are about to read is read and encoded once (see tail); whoever is
// further behind reads for itself.
package stream

import (
	"context"
	"fmt"
	"time"

	"github.com/hookyard/hookyard"
)

// Store is what stream needs of the store. See internal/store for the contracts.
type Store interface {
	After(ctx context.Context, projectKey, after int64, limit int) (hookyard.Tail, error)
	EventsBySeq(ctx context.Context, seqs []int64) (map[int64]*hookyard.Event, error)
	EventMeta(ctx context.Context, projectKey int64, id string) (*hookyard.Event, error)
	SeqAt(ctx context.Context, t time.Time) (int64, error)
	Bounds(ctx context.Context, projectKey int64) (oldest, newest int64, err error)
	EventIDAt(ctx context.Context, seq int64) (string, error)
}

// ErrStopping tells a listener that the server is stopping: it should come back, with its cursor.
var ErrStopping = hookyard.Errorf(hookyard.Unavailable, "the server is stopping: come back in a moment")

// errCutOff is an [ErrStopping] of a server that goes on without its database.
var errCutOff = fmt.Errorf("the database does not answer: %w", ErrStopping)

// Batch is what a listener gets at a time: at least one event, or a gap, or nothing because the wait was over.
type Batch struct {
	Items  []*Item
	Gap    *Gap  // not nil: what lies before Items is missing
	Cursor int64 // where to go on from
}

// cursor returns the text of Cursor.
func (b *Batch) cursor(projectKey int64) string {
	if n := len(b.Items); n > 0 && b.Items[n-1].Event.Seq == b.Cursor {
		return CursorAt(b.Items[n-1].Event)
	}
	return Cursor(projectKey, b.Cursor)
}

// Gap says that events which a listener had not seen yet are past retention, or that its cursor is of no event here, as
// after the database was restored from a backup.
type Gap struct {
	From  Place     // where the listener was
	Until int64     // the newest event that is gone, or, after a reset, the newest event; the listener goes on after it
	Time  time.Time // when the event that is gone came in
	Reset bool      // the cursor was ahead of all events, or of another event than the one at its place
}

// Selection is which of a project's events a listener wants.
type Selection struct {
	Types  hookyard.Selector // as hooks select: "all" leaves out hookyard's own events
	Source string            // "" means any
	Filter string            // as hooks filter; "" means none
	Since  time.Time         // only events that came in then or later; zero means any
}

// light decides by what is known without the event's bytes.
func (s *Selection) light(e *hookyard.Event) bool {
	return s.Types.Match(e.Type) && (s.Source == "" || s.Source == e.Source) &&
		(s.Since.IsZero() || !e.Time.Before(s.Since))
}
