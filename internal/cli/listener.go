package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/hookyard/hookyard/client"
)

// listener follows a project's events, through broken connections, and forwards them.
type listener struct {
	client    *client.Client
	project   string
	q         client.StreamQuery
	to        string // URL to forward to, or ""
	header    http.Header
	limit     int // events after which it ends; 0: none
	forwarder *forwarder
	recorder  *recorder // nil: nothing is recorded

	seen int

	mu     sync.Mutex // guards cursor
	cursor string
}

// notice is something that a listener tells: an event with the answer it got, or a text about the connection.
type notice struct {
	event  *client.StreamEvent
	answer *answered
	again  bool   // event will be sent again, for nobody listens
	text   string // what people are told
	up     bool   // the connection stands
}

// errEnough ends a listener that has seen as many events as it was to.
var errEnough = errors.New("enough")

// place is the cursor to go on from.
func (l *listener) place() string {
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

// run follows until the context ends, the server refuses, or tell fails. A connection that breaks is made again.
func (l *listener) run(ctx context.Context, tell func(notice) error) error {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 200*time.Millisecond, 15*time.Second
	l.moveTo(l.q.After)
	var lost time.Time
	for first := true; ; first = false {
		opened := func() {
			wait.Reset()
			_ = tell(notice{text: l.hello(lost), up: true})
			lost = time.Time{}
		}
		if l.q.After = l.place(); l.q.After != "" {
			l.q.Since = ""
		}
		var done error // of this side, not of the connection
		cursor, err := l.client.Stream(ctx, l.project, l.q, opened, func(e client.StreamEvent) error {
			done = l.take(ctx, &e, tell)
			return done
		})
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case done != nil:
			return done
		case err != nil && (first || !passes(err)):
			return err
		}
		l.moveTo(cursor)
		if lost.IsZero() {
			lost = time.Now()
		}
		pause := wait.NextBackOff()
		why := "the server ended the stream"
		if err != nil {
			why = sendError(err)
		}
		if err := tell(notice{text: fmt.Sprintf("%s; again in %s", why,
			pause.Round(100*time.Millisecond))}); err != nil {
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
	return fmt.Sprintf("listening again after %s; what came meanwhile follows",
		time.Since(lost).Round(100*time.Millisecond))
}

// passes says whether trying again can help: the server is away or busy, but it did not refuse.
func passes(err error) bool {
	status := client.StatusOf(err)
	return status == 0 || status >= 500 || status == http.StatusTooManyRequests
}

// record begins to record what the URL answers, if there is one; the function that it returns ends that.
func (l *listener) record(ctx context.Context, say func(string)) (stop func()) {
	if l.to == "" {
		return func() {}
	}
	l.recorder = startRecorder(ctx, l.client, l.project, l.to, say)
	return l.recorder.stop
}

// take tells of one event, after it was forwarded.
func (l *listener) take(ctx context.Context, e *client.StreamEvent, tell func(notice) error) error {
	n := notice{event: e}
	if l.to != "" && e.Gap == nil {
		var err error
		if n.answer, err = l.forward(ctx, e, tell); err != nil {
			return err
		}
	}
	if err := tell(n); err != nil {
		return err
	}
	l.moveTo(e.Cursor)
	if l.seen++; l.limit > 0 && l.seen >= l.limit {
		return errEnough
	}
	return nil
}

// forward sends an event on. As long as nobody listens at the URL it is tried again: a server under development is away
// now and then, and what comes meanwhile must not be lost.
func (l *listener) forward(ctx context.Context, e *client.StreamEvent, tell func(notice) error) (*answered, error) {
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
		text := fmt.Sprintf("%s (%s): %s; again in %s", e.ID, e.Type, a.Error, pause.Round(100*time.Millisecond))
		if err := tell(notice{event: e, answer: a, again: true, text: text}); err != nil {
			return nil, err
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// sendOnce sends an event to the URL with its original headers and bytes, and records the answer.
func (l *listener) sendOnce(ctx context.Context, e *client.StreamEvent) *answered {
	r := &request{eventID: e.ID, method: orText(e.Method, http.MethodPost), url: l.to,
		header: forwardedHeader(e.Header, e.ContentType), body: e.Base64}
	for name, values := range l.header {
		r.header[name] = values
	}
	start := time.Now()
	a := l.forwarder.send(ctx, r)
	if l.recorder != nil && ctx.Err() == nil {
		l.recorder.add(forwardedOf(e.ID, r.header, start, a))
	}
	return a
}
