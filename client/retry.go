package client

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/hookyard/hookyard"
)

// DefaultRetries is how often a request is sent again, unless [WithRetries] says otherwise.
const DefaultRetries = 3

// longestWait is the longest wait that a server may ask for in Retry-After.
const longestWait = 30 * time.Second

// WithRetries sets how often a request is sent again after an error that may pass: no connection, and the statuses 429,
// 502, 503 and 504. The client waits between tries, from a fifth of a second to five seconds and at least as long as
// Retry-After asks for. If that is more than 30 seconds or beyond the context's deadline, it returns the error at once.
//
// Only reads and publications are sent again; other changes only after 429, because they may have been made. 0 means
// never, and publications then have no IdempotencyKey of their own.
func WithRetries(n int) Option { return func(c *Client) { c.retries = n } }

// retry calls do until it succeeds, fails for good, or was called often enough. safe says that do may be repeated
// although the server may have done it.
func (c *Client) retry(ctx context.Context, safe bool, do func(context.Context) error) error {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = 200*time.Millisecond, 5*time.Second
	for tries := 0; ; tries++ {
		err := c.bounded(ctx, do)
		if err == nil || tries >= c.retries || ctx.Err() != nil || !passes(err, safe) {
			return err
		}
		wait := b.NextBackOff()
		var answer *Error
		if errors.As(err, &answer) && answer.RetryAfter > wait {
			wait = answer.RetryAfter
		}
		if end, ok := ctx.Deadline(); wait > longestWait || ok && time.Until(end) < wait {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
	}
}

// bounded calls do within the client's time for a request, unless ctx has a deadline.
func (c *Client) bounded(ctx context.Context, do func(context.Context) error) error {
	if _, bounded := ctx.Deadline(); !bounded && c.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	return do(ctx)
}

// passes reports whether the same request may succeed later.
func passes(err error, safe bool) bool {
	var answer *Error
	var refused *hookyard.Error // by this package
	if !errors.As(err, &answer) {
		return safe && !errors.Is(err, errNotOurs) && !errors.As(err, &refused)
	}
	switch answer.Status {
	case http.StatusTooManyRequests:
		return true
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return safe
	}
	return false
}
