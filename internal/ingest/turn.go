package ingest

import (
	"context"
	"log/slog"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/hookyard/hookyard"
)

// Bounds on the filters of a project, so that those of others have processors left.
const (
	turnWait   = 10 * time.Second // how long a request waits for its turn before it is refused
	slowFilter = time.Second      // from which the filters of a request are logged
)

// turn is a request's turn to run the filters of a project. A nil turn is that of a project without filters.
type turn struct {
	work *hookyard.FilterWork
	give func()
	log  *slog.Logger
	path string // of the project
}

// takeTurn waits until the request may run the filters of a project: those of one project run on half of the
// processors at a time. The caller must call end. The error is Unavailable, or the one of ctx.
func (in *Ingest) takeTurn(ctx context.Context, snapshot *hookyard.Snapshot) (*turn, error) {
	if !slices.ContainsFunc(snapshot.Hooks, func(h *hookyard.Hook) bool { return h.Filter != "" }) {
		return nil, nil
	}
	room, done := in.turns.Of(strconv.FormatInt(snapshot.Project.Key, 10), int64(max(1, runtime.GOMAXPROCS(0)/2)))
	if !room.TryAcquire(1) {
		wait, cancel := context.WithTimeout(ctx, turnWait)
		defer cancel()
		if err := room.Acquire(wait, 1); err != nil {
			done()
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			return nil, hookyard.Errorf(hookyard.Unavailable, "the filters of this project's hooks are busy with "+
				"other events: send it again later, or simplify them; the log names the slowest").After(turnWait)
		}
	}
	return &turn{work: hookyard.NewFilterWork(ctx, in.o.Filter), log: in.o.Log, path: snapshot.Project.Path(),
		give: func() { room.Release(1); done() }}, nil
}

// end ends the turn.
func (t *turn) end() {
	if t == nil {
		return
	}
	t.give()
	if t.work.Spent() >= slowFilter {
		t.log.Warn("the filters of a project take long", "project", t.path, "slowest", t.work.Slowest())
	}
}

// check fails if the request has ended. When the time was over, several events are refused as a whole, so that their
// sender can send fewer. A single one is stored: filters that were not asked any more could not decide.
func (t *turn) check(events int) error {
	if t == nil {
		return nil
	}
	err := t.work.Err()
	if events == 1 && hookyard.CodeOf(err) == hookyard.TooLarge {
		return nil
	}
	return err
}
