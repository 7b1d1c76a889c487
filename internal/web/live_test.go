package web_test

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/hookyard/hookyard/internal/app"
)

// TestListsKeepWhatIsInUse lets lists that are asked for again change around what somebody has selected, focused or
// opened.
func TestListsKeepWhatIsInUse(t *testing.T) {
	t.Parallel()
	s, receiver := start(t, true)
	x := s.stock(receiver)
	b := chromium(t)
	looks := func(b *tab, list string) int {
		n, _ := strconv.Atoi(b.js(`document.querySelector("` + list + `").dataset.looks ?? 0`))
		return n
	}
	again := func(b *tab, list string) {
		b.t.Helper()
		b.until(`Number(document.querySelector("` + list + `").dataset.looks) >= ` + strconv.Itoa(looks(b, list)+2))
	}

	t.Run("a bin", func(t *testing.T) {
		b := b.in(t)
		b.open(s.url + x.bin)
		b.js(`document.querySelector("[data-poll] details").open = true`)
		b.js(`getSelection().selectAllChildren(document.querySelector("[data-poll] details pre"))`)
		b.js(`document.querySelector("[data-poll] summary").focus()`)
		again(b, "[data-poll]")
		s.in(t).do(s.request(http.MethodPost, strings.TrimPrefix(x.bin, "/bins"), strings.NewReader(`{"second":1}`)))
		b.until(`document.querySelectorAll("[data-poll] details").length === 2`)
		again(b, "[data-poll]")
		if got := b.js(`getSelection().toString()`); !strings.Contains(got, "a bin") {
			t.Errorf("selected is %q", got)
		}
		got := b.js(`(e => e.tagName + e.parentElement.open + e.isConnected)(document.activeElement)`)
		if got != "SUMMARYtruetrue" {
			t.Errorf("the focus is at %s", got)
		}
		if got := b.js(
			`[...document.querySelectorAll("[data-poll] time")].every(t => t.title.endsWith("UTC"))`); got != "true" {
			t.Error("times are not the viewer's")
		}
	})

	t.Run("events", func(t *testing.T) {
		b := b.in(t)
		b.open(s.url + "/acme/shop/events")
		b.until(`document.getElementById("light").textContent === "live"`)
		b.js(`document.querySelector("#rows a").focus()`)
		b.js(`getSelection().selectAllChildren(document.querySelector("#rows code"))`)
		was := b.js(`document.activeElement.href + getSelection().toString()`)
		id := s.in(t).publish("acme/shop", "live.event", `{}`)
		b.until(`document.querySelector("#rows tr")?.id === "` + id +
			`" && document.querySelector("#rows tr .delivered") !== null`)
		if got := b.js(`document.activeElement.href + getSelection().toString()`); got != was {
			t.Errorf("the focus and the selection are %q, were %q", got, was)
		}
		if n := b.js(`document.querySelectorAll("#rows tr").length`); n != "26" {
			t.Errorf("the list has %s rows", n)
		}
	})
}

// TestSignedOutLive ends the session of somebody who looks at pages that change by themselves.
func TestSignedOutLive(t *testing.T) {
	t.Parallel()
	s, _ := signedIn(t)
	s.sent("/admin/p", "/", "owner", "admin", "name", "p")
	b := chromium(t)
	for _, path := range []string{"/admin/p/events", "/status"} {
		b.open(s.url + "/login?next=" + path)
		b.js(`(f => { f.elements.username.value = "admin"; f.elements.password.value = "` + password +
			`"; f.querySelector("button.main").click(); })(document.querySelector("form[action='/login']"))`)
		b.until(`location.pathname === "` + path + `" && document.readyState === "complete"`)
		s.endSessions()
		b.until(`document.querySelector("#signed-out a")?.getAttribute("href") === "/login?next=` +
			strings.ReplaceAll(path, "/", "%2F") + `"`)
		if path != "/status" {
			b.until(`document.getElementById("light").textContent === "signed out"`)
		}
		s.sent("/", "/login", "username", "admin", "password", password)
	}
}

// endSessions signs the admin out everywhere.
func (s *server) endSessions() {
	s.t.Helper()
	for _, part := range strings.Split(s.page("/profile"),
		`action="/profile/sessions"><input type="hidden" name="id" value="`)[1:] {
		id, _, _ := strings.Cut(part, `"`)
		s.post("/profile/sessions", "id", id)
	}
}

// TestResultsArrive looks at pages with something pending while that ends.
func TestResultsArrive(t *testing.T) {
	t.Parallel()
	s, receiver := start(t, true)
	s.stock(receiver)
	b := chromium(t)
	const home = "/acme/shop"
	for i, page := range []string{"events", "deliveries", "webhooks"} {
		id := s.publish("acme/shop", "order.watched", `{}`)
		delivery := s.deliveryOf("acme/shop", id, "warehouse", "pending")
		b.open(s.url + home + "/" + page + "/" + []string{id, delivery, "warehouse"}[i])
		if b.js(`document.querySelector("[data-poll] .pending") !== null`) != "true" {
			t.Fatalf("%s: nothing is pending", page)
		}
		s.sent(home+"/deliveries", home+"/deliveries/"+delivery, "do", "cancel")
		b.until(`document.querySelector("[data-poll] .st.canceled") !== null`)
	}
}

