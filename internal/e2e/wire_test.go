package e2e_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookyard/hookyard/client"
)

// say opens a connection, sends text and returns everything that it receives. cut reports whether the server closed the
// connection within the limit.
func say(addr, text string, limit time.Duration) (answer string, cut bool, err error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return "", false, err
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(limit)); err != nil {
		return "", false, err
	}
	if _, err := io.WriteString(c, text); err != nil && !isReset(err) {
		return "", false, err
	}
	b, err := io.ReadAll(c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return string(b), false, nil
	}
	if err != nil && !isReset(err) {
		return string(b), true, err
	}
	return string(b), true, nil
}

// isReset reports whether the server closed the connection before it had read everything, which HTTP allows.
func isReset(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !op.Timeout()
}

// status returns the status of the first response, or 0.
func status(answer string) int {
	var n int
	if _, err := fmt.Sscanf(answer, "HTTP/1.1 %d", &n); err != nil {
		return 0
	}
	return n
}

// statusLine matches the status lines of the responses on a connection.
var statusLine = regexp.MustCompile(`(?m)^HTTP/1\.[01] (\d{3}) `)

// allowed5xx reports whether RFC 9112 demands the status: for unknown transfer codings and unsupported versions.
func allowed5xx(code string) bool { return code == "501" || code == "505" }

