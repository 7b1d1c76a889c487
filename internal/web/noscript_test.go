package web_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/hookyard/hookyard/internal/testenv"
)

// TestFormsWithoutScript sends every form as a browser without JavaScript does.
func TestFormsWithoutScript(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *server, receiver string) {
		x := s.stock(receiver)
		s.hookActions(t, receiver)
		s.hookForm(t, receiver)
		s.eventForms(t, receiver, x)
		s.settingsForms(t)
		s.binForms(t)
		s.userForms(t)
	})
}

const (
	shopPage = "/acme/shop"
	hookPage = shopPage + "/webhooks/billing"
)

// hookActions presses the buttons of hooks.
func (s *server) hookActions(t *testing.T, receiver string) {
	t.Helper()
	if body := s.post(shopPage+"/webhooks", "ours", "1", "which", "all", "payloadUrl", receiver, "do", "preview",
		"filter", "data.amount = 207").body; !strings.Contains(body, "Matches 1 of the last") {
		t.Errorf("the preview does not say what the filter would do: %s", faultsOf(body))
	}
	s.sent(hookPage, hookPage, "do", "test")
	s.sent(hookPage, hookPage, "do", "disable")
	missed := s.publish("acme/shop", "order.created", `{"missed":1}`)
	s.deliveryOf("acme/shop", missed, "billing", "skipped")
	s.sent(hookPage, hookPage, "do", "enable")
	catchUp := []string{"hook", "billing", "state", "skipped"}
	if body := s.post(shopPage+"/replays", catchUp...).body; !regexp.MustCompile(
		`>Send [12] deliver(y|ies)<`).MatchString(body) || // the test was sent before the hook was off, or skipped
		!strings.Contains(body, `name="state" value="skipped"`) {
		t.Errorf("catching up does not ask with the number of deliveries: %s", body)
	}
	s.sent(shopPage+"/replays/rpl_", shopPage+"/replays", append(catchUp, "confirm", "yes")...)
	s.deliveryOf("acme/shop", missed, "billing", "delivered")
	if body := s.led(hookPage, "do", "rotate", "old", "stop"); !strings.Contains(body, `<code id="secret">whsec_`) ||
		strings.Contains(s.page(hookPage), "whsec_") {
		t.Error("the new secret is not shown once")
	}
	if body := s.led(shopPage+"/webhooks", "ours", "1", "which", "all", "payloadUrl", receiver, "id", "signs",
		"secretFrom", "made"); !strings.Contains(body, `<code id="secret">whsec_`) ||
		!strings.Contains(body, "Created.") {
		t.Error("the made secret of a new hook is not shown")
	}
}

// hookForm changes a hook.
func (s *server) hookForm(t *testing.T, receiver string) {
	t.Helper()
	s.sent(hookPage, hookPage, "do", "update", "ours", "1", "active", "on", "which", "some", "event", "order.paid",
		"names", "invoice.*", "payloadUrl", receiver+"/good", "description", "Billing",
		"headers", "X-Team: shop\nAuthorization: Bearer x", "schedule", "0s, 1s", "timeout", "3s", "inFlight", "2",
		"rate", "50", "policy", "failures", "after", "7", "webhookType", "raw", "ordered", "on")
	page := s.page(hookPage + "/edit")
	for _, want := range []string{`value="Billing"`, "X-Team: ***", "Authorization: ***", `value="0s, 1s"`,
		`value="3s"`, `value="7"`, `value="order.paid" checked`, `value="invoice.*"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the hook's form does not hold %s", want)
		}
	}
	s.sent(hookPage, hookPage, "do", "update", "ours", "1", "active", "on", "which", "all",
		"payloadUrl", receiver+"/good", "headers", "Authorization: ***")
	if page := s.page(hookPage + "/edit"); strings.Contains(page, "X-Team") ||
		!strings.Contains(page, "Authorization: ***") {
		t.Error("a header that was taken out of the form stayed, or one that was hidden went")
	}
}

// eventForms replays and publishes events, and acts on their deliveries.
func (s *server) eventForms(t *testing.T, receiver string, x shop) {
	t.Helper()
	event := shopPage + "/events/" + x.event
	if body := s.post(event, "to", "all").body; !strings.Contains(body, ">Send to 2 hooks<") ||
		!strings.Contains(body, `name="to" value="all"`) {
		t.Errorf("a replay to all hooks does not ask with their number: %s", body)
	}
	s.sent(event, event, "to", "all", "confirm", "yes")
	s.sent(event, event, "to", "accounting")
	s.deliveryOf("acme/shop", x.event, "accounting", "delivered")
	s.sent(event, event, "to", "url", "url", receiver+"/elsewhere")
	s.deliveryOf("acme/shop", x.event, "127-0-0-1", "delivered")
	s.sent(shopPage+"/events/evt_", event+"/edit", "type", "order.edited", "body", `{"edited":true}`)
	s.sent(shopPage+"/events/evt_", shopPage+"/events/"+x.sourced+"/edit", "type", "", "body", "other text")
	s.sent(shopPage+"/events/evt_", shopPage+"/publish", "type", "order.made", "body", `{}`)
	for query, want := range map[string]string{"?type=order.*&since=1h": "/replays?since=1h&amp;type=order.%2A",
		"?text=ann": "", "?source=api&type=order.*": ""} {
		page := s.page(shopPage + "/events" + query)
		if got := strings.Contains(page, "Replay these events"); got != (want != "") ||
			!strings.Contains(page, want) {
			t.Errorf("search %s offers a replay: %t, want %q", query, got, want)
		}
	}
	delivery := shopPage + "/deliveries/" + x.failing
	s.sent(delivery, delivery, "do", "retry")
	s.deliveryOf("acme/shop", x.event, "warehouse", "pending")
	s.sent(delivery, delivery, "do", "cancel")
	s.deliveryOf("acme/shop", x.event, "warehouse", "canceled")
	s.sent(shopPage+"/replays/rpl_", shopPage+"/replays", "hook", "billing", "state", "delivered", "since", "1h",
		"type", "order.*", "confirm", "yes")
	if body := s.post(shopPage+"/replays", "hook", "billing", "type", "no.such").body; strings.Contains(body,
		`name="confirm"`) || !strings.Contains(body, "Nothing to send") {
		t.Errorf("an empty replay can be confirmed: %s", body)
	}
	id := regexp.MustCompile(`"id":"(rpl_[^"]+)"`).FindStringSubmatch(s.page("/api/projects/acme/shop/replays"))
	if id == nil {
		t.Fatal("there is no replay")
	}
	replay := shopPage + "/replays/" + id[1]
	testenv.Until(t, "the page shows the deliveries of the replay", func() bool {
		page := s.page(replay)
		return strings.Contains(page, "billing, delivered, <code>order.*</code>, since") &&
			strings.Contains(page, "/deliveries/dlv_")
	})
	s.sent(replay, replay) // done by now, or canceled: either is what was wanted
}

