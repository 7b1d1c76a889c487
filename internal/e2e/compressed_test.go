package e2e_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/signature"
)

// compressed returns body in a content encoding.
func compressed(t testing.TB, encoding string, body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&b)
	switch encoding {
	case "deflate":
		w = zlib.NewWriter(&b)
	case "zstd":
		var err error
		if w, err = zstd.NewWriter(&b); err != nil {
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

// doors returns the URLs by which events come in.
func (y *yard) doors() map[string]string {
	y.t.Helper()
	return map[string]string{"source": y.source("in", "none", "", client.SourcePatch{}),
		"publish": y.s.url + "/api/projects/" + y.project + "/events", "smee": y.s.url + "/smee/" + y.project,
		"relay": y.s.url + "/_webhook/signal"}
}

// TestCompressedIn sends compressed bodies in by every door: they are accepted within the limits, and refused with
// words beyond them.
func TestCompressedIn(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "doors")
	doc := []byte(`{"type":"order.created","data":{"n":1},"repository":{"full_name":"` + y.project + `"}}`)
	published := []byte(`{"type":"order.created","data":{"n":1}}`)
	bombs := map[string][]byte{}
	for _, encoding := range []string{"gzip", "deflate", "zstd"} {
		bombs[encoding] = compressed(t, encoding, make([]byte, 64<<20))
	}
	for door, at := range y.doors() {
		body := doc
		if door == "publish" {
			body = published
		}
		for _, encoding := range []string{"gzip", "GZIP", "x-gzip", "deflate", "zstd", "identity", "br", "gzip, gzip"} {
			sent, want := body, http.StatusUnsupportedMediaType
			switch name := strings.TrimPrefix(strings.ToLower(encoding), "x-"); name {
			case "gzip", "deflate", "zstd":
				sent, want = compressed(t, name, body), http.StatusOK
			case "identity":
				want = http.StatusOK
			}
			if want == http.StatusOK && door == "publish" {
				want = http.StatusAccepted
			}
			r := ask(t, http.MethodPost, at, sent, "Content-Encoding", encoding, "Content-Type", "application/json")
			if r.status != want || want == http.StatusUnsupportedMediaType &&
				!strings.Contains(r.body, "gzip, deflate or zstd") {
				t.Errorf("%s, %s: %d %.200s", door, encoding, r.status, r.body)
			}
			if want != http.StatusUnsupportedMediaType && encoding != "identity" {
				r = ask(t, http.MethodPost, at, body, "Content-Encoding", encoding)
				if r.status != http.StatusBadRequest || !strings.Contains(r.body, "Content-Encoding") {
					t.Errorf("%s, not in %s: %d %.200s", door, encoding, r.status, r.body)
				}
			}
		}
		for encoding, bomb := range bombs {
			r := ask(t, http.MethodPost, at, bomb, "Content-Encoding", encoding)
			if r.status != http.StatusRequestEntityTooLarge || !strings.Contains(r.body, "100 times") {
				t.Errorf("%s, a bomb in %s: %d %.200s", door, encoding, r.status, r.body)
			}
		}
	}
	for _, e := range y.events() {
		e, err := y.c.Event(t.Context(), y.project, e.ID)
		if err != nil || !strings.Contains(string(e.Body), `{"n":1}`) {
			t.Errorf("event %s of %s: %s, %v", e.ID, e.Source, e.Body, err)
		}
	}
	if n := len(y.events()); n != 4*6 {
		t.Errorf("%d events", n)
	}
	r := ask(t, http.MethodPatch, y.s.url+"/api/projects/"+y.project, bombs["gzip"],
		"Content-Encoding", "gzip")
	if r.status/100 != 4 {
		t.Errorf("settings: %d %.200s", r.status, r.body)
	}
}

// TestCompressedWhole sends compressed bodies through hooks: as they came in format raw, decompressed in others.
func TestCompressedWhole(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t, "--max-body", "30MiB"), "compressed")
	raw, shaped := newReceiver(t, nil), newReceiver(t, nil)
	y.hook("raw", raw.url, client.HookPatch{Filter: ptr("order.n = 7"),
		Forward: &hookyard.Forward{Headers: ptr(false)}})
	y.hook("shaped", shaped.url, client.HookPatch{Format: ptr("template"),
		Template: ptr("{{.Type}} {{.Body.order.n}}")})
	at := y.source("in", "none", "", client.SourcePatch{TypeField: ptr("kind")})
	for i, encoding := range []string{"gzip", "deflate", "zstd"} {
		body := compressed(t, encoding, []byte(`{"kind":"order.created","order":{"n":7}}`))
		pass(t, http.MethodPost, at, string(body),
			http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {encoding}})
		got := raw.wait(t, i+1)[i]
		if !bytes.Equal(got.body, body) || got.header.Get("Content-Encoding") != encoding {
			t.Errorf("raw: %v %q", got.header, got.body)
		}
		got = shaped.wait(t, i+1)[i]
		if string(got.body) != "order.created 7" || got.header.Get("Content-Encoding") != "" {
			t.Errorf("template: %v %q", got.header, got.body)
		}
	}
	// What is not looked into is delivered as it came all the same, and a format that needs it says why it cannot.
	y.patch("raw", client.HookPatch{Filter: ptr("")})
	noise := make([]byte, 2<<20)
	_, _ = rand.Read(noise) // never fails
	large := compressed(t, "zstd", noise)
	pass(t, http.MethodPost, at, string(large), http.Header{"Content-Encoding": {"zstd"}})
	if got := raw.wait(t, 4)[3]; !bytes.Equal(got.body, large) || got.header.Get("Content-Encoding") != "zstd" {
		t.Errorf("a large one: %v, %d bytes", got.header, len(got.body))
	}
	d := y.attempted(y.events()[0].ID, "shaped", 1)
	if len(d.History) == 0 || !strings.Contains(d.History[0].Error, "--max-decode") {
		t.Errorf("a large one in format template: %+v", d)
	}
}

