package cli

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

const (
	renewEvery    = time.Minute     // half the lifetime of a listener at the server
	recordTimeout = 5 * time.Second // for one request
	recordGrace   = 3 * time.Second // for the remaining records when the command ends
)

// recorder reports the URL's responses to the server, which lists them as deliveries. It runs beside the forwarding and
// never stops it: if the server does not record the responses, the user is warned once.
type recorder struct {
	client  *client.Client
	project string
	id      string
	to      string
	say     func(text string) // shows the warning; may be called from any goroutine

	queue   chan client.Forwarded
	quit    chan struct{}
	ended   chan struct{}
	cancel  context.CancelFunc
	unknown bool // the server is too old for listeners; owned by run's goroutine
	failing atomic.Bool
	warned  sync.Once
}

// startRecorder creates the listener's hook at the server. The caller must call stop.
func startRecorder(ctx context.Context, c *client.Client, project, to string, say func(string)) *recorder {
	r := &recorder{client: c, project: project, id: hookyard.ListenerPrefix + strings.ToLower(rand.Text()[:12]), to: to,
		say:   say,
		queue: make(chan client.Forwarded, 100), quit: make(chan struct{}), ended: make(chan struct{})}
	// Ctrl-C ends the listener, but the last responses must still be reported.
	ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go r.run(ctx)
	return r
}

// stop reports the remaining responses, within recordGrace, and deletes the listener's hook.
func (r *recorder) stop() {
	close(r.quit)
	enough := time.AfterFunc(recordGrace, r.cancel)
	<-r.ended
	enough.Stop()
	r.cancel()
}

func (r *recorder) run(ctx context.Context) {
	defer close(r.ended)
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	r.renew(ctx)
	for {
		select {
		case f := <-r.queue:
			r.record(ctx, f)
		case <-tick.C:
			r.renew(ctx)
		case <-r.quit:
			r.finish(ctx)
			return
		}
	}
}

func (r *recorder) finish(ctx context.Context) {
	for len(r.queue) > 0 {
		r.record(ctx, <-r.queue)
	}
	if !r.unknown {
		r.try(ctx, func(ctx context.Context) error { return r.client.DeleteListener(ctx, r.project, r.id) })
	}
}

func (r *recorder) renew(ctx context.Context) {
	r.try(ctx, func(ctx context.Context) error {
		_, err := r.client.PutListener(ctx, r.project, r.id, client.Listener{URL: r.to})
		r.unknown = client.StatusOf(err) == http.StatusNotFound
		return err
	})
}

func (r *recorder) record(ctx context.Context, f client.Forwarded) {
	if r.unknown {
		return
	}
	r.try(ctx, func(ctx context.Context) error {
		_, err := r.client.RecordForwarded(ctx, r.project, r.id, f)
		if client.StatusOf(err) != http.StatusNotFound {
			return err
		}
		// The listener has expired at the server: it was not renewed for a while.
		if _, err := r.client.PutListener(ctx, r.project, r.id, client.Listener{URL: r.to}); err != nil {
			return err
		}
		_, err = r.client.RecordForwarded(ctx, r.project, r.id, f)
		return err
	})
}

// try calls f and warns about the first failure. 404 is not a failure: the server is too old for listeners, or the
// event is past its retention.
func (r *recorder) try(ctx context.Context, f func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	err := f(ctx)
	if client.StatusOf(err) == http.StatusNotFound {
		err = nil
	}
	r.failing.Store(err != nil)
	if err != nil {
		r.warned.Do(func() { r.say("the server does not record the responses: " + sendError(err)) })
	}
}

// add queues the record of one attempt. If the queue is full it waits up to recordTimeout and then drops the record. It
// does not wait while the server fails.
func (r *recorder) add(f client.Forwarded) {
	select {
	case r.queue <- f:
		return
	default:
	}
	if r.failing.Load() {
		return
	}
	select {
	case r.queue <- f:
	case <-r.quit:
	case <-time.After(recordTimeout):
	}
}

// forwardedOf returns the record of an attempt that began at start.
func forwardedOf(eventID string, header http.Header, start time.Time, a *answered) client.Forwarded {
	f := client.Forwarded{EventID: eventID, StartedAt: start.UTC(), Duration: hookyard.Duration(a.took),
		Status: a.Status, Error: a.Error,
		Request: client.ForwardedRequest{Header: hookyard.MaskHeader(header)}}
	if a.Status == 0 {
		return f
	}
	body := a.Base64
	if body == nil {
		body = []byte(a.Text)
	}
	f.Response = &client.ForwardedResponse{Header: hookyard.MaskHeader(a.Header), Base64: body, Truncated: a.truncated}
	return f
}
