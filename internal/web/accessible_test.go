package web_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
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
		said, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`axe.run().then(r => r.violations
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
	for _, path := range pages {
		check(s.url+path, "light", 1200)
		check(s.url+path, "dark", 390)
	}
	check(guarded.url+"/login", "light", 390)
	check(guarded.setup, "dark", 1200)
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