// TestCompressedSigned verifies signatures over what was compressed, and over what was sent.
func TestCompressedSigned(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "signed")
	at := y.source("in", "github", "a secret", client.SourcePatch{})
	doc := []byte(`{"action":"opened","repository":{"full_name":"guest/signed"}}`)
	body := compressed(t, "zstd", doc)
	for i, c := range []struct {
		signed []byte
		want   int
	}{{doc, http.StatusOK}, {body, http.StatusOK}, {[]byte("another"), http.StatusUnauthorized}} {
		mac := hmac.New(sha256.New, []byte("a secret"))
		_, _ = mac.Write(c.signed)
		r := ask(t, http.MethodPost, at, body, "Content-Encoding", "zstd", "Content-Type", "application/json",
			"X-GitHub-Event", "issues", "X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
		if r.status != c.want {
			t.Errorf("%d: %d %s", i, r.status, r.body)
		}
	}
	if _, err := y.c.PatchProject(t.Context(), y.project, client.ProjectPatch{Relay: ptr("signed"),
		RelaySecret: ptr("a secret")}); err != nil {
		t.Fatal(err)
	}
	for signed, want := range map[string]int{string(doc): 200, string(body): 200, "another": 401} {
		r := ask(t, http.MethodPost, y.s.url+"/_webhook/signal", body, "Content-Encoding", "zstd",
			"X-Hub-Signature-256", signature.SignGitHub("a secret", []byte(signed)))
		if r.status != want {
			t.Errorf("relay: %d %s", r.status, r.body)
		}
	}
}

// TestCompressedBin shows a compressed request to a bin decompressed, with its bytes as they came.
func TestCompressedBin(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "bins")
	bin, err := y.c.CreateBin(t.Context(), client.BinSettings{})
	if err != nil {
		t.Fatal(err)
	}
	body := compressed(t, "gzip", []byte(`{"n":1}`))
	if r := ask(t, http.MethodPost, bin.URL, body, "Content-Encoding", "gzip"); r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	kept, err := y.c.BinRequests(t.Context(), bin.Name, bin.Key)
	if err != nil || len(kept) != 1 || kept[0].Body != `{"n":1}` || !bytes.Equal(kept[0].RawBase64, body) {
		t.Errorf("%+v, %v", kept, err)
	}
}
