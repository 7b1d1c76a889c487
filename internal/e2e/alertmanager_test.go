package e2e_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/testenv"
)

// TestAlertmanager receives webhooks from a real program: Prometheus Alertmanager sends to a source with two hooks. The
// receiver of one is down at first.
func TestAlertmanager(t *testing.T) {
	t.Parallel()
	am := testenv.Program(t, "prometheus-alertmanager", "alertmanager")
	y := newYard(t, dev(t), "alerts")
	in := y.source("alertmanager", "basic", "prom:s3cret",
		client.SourcePatch{EventType: ptr("alert"), DedupHeader: ptr("X-None")})
	up := newReceiver(t, nil)
	downAddr := freeAddr(t)
	y.hook("up", up.url, client.HookPatch{})
	y.hook("down", "http://"+downAddr, client.HookPatch{Schedule: often(100, 200*time.Millisecond)})
	api := startAlertmanager(t, am, in)

	alert := `[{"labels": {"alertname": "DiskFull", "instance": "db1", "severity": "page"},
		"annotations": {"summary": "ünï <&> 97 %"}}]`
	if r := ask(t, http.MethodPost, api+"/api/v2/alerts", []byte(alert), "Content-Type",
		"application/json"); r.status != http.StatusOK {
		t.Fatalf("Alertmanager rejects the alert: %d %s", r.status, r.body)
	}
	first := up.wait(t, 1)[0]
	y.attempted(first.id, "down", 1)
	down := newReceiverAt(t, downAddr)
	late := down.wait(t, 1)[0]

	if !bytes.Equal(first.body, late.body) || !bytes.Equal(first.body, y.body(first.id)) {
		t.Errorf("the hooks got different bytes:\n%s\n%s\nkept:\n%s", first.body, late.body, y.body(first.id))
	}
	if got := gjson.GetBytes(first.body, "alerts.0.annotations.summary").String(); got != "ünï <&> 97 %" {
		t.Errorf("the receiver reads the summary %q", got)
	}
	if late.id != first.id || late.header.Get("Content-Type") != "application/json" {
		t.Errorf("webhook-id %q and content type %q, want %q and application/json", late.id,
			late.header.Get("Content-Type"), first.id)
	}
	if n := len(y.ended(first.id, "down", "delivered").History); n < 2 {
		t.Errorf("%d attempts in the history of the hook that was down", n)
	}
	if e, err := y.c.Event(t.Context(), y.project, first.id); err != nil || e.Verified != "basic" ||
		e.Type != "alert" || e.Header["Authorization"][0] != "***" {
		t.Errorf("event %+v, error %v", e, err)
	}
}

// startAlertmanager starts an Alertmanager that sends every alert to url at once, and returns the URL of its API.
func startAlertmanager(t *testing.T, path, url string) string {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "alertmanager.yml")
	err := os.WriteFile(config, fmt.Appendf(nil, `
route: {receiver: yard, group_wait: 10ms, group_interval: 1m, repeat_interval: 1h}
receivers:
  - name: yard
    webhook_configs:
      - url: %q
        http_config: {basic_auth: {username: prom, password: s3cret}}
`, url), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	addr := freeAddr(t)
	var log bytes.Buffer
	c := exec.Command(path, "--config.file", config, "--storage.path", filepath.Join(dir, "data"),
		"--web.listen-address", addr, "--cluster.listen-address=")
	c.Stdout, c.Stderr = &log, &log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait() // it was killed
		if t.Failed() {
			t.Logf("Alertmanager says:\n%s", log.String())
		}
	})
	testenv.Until(t, "Alertmanager answers", func() bool {
		resp, err := http.Get("http://" + addr + "/-/ready")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return "http://" + addr
}
