package web_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/hookyard/hookyard/internal/testenv"
)

// tab is a tab of a real browser.
type tab struct {
	t   *testing.T
	ctx context.Context
}

// chromium starts a browser with one tab.
func chromium(t *testing.T) *tab {
	t.Helper()
	path := testenv.Chromium(t)
	// removed with patience below: the browser's children write a little longer
	dir, err := os.MkdirTemp("", "hookyard-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.DisableGPU,
		chromedp.UserDataDir(dir), chromedp.Env("TMPDIR="+dir), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true))
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Minute)
	ctx, closeAll := chromedp.NewExecAllocator(ctx, options...)
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(func() {
		closeTab()
		closeAll()
		stop()
		testenv.Until(t, "the browser's folder can be removed", func() bool { return os.RemoveAll(dir) == nil })
	})
	b := &tab{t, ctx}
	b.do(chromedp.Navigate("about:blank"))
	return b
}

// in is the tab in a part of its test.
func (b *tab) in(t *testing.T) *tab { return &tab{t, b.ctx} }

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *tab) open(url string) {
	b.t.Helper()
	b.do(chromedp.Navigate(url))
}

// js runs an expression and returns its value as text.
func (b *tab) js(expression string) string {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("String("+expression+")"))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits for an expression to be true. It cannot be evaluated while the browser is between two pages.
func (b *tab) until(expression string) {
	b.t.Helper()
	testenv.Until(b.t, expression, func() bool {
		v, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("String("+expression+")"))
		return err == nil && v == "true"
	})
}

// submit fills in the form that a selector finds, and presses its main button. pairs are names and values.
func (b *tab) submit(form string, pairs ...string) {
	b.t.Helper()
	var fill strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&fill, "f.elements[%q].value = %q; ", pairs[i], pairs[i+1])
	}
	b.js(fmt.Sprintf(`(f => { %sf.querySelector("button.main").click(); })(document.querySelector(%q))`,
		fill.String(), form))
}

// fill types into the field that a selector finds.
func (b *tab) fill(field, value string) {
	b.t.Helper()
	b.js(fmt.Sprintf(`(f => {
		f.value = %q;
		f.dispatchEvent(new Event("input", {bubbles: true}));
	})(document.querySelector(%q))`, value, field))
}

func (b *tab) size(width, height int64) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height))
}

func (b *tab) scheme(name string) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}})
		return err
	}))
}

func (b *tab) scripts(on bool) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled,
			emulation.SetScriptExecutionDisabledParams{Value: !on})
		return err
	}))
}

// addresses of every page there is.
func addresses(x shop) map[string]string { return addressesOf("acme", x) }

// addressesOf is addresses for the project of another owner.
func addressesOf(owner string, x shop) map[string]string {
	all := map[string]string{
		"projects": "/", "project": "/acme/shop", "hooks": "/acme/shop/webhooks", "hook": "/acme/shop/webhooks/billing",
		"hook-failing": "/acme/shop/webhooks/warehouse", "hook-edit": "/acme/shop/webhooks/accounting/edit",
		"events": "/acme/shop/events",
		"search": "/acme/shop/events?text=ann&type=order.*&since=1h", "event": "/acme/shop/events/" + x.event,
		"event-edit": "/acme/shop/events/" + x.event + "/edit", "publish": "/acme/shop/publish",
		"deliveries": "/acme/shop/deliveries",
		"delivery":   "/acme/shop/deliveries/" + x.failing, "sources": "/acme/shop/sources",
		"source-add": "/acme/shop/sources?type=stripe",
		"source":     "/acme/shop/sources/github", "replays": "/acme/shop/replays", "replay": x.replay,
		"changes": "/acme/shop/audit", "settings": "/acme/shop/settings",
		"status": "/status", "everywhere": "/search?find=a",
		"bins": "/bins", "bin": x.bin, "users": "/users", "profile": "/profile",
		"second-factor": "/profile/second-factor",
		"catalogue":     "/owners/acme/catalogue", "event-type": "/owners/acme/catalogue/order.described",
		"types": "/owners/acme/event-types", "type": "/owners/acme/event-types/order.described",
		"login": "/login", "api": "/docs/api", "not-found": "/nothing",
	}
	for name, path := range all {
		all[name] = strings.Replace(path, "/acme/", "/"+owner+"/", 1)
	}
	return all
}

