package hookyard_test

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/hookyard/hookyard"
)

func TestContentEncoding(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []string
		want   string
	}{
		{nil, ""}, {[]string{""}, ""}, {[]string{"identity"}, ""}, {[]string{" GZIP "}, "gzip"},
		{[]string{"x-gzip"}, "gzip"}, {[]string{"identity, zstd"}, "zstd"}, {[]string{"gzip, gzip"}, "gzip, gzip"},
		{[]string{"gzip", "br"}, "gzip, br"},
	} {
		if got := hookyard.ContentEncoding(http.Header{"Content-Encoding": c.values}); got != c.want {
			t.Errorf("%q: %q, want %q", c.values, got, c.want)
		}
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	reverse := func(encoding string, body []byte) ([]byte, bool) {
		return bytes.ToUpper(body), encoding == "gzip" && len(body) < 10
	}
	gzip := http.Header{"Content-Encoding": {"GZip"}}
	for name, c := range map[string]struct {
		event    hookyard.Event
		want     string
		readable bool
	}{
		"compressed":         {hookyard.Event{Header: gzip, Body: []byte("a"), Decompress: reverse}, "A", true},
		"not compressed":     {hookyard.Event{Body: []byte("a"), Decompress: reverse}, "a", true},
		"without Decompress": {hookyard.Event{Header: gzip, Body: []byte("a")}, "a", false},
		"too large": {hookyard.Event{Header: gzip, Body: []byte("0123456789a"), Decompress: reverse}, "0123456789a",
			false},
		"empty": {hookyard.Event{Header: gzip, Decompress: reverse}, "", true},
	} {
		e := &c.event
		unpacked, ok := e.Unpacked()
		if got := string(e.Plain()); got != c.want || string(unpacked.Plain()) != c.want || ok != c.readable {
			t.Errorf("%s: Plain %q, Unpacked %q %t; want %q %t", name, got, unpacked.Plain(), ok, c.want, c.readable)
		}
		if unpacked != e && string(e.Body) == string(unpacked.Plain()) {
			t.Errorf("%s: Unpacked copies in vain", name)
		}
		if string(e.Document()) != c.want || string(e.Data()) != c.want {
			t.Errorf("%s: document %q, data %q", name, e.Document(), e.Data())
		}
	}
	e := &hookyard.Event{Header: gzip, Body: []byte("a"), Decompress: reverse}
	e.SetPlain([]byte("held"))
	if got := string(e.Plain()); got != "held" {
		t.Errorf("a held body is %q", got)
	}
	if e.DecodeSize(100) != 100 || (&hookyard.Event{Body: []byte("abc")}).DecodeSize(100) != 3 {
		t.Errorf("DecodeSize: %d", e.DecodeSize(100))
	}
}
