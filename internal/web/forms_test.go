package web_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/hookyard/hookyard/internal/app"
	"github.com/hookyard/hookyard/internal/testenv"
)

// visitor fills in forms in a real browser, and remembers which there were and which were sent.
type visitor struct {
	*tab
	s          *server
	seen, sent map[string]bool
}

// formKind names a form by where its button leads, without ids.
func formKind(action, button string) string {
	u, err := url.Parse(action)
	if err != nil {
		return action
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	fixed := map[string]bool{"login": true, "logout": true, "setup": true, "profile": true, "users": true, "bins": true,
		"theme": true, "search": true, "": true}
	at := 3 // of an id in a project's pages
	if fixed[parts[0]] {
		at = 1
	} else {
		parts[0], parts[1] = "O", "P"
	}
	if len(parts) > at && parts[0] != "profile" && parts[0] != "login" {
		parts[at] = "*"
	}
	return "/" + strings.Join(parts, "/") + " " + button
}

// look opens a page, "" being the one that is open, and notes its forms.
func (v *visitor) look(path string) {
	v.t.Helper()
	if path != "" {
		v.open(v.s.url + path)
	}
	var found [][2]string
	text := v.js(`JSON.stringify([...document.forms].filter(f => f.getAttribute("method") !== "dialog").flatMap(f =>
		[...f.querySelectorAll("button:not([type=button])")].map(b => [f.action, b.name === "theme" ? "" : b.value])))`)
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		v.t.Fatal(err)
	}
	for _, f := range found {
		v.seen[formKind(f[0], f[1])] = true
	}
}

// send opens a page, fills in the form whose action ends so (past ids) and which has the button, and presses that. then
// is an expression that is true of the page that comes.
func (v *visitor) send(path, action, button string, fields map[string]string, then string) {
	v.t.Helper()
	v.look(path)
	filled, err := json.Marshal(fields)
	if err != nil {
		v.t.Fatal(err)
	}
	said := v.js(fmt.Sprintf(`((action, button, fields) => {
		document.querySelectorAll("details").forEach(d => (d.open = true));
		const here = location.pathname;
		const buttonOf = f => [...f.querySelectorAll("button:not([type=button])")]
			.find(b => b.value === button || b.name === "theme");
		const form = [...document.forms].find(f => f.getAttribute("method") !== "dialog" &&
			new URL(f.action).pathname === (action || here) && buttonOf(f) &&
			Object.keys(fields ?? {}).every(name => f.querySelector('[name="' + name + '"]')));
		if (!form) return "there is no such form";
		for (const [name, value] of Object.entries(fields ?? {})) {
			const all = [...form.elements].filter(e => e.name === name);
			for (const e of all) {
				if (e.type === "radio") e.checked = e.value === value;
				else if (e.type === "checkbox") e.checked = value === e.value || value === "on";
				else e.value = value;
				if (e.tagName === "SELECT" && e.value !== value) return name + " cannot be " + value;
			}
		}
		if (!form.checkValidity()) return "the browser would not send it: " + form.querySelector(":invalid").name;
		document.documentElement.dataset.left = "yes";
		buttonOf(form).click();
		return "";
	})(%q, %q, %s)`, action, button, filled))
	if said != "" {
		v.t.Errorf("%s: form %q with button %q: %s", path, action, button, said)
		return
	}
	testenv.Until(v.t, "the page after "+action, func() bool { // an error: the browser is between two pages
		there, err := chromedp.Run(v.ctx,
			chromedp.Evaluate[bool](
				`document.readyState === "complete" && document.documentElement.dataset.left === undefined`))
		return err == nil && there
	})
	if fault := v.js(`document.querySelector(".problem")?.textContent ?? ""`); fault != "" {
		v.t.Errorf("%s: form %q with button %q: %s", path, action, button, fault)
	}
	if v.js(then) != "true" {
		v.t.Errorf("%s: form %q with button %q leads to %s, where this is not true: %s", path, action, button,
			v.js("location.href"), then)
	}
	if action == "" {
		action = path
	}
	v.sent[formKind(action, button)] = true
}

