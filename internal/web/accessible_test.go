package web_test

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/hookyard/hookyard/internal/testenv"
)

// TestAccessible runs axe on every page in both themes: nothing serious or critical.
func TestAccessible(t *testing.T) {
	t.Parallel()
	axe := axeSource(t)
	s, receiver := start(t, true)
	x := s.stock(receiver)
	s.sent("/acme/empty", "/", "owner", "acme", "name", "empty")
	pages := addresses(x)
	pages["empty"] = "/acme/empty"
	guarded, _ := start(t, false)
	b := chromium(t)
	check := func(url, scheme string, width int64) {
		b.size(width, 800)
		b.scheme(scheme)
		b.open(url)
		b.js(`document.querySelectorAll("details").forEach(d => (d.open = true))`)
		b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := chromedp.Evaluate[any](axe+"; 0")(ctx, t)
			return err
		}))
		said, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`axe.run({
			rules: {"target-size": {enabled: true}}}).then(r => r.violations
			.filter(v => v.impact === "serious" || v.impact === "critical")
			.map(v => v.id + ": " + v.nodes.slice(0, 3)
				.map(n => n.html.slice(0, 160) + " " + n.failureSummary).join("; "))
			.join("\n"))`, chromedp.EvalAwaitPromise))
		if err != nil {
			t.Fatal(err)
		}
		if said != "" {
			t.Errorf("%s, %s, %d pixels:\n%s", url, scheme, width, said)
		}
	}
	s.brand("acme", `{"name":"Acme","accent":"#ffcc00","accentDark":"#222266","font":"serif"}`)
	b.open(s.url + s.link("acme/shop", `{"returnUrl":"https://acme.example/"}`))
	for name, path := range map[string]string{"hooks": "/webhooks", "hook": "/webhooks/warehouse?lang=de",
		"edit": "/webhooks/accounting/edit?lang=ko", "delivery": "/deliveries/" + x.failing,
		"replays": "/replays?lang=en", "none": "/none"} {
		pages["portal-"+name] = "/portal/acme/shop" + path
	}
	for _, path := range pages {
		check(s.url+path, "light", 1200)
		check(s.url+path, "dark", 390)
	}
	check(guarded.url+"/login", "light", 390)
	check(guarded.setup, "dark", 1200)
	b.submit("main form", "password", password, "again", password)
	b.until(`location.pathname === "/"`)
	check(guarded.url+factorPage, "dark", 1200)
	check(guarded.url+factorPage, "light", 390)
}

