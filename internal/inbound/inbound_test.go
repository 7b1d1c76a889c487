package inbound_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/inbound"
)

func TestAddress(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string][2]string{
		"192.0.2.1:80":              {"192.0.2.1", "192.0.2.1/32"},
		"[2001:db8:1:2:3:4:5:6]:80": {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
		"[fe80::1%eth0]:80":         {"fe80::1%eth0", "fe80::/64"},
		"[::ffff:192.0.2.1]:80":     {"::ffff:192.0.2.1", "192.0.2.1/32"},
		"@":                         {"@", "invalid Prefix"},
		"a\x00socket":               {"a\ufffdsocket", "invalid Prefix"},
		"":                          {"", "invalid Prefix"},
	} {
		if got := inbound.Address(&http.Request{RemoteAddr: remote}); got != want[0] {
			t.Errorf("Address of %q = %q, want %q", remote, got, want[0])
		}
		if got := hookyard.NetworkOf(remote).String(); got != want[1] {
			t.Errorf("Network(%q) = %s, want %s", remote, got, want[1])
		}
	}
}

func TestStoredHeader(t *testing.T) {
	t.Parallel()
	got := inbound.StoredHeader(http.Header{
		"Connection": {"close"}, "Te": {"trailers"}, "Transfer-Encoding": {"chunked"}, "Content-Length": {"3"},
		"Proxy-Connection": {"close"}, "Upgrade": {"h2c"}, "Keep-Alive": {"5"}, "Trailer": {"X"},
		"Authorization": {"Bearer hush"}, "Cookie": {"a=b", "c=d"}, "X-Token": {"hush"}, "X-Two": {"1", "2"},
		"Accept-Encoding": {"gzip"},
	}, "x-token")
	want := http.Header{"Authorization": {"***"}, "Cookie": {"***"}, "X-Token": {"***"}, "X-Two": {"1", "2"},
		"Accept-Encoding": {"gzip"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestWriteAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &hookyard.Answer{Status: 418, Body: "<script>", Delay: hookyard.Duration(time.Hour)}
		a.Headers = map[string]string{
			"Content-Type": "text/html", "Content-Security-Policy": "default-src *", "X-Own": "yes"}
		w, start := httptest.NewRecorder(), time.Now()
		inbound.WriteAnswer(t.Context(), w, a)
		if took := time.Since(start); took != time.Hour {
			t.Errorf("answered after %s", took)
		}
		h := w.Result().Header
		if w.Code != 418 || w.Body.String() != "<script>" || h.Get("Content-Type") != "text/html" ||
			h.Get("X-Own") != "yes" || h.Get("X-Content-Type-Options") != "nosniff" ||
			h.Get("Content-Security-Policy") != "default-src 'none'; sandbox" {
			t.Errorf("answered %d %v %q", w.Code, h, w.Body)
		}
		gone, hangUp := context.WithCancel(t.Context())
		hangUp()
		w = httptest.NewRecorder()
		inbound.WriteAnswer(gone, w, a)
		if w.Body.Len() != 0 || len(w.Header()) != 0 {
			t.Errorf("a client that has gone is answered %v %q", w.Header(), w.Body)
		}
	})
}