func note(text string) string {
	return fmt.Sprintf(`document.querySelector(".note")?.textContent === %q`, text)
}

// passing cancels a replay and is there while it runs: with so few events it may be gone before it is pressed.
const passing = "/O/P/replays/* "

// TestEveryForm sends every form of every page in a real browser, with and without JavaScript.
func TestEveryForm(t *testing.T) {
	t.Parallel()
	defaults := filepath.Join(t.TempDir(), "defaults.json")
	if err := os.WriteFile(defaults, []byte(`{"archive":{"url":"https://archive.example.com/","events":"all"}}`),
		0o600); err != nil {
		t.Fatal(err)
	}
	s, receiver := startIn(t, t.TempDir(), true, func(c *app.Config) { c.DefaultHooks = defaults })
	guarded, _ := signedIn(t)
	b := chromium(t)
	for owner, scripts := range map[string]bool{"with": true, "without": false} {
		t.Run(owner, func(t *testing.T) {
			b := b.in(t)
			b.scripts(scripts)
			v := &visitor{b, s, map[string]bool{}, map[string]bool{}}
			x := s.in(t).stockAs(owner, receiver)
			for _, path := range addressesOf(owner, x) {
				v.look(path)
			}
			v.sendAll(owner, x, receiver)
			g := &visitor{b, guarded, v.seen, v.sent}
			g.sendPeople(owner)
			v.send("/"+owner+"/shop/settings", "/"+owner+"/shop/delete", "",
				map[string]string{"confirm": owner + "/shop"}, note("Deleted."))
			for _, kind := range slices.Sorted(maps.Keys(v.seen)) {
				if !v.sent[kind] && kind != passing {
					t.Errorf("the form %q was not sent", kind)
				}
			}
			if len(v.sent) < 40 {
				t.Errorf("only %d forms were sent", len(v.sent))
			}
		})
	}
}

