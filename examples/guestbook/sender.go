package main

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"time"
)

// sender empties the outbox, in order. An event stays there until publish has returned nil, so it leaves at least once;
// when the program dies between the two it leaves again, with the same id, and hookyard drops the repeat.
type sender struct {
	book    *book
	log     *slog.Logger
	publish func(context.Context, event) error
}

// Waits before another try.
const (
	firstWait = time.Second
	maxWait   = time.Minute
)

// run sends until ctx ends.
func (s *sender) run(ctx context.Context) {
	wait := firstWait
	for ctx.Err() == nil {
		err := s.sendOne(ctx)
		switch {
		case err == nil:
			wait = firstWait
		case errors.Is(err, sql.ErrNoRows): // all have left
			select {
			case <-s.book.wake:
			case <-ctx.Done():
			}
		case ctx.Err() == nil:
			s.log.Warn("a comment cannot be published; trying again", "in", wait, "error", err)
			pause(ctx, wait)
			wait = min(2*wait, maxWait)
		}
	}
}

func (s *sender) sendOne(ctx context.Context) error {
	e, err := s.book.next(ctx)
	if err != nil {
		return err
	}
	if err := s.publish(ctx, e); err != nil {
		return err
	}
	return s.book.left(context.WithoutCancel(ctx), e)
}

// pause waits; false means that ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
