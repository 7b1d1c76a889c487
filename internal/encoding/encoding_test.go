package encoding_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/encoding"
)

// compressed returns body in an encoding. o are options for zstd.
func compressed(t testing.TB, name string, body []byte, o ...zstd.EOption) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&b)
	switch name {
	case "deflate":
		w = zlib.NewWriter(&b)
	case "zstd":
		var err error
		if w, err = zstd.NewWriter(&b, o...); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var names = []string{"gzip", "deflate", "zstd"}

func decoder(body, look int64) *encoding.Decoder {
	return encoding.NewDecoder(hookyard.Limits{Body: body, Decode: look})
}

func TestOf(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{"gzip": "gzip", "Zstd": "zstd", "deflate": "deflate", "identity": ""} {
		if got, err := encoding.Of(http.Header{"Content-Encoding": {value}}); err != nil || got != want {
			t.Errorf("%s: %q, %v", value, got, err)
		}
	}
	for _, value := range []string{"br", "gzip, gzip", "compress", "nonsense\x00"} {
		_, err := encoding.Of(http.Header{"Content-Encoding": {value}})
		if hookyard.CodeOf(err) != hookyard.Unsupported || !strings.Contains(err.Error(), "gzip, deflate or zstd") {
			t.Errorf("%q: %v", value, err)
		}
	}
}

func TestDecoder(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 3<<20)
	r := rand.NewChaCha8([32]byte{})
	_, _ = r.Read(noise)
	d := decoder(4<<20, 1<<20)
	for _, name := range names {
		for _, plain := range [][]byte{nil, []byte(`{"n":1}`), bytes.Repeat([]byte("ab"), 500_000), noise} {
			body := compressed(t, name, plain)
			size, err := d.For(name).Size(t.Context(), bytes.NewReader(body))
			if err != nil || size != int64(len(plain)) {
				t.Fatalf("%s: size %d of %d, %v", name, size, len(plain), err)
			}
			got, err := d.For(name).Read(t.Context(), iotest.OneByteReader(bytes.NewReader(body)), size)
			if err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%s: %d bytes are read as %d, %v", name, len(plain), len(got), err)
			}
			got, ok := d.Plain(name, body)
			if ok != (len(plain) <= 1<<20) || ok && !bytes.Equal(got, plain) {
				t.Errorf("%s: %d bytes are looked into: %t, %d bytes", name, len(plain), ok, len(got))
			}
		}
	}
	if _, ok := d.Plain("br", []byte("x")); ok {
		t.Error("br is decompressed")
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	lost := errors.New("the connection is lost")
	for _, name := range names {
		small := compressed(t, name, []byte(`{"data":{"n":1}}`))
		for what, c := range map[string]struct {
			body []byte
			want hookyard.Code
			text string
		}{
			"too large":  {compressed(t, name, make([]byte, 2000)), hookyard.TooLarge, "--max-body"},
			"broken off": {small[:len(small)-5], hookyard.Invalid, name},
			"plain":      {[]byte(`{"data":{"n":1}}`), hookyard.Invalid, name},
			"empty":      {nil, hookyard.Invalid, name},
		} {
			_, err := decoder(1000, 1000).For(name).Size(t.Context(), bytes.NewReader(c.body))
			if name == "zstd" && what == "empty" && err == nil {
				continue // no frames are a body of no bytes
			}
			if hookyard.CodeOf(err) != c.want || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s, %s: %v, want %s", name, what, err, c.want)
			}
		}
		bomb := compressed(t, name, make([]byte, 20<<20))
		_, err := decoder(25<<20, 1<<20).For(name).Size(t.Context(), bytes.NewReader(bomb))
		if hookyard.CodeOf(err) != hookyard.TooLarge || !strings.Contains(err.Error(), "100 times") {
			t.Errorf("%s: a bomb: %v", name, err)
		}
		_, err = decoder(1000, 1000).For(name).Size(t.Context(), io.MultiReader(bytes.NewReader(small[:8]),
			iotest.ErrReader(lost)))
		if !errors.Is(err, lost) {
			t.Errorf("%s: a reader that fails: %v", name, err)
		}
	}
	wide := compressed(t, "zstd", make([]byte, 1<<20), zstd.WithWindowSize(16<<20))
	if _, err := decoder(1<<20, 1000).For("zstd").Size(t.Context(), bytes.NewReader(wide)); hookyard.CodeOf(err) !=
		hookyard.TooLarge || !strings.Contains(err.Error(), "window") {
		t.Errorf("a window of 16 MiB: %v", err)
	}
}

func FuzzDecoder(f *testing.F) {
	for i, name := range names {
		f.Add(byte(i), compressed(f, name, []byte(`{"n":1}`)))
		f.Add(byte(i), compressed(f, name, make([]byte, 5000)))
		f.Add(byte(i), []byte("\x28\xb5\x2f\xfd\x00"))
	}
	const body, look = 2 << 20, 100 << 10
	d := decoder(body, look)
	f.Fuzz(func(t *testing.T, which byte, b []byte) {
		name := names[int(which)%len(names)]
		size, err := d.For(name).Size(t.Context(), bytes.NewReader(b))
		if err != nil {
			if c := hookyard.CodeOf(err); c != hookyard.Invalid && c != hookyard.TooLarge {
				t.Fatalf("%s: %v", name, err)
			}
			if _, ok := d.Plain(name, b); ok {
				t.Fatalf("%s: what is refused (%v) is looked into", name, err)
			}
			return
		}
		if size > body || size > 1<<20 && size > 100*int64(len(b)) {
			t.Fatalf("%s: %d bytes become %d", name, len(b), size)
		}
		plain, err := d.For(name).Read(t.Context(), bytes.NewReader(b), size)
		if err != nil || int64(len(plain)) != size {
			t.Fatalf("%s: %d bytes the second time, %d the first: %v", name, len(plain), size, err)
		}
		looked, ok := d.Plain(name, b)
		if ok != (size <= look) || ok && !bytes.Equal(looked, plain) {
			t.Fatalf("%s: looked into %t, size %d", name, ok, size)
		}
	})
}
