package e2e_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// TestHostileReceivers: deliveries to receivers that hang, drip or never end time out, and a healthy hook is not
// affected.
func TestHostileReceivers(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "hostile")
	stop := make(chan struct{})
	defer close(stop)
	held := func(w http.ResponseWriter, r *http.Request, _ int) int {
		select {
		case <-r.Context().Done():
		case <-stop:
		}
		return 0
	}
	drip := func(w http.ResponseWriter, r *http.Request, n int) int {
		w.WriteHeader(http.StatusOK)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			if _, err := w.Write([]byte("x")); err != nil || http.NewResponseController(w).Flush() != nil {
				return http.StatusOK
			}
			select {
			case <-tick.C:
			case <-r.Context().Done():
				return http.StatusOK
			case <-stop:
				return http.StatusOK
			}
		}
	}
	endless := func(w http.ResponseWriter, _ *http.Request, _ int) int {
		w.WriteHeader(http.StatusOK)
		chunk := bytes.Repeat([]byte("x"), 64<<10)
		for range 4096 { // 256 MiB, unless the client disconnects
			if _, err := w.Write(chunk); err != nil {
				break
			}
		}
		return http.StatusOK
	}
	timeout := hookyard.Duration(500 * time.Millisecond)
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request, int) int{"held": held, "drip": drip,
		"endless": endless} {
		y.hook(name, newReceiver(t, answer).url, client.HookPatch{Schedule: often(1, 0), Timeout: &timeout})
	}
	healthy := newReceiver(t, nil)
	y.hook("healthy", healthy.url, client.HookPatch{})
	var ids []string
	for range 40 {
		ids = append(ids, y.publish("order.created", `1`))
	}
	started := time.Now()
	healthy.wait(t, len(ids))
	if took := time.Since(started); took > 2*time.Second {
		t.Errorf("the healthy hook took %s beside hostile ones", took)
	}
	for _, hook := range []string{"held", "drip"} {
		d := y.ended(ids[0], hook, hookyard.Failed)
		if a := d.History[0]; a.ErrorKind != hookyard.KindTimeout || time.Duration(a.Duration) > 2*time.Second {
			t.Errorf("%s: kind %q after %s: %s", hook, a.ErrorKind, time.Duration(a.Duration), a.Error)
		}
	}
	d := y.delivery(ids[0], "endless")
	for d.State == hookyard.Pending {
		d = y.attempted(ids[0], "endless", 1)
	}
	if a := d.History[0]; a.Response != nil && a.Response.Size > 64<<10 || time.Duration(a.Duration) > 2*time.Second {
		t.Errorf("endless: stored %+v after %s", a.Response.Size, time.Duration(a.Duration))
	}
	if rss := y.s.rss(); !raceEnabled && rss > 300<<20 {
		t.Errorf("%d MiB of memory after endless answers", rss>>20)
	}
}

// TestConcurrency: a receiver that takes 100 ms gets concurrent deliveries.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "concurrent")
	rc := newReceiver(t, slow(100*time.Millisecond))
	y.hook("h", rc.url, client.HookPatch{})
	started := time.Now()
	for range 40 {
		y.publish("order.created", `1`)
	}
	rc.wait(t, 40)
	y.drained()
	if took := time.Since(started); took > 3*time.Second { // one at a time it takes at least 4 s
		t.Errorf("40 deliveries of 100 ms each took %s", took)
	}
}

// TestIdleLatency: on an idle server an event reaches its receiver at once.
func TestIdleLatency(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "idle")
	rc := newReceiver(t, nil)
	y.hook("h", rc.url, client.HookPatch{})
	best := time.Hour
	for n := range 10 {
		started := time.Now()
		y.publish("order.created", `1`)
		a := rc.wait(t, n+1)[n]
		best = min(best, a.at.Sub(started))
	}
	if best > 250*time.Millisecond { // generous, because other tests run: this detects polling
		t.Errorf("the fastest of ten deliveries took %s", best)
	}
}

