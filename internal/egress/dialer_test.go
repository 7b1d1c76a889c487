package egress

import (
	"errors"
	"net"
	"testing"
)

func TestDial(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		allow []string
		addr  string
		kind  string // "" if it is dialed
	}{
		{nil, l.Addr().String(), KindBlocked},
		{nil, "localhost:" + port, KindBlocked},
		{nil, "[::ffff:127.0.0.1]:" + port, KindBlocked},
		{nil, "169.254.169.254:80", KindBlocked},
		{nil, "127.0.0.1", KindBlocked},
		{nil, "2130706433:80", KindBlocked},
		{[]string{"127.0.0.0/8"}, l.Addr().String(), ""},
		{[]string{"127.0.0.0/8"}, "127.0.0.1:1", KindConnect},
		{[]string{"127.0.0.0/8"}, "127.0.0.1:0", KindBlocked},
		{[]string{"127.0.0.0/8"}, "127.0.0.1:99999", KindBlocked},
	} {
		client, err := New(Options{Allow: c.allow})
		if err != nil {
			t.Fatal(err)
		}
		conn, err := client.Dial(t.Context(), c.addr)
		var e *Error
		switch {
		case c.kind == "" && err == nil:
			_ = conn.Close()
		case !errors.As(err, &e) || e.Kind != c.kind:
			t.Errorf("%s with %v: %v, want %q", c.addr, c.allow, err, c.kind)
		}
		client.Close()
		if _, err := client.Dial(t.Context(), "127.0.0.1:1"); !errors.As(err, &e) {
			t.Errorf("a closed client: %v", err)
		}
	}
}