// axeSource installs axe-core from npm and returns its text.
func axeSource(t *testing.T) string {
	t.Helper()
	npm := testenv.Program(t, "npm")
	dir := t.TempDir()
	install := exec.CommandContext(t.Context(), npm, "install", "--prefix", dir, "--no-audit", "--no-fund",
		"--ignore-scripts", "axe-core@4")
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf("axe-core cannot be had from npm: %v\n%s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestNarrow opens every page at 320 pixels with the longest names and words that are accepted, in several scripts: no
// page scrolls sideways, and what scrolls within a page can be reached with the keyboard.
func TestNarrow(t *testing.T) {
	t.Parallel()
	s, receiver := signedIn(t)
	name := strings.Repeat("wwwwwwwwww", 10)
	s.sent("/users", "/users", "name", name, "password", password, "admin", "on")
	s = s.as(name)
	x := s.stockHostile(name, receiver)
	b := chromium(t)
	b.size(320, 700)
	b.open(s.url + "/login")
	b.submit("form[action='/login']", "username", name, "password", password)
	b.until(`location.pathname === "/" && document.querySelector(".me") !== null`)
	for _, path := range x {
		b.open(s.url + path)
		b.js(`document.querySelectorAll("details").forEach(d => (d.open = true))`)
		if wide := b.js(`document.documentElement.scrollWidth + " of " + document.documentElement.clientWidth`); b.js(
			`document.documentElement.scrollWidth > document.documentElement.clientWidth`) == "true" {
			t.Errorf("%s is %s pixels wide:\n%s", strings.ReplaceAll(path, name, "…"), wide, b.js(`
				[...document.body.querySelectorAll("*")]
				.filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll, pre, .tabs"))
				.slice(0, 4).map(e => e.outerHTML.slice(0, 120)).join("\n")`))
		}
		if said := b.js(`[...document.body.querySelectorAll("*")].filter(e => {
			const style = getComputedStyle(e);
			const across = e.scrollWidth > e.clientWidth + 1 && /auto|scroll/.test(style.overflowX);
			const down = e.scrollHeight > e.clientHeight + 1 && /auto|scroll/.test(style.overflowY);
			return (across || down) && e !== document.scrollingElement && e.tabIndex < 0 &&
				!e.querySelector("a, button, input, select, textarea, [tabindex]");
		}).map(e => e.outerHTML.slice(0, 120)).join("\n")`); said != "" {
			t.Errorf("%s: the keyboard cannot scroll\n%s", path, said)
		}
	}
}

// stockHostile makes a project of an owner whose texts are as long as they may be, and returns the pages that show
// them.
func (s *server) stockHostile(owner, receiver string) []string {
	s.t.Helper()
	word := strings.Repeat("Donaudampf", 12)
	mixed := "\u0645\u0631\u062d\u0628\u0627 " + word + " \U0001f469\U0001f680 \u6771\u4eac " +
		strings.Repeat("\u05e9", 20)
	project := strings.Repeat("p", 100)
	p := "/" + owner + "/" + project
	s.sent(p, "/", "owner", owner, "name", project, "description", mixed)
	hook := strings.Repeat("h", 200)
	hooks := p + "/webhooks"
	for id, path := range map[string]string{hook: "/bad/", "good": "/good/"} {
		s.sent(hooks+"/"+id, hooks, "ours", "1", "active", "on", "which", "some", "names", word+" *", "id", id,
			"payloadUrl", receiver+path+word+"?"+word, "description", mixed, "filter", `type = "`+word+`"`,
			"headers", "X-"+word[:100]+": "+word)
	}
	source := strings.Repeat("s", 100)
	s.sent(p+"/sources/"+source, p+"/sources", "type", "none", "name", source, "description", mixed)
	s.sent(p+"/sources/refusing", p+"/sources", "type", "github", "name", "refusing", "secret", "s3cret")
	body := `{"` + word + `":"` + mixed + `"}`
	event := s.publish(owner+"/"+project, word, body)
	for _, to := range []string{source, "refusing"} {
		r := s.request(http.MethodPost, "/in"+p+"/"+to+"/"+word+"?"+word+"="+word, strings.NewReader(word+word))
		r.Header.Set("X-"+word[:100], word)
		r.Header.Set("User-Agent", word)
		s.do(r)
	}
	replay, _, _ := strings.Cut(s.post(p+"/replays", "hook", hook, "since", "1h", "confirm",
		"yes").Header.Get("Location"), "?")
	failing := s.deliveryOf(owner+"/"+project, event, hook, "pending")
	bin, _, _ := strings.Cut(s.post("/bins", "body", word, "type", "text/"+word[:60]).Header.Get("Location"), "?")
	s.do(s.request(http.MethodPost, strings.TrimPrefix(bin, "/bins")+"/"+word, strings.NewReader(word+word)))
	s.led("/profile/tokens", "name", word[:100], "scope", "publish", "expiresIn", "168h", "project", owner+"/"+project)
	return []string{"/", p, hooks, hooks + "/" + hook, hooks + "/good", hooks + "/" + hook + "/edit", p + "/events",
		p + "/events?text=" + word, p + "/events/" + event, p + "/events/" + event + "/edit", p + "/publish",
		p + "/deliveries", p + "/deliveries/" + failing, p + "/sources", p + "/sources?type=hmac",
		p + "/sources/" + source, p + "/sources/refusing", p + "/replays", replay,
		p + "/audit", p + "/settings", "/status", "/search?find=" + word[:9],
		"/bins", bin, "/users", "/profile", "/docs/api", "/nothing/" + word}
}
