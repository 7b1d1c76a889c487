package main

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"time"
)

// sender empties the outbox, in order. An event is removed after publish has returned nil, so it is published at least
// once. If the program dies in between, the event is published again with the same id, and hookyard drops the
// duplicate.
type sender struct {
	book    *book
	log     *slog.Logger
	publish func(context.Context, event) error
}

// Delays before a retry.
const (
	firstWait = time.Second
	maxWait   = time.Minute
)

// run sends events until ctx is done.
func (s *sender) run(ctx context.Context) {
	wait := firstWait
	for ctx.Err() == nil {
		err := s.sendOne(ctx)
		switch {
		case err == nil:
			wait = firstWait
		case errors.Is(err, sql.ErrNoRows): // the outbox is empty
			select {
			case <-s.book.wake:
			case <-ctx.Done():
			}
		case ctx.Err() == nil:
			s.log.Warn("cannot publish a comment; retrying", "in", wait, "error", err)
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
	return s.book.remove(context.WithoutCancel(ctx), e)
}

// pause waits for d and returns true, or returns false when ctx is done.
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
