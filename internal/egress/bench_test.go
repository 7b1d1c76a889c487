//go:build unix

package egress

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkDo compares an exchange with that of net/http: a POST of 1 kB with the response 200 "ok". The server is a
// minimal loop in the same process, so cpu-µs/op includes its share, the same for all. "floor" only writes and reads
// bytes: no client can be cheaper.
func BenchmarkDo(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 1000)
	header := http.Header{
		"Content-Type":      {"application/json"},
		"Webhook-Id":        {"evt_01JABCDEFGHJKMNPQRSTVWXYZ"},
		"Webhook-Timestamp": {"1700000000"},
		"Webhook-Signature": {"v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="},
	}
	url := serveRaw(b, okForever).url
	b.Run("floor", func(b *testing.B) {
		conns := make(chan net.Conn, 1000)
		request := bytes.Repeat([]byte("x"), 1250)
		run(b, func(context.Context) error {
			var nc net.Conn
			select {
			case nc = <-conns:
			default:
				var err error
				if nc, err = net.Dial("tcp", strings.Split(url, "/")[2]); err != nil {
					return err
				}
			}
			if _, err := nc.Write(request); err != nil {
				return err
			}
			var buf [4096]byte
			_, err := nc.Read(buf[:])
			conns <- nc
			return err
		})
	})
	b.Run("egress", func(b *testing.B) {
		c := newClient(b, Options{})
		run(b, func(ctx context.Context) error {
			_, err := c.Do(ctx, &Request{Method: "POST", URL: url, Header: header, Body: body, MaxBody: 64 << 10})
			return err
		})
	})
	b.Run("net-http", func(b *testing.B) {
		t := &http.Transport{MaxIdleConnsPerHost: 1000, DisableCompression: true}
		defer t.CloseIdleConnections()
		c := &http.Client{Transport: t}
		run(b, func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, "POST", url, bytes.NewReader(body))
			if err != nil {
				return err
			}
			for n, v := range header {
				req.Header[n] = v
			}
			resp, err := c.Do(req)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			_, err = io.ReadAll(io.LimitReader(resp.Body, 64<<10))
			return err
		})
	})
}

func run(b *testing.B, do func(context.Context) error) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	b.ReportAllocs()
	b.SetParallelism(16)
	start := cpuTime(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := do(ctx); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64((cpuTime(b)-start).Nanoseconds())/1e3/float64(b.N), "cpu-µs/op")
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
