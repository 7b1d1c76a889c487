//go:build unix

package stream_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/stream"
	"github.com/hookyard/hookyard/internal/testenv"
)

// follow reads events of number 0 to want-1 by NDJSON or SSE in turn and comes back with its cursor whenever the
// connection ends. It fails on a repeat, and on a hole.
func follow(url func() string, want, nth int) error {
	accept, cursor := "*/*", ""
	seen := map[string]bool{}
	if nth%2 == 1 {
		accept = "text/event-stream"
	}
	for len(seen) < want {
		l, err := open(url()+"?since=all&after="+cursor, accept, "")
		if err != nil {
			runtime.Gosched() // the server is away
			continue
		}
		for len(seen) < want {
			e, _, err := l.next()
			if err != nil {
				break
			}
			if e.Gap != nil || seen[e.ID] {
				l.close()
				return fmt.Errorf("listener %d: %+v is a gap or a repeat after %d events", nth, e, len(seen))
			}
			seen[e.ID], cursor = true, e.Cursor
		}
		l.close()
	}
	return nil
}

// TestConcurrentWriters lets many write, on PostgreSQL through several nodes, whose commits come in any order.
func TestConcurrentWriters(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		db := storetest.Open(t, dsn)
		nodes := []*store.DB{db}
		if strings.HasPrefix(dsn, "postgres") {
			nodes = append(nodes, storetest.Open(t, dsn), storetest.Open(t, dsn))
		}
		snapshot := storetest.Project(t, db, "acme", "shop")
		other := storetest.Project(t, db, "acme", "other")
		b := setup(t, db, stream.NewGate(0, 0, nil))
		const (
			writers   = 9
			each      = 50
			listeners = 8
		)
		var wg sync.WaitGroup
		for n := range listeners {
			wg.Go(func() {
				if err := follow(func() string { return b.srv.URL + "/acme/shop/stream" }, writers*each,
					n); err != nil {
					t.Error(err)
				}
			})
		}
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					publish(t, nodes[w%len(nodes)], snapshot, "a", i)
					publish(t, nodes[w%len(nodes)], other, "a", i)
				}
			})
		}
		wg.Wait()
	})
}

// TestRestarts stops and starts the server ten times while listeners follow.
func TestRestarts(t *testing.T) {
	t.Parallel()
	events, listeners := 10_000, 50
	if testing.Short() || raceOn {
		events, listeners = 2_000, 20
	}
	dsn := storetest.SQLite(t)
	db := storetest.Open(t, dsn)
	snapshot := storetest.Project(t, db, "acme", "shop")
	var url atomic.Value
	b := setup(t, db, stream.NewGate(0, 0, nil))
	url.Store(b.srv.URL)
	var wg sync.WaitGroup
	for n := range listeners {
		wg.Go(func() {
			if err := follow(func() string { return url.Load().(string) + "/acme/shop/stream" }, events,
				n); err != nil {
				t.Error(err)
			}
		})
	}
	const restarts = 10
	for round := range restarts + 1 {
		var writers sync.WaitGroup
		for w := range 10 {
			writers.Go(func() {
				n := events / (restarts + 1) / 10
				if round == restarts && w == 0 {
					n = events - (restarts+1)*10*n + n
				}
				for range n {
					publish(t, db, snapshot, "a", 0)
				}
			})
		}
		if round < restarts {
			b.stop()
			b = setup(t, db, stream.NewGate(0, 0, nil))
			url.Store(b.srv.URL)
		}
		writers.Wait()
	}
	wg.Wait()
}

