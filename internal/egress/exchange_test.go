package egress

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// endless writes head and then piece repeatedly.
func endless(head, piece string) func(*peer) {
	return func(p *peer) {
		if _, _, err := p.request(); err != nil {
			return
		}
		p.say(head)
		for {
			if _, err := io.WriteString(p.Conn, piece); err != nil {
				return
			}
		}
	}
}

// drip writes single bytes at intervals, so that no single read takes long.
func drip(head, piece string) func(*peer) {
	return func(p *peer) {
		if _, _, err := p.request(); err != nil {
			return
		}
		p.say(head)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if _, err := io.WriteString(p.Conn, piece); err != nil {
				return
			}
		}
	}
}

// silent reads and never responds.
func silent(p *peer) { _, _ = io.Copy(io.Discard, p.Reader) }

func TestHostile(t *testing.T) {
	t.Parallel()
	const head = "HTTP/1.1 200 OK\r\n"
	for _, tt := range []struct {
		name   string
		handle func(*peer)
		status int
		kind   string // "" for a response that is only truncated
	}{
		{"silent", silent, 0, KindTimeout},
		{"drips header", drip(head, "x"), 0, KindTimeout},
		{"drips body", drip(head+"Content-Length: 99999\r\n\r\n", "x"), 200, KindTimeout},
		{"drips chunks", drip(head+"Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"), 200, KindTimeout},
		{"drips chunk line", drip(head+"Transfer-Encoding: chunked\r\n\r\n", "0"), 200, KindTimeout},
		{"drips trailers", drip(head+"Transfer-Encoding: chunked\r\n\r\n0\r\n", "x: y\r\n"), 200, KindTimeout},
		{"endless header", endless(head, "X: y\r\n"), 0, KindProtocol},
		{"endless header line", endless(head+"X: ", "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"), 0,
			KindProtocol},
		{"endless 1xx", endless("", "HTTP/1.1 102 Processing\r\n\r\n"), 0, KindProtocol},
		{"endless trailers", endless(head+"Transfer-Encoding: chunked\r\n\r\n0\r\n", "x: y\r\n"), 200, KindProtocol},
		{"endless extensions", endless(head+"Transfer-Encoding: chunked\r\n\r\n",
			"1;"+strings.Repeat("x", 4000)+"\r\nx\r\n"), 200, KindProtocol},
		{"endless body", endless(head+"\r\n", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), 200, ""},
		{"endless chunks", endless(head+"Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"), 200, ""},
		{"huge body", endless(head+"Content-Length: 9000000000000000000\r\n\r\n", "xxxxxxxxxxxxxx"), 200, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serveRaw(t, tt.handle)
			c := newClient(t, Options{})
			timeout := 10 * time.Second
			if tt.kind == KindTimeout {
				timeout = 100 * time.Millisecond
			}
			resp, err := c.Do(t.Context(), &Request{URL: s.url, MaxBody: 10_000, Timeout: timeout})
			if tt.kind != "" {
				if e := asError(t, err); e.Kind != tt.kind {
					t.Errorf("kind %s (%v), want %s", e.Kind, e, tt.kind)
				}
			} else if err != nil || !resp.Truncated || len(resp.Body) != 10_000 {
				t.Errorf("error %v, want a cut answer", err)
			}
			if (resp == nil) != (tt.status == 0) || resp != nil && resp.Status != tt.status {
				t.Errorf("response %+v, want status %d", resp, tt.status)
			}
			if resp != nil && (resp.Duration <= 0 || resp.Duration > 9*time.Second) {
				t.Errorf("took %v", resp.Duration)
			}
		})
	}
}

func TestKeepAlive(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, answer string
		reused       bool
	}{
		{"length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true},
		{"204", "HTTP/1.1 204 No Content\r\n\r\n", true},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n", true},
		{"cut, rest is there", "HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n" + strings.Repeat("x", 200), true},
		{"close", "HTTP/1.1 200 OK\r\nConnection: foo, Close\r\nContent-Length: 2\r\n\r\nok", false},
		{"1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false},
		{"too much", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 forged\r\n\r\n", false},
		{"chunks and length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
			false},
		{"cut", "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + strings.Repeat("x", 200), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serveRaw(t, func(p *peer) {
				for {
					if _, _, err := p.request(); err != nil {
						return
					}
					p.say(tt.answer)
				}
			})
			c := newClient(t, Options{})
			for range 5 {
				resp, err := c.Do(t.Context(), &Request{URL: s.url, MaxBody: 100, Timeout: 30 * time.Second})
				if err != nil {
					t.Fatal(err)
				}
				if resp.Duration > 15*time.Second {
					t.Fatal("waited for what is not kept")
				}
			}
			want := int32(5)
			if tt.reused {
				want = 1
			}
			if got := s.conns.Load(); got != want {
				t.Errorf("%d connections for 5 requests, want %d", got, want)
			}
		})
	}
}

