package e2e_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hookyard/hookyard/internal/testenv"
)

// arrival is one request to a receiver.
type arrival struct {
	id     string // webhook-id
	method string
	path   string
	query  string
	header http.Header
	body   []byte
	at     time.Time
	status int // of the response
}

// receiver is a program that hooks send to. It records all requests.
type receiver struct {
	url    string
	answer func(w http.ResponseWriter, r *http.Request, n int) int // n counts from 1; writes and returns the status
	forget bool                                                    // drop bodies

	mu   sync.Mutex
	list []arrival
}

// newReceiver starts a receiver that answers 204 unless answer is given.
func newReceiver(t testing.TB, answer func(w http.ResponseWriter, r *http.Request, n int) int) *receiver {
	t.Helper()
	rc := &receiver{answer: answer}
	s := httptest.NewServer(rc)
	t.Cleanup(s.Close)
	rc.url = s.URL
	return rc
}

// newReceiverAt starts a receiver on a free address.
func newReceiverAt(t testing.TB, addr string) *receiver {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	rc := &receiver{url: "http://" + addr}
	s := httptest.NewUnstartedServer(rc)
	_ = s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	return rc
}

// always answers with one status.
func always(status int) func(http.ResponseWriter, *http.Request, int) int {
	return func(w http.ResponseWriter, _ *http.Request, _ int) int {
		w.WriteHeader(status)
		return status
	}
}

// first answers the first n requests with status and the others with 204.
func first(n, status int) func(http.ResponseWriter, *http.Request, int) int {
	return func(w http.ResponseWriter, _ *http.Request, i int) int {
		if i > n {
			status = http.StatusNoContent
		}
		w.WriteHeader(status)
		return status
	}
}

func (rc *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := arrival{id: r.Header.Get("webhook-id"), method: r.Method, path: r.URL.Path, query: r.URL.RawQuery,
		header: r.Header, at: time.Now(),
		status: http.StatusNoContent}
	var err error
	if a.body, err = io.ReadAll(r.Body); err != nil {
		return // incomplete: the sender was killed
	}
	if rc.forget {
		a.body = nil
	}
	rc.mu.Lock()
	rc.list = append(rc.list, a)
	n := len(rc.list)
	rc.mu.Unlock()
	if rc.answer == nil {
		w.WriteHeader(a.status)
		return
	}
	status := rc.answer(w, r, n)
	rc.mu.Lock()
	rc.list[n-1].status = status
	rc.mu.Unlock()
}

// all returns the requests so far.
func (rc *receiver) all() []arrival {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return slices.Clone(rc.list)
}

func (rc *receiver) count() int {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return len(rc.list)
}

// wait waits until n requests have arrived and returns all requests.
func (rc *receiver) wait(t testing.TB, n int) []arrival {
	t.Helper()
	testenv.Until(t, "the receiver gets its requests", func() bool { return rc.count() >= n })
	return rc.all()
}
