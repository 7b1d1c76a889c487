package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/signature"
)

// script returns a client of a server that answers the n-th request with the n-th text, and the queries it received.
func script(t *testing.T, texts ...string) (*client.Client, *[]string) {
	t.Helper()
	var asked []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RawQuery)
		if n := len(asked); n <= len(texts) {
			_, _ = io.WriteString(w, texts[n-1])
			return
		}
		http.Error(w, `{"message":"Forbidden"}`, http.StatusForbidden)
	}))
	t.Cleanup(srv.Close)
	c, err := client.New(srv.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	return c, &asked
}

// A listener continues from its cursor after the connection broke, even from a cursor without an event, and ends when
// the server rejects the request.
func TestListenerContinues(t *testing.T) {
	t.Parallel()
	c, asked := script(t,
		// ends in the middle of an event
		"retry: 10\n\nid: c0\n\nid: c1\ndata: {\"id\":\"evt_1\"}\n\n: heartbeat\n\nid: c2\ndata: {\"id\":\"ev",
		"id: c1\n\nid: c2\ndata: {\"id\":\"evt_2\"}\n\nid: c5\n\n",
		"id: c5\ndata: {\"gap\":{\"message\":\"gone\",\"resumeAt\":\"c9\"}}\n\nid: c9\ndata: {\"id\":\"evt_9\"}\n\n",
	)
	l := &listener{client: c, project: "o/p", q: client.StreamQuery{Since: "all"}}
	var got []string
	err := l.run(t.Context(), func(n notice) error {
		switch {
		case n.event == nil:
		case n.event.Gap != nil:
			got = append(got, "gap "+n.event.Gap.Message)
		default:
			got = append(got, n.event.ID+" "+n.event.Cursor)
		}
		return nil
	})
	if client.StatusOf(err) != http.StatusForbidden {
		t.Errorf("ended with %v, want the server's 403", err)
	}
	if want := "[evt_1 c1 evt_2 c2 gap gone evt_9 c9]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
	if want := "[since=all after=c1 after=c5 after=c9]"; fmt.Sprint(*asked) != want {
		t.Errorf("asked %v, want %s", *asked, want)
	}
}

// An error of the reader ends a listener: it does not reconnect.
func TestListenerEndsWithItsReader(t *testing.T) {
	t.Parallel()
	c, asked := script(t, "id: c1\ndata: {\"id\":\"evt_1\"}\n\n")
	l := &listener{client: c, project: "o/p"}
	err := l.run(t.Context(), func(n notice) error {
		if n.event != nil {
			return io.ErrClosedPipe
		}
		return nil
	})
	if !errors.Is(err, io.ErrClosedPipe) || len(*asked) != 1 {
		t.Errorf("ended with %v after %d requests, want the reader's error after 1", err, len(*asked))
	}
}

// What waits behind a receiver that is down is counted while the first event is being retried.
func TestListenerShowsWhatWaits(t *testing.T) {
	t.Parallel()
	var stream strings.Builder
	for i := range 4 {
		fmt.Fprintf(&stream, "id: c%d\ndata: {\"id\":\"evt_%d\"}\n\n", i, i)
	}
	c, _ := script(t, stream.String())
	l := &listener{client: c, project: "o/p", to: "http://127.0.0.1:1", forwarder: newForwarder(time.Second)}
	err := l.run(t.Context(), func(n notice) error {
		if n.waiting == "3" {
			return io.EOF
		}
		if n.event != nil && n.event.ID != "evt_0" {
			return fmt.Errorf("%s overtook", n.event.ID)
		}
		return nil
	})
	if !errors.Is(err, io.EOF) {
		t.Errorf("ended with %v before 3 were waiting", err)
	}
}

// A backlog is bounded.
func TestBacklogIsBounded(t *testing.T) {
	t.Parallel()
	b := newBacklog()
	ctx, cancel := context.WithCancel(t.Context())
	large := &client.StreamEvent{Event: client.Event{Base64: make([]byte, maxWaiting)}}
	if err := b.add(ctx, waiting{event: large}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- b.add(ctx, waiting{event: large}) }()
	for b.String() != "1+" {
		runtime.Gosched()
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("add = %v", err)
	}
	if w, ok := b.take(); !ok || w.event != large || b.String() != "" {
		t.Errorf("took %v, %v; left %q", w, ok, b)
	}
}