// TestWire sends broken requests: wrong lengths, invalid chunks, malformed headers.
func TestWire(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t, "--read-timeout", "2s"), "wire")
	y.source("in", "none", "", client.SourcePatch{})
	post := func(headers, body string) string {
		return "POST /in/guest/wire/in HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + headers + "\r\n" + body
	}
	get := func(headers string) string {
		return "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + headers + "\r\n"
	}
	wanted, all := 0, sync.WaitGroup{}
	for _, tc := range []struct {
		name, text string
		want       []int // 0: closed without a response
		kept       int
	}{
		{"good", post("Content-Length: 2\r\n", "ok"), []int{200}, 1},
		{"good chunks", post("Transfer-Encoding: chunked\r\n", "2\r\nok\r\n0\r\n\r\n"), []int{200}, 1},
		{"two lengths", post("Content-Length: 2\r\nContent-Length: 3\r\n", "ok!"), []int{400}, 0},
		{"one length twice", post("Content-Length: 2, 2\r\n", "ok"), []int{400}, 0},
		{"negative length", post("Content-Length: -1\r\n", "ok"), []int{400}, 0},
		{"length with a sign", post("Content-Length: +2\r\n", "ok"), []int{400}, 0},
		{"length in hex", post("Content-Length: 0x2\r\n", "ok"), []int{400}, 0},
		{"length beyond numbers", post("Content-Length: 99999999999999999999\r\n", "ok"), []int{400}, 0},
		{"length of petabytes", post("Content-Length: 9223372036854775807\r\n", "ok"), []int{413}, 0},
		{"large body not yet sent", post("Content-Length: 30000000\r\nExpect: 100-continue\r\n", ""), []int{413}, 0},
		{"odd expectation", post("Content-Length: 2\r\nExpect: more\r\n", "ok"), []int{417}, 0},
		{"body too short", post("Content-Length: 10\r\n", "ok"), []int{400, 0}, 0},
		{"large body too short", post("Content-Length: 20000000\r\n", "ok"), []int{400, 0}, 0},
		{"chunk too short", post("Transfer-Encoding: chunked\r\n", "ffff\r\nok"), []int{400, 0}, 0},
		{"chunk without an end", post("Transfer-Encoding: chunked\r\n", "2\r\nok\r\n"), []int{400, 0}, 0},
		{"chunk that is no number", post("Transfer-Encoding: chunked\r\n", "zz\r\nok\r\n0\r\n\r\n"), []int{400}, 0},
		{"negative chunk", post("Transfer-Encoding: chunked\r\n", "-1\r\nok\r\n0\r\n\r\n"), []int{400}, 0},
		{"chunk beyond numbers", post("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\nok\r\n0\r\n\r\n"),
			[]int{400}, 0},
		{"chunk longer than told", post("Transfer-Encoding: chunked\r\n", "2\r\noktoolong\r\n0\r\n\r\n"), []int{400},
			0},
		{"endless chunk extension", post("Transfer-Encoding: chunked\r\n",
			"2;"+strings.Repeat("x", 1<<20)+"\r\nok\r\n0\r\n\r\n"), []int{400}, 0},
		{"endless trailer", post("Transfer-Encoding: chunked\r\n",
			"2\r\nok\r\n0\r\n"+strings.Repeat("X: y\r\n", 1<<17)+"\r\n"), []int{400, 0}, 0},
		{"unknown coding", post("Transfer-Encoding: xchunked\r\n", "2\r\nok\r\n0\r\n\r\n"), []int{501}, 0},
		{"two codings", post("Transfer-Encoding: gzip, chunked\r\n", "2\r\nok\r\n0\r\n\r\n"), []int{501}, 0},
		{"coding twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "2\r\nok\r\n0\r\n\r\n"),
			[]int{400, 501}, 0},
		{"coding with a tab", post("Transfer-Encoding: \x0bchunked\r\n", "2\r\nok\r\n0\r\n\r\n"), []int{400, 501}, 0},
		{"space before the colon", post("Transfer-Encoding : chunked\r\n", "2\r\nok\r\n0\r\n\r\n"), []int{400}, 0},
		{"folded header", get("X-A: b\r\n c\r\n"), []int{200, 400}, 0},
		{"NUL in a header", get("X-A: b\x00c\r\n"), []int{400}, 0},
		{"CR in a header", get("X-A: b\rc\r\n"), []int{400}, 0},
		{"header without a colon", get("nonsense\r\n"), []int{400}, 0},
		{"header without a name", get(": x\r\n"), []int{400}, 0},
		{"header that is not ASCII", get("X-\xff: x\r\n"), []int{400}, 0},
		{"two hosts", get("Host: y\r\n"), []int{400}, 0},
		{"no host", "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n", []int{400}, 0},
		{"bad host", "GET /healthz HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n", []int{400}, 0},
		{"large header", get("X-A: " + strings.Repeat("x", 80<<10) + "\r\n"), []int{431}, 0},
		{"many headers", get(strings.Repeat("X-A: b\r\n", 12<<10)), []int{431}, 0},
		{"endless first line", "GET /" + strings.Repeat("x", 1<<20) + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
			[]int{431}, 0},
		{"HTTP/0.9", "GET /healthz\r\n\r\n", []int{400}, 0},
		{"HTTP/3.0", "GET /healthz HTTP/3.0\r\nHost: localhost\r\n\r\n", []int{505}, 0},
		{"HTTP/2 without asking", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []int{400, 404, 405, 505, 0}, 0},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", []int{400, 0}, 0},
		{"no method", " / HTTP/1.1\r\nHost: localhost\r\n\r\n", []int{400}, 0},
		{"odd method", "G@T /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", []int{400}, 0},
		{"CONNECT", "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\nConnection: close\r\n\r\n",
			[]int{400, 403, 404, 405}, 0},
		{"TRACE", "TRACE / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", []int{404, 405}, 0},
		{"another's address",
			"GET http://example.com/healthz HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n",
			[]int{400, 403, 404}, 0},
		{"nothing", "", []int{0}, 0},
		{"half a line", "GET /hea", []int{0, 400, 408}, 0},
		{"zeros", strings.Repeat("\x00", 100_000), []int{400, 431}, 0},
	} {
		wanted += tc.kept
		all.Go(func() {
			answer, cut, err := say(y.s.addr, tc.text, 15*time.Second)
			if err != nil || !cut {
				t.Errorf("%s: the server did not close the connection: %v; it sent %.200q", tc.name, err, answer)
			}
			if got := status(answer); !slices.Contains(tc.want, got) {
				t.Errorf("%s: answered %d, want one of %v: %.300q", tc.name, got, tc.want, answer)
			}
		})
	}
	all.Wait()
	if kept := len(y.events()); kept != wanted {
		t.Errorf("%d events were stored, want %d", kept, wanted)
	}
	y.readable()
}

// TestSmuggling: a request with both a length and chunks is read as chunks (RFC 9112 6.3) or rejected. The bytes after
// the length never become a request.
func TestSmuggling(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "smuggle")
	y.source("in", "none", "", client.SourcePatch{})
	post := "POST /in/guest/smuggle/in HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
	inner := post + "Content-Length: 8\r\n\r\nsmuggled"
	chunks := fmt.Sprintf("\r\n%x\r\n%s\r\n0\r\n\r\n", len(inner), inner)
	for _, text := range []string{
		// a proxy that reads the chunks sees one request whose body contains another
		post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n" + chunks,
		post + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n" + chunks,
	} {
		before := len(y.events())
		answer, _, err := say(y.s.addr, text, 15*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		events := y.events()
		switch got := status(answer); {
		case got == http.StatusBadRequest && len(events) == before:
		case got == http.StatusOK && len(events) == before+1 && string(y.body(events[0].ID)) == inner:
		default:
			t.Errorf("%d answers, the first %d; %d events: %q", len(statusLine.FindAllString(answer, -1)), got,
				len(events)-before, answer)
		}
	}
}

