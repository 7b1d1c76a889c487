package e2e_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/testenv"
)

// TestBytes: any body is delivered byte for byte.
func TestBytes(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "bytes")
	in := y.source("in", "none", "", client.SourcePatch{})
	rc := newReceiver(t, nil)
	y.hook("h", rc.url, client.HookPatch{})
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for _, tc := range []struct{ name, contentType, body string }{
		{"json", "application/json", "{ \"b\": 1.10,\n\t\"a\":1e400, \"a\": 12345678901234567890 }\r\n"},
		{"form", "application/x-www-form-urlencoded", "payload=%7B%7D&a=+%20&a=2"},
		{"every byte", "application/octet-stream", string(every)},
		{"broken json", "application/json", `{"a": `},
		{"text with BOM", "text/plain; charset=utf-16", "\xff\xfeh\x00i\x00"},
		{"nothing", "", ""},
		{"a megabyte", "image/png", strings.Repeat("\x89PNG", 1<<18)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := rc.count()
			r := ask(t, http.MethodPost, in+"/deep/path?x=1", []byte(tc.body), "Content-Type", tc.contentType)
			if r.status != http.StatusOK {
				t.Fatalf("%d %s", r.status, r.body)
			}
			got := rc.wait(t, n+1)[n]
			if string(got.body) != tc.body {
				t.Errorf("the hook got %.100q of %d bytes, want %d", got.body, len(got.body), len(tc.body))
			}
			if kept := y.body(r.id(t)); string(kept) != tc.body {
				t.Errorf("stored %d bytes, want %d", len(kept), len(tc.body))
			}
			if want := tc.contentType; want != "" && got.header.Get("Content-Type") != want {
				t.Errorf("content type %q, want %q", got.header.Get("Content-Type"), want)
			}
		})
	}
}

// TestFanOut: one event goes to every hook that selects it, and a failing hook does not affect the others.
func TestFanOut(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "fan-out")
	good, picky := newReceiver(t, nil), newReceiver(t, nil)
	bad := newReceiver(t, always(http.StatusInternalServerError))
	y.hook("good", good.url, client.HookPatch{})
	y.hook("bad", bad.url, client.HookPatch{Schedule: often(3, 20*time.Millisecond)})
	y.hook("dead", "http://"+freeAddr(t), client.HookPatch{Schedule: often(1, 0)})
	y.hook("picky", picky.url, client.HookPatch{Events: &hookyard.Selector{Names: []string{"user.*"}}})
	y.hook("filter", picky.url, client.HookPatch{Filter: ptr(`body.data.total > 100`)})
	y.hook("off", picky.url, client.HookPatch{Active: ptr(false)})
	id := y.publish("order.created", `{"total": 99}`)

	y.ended(id, "good", hookyard.Delivered)
	failed := y.ended(id, "bad", hookyard.Failed)
	if failed.Attempts != 3 || bad.count() != 3 || failed.History[0].Status != 500 ||
		!strings.Contains(failed.Reason, "500") {
		t.Errorf("bad: %d attempts, %d arrivals, reason %q", failed.Attempts, bad.count(), failed.Reason)
	}
	dead := y.ended(id, "dead", hookyard.Failed)
	if dead.Attempts != 1 || dead.History[0].Status != 0 || dead.History[0].Error == "" ||
		dead.History[0].ErrorKind != hookyard.KindConnect {
		t.Errorf("dead: %+v", dead.History)
	}
	y.ended(id, "off", hookyard.Skipped)
	if n := picky.count(); n != 0 {
		t.Errorf("%d deliveries to hooks that do not select the event", n)
	}
	why, err := y.c.Explain(t.Context(), y.project, id)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"good": "delivered", "bad": "500", "dead": "refused",
		"picky": "do not include order.created", "filter": "filter", "off": "not active"}
	for _, v := range why.Hooks {
		if !strings.Contains(v.Reason, want[v.Hook]) || want[v.Hook] == "" {
			t.Errorf("%s: explained by %q, want something with %q", v.Hook, v.Reason, want[v.Hook])
		}
		delete(want, v.Hook)
	}
	if len(want) > 0 {
		t.Errorf("not explained: %v", want)
	}
}

