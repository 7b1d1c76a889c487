package stream_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/stream"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestWire holds the form of events to a golden file, a line each.
func TestWire(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 31, 12, 0, 0, 123456000, time.UTC)
	published := `{"type":"order.created","timestamp":"2026-01-31T12:00:00Z",` +
		`"data":{"n":1.10,"big":12345678901234567890}}`
	var got bytes.Buffer
	for _, e := range []*hookyard.Event{
		{ID: "evt_1", Seq: 1, ProjectKey: 7, Source: "api", Type: "order.created", Time: at,
			ContentType: "application/json", Body: []byte(published),
			Size: int64(len(published)), DataOffset: strings.Index(published, `{"n"`)},
		{ID: "evt_2", Seq: 300, ProjectKey: 7, Source: "github", Type: "push", Time: at,
			ContentType: "application/json", Method: "POST", Target: "/x?y=1",
			Remote: "192.0.2.1", Verified: "github hmac-sha256",
			Header: http.Header{"X-Github-Event": {"push"}, "A": {"1", "<2>"}},
			Body:   []byte("{\r\n  \"a\": [1,\n 2.0]\n}"), Size: 20},
		{ID: "evt_3", Seq: 301, ProjectKey: 7, Source: "x", Time: at, ContentType: "text/plain",
			Body: []byte("no JSON \"at\" all\n"), Size: 17},
		{ID: "evt_4", Seq: 302, ProjectKey: 7, Source: "x", Time: at, Body: []byte{0, 0xff, 0xe2}, Size: 3},
		{ID: "evt_5", Seq: 303, ProjectKey: 7, Source: "x", Time: at, Size: 3},
		{ID: "evt_6", Seq: 304, ProjectKey: 7, Source: "x", Time: at, Body: []byte{}},
	} {
		line := (&stream.Item{Event: e}).JSON()
		var back struct {
			Base64 []byte
			Data   json.RawMessage
		}
		if err := json.Unmarshal(line, &back); err != nil || !bytes.Equal(back.Base64, e.Body) {
			t.Errorf("%s: %v, bytes %q, want %q", e.ID, err, back.Base64, e.Body)
		}
		if bytes.ContainsAny(line, "\r\n") {
			t.Errorf("%s: a line break in %q", e.ID, line)
		}
		got.Write(append(line, '\n'))
	}
	const name = "testdata/wire.golden"
	if *update {
		if err := os.WriteFile(name, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil || !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%v\n%s\nwant\n%s", err, got.Bytes(), want)
	}
}
