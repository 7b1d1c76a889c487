package egress

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
)

// FuzzAnswer runs an exchange with the bytes of a hostile server, in pieces, and compares the result with that of
// net/http where both accept the response.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n",
		"HTTP/1.0 404 Not Found\r\nX: a\r\n b\r\n\r\nrest", "HTTP/1.1 204\r\n\r\n", "HTTP/1.1 200 OK\n\nx",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "\r\n\r\n",
		"HTTP/1.1 200 \r\n\r\r\n\n",
	} {
		f.Add([]byte(s), uint8(3))
		f.Add([]byte(s), uint8(200))
	}
	c, err := New(Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, answer []byte, piece uint8) {
		near, far := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer far.Close()
			if _, err := http.ReadRequest(bufio.NewReader(far)); err != nil {
				return
			}
			for rest := answer; len(rest) > 0; {
				n := min(int(piece)+1, len(rest))
				if _, err := far.Write(rest[:n]); err != nil {
					return
				}
				rest = rest[n:]
			}
		}()
		x := &exchange{c: c, ctx: t.Context(), r: &Request{URL: "http://fuzz.test/", MaxBody: 1000}, start: time.Now()}
		if e := x.prepare(); e != nil {
			t.Fatal(e)
		}
		cn := &conn{nc: near, raw: near, remote: "pipe"}
		c.pool.add(cn)
		resp, e := x.perform(cn)
		if idle := c.pool.take(cn.key, x.start); idle != nil {
			c.pool.drop(idle)
		}
		<-done
		if e == nil && resp == nil || e != nil && e.Message == "" {
			t.Fatalf("response %v, error %+v", resp, e)
		}
		if resp == nil {
			return
		}
		if len(resp.Body) > 1000 || resp.Status < 200 || resp.Status > 999 {
			t.Fatalf("response %+v", resp)
		}
		for n, vs := range resp.Header {
			if !hookyard.IsToken(n) || strings.ContainsAny(strings.Join(vs, ""), "\r\n\x00") {
				t.Fatalf("header %q: %q", n, vs)
			}
		}
		if e == nil && !resp.Truncated {
			compare(t, answer, resp)
		}
	})
}

// compare compares a complete response with what net/http reads from the same bytes.
func compare(t *testing.T, answer []byte, got *Response) {
	r := bufio.NewReader(bytes.NewReader(answer))
	for {
		want, err := http.ReadResponse(r, &http.Request{Method: "POST"})
		if err != nil {
			return // net/http is stricter in places
		}
		if want.StatusCode < 200 {
			continue
		}
		body, err := io.ReadAll(want.Body)
		if err != nil || want.ProtoMinor == 0 { // it ignores Transfer-Encoding in HTTP/1.0
			return
		}
		if want.StatusCode != got.Status || !bytes.Equal(body, got.Body) {
			t.Fatalf("status %d, body %q; net/http reads %d, %q", got.Status, got.Body, want.StatusCode, body)
		}
		return
	}
}

// FuzzURL checks that the guard passes only public addresses and clean names, and that no part of a URL can escape its
// place in the request.
func FuzzURL(f *testing.F) {
	for _, s := range []string{
		"http://127.0.0.1/", "http://0x7f.1/", "https://[::ffff:10.0.0.1]:8/x?y", "http://u:p@example.com:80/a b?c d#e",
		"http://bücher.example/ü?ü", "http://①.1/", "http://localhost./", "http://[fe80::1%25eth0]/",
		"HTTP://X:00080/%2f",
	} {
		f.Add(s)
	}
	g, err := newGuard(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		target, e := parseTarget(raw)
		if e == nil {
			e = g.checkTarget(&target)
		}
		if e != nil {
			if e.Kind != KindBlocked || e.Message == "" {
				t.Fatalf("error %+v", e)
			}
			return
		}
		if u, err := url.Parse(raw); err != nil || u.Host == "" {
			t.Fatalf("%q is no URL with a host", raw)
		}
		if a, err := netip.ParseAddr(target.host); err == nil && g.classify(a) != "" || err != nil &&
			!isHostName(target.host) {
			t.Fatalf("host %q", target.host)
		}
		if strings.ContainsAny(target.uri+target.hostHeader+target.auth[min(len(target.auth), len("Basic ")):],
			" \t\r\n\x00") || target.uri[0] != '/' {
			t.Fatalf("target %+v", target)
		}
		again, e := parseTarget("http://" + target.hostHeader + target.uri)
		if e != nil || again.uri != target.uri || again.host != target.host {
			t.Fatalf("%q reads as %+v, then as %+v %v", raw, target, again, e)
		}
	})
}
