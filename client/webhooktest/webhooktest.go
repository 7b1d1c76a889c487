// Package webhooktest helps to test programs that send or receive webhooks, without a network or a running hookyard.
//
// A [Server] is a receiver in memory: it records the requests that it gets, verifies their signatures and answers as
// the test wants. A [Request], recorded or made by hand, can be signed and given to the handler of a receiver.
package webhooktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/hookyard/hookyard/signature"
)

// Server is a receiver of webhooks on a loopback port. It is safe for concurrent use.
type Server struct {
	URL string // of the form http://127.0.0.1:port; every path below it is served

	http   *httptest.Server
	closed chan struct{} // ends the delays

	mu       sync.Mutex // guards what follows
	requests []Request
	came     chan struct{} // closed when the next request is recorded
	answers  []Answer
	verifier *signature.Verifier
}

// Answer is a response of a [Server].
type Answer struct {
	Status int // 0 means 200
	Header http.Header
	Body   string
	Delay  time.Duration // before the response; it ends early when the client goes away or the server is closed
}

// Request is a request that a [Server] got.
type Request struct {
	Method string
	Target string // path and query
	Header http.Header
	Body   []byte
	Time   time.Time // when its body was read
	Err    error     // why it was not verified; nil if it was, or if the server does not verify
	Status int       // what it was answered with
}

// NewServer starts a server, which answers every request with 200 until told otherwise. The caller closes it.
func NewServer() *Server {
	s := &Server{closed: make(chan struct{}), came: make(chan struct{})}
	s.http = httptest.NewServer(s)
	s.URL = s.http.URL
	return s
}

// Close stops the server. It waits for the requests that are being answered, and ends their delays. It must be called
// once.
func (s *Server) Close() {
	close(s.closed)
	s.http.Close()
}

// Answer sets the responses to the next requests, in order. The last one also answers all requests after it. A request
// whose signature is refused uses up none of them.
func (s *Server) Answer(answers ...Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers = slices.Clone(answers)
}

// Status is [Server.Answer] for responses that have only a status.
func (s *Server) Status(statuses ...int) {
	answers := make([]Answer, len(statuses))
	for i, status := range statuses {
		answers[i].Status = status
	}
	s.Answer(answers...)
}

// Verify makes the server verify the following requests with v, as made by [signature.New]; for webhooks that hookyard
// signs, the provider is standard-webhooks. A request that is not what its sender signed is recorded with the reason in
// Err and answered with 401 or, for some providers, 403. Nil ends the verification.
func (s *Server) Verify(v *signature.Verifier) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.verifier = v
}

// Requests returns the requests that were recorded so far, in the order in which they came.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Wait waits until the server has recorded n requests since its start, and returns the last of these. It fails when ctx
// ends; the error says how many came. It fails for an n below 1.
func (s *Server) Wait(ctx context.Context, n int) (Request, error) {
	if n < 1 {
		return Request{}, fmt.Errorf("cannot wait for request %d: the first is 1", n)
	}
	for {
		s.mu.Lock()
		have, came := len(s.requests), s.came
		if have >= n {
			defer s.mu.Unlock()
			return s.requests[n-1], nil
		}
		s.mu.Unlock()
		select {
		case <-came:
		case <-ctx.Done():
			return Request{}, fmt.Errorf("waiting for request %d, of which %d came: %w", n, have, context.Cause(ctx))
		}
	}
}

// ServeHTTP records and answers a request. It makes the server a handler that tests can call without its port.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil { // the client went away
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	got := Request{Method: r.Method, Target: r.URL.RequestURI(), Header: r.Header.Clone(), Body: body, Time: time.Now()}
	answer := s.record(&got)
	if answer.Delay > 0 {
		wait := time.NewTimer(answer.Delay)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-r.Context().Done():
		case <-s.closed:
		}
	}
	for name, values := range answer.Header {
		w.Header()[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
	w.WriteHeader(answer.Status)
	_, _ = io.WriteString(w, answer.Body)
}

// record records a request and returns its answer.
func (s *Server) record(r *Request) Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer, handshake := s.verify(r)
	if r.Err == nil && !handshake {
		answer = s.next()
	}
	if answer.Status == 0 {
		answer.Status = http.StatusOK
	}
	r.Status = answer.Status
	s.requests = append(s.requests, *r)
	close(s.came)
	s.came = make(chan struct{})
	return answer
}

// verify sets r.Err. It returns the answer if it is not the test's to choose.
func (s *Server) verify(r *Request) (answer Answer, handshake bool) {
	if s.verifier == nil {
		return Answer{}, false
	}
	result, err := s.verifier.Verify(&signature.Request{Method: r.Method, URL: s.URL + r.Target, Header: r.Header,
		Body: r.Body, Now: r.Time})
	if err != nil {
		r.Err = err
		answer.Status = http.StatusUnauthorized
		if why := (*signature.Error)(nil); errors.As(err, &why) && why.StatusCode != 0 {
			answer.Status = why.StatusCode
		}
		answer.Body = err.Error() + "\n"
		return answer, false
	}
	if result.Response == nil {
		return Answer{}, false
	}
	answer.Status, answer.Body = result.Response.StatusCode, string(result.Response.Body)
	answer.Header = http.Header{}
	for name, value := range result.Response.Header {
		answer.Header.Set(name, value)
	}
	return answer, true
}

// next takes the next answer.
func (s *Server) next() Answer {
	if len(s.answers) == 0 {
		return Answer{}
	}
	answer := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	return answer
}

// ID returns the id of the message, webhook-id: the same on every attempt. It is empty without one.
func (r Request) ID() string { return r.Header.Get(signature.HeaderID) }

// Signed returns a copy of r that is signed by Standard Webhooks with a secret, as of now. Its id stays, and is
// msg_test if r has none. It fails for a secret that cannot sign.
func (r Request) Signed(secret string, now time.Time) (Request, error) {
	id := r.ID()
	if id == "" {
		id = "msg_test"
	}
	sum, err := signature.SignStandard([]string{secret}, id, now, r.Body)
	if err != nil {
		return Request{}, err
	}
	if r.Header = r.Header.Clone(); r.Header == nil {
		r.Header = http.Header{}
	}
	r.Header.Set(signature.HeaderID, id)
	r.Header.Set(signature.HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
	r.Header.Set(signature.HeaderSignature, sum)
	return r, nil
}

// Replay gives the request to h and returns its response. The method and the target of a request that was made by hand
// may be missing: they are POST and /.
func (r Request) Replay(h http.Handler) *http.Response {
	method, target := r.Method, r.Target
	if method == "" {
		method = http.MethodPost
	}
	if target == "" {
		target = "/"
	}
	again := httptest.NewRequest(method, target, bytes.NewReader(r.Body))
	again.Header = r.Header.Clone()
	if again.Header == nil {
		again.Header = http.Header{}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, again)
	return w.Result()
}
