package egress

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeDNS answers the n-th question (from 1) for A records with the addresses that answer returns, and other questions
// with none. If answer returns none, the name does not exist.
func fakeDNS(t *testing.T, answer func(name string, n int) []string) *net.Resolver {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { pc.Close(); wg.Wait() })
	wg.Go(func() {
		seen := map[string]int{}
		buf := make([]byte, 2048)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			name, end := dnsName(buf[:n])
			kind := binary.BigEndian.Uint16(buf[end:])
			var addrs []string
			exists := true
			if kind == 1 {
				seen[name]++
				addrs = answer(name, seen[name])
				exists = addrs != nil
			}
			_, _ = pc.WriteTo(dnsReply(buf[:end+4], addrs, exists), from)
		}
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", pc.LocalAddr().String())
	}}
}

// dnsName parses the name in a question and returns where it ends.
func dnsName(q []byte) (string, int) {
	var labels []string
	i := 12
	for q[i] != 0 {
		labels = append(labels, string(q[i+1:i+1+int(q[i])]))
		i += 1 + int(q[i])
	}
	return strings.Join(labels, "."), i + 1
}

func dnsReply(question []byte, addrs []string, exists bool) []byte {
	b := slices.Clone(question)
	b[2], b[3] = 0x81, 0x80 // a response, recursion desired and available
	if !exists {
		b[3] |= 3 // NXDOMAIN
	}
	binary.BigEndian.PutUint16(b[4:], 1)
	binary.BigEndian.PutUint16(b[6:], uint16(len(addrs)))
	binary.BigEndian.PutUint32(b[8:], 0)
	for _, a := range addrs {
		ip := netip.MustParseAddr(a).As4()
		b = append(b, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		b = append(b, ip[:]...)
	}
	return b
}

// at replaces the host in the URL of a raw server.
func (s *rawServer) at(host string) string {
	_, port, _ := net.SplitHostPort(s.addr)
	return "http://" + host + ":" + port + "/"
}

func TestRebinding(t *testing.T) {
	t.Parallel()
	lookups := make(chan int, 10)
	r := fakeDNS(t, func(_ string, n int) []string {
		lookups <- n
		return []string{"127.0.0." + string(rune('0'+n))} // .1, then .2 and .3, which must not be dialed
	})
	s := serveRaw(t, answerOnce("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"))
	c := newClient(t, Options{Resolver: r, Allow: []string{"127.0.0.1"}})
	resp, err := c.Do(t.Context(), &Request{URL: s.at("rebind.test")})
	if err != nil || resp.Remote != s.addr || resp.Timing.DNS <= 0 {
		t.Fatalf("first: %+v %v", resp, err)
	}
	_, err = c.Do(t.Context(), &Request{URL: s.at("rebind.test")})
	if e := asError(t, err); e.Kind != KindBlocked || !strings.Contains(e.Message, "127.0.0.2") ||
		!strings.Contains(e.Message, "--allow-target rebind.test") {
		t.Errorf("second: %s %v", e.Kind, e)
	}
	if n := len(lookups); n != 2 {
		t.Errorf("%d lookups for two dials: a name must be looked up once, and the result be dialed", n)
	}
	if n := s.conns.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

func TestMixedAnswer(t *testing.T) {
	t.Parallel()
	r := fakeDNS(t, func(name string, _ int) []string {
		if name == "mixed.test" {
			return []string{"10.0.0.1", "169.254.169.254", "127.0.0.1"}
		}
		return []string{"10.0.0.1", "127.0.0.2"}
	})
	s := serveRaw(t, okForever)
	c := newClient(t, Options{Resolver: r, Allow: []string{"127.0.0.1"}})
	if resp, err := c.Do(t.Context(), &Request{URL: s.at("mixed.test")}); err != nil || resp.Remote != s.addr {
		t.Errorf("mixed: %+v %v", resp, err)
	}
	_, err := c.Do(t.Context(), &Request{URL: s.at("private.test")})
	if e := asError(t, err); e.Kind != KindBlocked || !strings.Contains(e.Message, "10.0.0.1") ||
		!strings.Contains(e.Message, "127.0.0.2") {
		t.Errorf("private: %v", e)
	}
}

func TestAllowedByName(t *testing.T) {
	t.Parallel()
	r := fakeDNS(t, func(string, int) []string { return []string{"127.0.0.1"} })
	s := serveRaw(t, okForever)
	c := newClient(t, Options{Resolver: r, Allow: []string{"Inside.Test", "*.corp.test", "bücher.test"}})
	for host, ok := range map[string]bool{
		"INSIDE.test": true, "inside.test.": true, "a.corp.test": true, "bücher.test": true, "xn--bcher-kva.test": true,
		"other.test": false, "corp.test": false,
	} {
		_, err := c.Do(t.Context(), &Request{URL: s.at(host)})
		if (err == nil) != ok {
			t.Errorf("%s: %v, want allowed %t", host, err, ok)
		}
	}
}

func TestLookupFails(t *testing.T) {
	t.Parallel()
	r := fakeDNS(t, func(string, int) []string { return nil })
	c := newClient(t, Options{Resolver: r})
	_, err := c.Do(t.Context(), &Request{URL: "http://user:secret@nowhere.test/"})
	if e := asError(t, err); e.Kind != KindDNS || e.Message != "looking up nowhere.test failed: no such host" {
		t.Errorf("%s: %v", e.Kind, e)
	}
}

func TestLookupHangs(t *testing.T) {
	t.Parallel()
	hang := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	c := newClient(t, Options{Resolver: hang, DialTimeout: 50 * time.Millisecond})
	_, err := c.Do(t.Context(), &Request{URL: "http://slow.test/"})
	if e := asError(t, err); e.Kind != KindTimeout ||
		e.Message != "looking up slow.test took too long: the limit is 0.05 s" {
		t.Errorf("%s: %v", e.Kind, e)
	}
}

func TestSecondAddress(t *testing.T) {
	t.Parallel()
	r := fakeDNS(t, func(string, int) []string { return []string{"127.0.0.9", "127.0.0.1"} })
	s := serveRaw(t, okForever) // listens on 127.0.0.1 only
	c := newClient(t, Options{Resolver: r})
	if resp, err := c.Do(t.Context(), &Request{URL: s.at("two.test")}); err != nil || resp.Remote != s.addr {
		t.Errorf("%+v %v", resp, err)
	}
}