// TestAnswers: only a 2xx is a success, and redirects are never followed.
func TestAnswers(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "answers")
	elsewhere := newReceiver(t, nil)
	for _, tc := range []struct {
		status int
		want   hookyard.State
	}{
		{200, hookyard.Delivered}, {201, hookyard.Delivered}, {202, hookyard.Delivered}, {204, hookyard.Delivered},
		{299, hookyard.Delivered},
		{300, hookyard.Failed}, {301, hookyard.Failed}, {302, hookyard.Failed}, {303, hookyard.Failed},
		{304, hookyard.Failed},
		{307, hookyard.Failed}, {308, hookyard.Failed}, {400, hookyard.Failed}, {401, hookyard.Failed},
		{404, hookyard.Failed},
		{500, hookyard.Failed}, {503, hookyard.Failed}, {599, hookyard.Failed},
	} {
		rc := newReceiver(t, func(w http.ResponseWriter, r *http.Request, n int) int {
			w.Header().Set("Location", elsewhere.url)
			return always(tc.status)(w, r, n)
		})
		y.hook(fmt.Sprint("h", tc.status), rc.url,
			client.HookPatch{Schedule: often(1, 0),
				Events: &hookyard.Selector{Names: []string{fmt.Sprint("e", tc.status)}}})
		id := y.publish(fmt.Sprint("e", tc.status), `1`)
		d := y.ended(id, fmt.Sprint("h", tc.status), tc.want)
		if len(d.History) != 1 || d.History[0].Status != tc.status || rc.count() != 1 {
			t.Errorf("%d: %d requests, history %+v", tc.status, rc.count(), d.History)
		}
	}
	if n := elsewhere.count(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// TestGone: 410 disables the hook and its deliveries are skipped. A user can enable it again and replay them.
func TestGone(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "gone")
	rc := newReceiver(t, first(1, http.StatusGone))
	watch := newReceiver(t, nil)
	y.hook("watch", watch.url, client.HookPatch{Events: &hookyard.Selector{Names: []string{"hookyard.*"}}})
	y.hook("h", rc.url, client.HookPatch{Schedule: often(5, 20*time.Millisecond)})
	one := y.publish("order.created", `1`)
	if d := y.ended(one, "h", hookyard.Failed); d.Attempts != 1 || !strings.Contains(d.Reason, "410") {
		t.Errorf("%d attempts, %s", d.Attempts, d.Reason)
	}
	h, err := y.c.Hook(t.Context(), y.project, "h")
	if err != nil || h.Active || !strings.Contains(h.OffReason, "410") {
		t.Errorf("active %v, off reason %q, %v", h.Active, h.OffReason, err)
	}
	two := y.publish("order.created", `2`)
	if d := y.ended(two, "h", hookyard.Skipped); !strings.Contains(d.Reason, "410") || d.Attempts != 0 {
		t.Errorf("skipped for %q after %d attempts", d.Reason, d.Attempts)
	}
	types := map[string]bool{}
	for _, a := range watch.wait(t, 2) {
		types[a.header.Get("X-GitHub-Event")] = true
	}
	if !types["hookyard.hook.disabled"] || !types["hookyard.delivery.failed"] {
		t.Errorf("notified of %v", types)
	}
	if _, err := y.c.EnableHook(t.Context(), y.project, "h"); err != nil {
		t.Fatal(err)
	}
	if _, err := y.c.CreateReplay(t.Context(), y.project,
		client.ReplayRequest{Hook: "h", State: hookyard.Skipped}); err != nil {
		t.Fatal(err)
	}
	testenv.Until(t, "the skipped one is delivered",
		func() bool { return y.delivery(two, "h").State == hookyard.Delivered })
	if d := y.delivery(one, "h"); d.State != hookyard.Failed {
		t.Errorf("the failed one was replayed, too: %s", d.State)
	}
}

// TestRetryAfter: 429 with Retry-After slows the whole hook, not only the delivery.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "busy")
	rc := newReceiver(t, func(w http.ResponseWriter, r *http.Request, n int) int {
		if n == 1 {
			w.Header().Set("Retry-After", "2")
			return always(http.StatusTooManyRequests)(w, r, n)
		}
		return always(http.StatusNoContent)(w, r, n)
	})
	y.hook("h", rc.url, client.HookPatch{Schedule: often(5, 10*time.Millisecond)})
	one := y.publish("order.created", `1`)
	y.attempted(one, "h", 1)
	two := y.publish("order.created", `2`)
	y.ended(one, "h", hookyard.Delivered)
	y.ended(two, "h", hookyard.Delivered)
	all := rc.all()
	if wait := all[1].at.Sub(all[0].at); wait < 1900*time.Millisecond {
		t.Errorf("the receiver asked for 2 s and was sent to again after %s", wait)
	}
}