// TestManyMissed publishes what many hooks do not want: they do not fill the event's page.
func TestManyMissed(t *testing.T) {
	t.Parallel()
	s, receiver := start(t, true)
	s.sent("/a/p", "/", "owner", "a", "name", "p")
	const hooks = "/a/p/webhooks"
	for i := range 7 {
		s.sent(hooks, hooks, "ours", "1", "active", "on", "which", "some", "names", "other", "id",
			"hook-"+strconv.Itoa(i), "payloadUrl", receiver+"/bad")
	}
	page := s.page("/a/p/events/" + s.publish("a/p", "order.created", `{}`))
	if !strings.Contains(page, "<summary>7 hooks did not get it</summary>") ||
		!strings.Contains(page, "Edit and send") {
		t.Error("the hooks that got nothing are not folded, or the event cannot be edited")
	}
	s.sent("/a/p/sources/open", "/a/p/sources", "type", "none", "name", "open")
	s.do(s.request(http.MethodPost, "/in/a/p/open", strings.NewReader("\x00\x01\x02\xff")))
	event := idsOf(s.page("/a/p/events"))[0]
	if page := s.page("/a/p/events/" + event); strings.Contains(page, "Edit and send") ||
		!strings.Contains(page, `<pre class="hex"`) {
		t.Error("an event that is no text is offered to be edited")
	}
	s.sent(hooks, hooks+"/hook-0", "do", "update", "ours", "1", "active", "on", "which", "all", "payloadUrl",
		receiver+"/bad", "schedule", "0s, 10ms, 10ms, 10ms, 10ms, 10ms, 10ms")
	tried := s.publish("a/p", "order.tried", `{}`)
	s.deliveryOf("a/p", tried, "hook-0", "failed")
	if page := s.page("/a/p/events/" + tried); !strings.Contains(page, "<summary>2 earlier attempts</summary>") {
		t.Error("old attempts are not folded")
	}
}

// TestLongWords looks at pages with words that no screen is wide enough for.
func TestLongWords(t *testing.T) {
	t.Parallel()
	s, receiver := start(t, true)
	s.stock(receiver)
	b := chromium(t)
	long := strings.Repeat("wwwww", 30)
	hooks := "/acme/shop/webhooks"
	s.sent(hooks, hooks, "ours", "1", "which", "some", "names", long, "id", "long", "payloadUrl",
		receiver+"/good/"+long)
	event := s.publish("acme/shop", long, `{}`)
	delivery := s.deliveryOf("acme/shop", event, "billing", "delivered")
	for _, width := range []int64{1280, 390} {
		b.size(width, 800)
		for _, path := range []string{"", "/events", "/events/" + event, "/deliveries", "/deliveries/" + delivery,
			"/webhooks", "/webhooks/long", "/audit"} {
			b.open(s.url + "/acme/shop" + path)
			if b.js("document.documentElement.scrollWidth > innerWidth") == "true" {
				t.Errorf("%s is wider than the screen at %d pixels", path, width)
			}
		}
	}
}

var row = regexp.MustCompile(`<tr id="(evt_[^"]+)"`)

// idsOf are the events that a page lists.
func idsOf(page string) (ids []string) {
	for _, m := range row.FindAllStringSubmatch(page, -1) {
		ids = append(ids, m[1])
	}
	return ids
}

// TestBinsForGuests holds that a guest is told to sign in rather than given a form that does not work.
func TestBinsForGuests(t *testing.T) {
	t.Parallel()
	s, _ := startIn(t, t.TempDir(), false, func(c *app.Config) { c.Guests = true })
	if page := s.page("/bins"); strings.Contains(page, `action="/bins"`) ||
		!strings.Contains(page, "Only signed-in users can create bins.") {
		t.Error("a guest is given the form")
	}
}

// TestBinsOfBrowser lists the bins that a browser has made.
func TestBinsOfBrowser(t *testing.T) {
	t.Parallel()
	s, _ := signedIn(t)
	made, _, _ := strings.Cut(s.post("/bins", "private", "on").Header.Get("Location"), "?")
	if page := s.page("/bins"); !strings.Contains(page, `href="`+made+`"`) || !strings.Contains(page, "0 requests") {
		t.Error("the bin is not listed")
	}
	s.sent("/bins", made, "do", "delete")
	if page := s.page("/bins"); strings.Contains(page, `href="`+made+`"`) {
		t.Error("a deleted bin is listed")
	}
}