// A published event is signed with the project's secret of this machine, which stays; a received one is left alone.
func TestSigner(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	s := &session{server: "https://hooks.example.com/x", env: func(name string) (string, bool) {
		return home, name == "XDG_CONFIG_HOME"
	}}
	secret, err := s.signingSecret("shop/orders")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.signingSecret("shop/orders"); err != nil || again != secret {
		t.Errorf("the second time %q, %v; want %q", again, err, secret)
	}
	if other, err := s.signingSecret("shop/other"); err != nil || other == secret {
		t.Errorf("another project has %q, %v", other, err)
	}
	g := &signer{project: "shop/orders", secret: secret}
	r := requestOf(&client.Event{ID: "evt_1"}, []byte(`{"type":"a"}`))
	if err := g.sign(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if err := signature.VerifyStandard([]string{secret}, r.header, r.body, time.Now()); err != nil {
		t.Error(err)
	}
	r = requestOf(&client.Event{ID: "evt_2", Method: "POST", Header: map[string][]string{"X-Sig": {"theirs"}}}, nil)
	if err := g.sign(t.Context(), r); err != nil || len(r.header["X-Sig"]) != 1 ||
		r.header["Webhook-Signature"] != nil {
		t.Errorf("a received event is sent with %v, %v", r.header, err)
	}
}

// An event is retried while the URL refuses connections. Then forwarding continues in order.
func TestForwardWaitsForReceiver(t *testing.T) {
	t.Parallel()
	var stream strings.Builder
	for i := range 3 {
		e, _ := json.Marshal(map[string]any{"id": fmt.Sprintf("evt_%d", i), "method": "PUT",
			"header": http.Header{"X-A": {"1", "2"}, "Host": {"old"}}, "base64": []byte{byte(i), 0xff, '\n'}})
		fmt.Fprintf(&stream, "id: c%d\ndata: %s\n\n", i, e)
	}
	c, _ := script(t, stream.String())
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	var received []string
	receiver := &http.Server{ReadHeaderTimeout: time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			received = append(received, fmt.Sprintf("%s %v %x %q", r.Method, r.Header["X-A"], body, r.UserAgent()))
			w.WriteHeader(http.StatusTeapot)
		})}
	t.Cleanup(func() { _ = receiver.Close() })
	l := &listener{client: c, project: "o/p", to: "http://" + addr, limit: 3, forwarder: newForwarder(time.Second)}
	again := 0
	err = l.run(t.Context(), func(n notice) error {
		if n.again {
			if again++; again == 1 {
				back, err := net.Listen("tcp", addr)
				if err != nil {
					return err
				}
				go func() { _ = receiver.Serve(back) }()
			}
			return nil
		}
		if n.event != nil && n.answer.Status != http.StatusTeapot {
			t.Errorf("%s was answered %s", n.event.ID, n.answer.summary())
		}
		return nil
	})
	if !errors.Is(err, errEnough) || again != 1 {
		t.Errorf("ended with %v after %d waits", err, again)
	}
	if want := `[PUT [1 2] 00ff0a "" PUT [1 2] 01ff0a "" PUT [1 2] 02ff0a ""]`; fmt.Sprint(received) != want {
		t.Errorf("received %v, want %s", received, want)
	}
	if l.position() != "c2" {
		t.Errorf("position is %s, want c2", l.position())
	}
}

// Canceling the context ends a listener at once, even while an event is being retried.
func TestListenerStops(t *testing.T) {
	t.Parallel()
	c, _ := script(t, "id: c1\ndata: {\"id\":\"evt_1\"}\n\n")
	ctx, cancel := context.WithCancel(t.Context())
	l := &listener{client: c, project: "o/p", to: "http://127.0.0.1:1/", forwarder: newForwarder(time.Second)}
	err := l.run(ctx, func(n notice) error {
		if n.again {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || l.position() != "" {
		t.Errorf("ended with %v at %q, want canceled before the event", err, l.position())
	}
}