// settingsForms changes sources and the settings of the project.
func (s *server) settingsForms(t *testing.T) {
	t.Helper()
	s.sent(shopPage+"/sources/github", shopPage+"/sources/github", "do", "update", "active", "on",
		"description", "Ours", "typeFrom", "text", "typeName", "push")
	if body := s.led(shopPage+"/sources/github", "do", "rotate"); !strings.Contains(body, `<code id="secret">`) ||
		strings.Contains(s.page(shopPage+"/sources/github"), `id="secret"`) {
		t.Error("the source's new secret is not shown once")
	}
	s.recheckForms(t)
	s.repeats(t)
	s.limitForms(t)
	s.sent(shopPage+"/sources", shopPage+"/sources/open", "do", "delete")
	s.sent(shopPage+"/settings", shopPage+"/settings", "description", "Better", "format", "cloudevents", "eventTypes",
		"order.created\norder.paid invoice.paid", "retention", "720h", "relay", "token")
	if !strings.Contains(s.page(shopPage+"/settings"), `value="Better"`) {
		t.Error("the project's settings were not kept")
	}
}

// limitForms changes limits of the project, and makes a mistake in one.
func (s *server) limitForms(t *testing.T) {
	t.Helper()
	limits := shopPage + "/limits"
	s.sent(shopPage+"/settings", limits, "bytesPerDay", "1GiB", "listeners", "0")
	page := s.page(shopPage + "/settings")
	if !strings.Contains(page, `name="bytesPerDay" value="1GiB"`) || !strings.Contains(page, `name="hooks" value=""`) {
		t.Error("the limits were not kept")
	}
	if body := s.post(limits, "bytesPerDay", "a lot").body; !strings.Contains(body, `value="a lot"`) ||
		!strings.Contains(body, "is not a size") {
		t.Errorf("a limit that is no number: %s", body)
	}
	s.sent(shopPage+"/settings", limits, "bytesPerDay", "")
}

// repeats publishes an event twice: the list says so.
func (s *server) repeats(t *testing.T) {
	t.Helper()
	for range 3 {
		r := s.request(http.MethodPost, "/api/projects/acme/shop/events",
			strings.NewReader(`{"id":"again","type":"order.repeated","data":1}`))
		r.Header.Set("Content-Type", "application/json")
		if a := s.do(r); a.StatusCode != http.StatusAccepted {
			t.Fatalf("publish: %d %s", a.StatusCode, a.body)
		}
	}
	if page := s.page(shopPage + "/events?type=order.repeated"); !strings.Contains(page, "came again: 2 ×") {
		t.Errorf("the list does not show that an event came again: %s", page)
	}
}

