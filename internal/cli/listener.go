package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// listener follows a project's events, reconnecting as needed, and forwards them.
type listener struct {
	client    *client.Client
	project   string
	q         client.StreamQuery
	to        string // URL to forward to, or ""
	header    http.Header
	limit     int // number of events after which it ends; 0: no limit
	forwarder *forwarder
	signer    *signer       // nil: events are not signed
	recorder  *recorder     // nil: responses are not recorded
	skip      chan struct{} // a value gives up the event that is being retried; nil: never

	seen int

	mu     sync.Mutex // guards cursor
	cursor string
}

// notice is what a listener reports: an event with the URL's response, or a message about the connection.
type notice struct {
	event  *client.StreamEvent
	answer *answered
	again  bool   // the event will be retried, because the URL refused the connection
	text   string // message for the user; "" with no event: only waiting has changed
	up     bool   // the connection is established
	passes bool   // the text is true until the next event

	waiting string // events that wait behind this one, such as 3 or 12+, or ""
}

// errEnough ends a listener that has reached its limit.
var errEnough = errors.New("enough")

// position returns the cursor to continue from.
func (l *listener) position() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cursor
}

func (l *listener) moveTo(cursor string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if cursor != "" {
		l.cursor = cursor
	}
}

// run follows the events until ctx is done, the server rejects the request, or notify fails. It reconnects after any
// other error. It calls notify for one notice at a time.
func (l *listener) run(ctx context.Context, notify func(notice) error) error {
	ctx, stop := context.WithCancelCause(ctx) // the first reason is the one that is returned
	defer stop(nil)
	var mu sync.Mutex
	b := newBacklog()
	report := func(n notice) error {
		mu.Lock()
		defer mu.Unlock()
		n.waiting = b.String()
		err := notify(n)
		if err != nil {
			stop(err)
		}
		return err
	}
	ended := make(chan error, 1)
	go func() {
		ended <- l.read(ctx, b, report)
		close(b.items)
	}()
	for {
		w, ok := b.take()
		if !ok || ctx.Err() != nil {
			stop(<-ended)
			return context.Cause(ctx)
		}
		if w.event == nil {
			l.moveTo(w.cursor)
			continue
		}
		if err := l.handle(ctx, w.event, report); err != nil {
			stop(err)
			stop(<-ended) // waits; the first reason counts
			return context.Cause(ctx)
		}
	}
}

// read fills the backlog until ctx is done or the server rejects the request.
func (l *listener) read(ctx context.Context, b *backlog, notify func(notice) error) error {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 200*time.Millisecond, 15*time.Second
	l.moveTo(l.q.After)
	q := l.q
	var lost time.Time
	for first := true; ; first = false {
		opened := func() {
			first = false
			wait.Reset()
			_ = notify(notice{text: l.hello(lost), up: true, passes: !lost.IsZero()})
			lost = time.Time{}
		}
		if q.After != "" {
			q.Since = ""
		}
		cursor, err := l.client.Stream(ctx, l.project, q, opened, func(e client.StreamEvent) error {
			if err := b.add(ctx, waiting{event: &e}); err != nil {
				return err
			}
			return notify(notice{up: true})
		})
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && (first || !isTransient(err)):
			return err
		}
		q.After = cursor
		if err := b.add(ctx, waiting{cursor: cursor}); err != nil {
			return err
		}
		if lost.IsZero() {
			lost = time.Now()
		}
		pause := wait.NextBackOff()
		why := "the server ended the stream"
		if errors.Is(err, client.ErrSilent) {
			why = "no sign of life from the server"
		} else if err != nil {
			why = sendError(err)
		}
		if err := notify(notice{text: fmt.Sprintf("%s; retrying in %s", why,
			hookyard.FormatDuration(pause.Round(100*time.Millisecond)))}); err != nil {
			return err
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

func (l *listener) hello(lost time.Time) string {
	if lost.IsZero() {
		return "listening to " + l.project
	}
	return fmt.Sprintf("listening again after %s; catching up",
		hookyard.FormatDuration(time.Since(lost).Round(100*time.Millisecond)))
}

// isTransient reports whether a retry can help: the server is down or busy, but did not reject the request.
func isTransient(err error) bool {
	status := client.StatusOf(err)
	return status == 0 || status >= 500 || status == http.StatusTooManyRequests
}

// record starts to record the responses of the URL, if there is one. The caller must call stop.
func (l *listener) record(ctx context.Context, say func(string)) (stop func()) {
	if l.to == "" {
		return func() {}
	}
	l.recorder = startRecorder(ctx, l.client, l.project, l.to, say)
	return l.recorder.stop
}

// handle forwards one event and reports it.
func (l *listener) handle(ctx context.Context, e *client.StreamEvent, notify func(notice) error) error {
	n := notice{event: e}
	if l.to != "" && e.Gap == nil {
		var err error
		if n.answer, err = l.forward(ctx, e, notify); err != nil {
			return err
		}
	}
	if err := notify(n); err != nil {
		return err
	}
	l.moveTo(e.Cursor)
	if l.seen++; l.limit > 0 && l.seen >= l.limit {
		return errEnough
	}
	return nil
}

// forward sends an event to the URL. It retries while the URL refuses connections: a server under development restarts
// often, and must not lose events.
func (l *listener) forward(ctx context.Context, e *client.StreamEvent, notify func(notice) error) (*answered, error) {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 500*time.Millisecond, 10*time.Second
	for {
		a := l.sendOnce(ctx, e)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if !a.refused {
			return a, nil
		}
		pause := wait.NextBackOff()
		text := fmt.Sprintf("%s (%s): %s; retrying in %s", e.ID, e.Type, a.Error,
			hookyard.FormatDuration(pause.Round(100*time.Millisecond)))
		if err := notify(notice{event: e, answer: a, again: true, text: text}); err != nil {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-l.skip:
			return a, nil
		case <-time.After(pause):
		}
	}
}

// sendOnce sends an event to the URL with its original headers and bytes, and records the response.
func (l *listener) sendOnce(ctx context.Context, e *client.StreamEvent) *answered {
	r := requestOf(&e.Event, e.Base64)
	r.url = withTarget(l.to, e.Target)
	start := time.Now()
	a := l.forwarder.sendSigned(ctx, l.signer, r, l.header)
	if l.recorder != nil && ctx.Err() == nil {
		l.recorder.add(forwardedOf(e.ID, r.header, start, a))
	}
	return a
}