// TestScreenshots writes a picture of each page, light, dark and as a phone has it, where HOOKYARD_SCREENSHOTS says.
func TestScreenshots(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("HOOKYARD_SCREENSHOTS")
	if dir == "" {
		t.Skip("set HOOKYARD_SCREENSHOTS to the folder for the pictures")
	}
	data := t.TempDir()
	fillDay(t, data, receive(t))
	s, _ := startIn(t, data, true)
	x := s.restock("acme")
	s.sent("/acme/empty", "/", "owner", "acme", "name", "empty")
	s.sent("/acme/shop/replays/rpl_", "/acme/shop/replays", "hook", "billing", "since", "1h", "confirm", "yes")
	pages := addresses(x)
	pages["project-empty"], pages["setup"] = "/acme/empty", "/setup"
	guarded, _ := start(t, false)
	b := chromium(t)
	only := os.Getenv("HOOKYARD_SCREENSHOTS_ONLY")
	for name, path := range pages {
		if only != "" && !strings.Contains(","+only+",", ","+name+",") {
			continue
		}
		for _, look := range []struct {
			name, scheme string
			width        int64
		}{{"light", "light", 1200}, {"dark", "dark", 1200}, {"phone", "light", 390}} {
			b.size(look.width, 800)
			b.scheme(look.scheme)
			switch name {
			case "login":
				b.open(guarded.url + path)
			case "setup":
				b.open(guarded.setup)
			default:
				b.open(s.url + path)
			}
			shot, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name+"-"+look.name+".png"), small(t, shot), 0o600); err != nil {
				t.Fatal(err)
			}
			if wide := b.js("document.documentElement.scrollWidth > innerWidth"); wide == "true" {
				t.Errorf("%s is wider than the screen at %d pixels", path, look.width)
			}
		}
	}
}

// small makes a picture of the 256 colours that it has most, and cuts it where it is long.
func small(t *testing.T, shot []byte) []byte {
	t.Helper()
	in, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		t.Fatal(err)
	}
	area := in.Bounds()
	area.Max.Y = min(area.Max.Y, area.Min.Y+1400)
	count := map[color.Color]int{}
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			count[in.At(x, y)]++
		}
	}
	most := slices.SortedFunc(maps.Keys(count), func(a, b color.Color) int { return count[b] - count[a] })
	out := image.NewPaletted(area, most[:min(len(most), 256)])
	nearest := map[color.Color]uint8{}
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			c := in.At(x, y)
			i, known := nearest[c]
			if !known {
				i = uint8(out.Palette.Index(c))
				nearest[c] = i
			}
			out.SetColorIndex(x, y, i)
		}
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, out); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// walk is a browser at a server with a stocked shop.
type walk struct {
	s        *server
	receiver string
	x        shop
	b        *tab
}

// TestBrowser walks a real browser through what scripts add.
func TestBrowser(t *testing.T) {
	t.Parallel()
	s, receiver := start(t, true)
	w := &walk{s: s, receiver: receiver, x: s.stock(receiver), b: chromium(t)}
	t.Run("pages break no policy", w.policy)
	t.Run("live", w.live)
	t.Run("keys", w.keys)
	t.Run("r asks first", w.replayKey)
	t.Run("times are the viewer's", w.zones)
	t.Run("preview while typing", w.preview)
	t.Run("without scripts", w.withoutScripts)
	t.Run("expired session", w.expired)
}

// policy checks that each page loads whole under its policy.
func (w *walk) policy(t *testing.T) {
	s, b := w.s, w.b.in(t)
	for _, path := range addresses(w.x) {
		b.open(s.url + path)
		said := b.js(`performance.getEntriesByType("resource").filter(r => r.responseStatus >= 400)
			.map(r => r.name).join()`)
		if said != "" {
			t.Errorf("%s: %s did not load", path, said)
		}
		if off := b.js(`[...document.querySelectorAll("script")].every(s => s.type === "module") &&
			document.styleSheets.length === 1`); off != "true" {
			t.Errorf("%s: scripts or styles are missing", path)
		}
		bad := b.js(`[...document.querySelectorAll("time[datetime]")].filter(t => !t.title.endsWith("UTC")).length`)
		if bad != "0" {
			t.Errorf("%s: %s times do not show UTC on hover", path, bad)
		}
	}
}

// live checks that events appear in open lists.
func (w *walk) live(t *testing.T) {
	s, b := w.s, w.b.in(t)
	second := chromium(t)
	curl := testenv.Program(t, "curl")
	b.open(s.url + "/acme/shop")
	second.open(s.url + "/acme/shop/events?type=live.*")
	for _, one := range []*tab{b, second} {
		one.until(`document.getElementById("light").textContent === "live"`)
	}
	// The light is green once the page has looked, so what comes now comes by the stream.
	began := time.Now()
	said, err := exec.CommandContext(t.Context(), curl, "-sS", "-H", "Content-Type: application/json", "-d",
		`{"type":"live.event","data":{"n":1}}`,
		s.url+"/api/projects/acme/shop/events").Output()
	if err != nil {
		t.Fatal(err)
	}
	id := regexp.MustCompile(`evt_[0-9a-z]+`).FindString(string(said))
	for _, one := range []*tab{b, second} {
		one.until(`document.querySelector("#rows tr")?.id === "` + id + `"`)
	}
	if took := time.Since(began); took > 10*time.Second { // the machine may be busy
		t.Errorf("an event took %s to appear", took)
	}
	b.until(`document.querySelector("#rows tr .delivered") !== null`)
	b.js(`document.getElementById("pause").click()`)
	unseen := s.publish("acme/shop", "live.event", `{"n":2}`)
	second.until(`document.querySelector("#rows tr")?.id === "` + unseen + `"`)
	if b.js(`document.getElementById("`+unseen+`") === null`) != "true" {
		t.Error("a paused list went on")
	}
	b.js(`document.getElementById("pause").click()`)
	b.until(`document.querySelector("#rows tr")?.id === "` + unseen + `"`)
	if n := b.js(`document.querySelectorAll("#rows tr").length`); n != "20" {
		t.Errorf("the list has %s rows", n)
	}
}