// TestOffSwitch: a number of consecutive failures disables a hook; a success resets the count.
func TestOffSwitch(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "off")
	policy := &hookyard.OffPolicy{Policy: hookyard.OffFailures, After: 3}
	mends := newReceiver(t, func(w http.ResponseWriter, r *http.Request, n int) int {
		if n%3 == 0 {
			return always(http.StatusOK)(w, r, n)
		}
		return always(http.StatusInternalServerError)(w, r, n)
	})
	dead := newReceiver(t, always(http.StatusInternalServerError))
	y.hook("mends", mends.url, client.HookPatch{Schedule: often(5, 10*time.Millisecond), Off: policy})
	y.hook("dead", dead.url, client.HookPatch{Schedule: often(9, 10*time.Millisecond), Off: policy})
	var last string
	for range 3 {
		last = y.publish("order.created", `1`)
		y.ended(last, "mends", hookyard.Delivered)
	}
	testenv.Until(t, "the dead hook is off", func() bool {
		h, err := y.c.Hook(t.Context(), y.project, "dead")
		return err == nil && !h.Active
	})
	y.drained()
	if n := dead.count(); n < 3 || n > 3+2 { // two more may have been running
		t.Errorf("%d requests to the dead one, want 3", n)
	}
	if h, err := y.c.Hook(t.Context(), y.project, "mends"); err != nil || !h.Active {
		t.Errorf("the hook that mends: active %v, %v", h.Active, err)
	}
}

// TestSwitchedOffWhileQueued: a hook that is disabled or deleted gets no more requests, not even for pending
// deliveries.
func TestSwitchedOffWhileQueued(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "queued")
	rc := newReceiver(t, always(http.StatusServiceUnavailable))
	later := waits(0, time.Second, time.Second)
	y.hook("off", rc.url+"/off", client.HookPatch{Schedule: later})
	y.hook("deleted", rc.url+"/deleted", client.HookPatch{Schedule: later})
	y.hook("moved", rc.url+"/moved", client.HookPatch{Schedule: later})
	id := y.publish("order.created", `1`)
	for _, hook := range []string{"off", "deleted", "moved"} {
		y.attempted(id, hook, 1)
	}
	deleted := y.delivery(id, "deleted").ID
	elsewhere := newReceiver(t, nil)
	y.patch("off", client.HookPatch{Active: ptr(false)})
	y.patch("moved", client.HookPatch{URL: &elsewhere.url})
	if _, err := y.c.DeleteHook(t.Context(), y.project, "deleted"); err != nil {
		t.Fatal(err)
	}
	y.ended(id, "off", hookyard.Skipped)
	y.ended(id, "moved", hookyard.Delivered) // the change applies to pending deliveries
	testenv.Until(t, "the deleted hook's delivery ends", func() bool {
		d, err := y.c.Delivery(t.Context(), y.project, deleted)
		if err != nil {
			t.Fatal(err)
		}
		return d.State == hookyard.Canceled
	})
	if n := rc.count(); n != 3 || elsewhere.count() != 1 {
		t.Errorf("%d requests to the old URLs and %d to the new, want 3 and 1", n, elsewhere.count())
	}
	again := y.hook("deleted", elsewhere.url, client.HookPatch{})
	if next := y.publish("order.created", `2`); y.ended(next, again.ID, hookyard.Delivered).Attempts != 1 {
		t.Error("a new hook with the id of a deleted one is not independent of it")
	}
	if _, err := y.c.RetryDelivery(t.Context(), y.project,
		y.delivery(id, "off").ID); client.StatusOf(err) != http.StatusConflict {
		t.Errorf("a delivery to a disabled hook can be retried: %v", err)
	}
}