func (v *visitor) sendAll(owner string, x shop, receiver string) {
	p := "/" + owner + "/shop"
	is := func(path string) string { return fmt.Sprintf("location.pathname === %q", path) }
	v.send("/", "/theme", "", nil, `document.documentElement.dataset.theme === "dark"`)
	v.send("/", "/theme", "", nil, `document.documentElement.dataset.theme === "light"`)
	v.send("/", "/theme", "", nil, `document.documentElement.dataset.theme === undefined`)
	v.send("/", "/", "", map[string]string{"owner": owner, "name": "more", "description": "More", "preset": "yobi"},
		is("/"+owner+"/more"))

	hooks := p + "/webhooks"
	v.send(hooks, hooks, "preview", map[string]string{"payloadUrl": receiver, "filter": "data.amount = 207"},
		`document.querySelector(".preview") !== null`)
	v.send(hooks, hooks, "create", map[string]string{"payloadUrl": receiver + "/good", "id": "made", "which": "some",
		"names": "order.*", "webhookType": "cloudevents",
		"headers": "X-Team: shop", "schedule": "0s, 1s", "timeout": "3s", "inFlight": "2", "rate": "50",
		"policy": "failures", "after": "7", "ordered": "on"}, note("Created."))
	v.send(hooks, hooks, "", map[string]string{"q": "acc"}, `document.querySelectorAll(".rows tbody tr").length === 1`)
	made := hooks + "/made"
	v.send(hooks, made, "test", nil, is(made)+` && document.querySelector(".note") !== null`)
	v.send(made, made, "test", map[string]string{"type": "order.described"},
		`document.querySelector(".rows").textContent.includes("order.described")`)
	v.send(hooks, made, "disable", nil,
		note("The hook is disabled. Its events are recorded as skipped and can be resent."))
	missed := v.s.publish(owner+"/shop", "order.missed", `{}`)
	v.s.deliveryOf(owner+"/shop", missed, "made", "skipped")
	v.send(hooks, made, "enable", nil, note("The hook is enabled."))
	confirm := func(says string) {
		v.t.Helper()
		v.until(fmt.Sprintf(`document.getElementById("confirm").textContent.includes(%q)`, says))
		v.send("", p+"/replays", "yes", nil, note("The replay is running; this page shows its progress."))
	}
	v.send(made, p+"/replays", "", map[string]string{"state": "skipped"}, is(p+"/replays"))
	confirm("This searches")
	v.send(made, made, "rotate", map[string]string{"old": "stop"},
		`document.getElementById("secret").textContent.startsWith("whsec_")`)
	v.send(made+"/edit", made, "preview", nil, `document.querySelector(".preview") !== null`)
	v.send(made+"/edit", made, "update", map[string]string{"description": "Changed"}, note("Saved."))
	v.look(made + "/edit")
	v.s.post(made, "do", "disable")
	v.js(`document.querySelector("#formNewWebhook button.main").click()`)
	v.until(`document.querySelector(".conflict") !== null`)
	v.send("", made, "overwrite", nil, note("Saved."))
	v.send(made, made, "delete", nil, note("Deleted."))

	v.send(p+"/events", p+"/events", "", map[string]string{"text": "ann", "type": "order.*", "since": "1h"},
		`document.querySelectorAll("#rows tr").length > 5`)
	v.send(p+"/publish", "", "", map[string]string{"type": "order.typed", "body": `{"typed": true}`},
		note("Published."))
	v.send("/search", "/search", "", map[string]string{"find": "ann"},
		`document.querySelectorAll(".rows tbody tr").length > 5`)
	event := p + "/events/" + x.event
	v.send(event, "", "", map[string]string{}, `document.getElementById("confirm").textContent.includes("is sent to")`)
	v.send("", event, "yes", nil, note("Queued for delivery."))
	v.send(event, "", "", map[string]string{"url": receiver + "/new"}, note("Queued for delivery."))
	v.send(event+"/edit", "", "", map[string]string{"body": `{"edited": true}`}, note("Published."))
	v.send(p+"/deliveries", p+"/deliveries", "", map[string]string{"state": "delivered", "hook": "billing"},
		`document.querySelectorAll(".st.delivered").length > 5`)
	delivery := p + "/deliveries/" + x.failing
	v.send(delivery, "", "retry", nil, note("Queued for delivery."))
	v.send(delivery, "", "cancel", nil, note("Canceled."))
	v.send(p+"/replays", p+"/replays", "", map[string]string{"hook": "billing", "state": "", "since": "1h"},
		is(p+"/replays"))
	confirm("This searches")
	v.send(p+"/replays", p+"/replays", "", map[string]string{"state": ""}, is(p+"/replays"))
	confirm("accounting")

	v.sendSources(p)
	v.sendCatalogue("/owners/" + owner + "/catalogue")

	v.send("/bins", "/bins", "", map[string]string{"status": "201"}, note("Created."))
	bin := strings.TrimPrefix(v.js("location.href"), v.s.url)
	v.send(bin, "", "answer", map[string]string{"status": "503", "body": "later"}, note("Saved."))
	v.send(bin, "", "source", map[string]string{"project": owner + "/shop", "name": "bin"}, note("Created."))
	v.send(bin, "", "delete", nil, note("Deleted."))

	v.send(p+"/settings", p+"/settings", "update", map[string]string{"description": "Better", "retention": "720h"},
		note("Saved."))
	v.send("/"+owner+"/more/webhooks/archive", "/"+owner+"/more/webhooks/archive", "delete", nil, note("Deleted."))
	v.send("/"+owner+"/more/settings", "/"+owner+"/more/defaults", "", nil, note("Created."))
	v.send("/"+owner+"/more/settings", "/"+owner+"/more/limits", "",
		map[string]string{"bytesPerDay": "1GiB", "hooks": "50"}, note("Saved."))
}

