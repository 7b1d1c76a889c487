package egress

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// proxy connects every target to one address and records the requests.
func proxy(t *testing.T, target string, asked chan<- string) *rawServer {
	return serveRaw(t, func(p *peer) {
		for {
			r, _, err := p.request()
			if err != nil {
				return
			}
			asked <- r.Method + " " + r.RequestURI + " " + r.Header.Get("Proxy-Authorization")
			if r.Method != "CONNECT" {
				p.say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nproxy")
				continue
			}
			if strings.HasPrefix(r.RequestURI, "forbidden") {
				p.say("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
				return
			}
			up, err := net.Dial("tcp", target)
			if err != nil {
				return
			}
			p.say("HTTP/1.1 200 Connection established\r\n\r\n")
			var wg sync.WaitGroup
			wg.Go(func() { _, _ = io.Copy(up, p.Reader); up.Close() })
			_, _ = io.Copy(p.Conn, up)
			p.Close()
			wg.Wait()
			return
		}
	})
}

func TestProxy(t *testing.T) {
	t.Parallel()
	s := startTLS(t, nil)
	asked := make(chan string, 10)
	p := proxy(t, s.Listener.Addr().String(), asked)
	c := newClient(t, Options{Proxy: "http://me:pw@" + p.addr, RootCAs: s.roots(), Allow: []string{"10.1.0.0/16"}})

	for range 2 {
		resp, err := c.Do(t.Context(), &Request{URL: "http://example.com/x?y", MaxBody: 10})
		if err != nil || string(resp.Body) != "proxy" {
			t.Fatalf("http: %+v %v", resp, err)
		}
		if got, want := <-asked, "POST http://example.com/x?y Basic bWU6cHc="; got != want {
			t.Errorf("proxy was asked %q, want %q", got, want)
		}
	}
	for range 2 {
		resp, err := c.Do(t.Context(), &Request{URL: "https://example.com/x", MaxBody: 10})
		if err != nil || string(resp.Body) != "ok" || resp.Remote != p.addr {
			t.Fatalf("https: %+v %v", resp, err)
		}
	}
	if got, want := <-asked, "CONNECT example.com:443 Basic bWU6cHc="; got != want || len(asked) != 0 {
		t.Errorf("proxy was asked %q, want %q and no more", got, want)
	}
	_, err := c.Do(t.Context(), &Request{URL: "https://forbidden.example/"})
	if e := asError(t, err); e.Kind != KindConnect || !strings.Contains(e.Message, "403") ||
		strings.Contains(e.Message, "pw") {
		t.Errorf("refused: %s %v", e.Kind, e)
	}
	<-asked
	for _, url := range []string{"http://127.0.0.1/", "https://[::1]/", "http://localhost/", "https://169.254.169.254/",
		"http://2130706433/"} {
		_, err := c.Do(t.Context(), &Request{URL: url})
		if e := asError(t, err); e.Kind != KindBlocked {
			t.Errorf("%s through the proxy: %v", url, err)
		}
	}
	if len(asked) != 0 {
		t.Error("the proxy was asked for a blocked address")
	}
}

func TestProxyOption(t *testing.T) {
	t.Parallel()
	for _, p := range []string{"socks5://127.0.0.1:1", "https://p", "p:3128", "http://", "http://u:secret@\x00"} {
		if _, err := New(Options{Proxy: p}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", p, err)
		}
	}
	c, err := New(Options{Proxy: "env"})
	if err != nil || c.proxy == nil {
		t.Errorf("env: %v", err)
	}
	if c, err = New(Options{}); err != nil || c.proxy != nil {
		t.Errorf("none: %v", err)
	}
}

func TestProxyHostile(t *testing.T) {
	t.Parallel()
	for name, handle := range map[string]func(*peer){
		"hangs up":    func(p *peer) { _, _, _ = p.request() },
		"speaks more": answerOnce("HTTP/1.1 200 OK\r\n\r\nsurprise"),
		"garbage":     answerOnce("nonsense\r\n\r\n"),
	} {
		p := serveRaw(t, handle)
		_, err := newClient(t, Options{Proxy: "http://" + p.addr}).Do(t.Context(),
			&Request{URL: "https://example.com/"})
		if e := asError(t, err); e.Kind != KindConnect || !strings.Contains(e.Message, "proxy") {
			t.Errorf("%s: %s %v", name, e.Kind, e)
		}
	}
}
