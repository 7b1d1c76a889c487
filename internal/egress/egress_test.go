package egress

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// rawServer is a server that sends arbitrary bytes.
type rawServer struct {
	url      string
	addr     string
	conns    atomic.Int32 // accepted
	requests atomic.Int32 // completely read
}

// peer is the server's side of one connection.
type peer struct {
	net.Conn
	*bufio.Reader
	s *rawServer
	n int // which connection, from 1
}

func (p *peer) Read(b []byte) (int, error) { return p.Reader.Read(b) }

// request reads one request.
func (p *peer) request() (*http.Request, string, error) {
	r, err := http.ReadRequest(p.Reader)
	if err != nil {
		return nil, "", err
	}
	b, err := io.ReadAll(r.Body)
	p.s.requests.Add(1)
	return r, string(b), err
}

func (p *peer) say(s string) { _, _ = io.WriteString(p.Conn, s) }

// serveRaw runs handle for each connection and closes all connections when the test ends.
func serveRaw(t testing.TB, handle func(*peer)) *rawServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &rawServer{addr: l.Addr().String(), url: "http://" + l.Addr().String() + "/hook"}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var all []net.Conn
	wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			all = append(all, nc)
			mu.Unlock()
			n := int(s.conns.Add(1))
			wg.Go(func() {
				defer nc.Close()
				handle(&peer{Conn: nc, Reader: bufio.NewReader(nc), s: s, n: n})
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, nc := range all {
			nc.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return s
}

// okForever answers each request with 200.
func okForever(p *peer) {
	buf := make([]byte, 4096)
	for {
		n, err := p.Conn.Read(buf)
		if err != nil || n == 0 {
			return
		}
		p.say("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n" +
			"Content-Length: 2\r\n\r\nok")
	}
}

// newClient returns a client that may dial loopback. It is closed when the test ends.
func newClient(t testing.TB, o Options) *Client {
	t.Helper()
	if o.Allow == nil {
		o.Allow = []string{"127.0.0.0/8", "::1"}
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// answerOnce reads a request, sends s and closes the connection.
func answerOnce(s string) func(*peer) {
	return func(p *peer) {
		if _, _, err := p.request(); err == nil {
			p.say(s)
		}
	}
}

func asError(t *testing.T, err error) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %T %v, want *Error", err, err)
	}
	return e
}

// TestAnswers checks the result for each kind of response. All servers close the connection after it.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, answer string
		method       string
		maxBody      int
		status       int
		body         string
		truncated    bool
		kind         string // of the error
	}{
		{name: "length", answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", status: 200, body: "hello"},
		{name: "no reason", answer: "HTTP/1.1 202\r\nContent-Length: 0\r\n\r\n", status: 202},
		{name: "until close", answer: "HTTP/1.1 200 OK\r\n\r\nhello", status: 200, body: "hello"},
		{name: "1.0", answer: "HTTP/1.0 200 OK\r\n\r\nhello", status: 200, body: "hello"},
		{name: "bare line feeds", answer: "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", status: 200, body: "hello"},
		{name: "chunks",
			answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
			status: 200, body: "hello"},
		{name: "trailers",
			answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n",
			status: 200, body: "hello"},
		{name: "chunks and length",
			answer: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
			status: 200, body: "hello"},
		{name: "204", answer: "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", status: 204},
		{name: "304", answer: "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", status: 304},
		{name: "HEAD", method: "HEAD", answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", status: 200},
		{name: "1xx",
			answer: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" +
				"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", status: 200, body: "ok"},
		{name: "101", answer: "HTTP/1.1 101 Switching Protocols\r\n\r\n", kind: KindProtocol},
		{name: "redirect",
			answer: "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
			status: 302},
		{name: "500", answer: "HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\nsad!", status: 500, body: "sad!"},
		{name: "cut", answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", maxBody: 4, status: 200,
			body: "hell", truncated: true},
		{name: "cut chunks", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
			maxBody: 4, status: 200, body: "hell", truncated: true},
		{name: "keep nothing", answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", maxBody: -1, status: 200,
			truncated: true},
		{name: "exactly the limit", answer: "HTTP/1.1 200 OK\r\n\r\nhello", maxBody: 5, status: 200, body: "hello"},
		{name: "still encoded", answer: "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\ngzip",
			status: 200, body: "gzip"},
		{name: "same lengths", answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
			status: 200, body: "ok"},

		{name: "nothing", answer: "", kind: KindConnect},
		{name: "garbage", answer: "SSH-2.0-OpenSSH_9.6\r\n\r\n", kind: KindProtocol},
		{name: "HTTP/2", answer: "HTTP/2.0 200 OK\r\n\r\n", kind: KindProtocol},
		{name: "bad status", answer: "HTTP/1.1 2oo OK\r\n\r\n", kind: KindProtocol},
		{name: "status too small", answer: "HTTP/1.1 099 OK\r\n\r\n", kind: KindProtocol},
		{name: "bad header", answer: "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", kind: KindProtocol},
		{name: "header breaks off", answer: "HTTP/1.1 200 OK\r\nContent-", kind: KindProtocol},
		{name: "large header", answer: "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n",
			kind: KindProtocol},
		{name: "many headers", answer: "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 1000) + "\r\n",
			kind: KindProtocol},
		{name: "endless 1xx", answer: strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 4000), kind: KindProtocol},
		{name: "body breaks off", answer: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", status: 200,
			body: "hello", kind: KindProtocol},
		{name: "chunk breaks off", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello",
			status: 200, body: "hello", kind: KindProtocol},
		{name: "bad chunk size", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", status: 200,
			kind: KindProtocol},
		{name: "negative chunk size", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
			status: 200, kind: KindProtocol},
		{name: "huge chunk size", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
			status: 200, kind: KindProtocol},
		{name: "chunk without end", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokxx0\r\n\r\n",
			status: 200, body: "ok", kind: KindProtocol},
		{name: "endless chunk line", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
			strings.Repeat("0", 9000), status: 200, kind: KindProtocol},
		{name: "bad length", answer: "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", status: 200, kind: KindProtocol},
		{name: "different lengths", answer: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok",
			status: 200, kind: KindProtocol},
		{name: "gzip transfer", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", status: 200,
			kind: KindProtocol},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serveRaw(t, answerOnce(tt.answer))
			c := newClient(t, Options{})
			if tt.maxBody == 0 {
				tt.maxBody = 100
			}
			resp, err := c.Do(t.Context(), &Request{Method: tt.method, URL: s.url, MaxBody: tt.maxBody,
				Timeout: 10 * time.Second})
			if tt.kind != "" {
				if e := asError(t, err); e.Kind != tt.kind || e.Remote != s.addr {
					t.Errorf("error %q: kind %s from %s, want %s from %s", e, e.Kind, e.Remote, tt.kind, s.addr)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if tt.status == 0 {
				if resp != nil {
					t.Errorf("response %+v, want none", resp)
				}
				return
			}
			if resp == nil || resp.Status != tt.status || string(resp.Body) != tt.body ||
				resp.Truncated != tt.truncated {
				t.Errorf("got %+v, want status %d, body %q, truncated %t", resp, tt.status, tt.body, tt.truncated)
			}
			if got := s.requests.Load(); got != 1 {
				t.Errorf("%d requests, want 1", got)
			}
		})
	}
}

func TestDefaultMethod(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	s := serveRaw(t, func(p *peer) {
		r, body, err := p.request()
		if err == nil {
			got <- r.Method + " " + body
			p.say("HTTP/1.1 204 No Content\r\n\r\n")
		}
	})
	c := newClient(t, Options{})
	if _, err := c.Do(context.Background(), &Request{URL: s.url, Body: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	if g := <-got; g != "POST x" {
		t.Errorf("server got %q", g)
	}
}
