package hookyard_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"testing"

	"github.com/hookyard/hookyard"
)

func compressed(t *testing.T, encoding string, body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&b)
	if encoding == "deflate" {
		w = zlib.NewWriter(&b)
	}
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCompressedBodies(t *testing.T) {
	t.Parallel()
	const doc = `{"data":{"n":1}}`
	for _, encoding := range []string{"gzip", "deflate"} {
		body := compressed(t, encoding, []byte(doc))
		e := &hookyard.Event{Header: http.Header{"Content-Encoding": {encoding}}, ContentType: "application/json",
			Body: body}
		if err := hookyard.CheckEncoding(encoding, body, 1000); err != nil {
			t.Errorf("%s: %v", encoding, err)
		}
		for range 2 {
			if string(e.Document()) != doc || string(e.Data()) != doc || !bytes.Equal(e.Body, body) {
				t.Errorf("%s: document %q, data %q", encoding, e.Document(), e.Data())
			}
			e.KeepPlain()
		}
		form := &hookyard.Event{Header: e.Header, ContentType: "application/x-www-form-urlencoded",
			Body: compressed(t, encoding, []byte("payload=%7B%22a%22%3A1%7D"))}
		if string(form.Document()) != `{"a":1}` {
			t.Errorf("%s: the document of a form is %q", encoding, form.Document())
		}
		for name, c := range map[string]struct {
			body  []byte
			limit int64
			want  hookyard.Code
		}{
			"too large":  {compressed(t, encoding, make([]byte, 2000)), 1000, hookyard.TooLarge},
			"a bomb":     {compressed(t, encoding, make([]byte, 20<<20)), 25 << 20, hookyard.TooLarge},
			"broken off": {body[:len(body)-6], 1000, hookyard.Invalid},
			"plain":      {[]byte(doc), 1000, hookyard.Invalid},
		} {
			if err := hookyard.CheckEncoding(encoding, c.body, c.limit); hookyard.CodeOf(err) != c.want {
				t.Errorf("%s, %s: %v, want %s", encoding, name, err, c.want)
			}
		}
		e.Body = []byte("not " + encoding)
		if plain := (&hookyard.Event{Header: e.Header, Body: e.Body}).Plain(); !bytes.Equal(plain, e.Body) {
			t.Errorf("%s: what cannot be decompressed is %q", encoding, plain)
		}
	}
	for _, encoding := range []string{"br", "gzip, gzip", "zstd"} {
		if err := hookyard.CheckEncoding(encoding, nil, 1000); hookyard.CodeOf(err) != hookyard.Unsupported {
			t.Errorf("%s: %v", encoding, err)
		}
	}
}
