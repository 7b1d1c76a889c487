package bench

import (
	"bufio"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// sink is the receiver. It counts requests by path, records their latency and answers 200, with little overhead, so
// that the measurements show the sender's cost.
type sink struct {
	l     net.Listener
	paths sync.Map // path -> *arrivals
	done  sync.WaitGroup

	mu    sync.Mutex // guards conns
	conns map[net.Conn]bool
}

// arrivals are the requests to one path.
type arrivals struct {
	count atomic.Int64
	delay time.Duration
	mu    sync.Mutex // guards took
	took  []time.Duration
}

func newSink() (*sink, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{l: l, conns: map[net.Conn]bool{}}
	s.done.Go(s.accept)
	return s, nil
}

func (s *sink) url(path string) string { return "http://" + s.l.Addr().String() + path }

func (s *sink) at(path string) *arrivals {
	a, _ := s.paths.LoadOrStore(path, &arrivals{})
	return a.(*arrivals)
}

func (s *sink) close() {
	_ = s.l.Close()
	s.mu.Lock()
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.done.Wait()
}

func (s *sink) accept() {
	for {
		c, err := s.l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[c] = true
		s.mu.Unlock()
		s.done.Go(func() {
			s.serve(c)
			_ = c.Close()
		})
	}
}

// sentAt precedes the time in every body, from which the sink computes the end-to-end latency.
const sentAt = `"sentAt":"`

func (s *sink) serve(c net.Conn) {
	r := bufio.NewReaderSize(c, 16<<10)
	var body []byte
	for {
		path, length, err := readHead(r, true)
		if err != nil {
			return
		}
		if cap(body) < length {
			body = make([]byte, length)
		}
		body = body[:length]
		if _, err := io.ReadFull(r, body); err != nil {
			return
		}
		a := s.at(path)
		if a.delay > 0 {
			time.Sleep(a.delay)
		}
		a.note(body)
		if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"); err != nil {
			return
		}
	}
}

// readHead reads a header block up to its blank line, and, with request, the request line before it.
func readHead(r *bufio.Reader, request bool) (path string, length int, err error) {
	for line := 0; ; line++ {
		b, err := r.ReadSlice('\n')
		if err != nil {
			return "", 0, err
		}
		text := strings.TrimRight(string(b), "\r\n")
		switch {
		case line == 0 && request:
			_, rest, _ := strings.Cut(text, " ")
			path, _, _ = strings.Cut(rest, " ")
		case text == "":
			return path, length, nil
		case len(text) > 15 && strings.EqualFold(text[:15], "content-length:"):
			length, _ = strconv.Atoi(strings.TrimSpace(text[15:]))
		}
	}
}

func (a *arrivals) note(body []byte) {
	a.count.Add(1)
	if i := strings.Index(string(body[:min(len(body), 200)]), sentAt); i >= 0 {
		at := i + len(sentAt)
		if us, err := strconv.ParseInt(string(body[at:at+16]), 10, 64); err == nil {
			took := time.Since(time.UnixMicro(us))
			a.mu.Lock()
			a.took = append(a.took, took)
			a.mu.Unlock()
		}
	}
}

// sorted returns the end-to-end latencies, the shortest first.
func (a *arrivals) sorted() []time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	slices.Sort(a.took)
	return slices.Clone(a.took)
}

// percentiles returns the median and the 99th percentile of the end-to-end latency.
func (a *arrivals) percentiles() (p50, p99 time.Duration) {
	took := a.sorted()
	return percentile(took, .5), percentile(took, .99)
}