// TestSlowSenders: senders that exceed --read-timeout are disconnected and do not block others.
func TestSlowSenders(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t, "--read-timeout", "1s"), "slow-in")
	y.source("in", "none", "", client.SourcePatch{})
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			started := time.Now()
			answer, cut, err := say(y.s.addr,
				"POST /in/guest/slow-in/in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nslow",
				10*time.Second)
			if err != nil || !cut || status(answer) >= 500 || time.Since(started) > 8*time.Second {
				t.Errorf("a slow body: cut %v after %s, %v, %.100q", cut, time.Since(started), err, answer)
			}
		})
		all.Go(func() {
			answer, cut, err := say(y.s.addr, "POST /in/guest/slow-in/in HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
				15*time.Second)
			if err != nil || !cut || status(answer) >= 500 {
				t.Errorf("a slow header: cut %v, %v, %.100q", cut, err, answer)
			}
		})
	}
	for range 20 {
		y.publish("order.created", `1`)
	}
	all.Wait()
	if n := len(y.events()); n != 20 {
		t.Errorf("%d events, want 20", n)
	}
}

// TestFuzzWire sends mutated requests for a while: no 5xx, no panic, little memory, and the events can still be read.
func TestFuzzWire(t *testing.T) {
	t.Parallel()
	length := 10 * time.Second
	if testing.Short() {
		length = 2 * time.Second
	}
	y := newYard(t, dev(t, "--read-timeout", "1s", "--log-level", "warn"), "fuzz")
	y.source("in", "github", "s3cret", client.SourcePatch{})
	y.source("open", "none", "", client.SourcePatch{TypeField: ptr("a.b"), DedupHeader: ptr("X-Id")})
	deadline := time.NewTimer(length)
	defer deadline.Stop()
	var (
		all   sync.WaitGroup
		total [4]int
		stop  = make(chan struct{})
	)
	for i := range total {
		seed := rand.Uint64()
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				text := mangle(r)
				answer, err := throw(y.s.addr, text)
				if err != nil {
					t.Errorf("seed %d: %v after %q", seed, err, text)
					return
				}
				total[i]++
				for _, m := range statusLine.FindAllStringSubmatch(answer, -1) {
					if m[1][0] == '5' && !allowed5xx(m[1]) && !strings.Contains(answer, halfClosed) {
						t.Errorf("seed %d: %q\ngot the response %.500q", seed, text, answer)
						return
					}
				}
			}
		})
	}
	<-deadline.C
	close(stop)
	all.Wait()
	requests, events := total[0]+total[1]+total[2]+total[3], len(y.events())
	t.Logf("%d requests, %d events stored, %d MiB", requests, events, y.s.rss()>>20)
	if requests < 100 || events == 0 {
		t.Errorf("only %d requests and %d events", requests, events)
	}
	if rss := y.s.rss(); !raceEnabled && rss > 300<<20 {
		t.Errorf("%d MiB of memory", rss>>20)
	}
	if r := ask(t, http.MethodGet, y.s.url+"/readyz", nil); r.status != http.StatusOK {
		t.Errorf("readyz: %d %s", r.status, r.body)
	}
}

// throw sends text, closes its side and reads until the server closes the connection.
func throw(addr, text string) (string, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(c, text); err != nil {
		return "", nil // the server closed the connection early, which HTTP allows
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		return "", nil
	}
	b, err := io.ReadAll(io.LimitReader(bufio.NewReader(c), 1<<20))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return "", fmt.Errorf("the server hangs")
	}
	return string(b), nil
}

// halfClosed is part of the response to a client that, like throw, closes its side before the response.
const halfClosed = "keep it open until the answer"