// keys checks the keyboard shortcuts.
func (w *walk) keys(t *testing.T) {
	s, b := w.s, w.b.in(t)
	b.open(s.url + "/acme/shop/events")
	press := func(key string) {
		b.js(`document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: "` + key +
			`", bubbles: true}))`)
	}
	press("j")
	press("j")
	press("k")
	press("j")
	if at := b.js(
		`[...document.querySelectorAll("#rows tr")].findIndex(r => r.classList.contains("here"))`); at != "1" {
		t.Errorf("row %s is here, want 1", at)
	}
	press("/")
	if name := b.js(`document.activeElement.name`); name != "find" {
		t.Errorf("/ leads to %s", name)
	}
	b.js(`document.activeElement.blur()`)
	press("?")
	if b.js(`document.getElementById("keys").open`) != "true" {
		t.Error("? shows nothing")
	}
	press("?")
	if b.js(`document.getElementById("keys").open`) != "false" {
		t.Error("? does not close its list")
	}
	b.until(`document.activeElement === document.body`) // the browser moves the focus before it draws
	press("g")
	press("/")
	if name := b.js(`document.activeElement.name`); name != "find" {
		t.Errorf("/ after g leads to %s", name)
	}
	b.js(`document.activeElement.blur()`)
	press("g")
	press("d")
	b.until(`location.pathname === "/acme/shop/deliveries"`)
}

// replayKey checks that key r does not replay at once.
func (w *walk) replayKey(t *testing.T) {
	s, b := w.s, w.b.in(t)
	b.open(s.url + "/acme/shop/events/" + w.x.event)
	b.js(`document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "r", bubbles: true}))`)
	if at := b.js(`document.activeElement.textContent + location.search`); at != "Replay…" {
		t.Errorf("r leads to %q", at)
	}
}

// zones checks that times are in the browser's zone.
func (w *walk) zones(t *testing.T) {
	s, b := w.s, w.b.in(t)
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetTimezoneOverride,
			emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Tokyo"})
		return err
	}))
	b.open(s.url + "/acme/shop/deliveries")
	b.submit("form.search", "since", "2026-01-31 12:00")
	b.until(`location.search === "?since=2026-01-31+12%3A00&tz=Asia%2FTokyo" && document.readyState === "complete"`)
	if got := b.js(`document.querySelector("[data-zone]").textContent`); got != "your time" {
		t.Errorf("the form says that times are %s", got)
	}
}

// preview checks that the preview follows what is typed.
func (w *walk) preview(t *testing.T) {
	s, b := w.s, w.b.in(t)
	b.open(s.url + hookPage + "/edit")
	b.fill("[name=filter]", "data.amount = 207")
	b.until(`document.getElementById("preview").textContent.includes("Matches 1 of the last")`)
	b.fill("[name=filter]", "((")
	b.until(`document.getElementById("fault-filter")?.textContent.includes("1:3: the expression ends too early")`)
	if n := b.js(`document.body.innerText.split("ends too early").length - 1`); n != "1" {
		t.Errorf("the page says %s times what is wrong with the filter", n)
	}
	b.fill("[name=filter]", "data.amount = 207")
	b.until(`document.getElementById("fault-filter") === null &&
		document.getElementById("preview").textContent.includes("read as pairs")`)
}

// withoutScripts checks that forms work without scripts.
func (w *walk) withoutScripts(t *testing.T) {
	s, b := w.s, w.b.in(t)
	b.open(s.url + "/acme/shop/webhooks")
	b.scripts(false)
	defer b.scripts(true)
	b.submit("#formNewWebhook", "payloadUrl", w.receiver+"/noscript", "id", "noscript")
	b.until(`document.querySelector(".note")?.textContent === "Created."`)
	if at := b.js(`location.pathname`); at != "/acme/shop/webhooks/noscript" {
		t.Errorf("adding a hook leads to %s", at)
	}
}

// expired checks that a form outlives its session.
func (w *walk) expired(t *testing.T) {
	b := w.b.in(t)
	guarded, _ := signedIn(t)
	guarded.sent("/admin/p", "/", "owner", "admin", "name", "p")
	b.open(guarded.url + "/login")
	b.submit("form[action='/login']", "username", "admin", "password", password)
	b.until(`location.pathname === "/" && document.querySelector(".me")?.textContent.includes("admin")`)
	b.open(guarded.url + "/admin/p/publish")
	guarded.endSessions()
	b.submit("main form", "type", "was.typed")
	b.until(`document.querySelector("main")?.textContent.includes("what you typed is still there")`)
	b.submit("main form", "username", "admin", "password", password)
	b.until(`document.querySelector("h1")?.textContent === "Welcome back"`)
	b.js(`document.querySelector("main button.main").click()`)
	b.until(`document.querySelector("h1")?.textContent === "was.typed"`)
}