// TestDeadIdle has the server close the connection after each response without announcing it. The second request is
// sent on the dead connection and once more on a new one. If that one is closed too, the result is an error.
func TestDeadIdle(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{})
	s := serveRaw(t, func(p *peer) {
		_, _, err := p.request()
		if err != nil || p.n == 3 {
			return
		}
		p.say("HTTP/1.1 204 No Content\r\n\r\n")
		if p.n == 1 {
			p.Close()
			close(closed)
			return
		}
		_, _, _ = p.request() // the second connection reads another request and closes
	})
	c := newClient(t, Options{})
	if _, err := c.Do(t.Context(), &Request{URL: s.url}); err != nil {
		t.Fatal(err)
	}
	<-closed
	if _, err := c.Do(t.Context(), &Request{URL: s.url, Body: []byte("again")}); err != nil {
		t.Fatalf("on a dead idle connection: %v", err)
	}
	_, err := c.Do(t.Context(), &Request{URL: s.url})
	if e := asError(t, err); e.Kind != KindConnect {
		t.Errorf("kind %s (%v), want connect", e.Kind, e)
	}
	if n := s.conns.Load(); n != 3 {
		t.Errorf("%d connections, want 3: one retry, not more", n)
	}
}

// TestNoRetryAfterAnswer has a reused connection end within a response: the request must not be sent again.
func TestNoRetryAfterAnswer(t *testing.T) {
	t.Parallel()
	s := serveRaw(t, func(p *peer) {
		_, _, _ = p.request()
		p.say("HTTP/1.1 204 No Content\r\n\r\n")
		if _, _, err := p.request(); err == nil {
			p.say("HTTP/1.1 2")
		}
	})
	c := newClient(t, Options{})
	if _, err := c.Do(t.Context(), &Request{URL: s.url}); err != nil {
		t.Fatal(err)
	}
	_, err := c.Do(t.Context(), &Request{URL: s.url})
	if e := asError(t, err); e.Kind != KindProtocol || s.requests.Load() != 2 {
		t.Errorf("kind %s (%v), %d requests", e.Kind, e, s.requests.Load())
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	_, err = newClient(t, Options{}).Do(t.Context(), &Request{URL: "http://" + addr})
	if e := asError(t, err); e.Kind != KindConnect ||
		e.Message != "connecting to "+addr+" failed: connection refused" || e.Remote != addr {
		t.Errorf("%s: %+v", e.Kind, e)
	}
}

func TestCancelAndClose(t *testing.T) {
	t.Parallel()
	for _, reuse := range []bool{false, true} {
		for _, end := range []string{"cancel", "close"} {
			arrived := make(chan struct{}, 2)
			s := serveRaw(t, func(p *peer) {
				for {
					if r, _, err := p.request(); err != nil {
						return
					} else if r.Method == "GET" {
						p.say("HTTP/1.1 204 No Content\r\n\r\n")
						continue
					}
					arrived <- struct{}{}
				}
			})
			c := newClient(t, Options{})
			if reuse {
				if _, err := c.Do(t.Context(), &Request{Method: "GET", URL: s.url}); err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() {
				_, err := c.Do(ctx, &Request{URL: s.url, Timeout: time.Hour})
				want := context.Canceled
				if end == "close" {
					want = ErrClosed
				}
				if e := asErrorOrNil(err); e == nil || e.Kind != KindCanceled || !errors.Is(err, want) {
					t.Errorf("%s: %v", end, err)
				}
			})
			<-arrived
			if end == "cancel" {
				cancel()
			} else {
				c.Close()
			}
			wg.Wait()
			_, err := c.Do(ctx, &Request{URL: s.url})
			if e := asError(t, err); e.Kind != KindCanceled {
				t.Errorf("after %s: %v", end, err)
			}
			cancel()
		}
	}
}

func TestContextDeadline(t *testing.T) {
	t.Parallel()
	s := serveRaw(t, silent)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := newClient(t, Options{}).Do(ctx, &Request{URL: s.url, Timeout: time.Hour})
	if e := asError(t, err); e.Kind != KindTimeout {
		t.Errorf("%s: %v", e.Kind, e)
	}
}

func TestLargeBody(t *testing.T) {
	t.Parallel()
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB
	s := serveRaw(t, func(p *peer) {
		for {
			r, body, err := p.request()
			if err != nil {
				return
			}
			if body != string(large) || r.ContentLength != int64(len(large)) {
				p.say("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
				continue
			}
			p.say("HTTP/1.1 204 No Content\r\n\r\n")
		}
	})
	c := newClient(t, Options{})
	for range 3 {
		if resp, err := c.Do(t.Context(), &Request{URL: s.url, Body: large}); err != nil || resp.Status != 204 {
			t.Fatalf("%+v %v", resp, err)
		}
	}
}

// TestEarlyAnswer has a receiver that responds after the header and reads no body.
func TestEarlyAnswer(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	s := serveRaw(t, func(p *peer) {
		if _, err := http.ReadRequest(p.Reader); err == nil {
			p.say("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
		}
		<-done
	})
	defer close(done)
	resp, err := newClient(t, Options{}).Do(t.Context(),
		&Request{URL: s.url, Body: make([]byte, 64<<20), Timeout: 30 * time.Second})
	if err != nil || resp.Status != 413 || resp.Duration > 15*time.Second {
		t.Errorf("%+v %v", resp, err)
	}
}

func TestRequestOnTheWire(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	s := serveRaw(t, func(p *peer) {
		var b strings.Builder
		for !strings.HasSuffix(b.String(), "\r\n\r\n{}") {
			c, err := p.ReadByte()
			if err != nil {
				return
			}
			b.WriteByte(c)
		}
		got <- b.String()
		p.say("HTTP/1.1 204 No Content\r\n\r\n")
	})
	c := newClient(t, Options{UserAgent: "hookyard/1"})
	header := http.Header{"webhook-id": {"evt_1"}, "X-Two": {"b", "a"}, "Content-Length": {"9"}, "host": {"evil"},
		"Transfer-Encoding": {"chunked"}, "connection": {"close"}, "X-GitHub-Event": {"push"}}
	url := strings.Replace(s.url, "http://", "http://user:pass@", 1) + "/a b?q=ü z#f"
	if _, err := c.Do(t.Context(), &Request{Method: "PUT", URL: url, Header: header, Body: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	want := "PUT /hook/a%20b?q=%C3%BC%20z HTTP/1.1\r\nHost: " + s.addr +
		"\r\nX-GitHub-Event: push\r\nX-Two: b\r\nX-Two: a\r\n" +
		"webhook-id: evt_1\r\nUser-Agent: hookyard/1\r\nAuthorization: Basic dXNlcjpwYXNz\r\n" +
		"Content-Length: 2\r\n\r\n{}"
	if g := <-got; g != want {
		t.Errorf("sent\n%q, want\n%q", g, want)
	}
}

func TestOwnAuthorizationAndAgent(t *testing.T) {
	t.Parallel()
	got := make(chan http.Header, 1)
	s := serveRaw(t, func(p *peer) {
		if r, _, err := p.request(); err == nil {
			got <- r.Header
			p.say("HTTP/1.1 204 No Content\r\n\r\n")
		}
	})
	h := http.Header{"authorization": {"token x"}, "user-agent": {"mine"}}
	url := strings.Replace(s.url, "http://", "http://user:pass@", 1)
	if _, err := newClient(t, Options{UserAgent: "hookyard/1"}).Do(t.Context(),
		&Request{URL: url, Header: h}); err != nil {
		t.Fatal(err)
	}
	g := <-got
	if !slices.Equal(g["Authorization"], []string{"token x"}) || !slices.Equal(g["User-Agent"], []string{"mine"}) ||
		g.Get("Accept-Encoding") != "" {
		t.Errorf("server got %v", g)
	}
}

func TestInjection(t *testing.T) {
	t.Parallel()
	s := serveRaw(t, okForever)
	c := newClient(t, Options{})
	for _, r := range []Request{
		{Header: http.Header{"X": {"a\r\nY: b"}}}, {Header: http.Header{"X": {"a\nb"}}},
		{Header: http.Header{"X": {"a\x00"}}},
		{Header: http.Header{"X\r\nY": {"a"}}}, {Header: http.Header{"X Y": {"a"}}}, {Header: http.Header{"": {"a"}}},
		{Header: http.Header{"X:": {"a"}}},
		{Method: "GET / HTTP/1.1\r\nX:"}, {Method: "A B"}, {Method: "CONNECT"},
	} {
		r.URL = s.url
		_, err := c.Do(t.Context(), &r)
		if e := asError(t, err); e.Kind != KindBlocked {
			t.Errorf("%+v: %v", r, err)
		}
	}
	if n := s.conns.Load(); n != 0 {
		t.Errorf("%d connections, want none", n)
	}
}

func TestAnswerHeader(t *testing.T) {
	t.Parallel()
	s := serveRaw(t,
		answerOnce(
			"HTTP/1.1 200 OK\r\nx-a: 1\r\nX-A:2\t\r\nX-Fold: one\r\n  two\r\n\tthree\r\n"+
				"X-Nul: a\x00b\rc\x7f\r\nX-Empty:\r\nContent-Length: 0\r\n\r\n"))
	resp, err := newClient(t, Options{}).Do(t.Context(), &Request{URL: s.url})
	if err != nil {
		t.Fatal(err)
	}
	want := http.Header{"X-A": {"1", "2"}, "X-Fold": {"one    two  \tthree"}, "X-Nul": {"a b c"}, "X-Empty": {""},
		"Content-Length": {"0"}}
	for n := range want {
		if !slices.Equal(resp.Header[n], want[n]) {
			t.Errorf("%s: %q, want %q", n, resp.Header[n], want[n])
		}
	}
	if len(resp.Header) != len(want) {
		t.Errorf("header %q", resp.Header)
	}
}