// fuzzSeeds are valid requests to mutate.
var fuzzSeeds = []string{
	"POST /in/guest/fuzz/open?token=a&b=c HTTP/1.1\r\nHost: localhost\r\nX-Id: 17\r\n" +
		"Content-Type: application/json\r\nContent-Length: 19\r\n\r\n{\"a\": {\"b\": \"type\"}}",
	"POST /in/guest/fuzz/in HTTP/1.1\r\nHost: localhost\r\nX-Hub-Signature-256: sha256=00ff\r\n" +
		"X-GitHub-Event: push\r\nX-GitHub-Delivery: 1\r\nContent-Length: 2\r\n\r\n{}",
	"POST /api/projects/guest/fuzz/events HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: k\r\n" +
		"Content-Type: application/json\r\nContent-Length: 37\r\n\r\n" +
		"{\"type\":\"a.b\",\"data\":{\"n\":[1e400,\"\\u0000\"]}}",
	"POST /api/projects/guest/fuzz/events HTTP/1.1\r\nHost: localhost\r\n" +
		"Content-Type: application/cloudevents+json\r\nContent-Length: 69\r\n\r\n" +
		"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/a\",\"type\":\"t\",\"data\":{\"a\":1}}",
	"POST /api/projects/guest/fuzz/events HTTP/1.1\r\nHost: localhost\r\nce-specversion: 1.0\r\n" +
		"ce-id: 1\r\nce-source: /a\r\nce-type: t\r\nce-time: 2026-01-01T00:00:00Z\r\n" +
		"Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi",
	"POST /in/guest/fuzz/open HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n" +
		"hello\r\n0\r\nX-T: y\r\n\r\n",
	"GET /api/projects/guest/fuzz/events?limit=2&text=a&path=a.b&value=c&since=1h&cursor=AAAA HTTP/1.1\r\n" +
		"Host: localhost\r\nAuthorization: Basic YTpi\r\nCookie: session=abc\r\n\r\n",
	"GET /api/projects/guest/fuzz/deliveries?state=pending&hook=h HTTP/1.1\r\nHost: localhost\r\n" +
		"Authorization: Bearer hyd_x\r\n\r\n",
	"PUT /api/projects/guest/fuzz/hooks/h HTTP/1.1\r\nHost: localhost\r\nContent-Length: 150\r\n\r\n" +
		"{\"url\":\"http://x.invalid/\",\"active\":false,\"filter\":\"body.a > 1 && type.matches('x')\"," +
		"\"schedule\":[\"1s\",5],\"headers\":{\"A\":\"b\"},\"format\":\"template\"," +
		"\"template\":\"{{.type}}\"}",
	"PATCH /api/projects/guest/fuzz/hooks/h HTTP/1.1\r\nHost: localhost\r\nIf-Match: \"1\"\r\n" +
		"Content-Length: 46\r\n\r\n{\"active\":false,\"filter\":\"type = a* b.c = 1.5\"}",
	"PUT /api/projects/guest/fuzz/sources/s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 108\r\n\r\n" +
		"{\"type\":\"hmac\",\"secret\":\"x\",\"scheme\":{\"header\":\"X-S\",\"algorithm\":\"sha256\"," +
		"\"content\":\"{ts}.{raw}\",\"tolerance\":\"5m\"}}",
	"POST /api/projects/guest/fuzz/replays HTTP/1.1\r\nHost: localhost\r\nContent-Length: 57\r\n\r\n" +
		"{\"type\":\"a*\",\"since\":\"2026-01-01T00:00:00Z\",\"state\":\"failed\"}",
	"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\nGET /healthz HTTP/1.1\r\n" +
		"Host: localhost\r\n\r\n",
	"OPTIONS /in/guest/fuzz/open HTTP/1.1\r\nHost: localhost\r\nOrigin: http://a\r\nWebHook-Request-Origin: a\r\n\r\n",
}

// fuzzBits are fragments that are likely to break parsers.
var fuzzBits = []string{
	"\x00", "\xff", "\r\n", "\n", "\r", " ", "\t", ":", ",", ";", "\"", "\\", "{", "}", "[", "]", "%00", "%2e", "%",
	"../", "//", "?", "#", "&", "=", "-1", "0", "1e999",
	"99999999999999999999", "\\ud800", "\xc3\x28", "null", "true", strings.Repeat("A", 3000), strings.Repeat("[", 2000),
	strings.Repeat("%41", 500), "*", "'", "--",
	"Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Expect: 100-continue\r\n",
	"Upgrade: websocket\r\nConnection: Upgrade\r\n", "Content-Encoding: gzip\r\n",
	"HTTP/1.1", "HTTP/1.0", "GET ", "DELETE ", "/api/v1/", "/in/", "Host: y\r\n", "Range: bytes=0-1\r\n",
	"Idempotency-Key: x\r\n", "Content-Type: multipart/form-data\r\n",
}

// mangle returns one or two seeds with a few mutations.
func mangle(r *rand.Rand) string {
	b := []byte(fuzzSeeds[r.IntN(len(fuzzSeeds))])
	if r.IntN(4) == 0 { // two on one connection
		b = append(b, fuzzSeeds[r.IntN(len(fuzzSeeds))]...)
	}
	for range 1 + r.IntN(4) {
		at := r.IntN(len(b) + 1)
		switch r.IntN(6) {
		case 0:
			b = b[:at]
		case 1:
			if at < len(b) {
				b[at] ^= byte(1 << r.IntN(8))
			}
		case 2, 3:
			bit := fuzzBits[r.IntN(len(fuzzBits))]
			b = append(b[:at:at], append([]byte(bit), b[at:]...)...)
		case 4:
			other := fuzzSeeds[r.IntN(len(fuzzSeeds))]
			b = append(b[:at:at], other[r.IntN(len(other)):]...)
		case 5:
			end := min(len(b), at+r.IntN(40))
			b = append(b[:at:at], b[end:]...)
		}
	}
	return string(bytes.Clone(b))
}