// TestByHand: retry, cancel, test, and replay to a newer hook.
func TestByHand(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "by-hand")
	rc := newReceiver(t, first(1, http.StatusInternalServerError))
	y.hook("h", rc.url, client.HookPatch{Schedule: often(1, 0)})
	id := y.publish("order.created", `{"n": 1}`)
	d := y.ended(id, "h", hookyard.Failed)
	if _, err := y.c.RetryDelivery(t.Context(), y.project, d.ID); err != nil {
		t.Fatal(err)
	}
	testenv.Until(t, "the retry succeeds", func() bool { return y.delivery(id, "h").State == hookyard.Delivered })
	if d := y.delivery(id, "h"); len(d.History) != 2 || d.History[0].Status != 500 || d.History[1].Status != 204 {
		t.Errorf("history %+v", d.History)
	}
	young := newReceiver(t, nil)
	y.hook("young", young.url, client.HookPatch{Events: &hookyard.Selector{Names: []string{"order.*"}}})
	y.publish("user.created", `{"n": 2}`)
	replay, err := y.c.CreateReplay(t.Context(), y.project, client.ReplayRequest{Hook: "young"})
	if err != nil {
		t.Fatal(err)
	}
	if got := young.wait(t, 1)[0]; got.id != id || !bytes.Equal(got.body, y.body(id)) {
		t.Errorf("replayed %s %s, want %s", got.id, got.body, id)
	}
	testenv.Until(t, "the replay is done", func() bool {
		replay, err = y.c.Replay(t.Context(), y.project, replay.ID)
		return err == nil && replay.Status == "done"
	})
	if replay.Opened != 1 || young.count() != 1 {
		t.Errorf("replay opened %d and sent %d, want 1: the hook does not want users", replay.Opened, young.count())
	}
	tested, err := y.c.TestHook(t.Context(), y.project, "young")
	if err != nil || young.wait(t, 2)[1].id != tested.ID {
		t.Errorf("test %+v, %v", tested, err)
	}
	y.hook("dead", "http://"+freeAddr(t), client.HookPatch{Schedule: waits(0, time.Hour)})
	id = y.publish("order.created", `{"n": 3}`)
	d = y.attempted(id, "dead", 1)
	if c, err := y.c.CancelDelivery(t.Context(), y.project, d.ID); err != nil || c.State != hookyard.Canceled ||
		!strings.Contains(c.Reason, "guest") {
		t.Errorf("canceled: %s %q, %v", c.State, c.Reason, err)
	}
}

// TestHeaders: a hook's own headers are sent, merged by PATCH and masked if they are credentials. Reserved headers
// cannot be set.
func TestHeaders(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "headers")
	rc := newReceiver(t, nil)
	y.hook("h", rc.url, client.HookPatch{Headers: map[string]*string{"X-One": ptr("1"),
		"Authorization": ptr("Bearer t0p"), "X-Two": ptr("2")}})
	h := y.patch("h", client.HookPatch{Headers: map[string]*string{"X-Two": nil, "X-Three": ptr("3")}})
	if h.Headers["Authorization"] != hookyard.Masked || len(h.Headers) != 3 {
		t.Errorf("shown headers %v", h.Headers)
	}
	id := y.publish("order.created", `1`)
	got := rc.wait(t, 1)[0].header
	for name, want := range map[string]string{"X-One": "1", "X-Two": "", "X-Three": "3",
		"Authorization": "Bearer t0p"} {
		if got.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, got.Get(name), want)
		}
	}
	if sent := y.ended(id, "h",
		hookyard.Delivered).History[0].Request.Header; sent["Authorization"][0] != hookyard.Masked {
		t.Errorf("the history shows %v", sent["Authorization"])
	}
	for _, name := range []string{"Content-Length", "Host", "Transfer-Encoding", "Connection", "webhook-id",
		"WEBHOOK-Signature", "X-Hub-Signature-256", "a:b", "a\x00b", "a b", ""} {
		_, err := y.c.PatchHook(t.Context(), y.project, "h",
			client.HookPatch{Headers: map[string]*string{name: ptr("x")}})
		if client.StatusOf(err) != http.StatusBadRequest {
			t.Errorf("header %q may be set: %v", name, err)
		}
	}
	for _, value := range []string{"a\r\nX-Evil: 1", "a\nb", "a\x00b"} {
		_, err := y.c.PatchHook(t.Context(), y.project, "h",
			client.HookPatch{Headers: map[string]*string{"X-One": &value}})
		if client.StatusOf(err) != http.StatusBadRequest {
			t.Errorf("value %q may be set: %v", value, err)
		}
	}
}
