package web_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/hookyard/hookyard/internal/need"
)

// tab is a tab of a real browser.
type tab struct {
	t   *testing.T
	ctx context.Context
}

// chromium starts a browser with one tab.
func chromium(t *testing.T) *tab {
	t.Helper()
	path := need.Chromium(t)
	dir, err := os.MkdirTemp("", "hookyard-chromium-") // removed with patience: the browser's children write a little longer
	if err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(dir), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true))
	ctx, stop := context.WithTimeout(context.Background(), 3*time.Minute)
	ctx, closeAll := chromedp.NewExecAllocator(ctx, options...)
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(func() {
		closeTab()
		closeAll()
		stop()
		need.Until(t, "the browser's folder can be removed", func() bool { return os.RemoveAll(dir) == nil })
	})
	b := &tab{t, ctx}
	b.do(chromedp.Navigate("about:blank"))
	return b
}

// another opens a second tab of the same browser.
func (b *tab) another() *tab {
	ctx, closeTab := chromedp.NewContext(b.ctx)
	b.t.Cleanup(closeTab)
	return &tab{b.t, ctx}
}

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

// until waits for an expression to be true.
func (b *tab) until(expression string) {
	b.t.Helper()
	need.Until(b.t, expression, func() bool { return b.js(expression) == "true" })
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
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
		return err
	}))
}

// addresses of every page there is.
func addresses(x shop) map[string]string {
	return map[string]string{
		"projects": "/", "project": "/acme/shop", "hooks": "/acme/shop/webhooks", "hook": "/acme/shop/webhooks/billing",
		"hook-failing": "/acme/shop/webhooks/warehouse", "hook-edit": "/acme/shop/webhooks/accounting/edit", "events": "/acme/shop/events",
		"search": "/acme/shop/events?text=ann&type=order.*&since=1h", "event": "/acme/shop/events/" + x.event,
		"event-edit": "/acme/shop/events/" + x.event + "/edit", "publish": "/acme/shop/publish", "deliveries": "/acme/shop/deliveries",
		"delivery": "/acme/shop/deliveries/" + x.failing, "sources": "/acme/shop/sources", "source-add": "/acme/shop/sources?type=stripe",
		"source": "/acme/shop/sources/github", "replays": "/acme/shop/replays", "changes": "/acme/shop/audit", "settings": "/acme/shop/settings",
		"status": "/status", "users": "/users", "profile": "/profile", "login": "/login", "not-found": "/nothing",
	}
}

// TestScreenshots writes a picture of each page, light, dark and as a phone has it, where HOOKYARD_SCREENSHOTS says.
func TestScreenshots(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("HOOKYARD_SCREENSHOTS")
	if dir == "" {
		t.Skip("set HOOKYARD_SCREENSHOTS to the folder for the pictures")
	}
	s, receiver := start(t, true)
	x := s.stock(receiver)
	s.sent("/acme/empty", "/", "owner", "acme", "name", "empty")
	s.sent("/acme/shop/replays", "/acme/shop/replays", "hook", "billing", "since", "1h")
	pages := addresses(x)
	pages["project-empty"] = "/acme/empty"
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
			b.open(s.url + path)
			png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name+"-"+look.name+".png"), png, 0o600); err != nil {
				t.Fatal(err)
			}
			if wide := b.js("document.documentElement.scrollWidth > innerWidth"); wide == "true" {
				t.Errorf("%s is wider than the screen at %d pixels", path, look.width)
			}
		}
	}
}
