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
	renewEvery    = time.Minute     // half of what the server gives a listener
	recordTimeout = 5 * time.Second // of one request
	recordGrace   = 3 * time.Second // for what is left at the end of the command
)

// recorder tells the server what a URL answered, so that it stands among the deliveries. It works beside the forwarding
// and never stops it: where the server cannot or will not record, that is said once.
type recorder struct {
	client  *client.Client
	project string
	id      string
	to      string
	say     func(text string) // takes the one warning; may be called from any goroutine

	queue   chan client.Forwarded
	quit    chan struct{}
	ended   chan struct{}
	cancel  context.CancelFunc
	unknown bool // the server knows no listeners: it is older; of run's goroutine
	failing atomic.Bool
	warned  sync.Once
}

// startRecorder makes the listener's hook at the server. The caller must stop it.
func startRecorder(ctx context.Context, c *client.Client, project, to string, say func(string)) *recorder {
	r := &recorder{client: c, project: project, id: hookyard.ListenerPrefix + strings.ToLower(rand.Text()[:12]), to: to,
		say:   say,
		queue: make(chan client.Forwarded, 100), quit: make(chan struct{}), ended: make(chan struct{})}
	// Ctrl-C ends the listener, and then there is still something to tell
	ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go r.run(ctx)
	return r
}

// stop tells what is left, for a short while, and takes the listener's hook away.
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
		// The server did not hear from here for a while, and has taken the listener for gone.
		if _, err := r.client.PutListener(ctx, r.project, r.id, client.Listener{URL: r.to}); err != nil {
			return err
		}
		_, err = r.client.RecordForwarded(ctx, r.project, r.id, f)
		return err
	})
}

// try warns of the first failure. That the server knows no listeners is none, nor that the event is past its retention.
func (r *recorder) try(ctx context.Context, f func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	err := f(ctx)
	if client.StatusOf(err) == http.StatusNotFound {
		err = nil
	}
	r.failing.Store(err != nil)
	if err != nil {
		r.warned.Do(func() { r.say("answers are not recorded at the server: " + sendError(err)) })
	}
}

// add tells of one try. It waits a little when the server is slower than the URL, and gives the record up when it
// fails.
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

// forwardedOf is a try as the server is told of it. start is when it began.
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
