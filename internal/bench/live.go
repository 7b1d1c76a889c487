package bench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// The size of the row about listeners.
const (
	liveListeners = 1000
	liveEvents    = 500
)

// measureLive connects many listeners to one project and measures them idle and while events arrive.
func (y *yardstick) measureLive(ctx context.Context) error {
	s, err := y.serve(ctx, "")
	if err != nil {
		return err
	}
	defer s.kill()
	if err := y.project(ctx, s, "live"); err != nil {
		return err
	}
	before := s.memory()
	var got atomic.Int64
	var all sync.WaitGroup
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
		all.Wait()
	}()
	for range liveListeners {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			return err
		}
		conns = append(conns, c)
		if _, err := fmt.Fprint(c,
			"GET /api/projects/guest/live/stream?format=sse HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			return err
		}
		r := bufio.NewReaderSize(c, 1<<10)
		if _, err := r.ReadSlice('\n'); err != nil {
			return err
		}
		all.Go(func() { count(r, &got) })
	}
	time.Sleep(time.Second)
	idle := (s.memory() - before) / liveListeners
	y.add("resident memory per idle listener", "≤ 40 kB", idle <= 40_000, "%.0f kB (%d listeners)", float64(idle)/1e3,
		liveListeners)
	cpu, err := s.cpu()
	if err != nil {
		return err
	}
	l := load{addr: s.addr, path: publishPath("live"), publishers: 4, body: 1000, rate: 50, events: liveEvents}
	if _, err := l.run(ctx); err != nil {
		return err
	}
	for last, at := int64(-1), time.Now(); got.Load() < liveListeners*liveEvents; time.Sleep(5 * time.Millisecond) {
		if have := got.Load(); have != last {
			last, at = have, time.Now()
		}
		if ctx.Err() != nil || time.Since(at) > time.Minute {
			return fmt.Errorf("%d of %d events reached their listeners", got.Load(), liveListeners*liveEvents)
		}
	}
	after, err := s.cpu()
	if err != nil {
		return err
	}
	each := (after - cpu) / (liveListeners * liveEvents)
	y.add("CPU per event delivered to a listener", "", true, "%.1f µs (%d listeners, %d events at 50/s)", micro(each),
		liveListeners, liveEvents)
	return nil
}

// count adds the events of a stream to n until the stream ends.
func count(r *bufio.Reader, n *atomic.Int64) {
	start := true // at the start of a line
	for {
		part, err := r.ReadSlice('\n')
		if start && bytes.HasPrefix(part, []byte("data:")) {
			n.Add(1)
		}
		if err != nil && err != bufio.ErrBufferFull {
			return
		}
		start = err == nil
	}
}
