package hookyard

import (
	"context"
	"fmt"
	"time"
)

// FilterTime is how long the filters of all hooks may take for one request together.
const FilterTime = 10 * time.Second

// FilterWork is the work of the filters for one request: it ends with the request, is bounded by [FilterTime], and is
// told by hook. It is not safe for concurrent use.
type FilterWork struct {
	ctx    context.Context
	filter Filter
	spent  time.Duration
	most   time.Duration
	mostOf string // hook that took most
	byHook map[int64]time.Duration
}

// NewFilterWork returns the work of a request whose context is ctx.
func NewFilterWork(ctx context.Context, filter Filter) *FilterWork {
	return &FilterWork{ctx: ctx, filter: filter, byHook: map[int64]time.Duration{}}
}

// Match is a [Filter]. It fails once the request has ended or the time is over.
func (w *FilterWork) Match(h *Hook, e *Event) (bool, error) {
	if err := w.Err(); err != nil {
		return false, err
	}
	began := time.Now()
	ok, err := w.filter(h, e)
	took := time.Since(began)
	w.spent += took
	w.byHook[h.Key] += took
	if sum := w.byHook[h.Key]; sum > w.most {
		w.most, w.mostOf = sum, h.ID
	}
	return ok, err
}

// Err returns the error of the request's context, or TooLarge once the time is over.
func (w *FilterWork) Err() error {
	if w.ctx.Err() != nil {
		return context.Cause(w.ctx)
	}
	if w.spent <= FilterTime {
		return nil
	}
	return Errorf(TooLarge, "the filters of this project's hooks took more than %s for one request, "+
		"that of hook %s %s: "+
		"send fewer events in a request, or simplify the filter", FormatDuration(FilterTime), w.mostOf,
		FormatDuration(w.most.Round(time.Millisecond)))
}

// Spent returns how long the filters took.
func (w *FilterWork) Spent() time.Duration { return w.spent }

// Slowest says which hook's filter took most, and how long; "" if none was asked.
func (w *FilterWork) Slowest() string {
	if w.mostOf == "" {
		return ""
	}
	return fmt.Sprintf("%s: %s of %s", w.mostOf, FormatDuration(w.most.Round(time.Millisecond)),
		FormatDuration(w.spent.Round(time.Millisecond)))
}
