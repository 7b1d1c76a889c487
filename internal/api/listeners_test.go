package api_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// TestForwardedBounds holds how much of a listener's answer is kept.
func TestForwardedBounds(t *testing.T) {
	t.Parallel()
	b := one(t, func(o *options) { o.Limits.ResponseBody, o.Limits.RequestHeader = 10, 100 })
	ctx := t.Context()
	p := b.project("p", client.ProjectPatch{})
	const id = hookyard.ListenerPrefix + "x"
	if _, err := b.alice.PutListener(ctx, p, id, client.Listener{URL: "http://localhost:3000/"}); err != nil {
		t.Fatal(err)
	}
	receipt, err := b.alice.Publish(ctx, p, client.Publication{Type: "a", Data: json.RawMessage(`1`)})
	if err != nil {
		t.Fatal(err)
	}
	f := client.Forwarded{EventID: receipt.ID, StartedAt: time.Now(), Status: 302,
		Response: &client.ForwardedResponse{Base64: bytes.Repeat([]byte("x"), 11)}}
	d, err := b.alice.RecordForwarded(ctx, p, id, f)
	if err != nil || d.State != hookyard.Failed || d.Reason != "answered 302" {
		t.Fatalf("%+v, %v; want a failure: only a 2xx is none", d, err)
	}
	d, err = b.alice.Delivery(ctx, p, d.ID)
	if err != nil || len(d.History) != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
	if a := d.History[0]; a.Response.Text != "xxxxxxxxxx" || !a.Response.Truncated ||
		a.URL != "http://localhost:3000/" {
		t.Errorf("kept %+v of %s, want 10 bytes and the listener's URL", a.Response, a.URL)
	}
	f.Response.Header = map[string][]string{"X-A": {strings.Repeat("x", 100)}}
	if _, err := b.alice.RecordForwarded(ctx, p, id, f); client.StatusOf(err) != http.StatusBadRequest ||
		!strings.Contains(err.Error(), "--max-request-header") {
		t.Errorf("a header that is too long: %v, want a 400 that names the setting", err)
	}
}