func (v *visitor) sendCatalogue(types string) {
	v.send(types, "", "settings", map[string]string{"public": "on"}, note("Saved."))
	v.send(types, "", "add", map[string]string{"name": "order.added", "schema": `{"type":"object"}`}, note("Created."))
	const document = `{"openapi":"3.1.0","webhooks":{"order.imported":{"post":{}}}}`
	v.send(types, "", "plan", map[string]string{"document": document},
		`[...document.querySelectorAll("li")].some(li => li.textContent.includes("order.imported: created"))`)
	v.send("", types, "import", nil, note("Saved."))
	v.send(types+"/order.added", "", "save", map[string]string{"description": "Added", "example": `{"id":7}`},
		note("Saved."))
	v.send(types+"/order.added", "", "delete", nil, note("Deleted."))
}

func (v *visitor) sendSources(p string) {
	sources := p + "/sources"
	if v.js(`document.querySelector("script") !== null`) == "true" {
		v.send(sources, sources, "", map[string]string{"type": "stripe"},
			`document.querySelector("[name=secret]") !== null`)
	}
	v.send(sources+"?type=gitlab", sources, "", map[string]string{"name": "lab", "secret": "s3cret"}, note("Created."))
	v.send(sources+"/lab", "", "update", map[string]string{"typeFrom": "text", "typeName": "push"}, note("Saved."))
	v.send(sources+"/lab", "", "rotate", nil, `document.getElementById("secret") !== null`)
	v.send(sources+"/lab", "", "delete", nil, note("Deleted."))
	const rechecked = `document.querySelector("[role=status]").textContent.includes("0 requests of 1 accepted")`
	v.send(sources+"/github", "", "recheck", map[string]string{"id": "on"}, rechecked)
	v.send(sources+"/github", "", "recheck-all", nil,
		`document.getElementById("confirm").textContent.includes("1 rejected request")`)
	v.send("", sources+"/github", "yes", nil, rechecked)
}

// sendPeople sends the forms of pages that need sign-in.
func (v *visitor) sendPeople(owner string) {
	v.send("/login", "/login", "", map[string]string{"username": "admin", "password": password}, note("Signed in."))
	v.send("/users", "/users", "", map[string]string{"name": owner, "password": password}, note("Created."))
	const shown = `document.getElementById("link") !== null`
	v.send("/users", "/users", "", map[string]string{"name": owner + "-new"}, shown)
	v.send("/users", "/users/"+owner+"-new", "invite", nil, shown)
	v.send("/users", "/users/"+owner, "password", map[string]string{"password": password + "!"}, note("Saved."))
	v.send("/users", "/users/"+owner, "disable", nil, note("Saved."))
	v.send("/users", "/users/"+owner, "enable", nil, note("Saved."))
	v.send("/", "/", "", map[string]string{"owner": "admin", "name": owner}, `location.pathname.startsWith("/admin/")`)
	v.send("/admin/"+owner+"/settings", "/admin/"+owner+"/members", "",
		map[string]string{"user": owner, "role": "write"}, note("Saved."))
	v.send("/admin/"+owner+"/settings", "/admin/"+owner+"/members", "none", nil, note("Saved."))
	v.send("/users", "/users/"+owner, "admin", nil, note("Saved."))
	v.send("/users", "/users/"+owner, "plain", nil, note("Saved."))
	v.send("/users", "/users/"+owner, "delete", nil, note("Saved."))
	v.send("/profile", "/profile/tokens", "", map[string]string{"name": "ci", "scope": "publish"},
		`document.getElementById("secret").textContent.startsWith("hky_")`)
	v.send("/profile", "/profile/revoke", "", nil, note("Token revoked."))
	v.send("/profile", "/profile/password", "",
		map[string]string{"current": password, "password": password, "again": password},
		`document.querySelector(".note") !== null`)
	other := v.s.as("admin")
	other.page("/profile")
	v.send("/profile", "/profile/sessions", "", nil, `document.querySelector("h1") !== null`)
	v.send("/", "/logout", "", nil, `location.pathname === "/login"`)
}
