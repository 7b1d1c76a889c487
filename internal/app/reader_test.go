package app_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/app"
)

// TestReadersSeeNoSecrets walks the API and the pages of a public project as a guest.
func TestReadersSeeNoSecrets(t *testing.T) {
	t.Parallel()
	var data string
	a := start(t, func(c *app.Config) {
		c.Guests, data = true, c.Data
		c.AllowTargets = []string{"127.0.0.1", "hooks.slack.com"}
	})
	token, err := os.ReadFile(filepath.Join(data, "admin-token"))
	if err != nil {
		t.Fatal(err)
	}
	admin, err := client.New(a.BaseURL(), strings.TrimSpace(string(token)))
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if _, _, err := admin.PutProject(ctx, "acme/pub", client.ProjectPatch{Public: new(true)}); err != nil {
		t.Fatal(err)
	}
	_, err = admin.PutHook(ctx, "acme/pub", "chat", client.HookPatch{
		URL: new("http://127.0.0.1:1/services/LEAKPATH?token=LEAKQUERY"), Secret: new("LEAKSECRET"),
		Events: new(hookyard.SelectAll()), Schedule: new([]hookyard.Duration{0}),
		Headers: map[string]*string{"X-Auth-Token": new("LEAKTOKEN"), "X-Team": new("LEAKHEADER")},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]client.SourcePatch{
		"q": {Type: new("rabbitmq"), RabbitMQ: &hookyard.QueueSource{URL: "amqp://u:LEAKAMQP@127.0.0.1:1/LEAKVHOST",
			Queue: "q"}},
		"m": {Type: new("meta"), Secret: new("LEAKSECRET"), Scheme: []byte(`{"verifyToken":"LEAKVERIFY"}`),
			Answer: &hookyard.Answer{Headers: map[string]string{"X-Key": "LEAKANSWER"}}},
	} {
		if _, _, err := admin.PutSource(ctx, "acme/pub", name, s); err != nil {
			t.Fatal(err)
		}
	}
	receipt, err := admin.Publish(ctx, "acme/pub", client.Publication{Type: "x", Data: []byte("1")})
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string) (int, string) {
		t.Helper()
		resp, err := http.Get(a.BaseURL() + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		return resp.StatusCode, string(body)
	}
	var delivery string
	for delivery == "" { // until the attempt is stored
		_, list := get("/api/projects/acme/pub/deliveries?state=failed")
		delivery = regexp.MustCompile(`dlv_\w+`).FindString(list)
	}
	const p, pages = "/api/projects/acme/pub", "/acme/pub"
	for _, path := range []string{p, p + "/hooks", p + "/hooks/chat", p + "/default-hooks", p + "/sources",
		p + "/sources/q", p + "/sources/m", p + "/deliveries", p + "/deliveries/" + delivery, p + "/events",
		p + "/events/" + receipt.ID, p + "/events/" + receipt.ID + "/explain", pages, pages + "/webhooks",
		pages + "/webhooks?q=127.0.0.1", pages + "/webhooks/chat", pages + "/sources", pages + "/sources/q",
		pages + "/sources/m", pages + "/deliveries", pages + "/deliveries/" + delivery,
		pages + "/events/" + receipt.ID} {
		status, body := get(path)
		if leak := regexp.MustCompile("LEAK[A-Z]+").FindString(body); status != http.StatusOK || leak != "" {
			t.Errorf("GET %s = %d with %q", path, status, leak)
		}
	}
	if _, body := get(pages + "/webhooks?q=LEAKPATH"); strings.Contains(body, "/webhooks/chat") {
		t.Error("a guest finds a hook by the path of its URL")
	}
	d, err := admin.Delivery(ctx, "acme/pub", delivery)
	if err != nil || len(d.History) == 0 {
		t.Fatalf("delivery = %+v, %v", d, err)
	}
	header := d.History[0].Request.Header
	for _, name := range []string{"Webhook-Signature", "X-Hub-Signature-256", "X-Team", "X-Auth-Token"} {
		if v := header[name]; len(v) > 0 && v[0] != hookyard.Masked {
			t.Errorf("the attempt shows %s: %s", name, v)
		}
	}
}
