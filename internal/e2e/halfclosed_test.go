package e2e_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard/client"
)

// TestHalfClosed: a sender that closes its side of the connection after the request, as HTTP allows, gets a 2xx only if
// its event is stored.
func TestHalfClosed(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "half")
	y.source("in", "none", "", client.SourcePatch{})
	ok := 0
	for i := range 100 {
		request := "POST /in/guest/half/in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nok"
		if i%2 == 0 {
			request = "POST /api/projects/guest/half/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 21\r\n\r\n" +
				`{"type":"a","data":1}`
		}
		answer := halfClose(t, y.s.addr, request)
		switch {
		case status(answer)/100 == 2 && strings.Contains(answer, "evt_"):
			ok++
		case status(answer)/100 == 2:
			t.Errorf("2xx without a receipt: %q", answer)
		}
	}
	if n := len(y.events()); n != ok || n == 0 {
		t.Errorf("%d events are stored, %d were acknowledged", n, ok)
	}
	for range 20 {
		if answer := halfClose(t, y.s.addr,
			"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"); status(answer) != http.StatusOK {
			t.Errorf("health: %q", answer)
		}
		if answer := halfClose(t, y.s.addr,
			"GET /api/projects/guest/half/events HTTP/1.1\r\nHost: localhost\r\n\r\n"); strings.HasSuffix(answer,
			"\r\n\r\n") {
			t.Errorf("a response without a body: %q", answer)
		}
	}
}

func halfClose(t *testing.T, addr, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.(*net.TCPConn).CloseWrite(), c.SetDeadline(time.Now().Add(10*time.Second))); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
