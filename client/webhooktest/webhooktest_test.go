package webhooktest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookyard/hookyard/client/webhooktest"
	"github.com/hookyard/hookyard/signature"
)

// TestAnswers uses up the answers in order and repeats the last one.
func TestAnswers(t *testing.T) {
	t.Parallel()
	s := webhooktest.NewServer()
	defer s.Close()
	s.Answer(webhooktest.Answer{Status: 429, Header: http.Header{"retry-after": {"7"}}, Body: "slow down"},
		webhooktest.Answer{})
	for i, want := range []string{"429 7", "200 ", "200 "} {
		resp, err := http.Post(fmt.Sprintf("%s/a?n=%d", s.URL, i), "text/plain", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if got := fmt.Sprint(resp.StatusCode, " ", resp.Header.Get("Retry-After")); got != want {
			t.Errorf("answer %d is %q, want %q", i, got, want)
		}
	}
	for i, r := range s.Requests() {
		kind := r.Header.Get("Content-Type")
		if r.Target != fmt.Sprintf("/a?n=%d", i) || string(r.Body) != "x" || kind != "text/plain" {
			t.Errorf("request %d is recorded as %+v", i, r)
		}
	}
}

// TestDelay waits before it answers, but neither longer than the client nor than the server.
func TestDelay(t *testing.T) {
	t.Parallel()
	s := webhooktest.NewServer()
	const delay = 20 * time.Millisecond
	s.Answer(webhooktest.Answer{Delay: delay, Status: 204}, webhooktest.Answer{Delay: time.Hour, Status: 204})
	began := time.Now()
	if resp := (webhooktest.Request{}).Replay(s); resp.StatusCode != 204 || time.Since(began) < delay {
		t.Errorf("answered %d after %s", resp.StatusCode, time.Since(began))
	}
	ctx, leave := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	var left sync.WaitGroup
	left.Go(func() {
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			t.Error("a client that went away got a response")
		}
	})
	left.Go(func() {
		if resp := (webhooktest.Request{}).Replay(s); resp.StatusCode != 204 {
			t.Errorf("the end of the server is answered with %d", resp.StatusCode)
		}
	})
	if _, err := s.Wait(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	leave()
	s.Close()
	left.Wait()
}

// TestWait returns as soon as the request is there, to every goroutine that waits, and ends with its context.
func TestWait(t *testing.T) {
	t.Parallel()
	s := webhooktest.NewServer()
	defer s.Close()
	var all sync.WaitGroup
	for n := 1; n <= 3; n++ {
		all.Go(func() {
			r, err := s.Wait(t.Context(), n)
			if want := fmt.Sprint(n); err != nil || string(r.Body) != want {
				t.Errorf("request %d is %q, %v", n, r.Body, err)
			}
		})
	}
	for n := 1; n <= 3; n++ {
		webhooktest.Request{Body: fmt.Append(nil, n)}.Replay(s)
	}
	all.Wait()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	if _, err := s.Wait(ctx, 4); err == nil || !strings.Contains(err.Error(), "3 came: enough") {
		t.Errorf("Wait returns %v", err)
	}
	if _, err := s.Wait(t.Context(), 0); err == nil {
		t.Error("there is a request 0")
	}
}

// TestVerify refuses what is not signed without using up an answer, and answers handshakes as their provider expects.
func TestVerify(t *testing.T) {
	t.Parallel()
	s := webhooktest.NewServer()
	defer s.Close()
	s.Status(202, 204)
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	verify := func(provider, secret string) {
		v, err := signature.New(provider, []string{secret}, nil)
		if err != nil {
			t.Fatal(err)
		}
		s.Verify(v)
	}
	verify("standard-webhooks", secret)
	plain := webhooktest.Request{Body: []byte("{}")}
	signed, err := plain.Signed(secret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	old, err := plain.Signed(secret, time.Now().Add(-time.Hour))
	if err != nil || len(plain.Header) > 0 || signed.ID() != "msg_test" {
		t.Fatal(plain.Header, signed.ID(), err)
	}
	for i, c := range []struct {
		r    webhooktest.Request
		want int
	}{{plain, 401}, {old, 401}, {signed, 202}} {
		if resp := c.r.Replay(s); resp.StatusCode != c.want {
			t.Errorf("request %d is answered with %d, want %d", i, resp.StatusCode, c.want)
		}
	}
	verify("slack", "8f742231b10e8888abcd99yyyzzz85a5")
	slack := webhooktest.Request{Body: []byte(`{"type":"url_verification","challenge":"c1"}`)}
	if resp := slack.Replay(s); resp.StatusCode != 200 {
		t.Errorf("a handshake is answered with %d", resp.StatusCode)
	}
	s.Verify(nil)
	if resp := plain.Replay(s); resp.StatusCode != 204 {
		t.Errorf("without verification the answer is %d", resp.StatusCode)
	}
	if _, err := plain.Signed("whsec_?", time.Now()); err == nil {
		t.Error("a secret that cannot sign is accepted")
	}
}
