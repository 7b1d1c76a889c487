package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// demoReceiver stands in for a user's service. It is busy at first. It verifies requests as any receiver would, with
// the public Standard Webhooks library.
type demoReceiver struct {
	url      string
	attempts chan demoAttempt
	server   *http.Server
	ended    chan error
}

// demoAttempt is one request to the receiver.
type demoAttempt struct {
	n, status int
	id        string // the header webhook-id
	fault     error
}

// demoFailures is the number of attempts that the receiver answers with 503.
const demoFailures = 2

func newDemoReceiver(ctx context.Context, secret string) (*demoReceiver, error) {
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return nil, err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &demoReceiver{url: "http://" + l.Addr().String() + "/deploy", attempts: make(chan demoAttempt, 16),
		ended: make(chan error, 1)}
	n := 0 // not guarded: attempts of one delivery do not overlap
	r.server = &http.Server{ReadHeaderTimeout: 5 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			n++
			a := demoAttempt{n: n, id: q.Header.Get("Webhook-Id"), status: http.StatusOK}
			body, err := io.ReadAll(io.LimitReader(q.Body, 1<<20))
			switch {
			case err != nil:
				a.fault = err
			case !bytes.Equal(body, demoPush):
				a.fault = errors.New("the body differs from what was sent")
			default:
				a.fault = verifier.Verify(body, q.Header)
			}
			if n <= demoFailures {
				a.status = http.StatusServiceUnavailable
			}
			w.WriteHeader(a.status)
			r.attempts <- a
		})}
	go func() { r.ended <- r.server.Serve(l) }()
	return r, nil
}

func (r *demoReceiver) close() error {
	err := r.server.Close()
	if served := <-r.ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
