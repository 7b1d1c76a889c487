package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

// load publishes over its own connections, one request at a time on each, with little overhead.
type load struct {
	addr       string
	path       string
	pick       func() string // returns the path of each request in the place of path, if not nil
	publishers int
	body       int     // bytes
	rate       float64 // requests per second of all publishers together; 0: no limit
	events     int     // total number of requests; 0: until duration is over
	duration   time.Duration
}

// outcome is the result of a load.
type outcome struct {
	acked   int
	refused int
	elapsed time.Duration
	latency []time.Duration // of each acknowledgement, sorted
}

func (o outcome) p(q float64) time.Duration {
	if len(o.latency) == 0 {
		return 0
	}
	return o.latency[min(len(o.latency)-1, int(q*float64(len(o.latency))))]
}

func (l load) run(ctx context.Context) (outcome, error) {
	var mu sync.Mutex
	var out outcome
	var failed error
	started := time.Now()
	var wg sync.WaitGroup
	for p := range l.publishers {
		wg.Go(func() {
			latency, refused, err := l.publish(ctx, p, started)
			mu.Lock()
			defer mu.Unlock()
			out.latency = append(out.latency, latency...)
			out.refused += refused
			if err != nil {
				failed = err
			}
		})
	}
	wg.Wait()
	out.elapsed = time.Since(started)
	out.acked = len(out.latency)
	slices.Sort(out.latency)
	if failed == nil && out.acked == 0 && out.refused > 0 {
		failed = fmt.Errorf("all of %d events published to %s were refused", out.refused, l.path)
	}
	return out, failed
}

func (l load) publish(ctx context.Context, p int, started time.Time) (latency []time.Duration, refused int, err error) {
	c, err := net.Dial("tcp", l.addr)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = c.Close() }()
	r := bufio.NewReader(c)
	filler := make([]byte, max(0, l.body-90))
	for i := range filler {
		filler[i] = 'a' + byte(i%26)
	}
	mine := l.events / l.publishers
	if p < l.events%l.publishers {
		mine++
	}
	every := time.Duration(0)
	if l.rate > 0 {
		every = time.Duration(float64(l.publishers) / l.rate * float64(time.Second))
	}
	var buf []byte
	for n := 0; (l.events == 0 || n < mine) && ctx.Err() == nil; n++ {
		if every > 0 {
			at := started.Add(time.Duration(n)*every + time.Duration(p)*every/time.Duration(l.publishers))
			time.Sleep(time.Until(at))
		}
		if l.duration > 0 && time.Since(started) > l.duration {
			break
		}
		began := time.Now()
		path := l.path
		if l.pick != nil {
			path = l.pick()
		}
		body := fmt.Sprintf(`{"type":"bench.event","data":{%s%016d","filler":"%s"}}`, sentAt, began.UnixMicro(), filler)
		buf = fmt.Appendf(buf[:0],
			"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			path, len(body), body)
		if _, err := c.Write(buf); err != nil {
			return latency, refused, err
		}
		status, err := readAnswer(r)
		if err != nil {
			return latency, refused, err
		}
		if status != 202 {
			refused++
			continue
		}
		latency = append(latency, time.Since(began))
	}
	return latency, refused, nil
}

// readAnswer reads a response with a Content-Length.
func readAnswer(r *bufio.Reader) (status int, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if _, err := fmt.Sscanf(string(line), "HTTP/1.1 %d", &status); err != nil {
		return 0, fmt.Errorf("answer %q: %w", line, err)
	}
	_, length, err := readHead(r, false)
	if err != nil {
		return 0, err
	}
	_, err = io.CopyN(io.Discard, r, int64(length))
	return status, err
}