// TestIdleListeners measures what a listener that waits costs the server: net/http's share, stacks and all.
func TestIdleListeners(t *testing.T) {
	n := 2000
	if testing.Short() || raceOn {
		n = 200
	}
	db := storetest.Open(t, storetest.SQLite(t))
	storetest.Project(t, db, "acme", "shop")
	for _, kind := range []string{"sse", "ndjson", "poll", "websocket"} {
		t.Run(kind, func(t *testing.T) {
			b := setup(t, db, stream.NewGate(0, 0, nil))
			before := memory()
			conns := make([]net.Conn, n)
			for i := range conns {
				conns[i] = dialListener(t, b, kind)
			}
			testenv.Until(t, "all listen", func() bool { return b.hub.Listeners() == n })
			each := float64(memory()-before) / float64(n) / 1000
			t.Logf("%s: %.1f kB for each of %d idle listeners", kind, each, n)
			if each > 40 && !raceOn {
				t.Errorf("%s: a listener takes %.1f kB, at most 40 are allowed", kind, each)
			}
			for _, c := range conns {
				_ = c.Close()
			}
			testenv.Until(t, "all are gone", func() bool { return b.gate.Open() == 0 })
		})
	}
}

// dialListener opens a listener by hand: a client of net/http would cost more than what is measured.
func dialListener(t testing.TB, b *bundle, kind string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(b.srv.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	path, more := "stream?format="+kind, ""
	switch kind {
	case "poll":
		path = "poll?wait=60s"
	case "websocket":
		path = "stream"
		more = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	}
	if _, err := fmt.Fprintf(c, "GET /acme/shop/%s HTTP/1.1\r\nHost: yard\r\nUser-Agent: test\r\n%s\r\n", path,
		more); err != nil {
		t.Fatal(err)
	}
	return c
}

func memory() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// TestLoad is 2,000 listeners on one project, 100 events a second, one listener killed each second. It takes a minute,
// so it wants HOOKYARD_LOAD to be set; its value is the duration.
func TestLoad(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("HOOKYARD_LOAD"))
	if err != nil {
		t.Skip("set HOOKYARD_LOAD to a duration such as 60s")
	}
	const listeners, rate = 2000, 100
	db := storetest.Open(t, storetest.SQLite(t))
	snapshot := storetest.Project(t, db, "acme", "shop")
	b := setup(t, db, stream.NewGate(0, 0, nil))
	conns := make([]net.Conn, listeners)
	for i := range conns {
		conns[i] = dialListener(t, b, "ndjson")
	}
	testenv.Until(t, "all listen", func() bool { return b.hub.Listeners() == listeners })
	total := int(length.Seconds() * rate)
	var delivered atomic.Int64
	var killed [listeners]atomic.Bool
	var wg sync.WaitGroup
	for i, c := range conns {
		wg.Go(func() {
			n, err := inOrder(c, total, &delivered)
			if err != nil && !killed[i].Load() {
				t.Errorf("listener %d: %v after %d events", i, err, n)
			}
		})
	}
	used := cpu()
	tick := time.NewTicker(time.Second / rate)
	defer tick.Stop()
	for n := range total {
		<-tick.C
		publish(t, db, snapshot, "a", n)
		if n%rate == 0 {
			i := rand.IntN(listeners)
			killed[i].Store(true)
			_ = conns[i].Close()
		}
	}
	wg.Wait()
	t.Logf("%d deliveries to listeners, %.2f µs of CPU each (server and clients together)", delivered.Load(),
		float64((cpu()-used).Microseconds())/float64(delivered.Load()))
}

// inOrder reads events until number total-1 and fails when one is missing, comes twice or out of order.
func inOrder(c net.Conn, total int, delivered *atomic.Int64) (int, error) {
	resp, err := http.ReadResponse(bufio.NewReaderSize(c, 4<<10), nil)
	if err != nil {
		return 0, err
	}
	lines := bufio.NewScanner(resp.Body)
	for n := 0; n < total; {
		if !lines.Scan() {
			return n, io.ErrUnexpectedEOF
		}
		if len(lines.Bytes()) == 0 {
			continue
		}
		if want := fmt.Sprintf(`"data":{"n":%d,`, n); !strings.Contains(lines.Text(), want) {
			return n, fmt.Errorf("%s; want %s", lines.Text(), want)
		}
		delivered.Add(1)
		n++
	}
	return total, nil
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