// recheckForms refuses requests because of a wrong secret, mends it, and checks one of them and then all again.
func (s *server) recheckForms(t *testing.T) {
	t.Helper()
	source := shopPage + "/sources/mended"
	s.sent(source, shopPage+"/sources", "type", "token", "name", "mended", "secret", "old-secret")
	for range 3 {
		r := s.request(http.MethodPost, "/in/acme/shop/mended?token=new-secret", strings.NewReader(`{"a":1}`))
		if a := s.do(r); a.StatusCode != http.StatusUnauthorized {
			t.Fatalf("the wrong secret is answered with %d", a.StatusCode)
		}
	}
	ids := regexp.MustCompile(`name="id" value="(\d+)"`).FindAllStringSubmatch(s.page(source), -1)
	if len(ids) != 3 {
		t.Fatalf("%d requests can be chosen, want 3", len(ids))
	}
	if body := s.post(source, "do", "recheck-all").body; !strings.Contains(body, "checks 3 rejected requests") {
		t.Errorf("all at once without a question: %s", body)
	}
	if body := s.post(source, "do", "recheck-all", "confirm", "yes").body; !strings.Contains(body,
		"0 requests of 3 accepted") {
		t.Errorf("with the wrong secret: %s", body)
	}
	s.sent(source, source, "do", "update", "active", "on", "secret", "new-secret")
	if body := s.post(source, "do", "recheck").body; !strings.Contains(body, "Choose the requests") {
		t.Errorf("without a choice: %s", body)
	}
	if body := s.post(source, "do", "recheck", "id", ids[1][1]).body; !strings.Contains(body,
		"1 request of 1 accepted") || !strings.Contains(body, "Check all 2 again") {
		t.Errorf("one of three is checked again: %s", body)
	}
	if body := s.post(source, "do", "recheck-all", "confirm", "yes").body; !strings.Contains(body,
		"2 requests of 2 accepted") || !strings.Contains(body, "No rejected requests.") {
		t.Errorf("the others are checked again: %s", body)
	}
}

// binForms creates a bin, uses it, changes it and deletes it.
func (s *server) binForms(t *testing.T) {
	t.Helper()
	bin, _, _ := strings.Cut(s.post("/bins", "status", "418", "body", "short and stout", "delay",
		"1ms").Header.Get("Location"), "?")
	if a := s.do(s.request(http.MethodPost, strings.TrimPrefix(bin, "/bins"),
		strings.NewReader("<script>alert(1)</script>"))); a.StatusCode != http.StatusTeapot ||
		a.body != "short and stout" {
		t.Errorf("the bin answers %d %q", a.StatusCode, a.body)
	}
	if page := s.page(bin); !strings.Contains(page, "&lt;script&gt;alert(1)") ||
		strings.Contains(page, "<script>alert") {
		t.Error("the bin's page does not show what came as text")
	}
	s.sent(bin+"?done=saved", bin, "do", "answer", "status", "503", "type", "application/json", "body",
		`{"later":true}`)
	if a := s.do(s.request(http.MethodPost, strings.TrimPrefix(bin, "/bins"),
		nil)); a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Content-Type") != "application/json" {
		t.Errorf("after its answer was changed the bin answers %d", a.StatusCode)
	}
	if page := s.page(bin); !strings.Contains(page, `value="503"`) ||
		!strings.Contains(page, "{&#34;later&#34;:true}") {
		t.Error("the bin's page does not show what it answers")
	}
	s.sent(shopPage+"/sources/frombin", bin, "do", "source", "project", "acme/shop", "name", "frombin")
	s.sent("/bins?", bin, "do", "delete")
	if a := s.get(bin); a.StatusCode != http.StatusNotFound {
		t.Errorf("the deleted bin answers %d", a.StatusCode)
	}
}

// userForms creates, changes and deletes users, and deletes what else there is.
func (s *server) userForms(t *testing.T) {
	t.Helper()
	s.sent("/users", "/users", "name", "bob", "password", "a good long password")
	if page := s.post("/users/bob", "do", "password", "password", "short").body; !strings.Contains(page,
		`<details open>`) || strings.Count(page, `id="fault-password"`) != 1 {
		t.Error("a password that is too short is not said at bob's form")
	}
	s.sent(shopPage+"/settings", shopPage+"/members", "user", "bob", "role", "write")
	s.sent(shopPage+"/settings", shopPage+"/members", "user", "bob", "role", "none")
	s.sent("/users", "/users/bob", "do", "disable")
	s.sent("/users", "/users/bob", "do", "delete")
	s.sent(shopPage+"/webhooks", hookPage, "do", "delete")
	s.sent("/", shopPage+"/delete", "confirm", "acme/shop")
	if a := s.get(shopPage); a.StatusCode != http.StatusForbidden {
		t.Errorf("the deleted project answers %d", a.StatusCode)
	}
}
