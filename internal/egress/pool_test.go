package egress

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// idleConn returns a connection and a function that reports whether it is open.
func idleConn(t *testing.T, p *pool, host string) (*conn, func() bool) {
	t.Helper()
	near, far := net.Pipe()
	open := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, far)
		close(open)
	}()
	t.Cleanup(func() { near.Close(); <-open })
	cn := &conn{key: key{host: host}, nc: near, raw: near}
	if !p.add(cn) {
		t.Fatal("pool is closed")
	}
	return cn, func() bool {
		synctest.Wait()
		select {
		case <-open:
			return false
		default:
			return true
		}
	}
}

func TestPoolOrderAndBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &pool{perHost: 2, max: 3}
		now := time.Now()
		a1, a1Open := idleConn(t, p, "a")
		a2, _ := idleConn(t, p, "a")
		a3, _ := idleConn(t, p, "a")
		p.put(a1, now)
		p.put(a2, now)
		p.put(a3, now)
		if a1Open() {
			t.Error("the oldest beyond the limit for its host was kept")
		}
		b1, _ := idleConn(t, p, "b")
		c1, _ := idleConn(t, p, "c")
		p.put(b1, now)
		p.put(c1, now) // a2 is the oldest of all and is closed
		if got := p.take(key{host: "a"}, now); got != a3 {
			t.Error("not the newest of its host")
		}
		if got := p.take(key{host: "a"}, now); got != nil {
			t.Error("the oldest beyond the limit for all was kept")
		}
		if got := p.take(key{host: "a", tls: true}, now); got != nil {
			t.Error("plain for TLS")
		}
		if p.idle != 2 || len(p.open) != 3 {
			t.Errorf("%d idle, %d open, want 2 and 3", p.idle, len(p.open))
		}
		p.put(a3, now)
		p.close()
		if p.add(b1) {
			t.Error("a closed pool accepts connections")
		}
	})
}

func TestPoolReaps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &pool{perHost: 9, max: 9}
		early, earlyOpen := idleConn(t, p, "a")
		late, lateOpen := idleConn(t, p, "b")
		p.put(early, time.Now())
		time.Sleep(idleTimeout / 2) // of the bubble's clock
		p.put(late, time.Now())
		time.Sleep(idleTimeout/2 + time.Second)
		if earlyOpen() || !lateOpen() {
			t.Errorf("after its time: early open %t, late open %t", earlyOpen(), lateOpen())
		}
		p.mu.Lock()
		if _, ok := p.byKey[key{host: "a"}]; ok {
			t.Error("an empty list remains")
		}
		p.mu.Unlock()
		time.Sleep(idleTimeout)
		isOpen := lateOpen()
		p.mu.Lock()
		if isOpen || p.reaper != nil || len(p.open) != 0 {
			t.Errorf("late open %t, timer %v, %d open", isOpen, p.reaper, len(p.open))
		}
		p.mu.Unlock()
		again, againOpen := idleConn(t, p, "a")
		p.put(again, time.Now())
		time.Sleep(idleTimeout + time.Second)
		if againOpen() {
			t.Error("nothing reaps the second time")
		}
	})
}

func TestPoolOff(t *testing.T) {
	t.Parallel()
	s := serveRaw(t, okForever)
	c := newClient(t, Options{MaxIdle: -1})
	for range 2 {
		if _, err := c.Do(t.Context(), &Request{URL: s.url}); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.conns.Load(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}

// TestQuietConnection backdates an idle connection. One that the server closed or sent data on must not be used.
func TestQuietConnection(t *testing.T) {
	t.Parallel()
	for parting, reused := range map[string]bool{"": false, "HTTP/1.1 408 Request Timeout\r\n\r\n": false,
		"stay": true} {
		got, parted := make(chan struct{}), make(chan struct{})
		s := serveRaw(t, func(p *peer) {
			if p.n == 2 {
				okForever(p)
				return
			}
			_, _, _ = p.request()
			p.say("HTTP/1.1 204 No Content\r\n\r\n")
			<-got
			if !reused {
				p.say(parting)
				p.Close()
			}
			close(parted)
			if reused {
				okForever(p)
			}
		})
		c := newClient(t, Options{})
		if _, err := c.Do(t.Context(), &Request{URL: s.url}); err != nil {
			t.Fatal(err)
		}
		close(got)
		<-parted
		cn := c.pool.newest
		cn.idleSince = cn.idleSince.Add(-2 * quietTime)
		resp, err := c.Do(t.Context(), &Request{URL: s.url})
		if err != nil || resp.Status != 200 {
			t.Errorf("after %q: %+v %v", parting, resp, err)
		}
		if got := s.conns.Load() == 1; got != reused {
			t.Errorf("after %q: reused %t", parting, got)
		}
	}
}