// TestPrivateAddresses: without --allow-target nothing is sent to private addresses, and every error names the option.
func TestPrivateAddresses(t *testing.T) {
	t.Parallel()
	s := start(t, "--allow-target", "127.0.0.0/8")
	rc := newReceiver(t, nil)
	y := admin(t, s, "walled")
	y.hook("h", rc.url, client.HookPatch{Schedule: often(1, 0)})
	y.ended(y.publish("order.created", `1`), "h", hookyard.Delivered)
	s.stop()
	s.args = s.args[:len(s.args)-2] // the same server without --allow-target
	s.start()

	blocked := y.ended(y.publish("order.created", `2`), "h", hookyard.Failed)
	if a := blocked.History[0]; a.ErrorKind != hookyard.KindBlocked || !strings.Contains(a.Error, "--allow-target") ||
		rc.count() != 1 {
		t.Errorf("kind %q, %q, %d arrivals", a.ErrorKind, a.Error, rc.count())
	}
	port := rc.url[strings.LastIndexByte(rc.url, ':'):]
	for _, host := range []string{
		"127.0.0.1", "localhost", "LocalHost.", "a.localhost", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]",
		"[64:ff9b::7f00:1]", "[2002:7f00:1::]", "10.0.0.1",
		"172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255",
		"[fe80::1%25eth0]", "[fd00::1]",
		"2130706433", "0177.0.0.1", "0x7f.1", "127.1", "１２７.0.0.1",
	} {
		_, err := y.c.PutHook(t.Context(), y.project, "bad",
			client.HookPatch{URL: ptr("http://" + host + port), Events: ptr(hookyard.SelectAll())})
		if client.StatusOf(err) != http.StatusBadRequest {
			t.Errorf("a hook to %s can be created: %v", host, err)
			_, _ = y.c.DeleteHook(t.Context(), y.project, "bad")
		}
	}
	if name, err := os.Hostname(); err == nil { // resolves to this machine, which is detected only on dialling
		y.hook("name", "http://"+name+port, client.HookPatch{Schedule: often(1, 0)})
		d := y.ended(y.publish("order.created", `3`), "name", hookyard.Failed)
		if a := d.History[0]; a.ErrorKind != hookyard.KindBlocked && a.ErrorKind != hookyard.KindDNS {
			t.Errorf("%s: kind %q, %s", name, a.ErrorKind, a.Error)
		}
	}
	if n := rc.count(); n != 1 {
		t.Errorf("%d requests came through", n)
	}
}

// admin creates a project as the administrator of a server with sign-in.
func admin(t testing.TB, s *server, name string) *yard {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(s.data, "admin-token"))
	if err != nil {
		t.Fatal(err)
	}
	y := &yard{t: t, s: s, c: s.client(strings.TrimSpace(string(token))), project: "admin/" + name}
	if _, _, err := y.c.PutProject(t.Context(), y.project, client.ProjectPatch{}); err != nil {
		t.Fatal(err)
	}
	return y
}

// TestStrangers: as shipped, who is not signed in reads and changes nothing, and does not learn what there is.
func TestStrangers(t *testing.T) {
	t.Parallel()
	s := start(t)
	y := admin(t, s, "secret")
	id := y.publish("order.created", `1`)
	for _, path := range []string{"/hooks", "/events", "/events/" + id, "/events/" + id + "/body", "/deliveries",
		"/sources", "/audit", "/replays", ""} {
		there := ask(t, http.MethodGet, s.url+"/api/projects/admin/secret"+path, nil)
		if there.status != http.StatusUnauthorized && there.status != http.StatusForbidden {
			t.Errorf("GET %s without sign-in: %d %s", path, there.status, there.body)
		}
		nowhere := ask(t, http.MethodGet, s.url+"/api/projects/admin/nothing"+path, nil)
		if nowhere.status != there.status || strings.ReplaceAll(nowhere.body, "nothing", "secret") != there.body {
			t.Errorf("GET %s reveals what exists: %d %s, but for a missing project %d %s", path, there.status,
				there.body, nowhere.status, nowhere.body)
		}
	}
	for _, token := range []string{"Bearer wrong", "Basic YWRtaW46YWRtaW4=", "Bearer ", "Digest x"} {
		r := ask(t, http.MethodPost, s.url+"/api/projects/admin/secret/events", []byte(`{"type":"a","data":1}`),
			"Authorization", token)
		if r.status != http.StatusUnauthorized {
			t.Errorf("publishing with %q: %d %s", token, r.status, r.body)
		}
	}
	if n := len(y.events()); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
}
