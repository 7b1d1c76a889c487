package relay_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/relay"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/stream"
	"github.com/hookyard/hookyard/internal/testenv"
)

// browse opens a page of an origin of its own in Chromium.
func browse(t *testing.T) (ctx context.Context, origin string) {
	t.Helper()
	path := testenv.Chromium(t)
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!doctype html><title>another origin</title>"))
	}))
	t.Cleanup(page.Close)
	flags := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("no-first-run", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), flags...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate(page.URL)); err != nil {
		t.Fatal(err)
	}
	return ctx, page.URL
}

// eval runs a script in the page and waits for its promise.
func eval(ctx context.Context, script string) (string, error) {
	return chromedp.Run(ctx, chromedp.Evaluate[string](script, chromedp.EvalAwaitPromise))
}

// The two snippets of the client of 2019, but for the server's address and for looking at the second's answer.
const (
	snippetRegister = `fetch("SERVER/lively4S2/_webhook/register", {
  method: "GET",
  headers: {
    repositoryname: "LivelyKernel/lively4-core"
  }
}).then(r => r.text())`
	snippetSignal = `fetch("SERVER/lively4S2/_webhook/signal", {
  method: "PUT",
  headers: {
    'content-type': 'application/json',
  },
  body: JSON.stringify({
    repository: {
      "full_name": "LivelyKernel/lively4-core"
    }
  })
}).then(async r => r.status + await r.text())`
)

func TestChromiumRelay(t *testing.T) {
	t.Parallel()
	ctx, origin := browse(t)
	db := storetest.Open(t, storetest.SQLite(t))
	b := setup(t, db, "", nil)
	other, cancel := chromedp.NewContext(ctx) // a second tab
	defer cancel()
	if err := chromedp.Do(other, chromedp.Navigate(origin)); err != nil {
		t.Fatal(err)
	}
	got := make(chan string)
	go func() {
		for range 2 {
			text, err := eval(ctx, strings.ReplaceAll(snippetRegister, "SERVER", b.srv.URL))
			if err != nil {
				text = err.Error()
			}
			got <- text
		}
	}()
	testenv.Until(t, "the page polls", func() bool { return b.hub.Listeners() == 1 })
	for range 2 {
		answer, err := eval(other, strings.ReplaceAll(snippetSignal, "SERVER", b.srv.URL))
		if err != nil || answer != "200" {
			t.Fatalf("signal: %q, %v", answer, err)
		}
	}
	for range 2 {
		if text := <-got; text != `{"repository":{"full_name":"LivelyKernel/lively4-core"}}` {
			t.Errorf("register: %s", text)
		}
	}
}

// TestChromiumListeners follows a project by EventSource, long poll and WebSocket from a page of another origin.
func TestChromiumListeners(t *testing.T) {
	t.Parallel()
	ctx, _ := browse(t)
	db := storetest.Open(t, storetest.SQLite(t))
	snapshot := storetest.Project(t, db, "acme", "shop")
	srv := listeners(t, db)
	fill(t, db, snapshot)
	for name, script := range map[string]string{
		"EventSource": `new Promise((ok, no) => {
			const got = [], es = new EventSource("SERVER/stream?token=t&since=all");
			es.onmessage = m => {
				got.push(JSON.parse(m.data).data.n + (m.lastEventId ? "" : "?"));
				if (got.length == 5) { es.close(); ok(got.join()) } };
			es.onerror = e => no("error") })`,
		"WebSocket": `new Promise((ok, no) => {
			const got = [], ws = new WebSocket("SERVER/stream?token=t&since=all".replace("http", "ws"));
			ws.onmessage = m => {
				got.push(JSON.parse(m.data).data.n);
				if (got.length == 5) { ws.close(); ok(got.join()) } };
			ws.onerror = e => no("error") })`,
		"fetch": `(async () => { const got = []; let cursor = "";
			while (got.length < 5) {
				const headers = {Authorization: "Bearer t"};
				const r = await fetch("SERVER/poll?limit=2&since=all&after=" + cursor, {headers});
				const a = await r.json();
				got.push(...a.events.map(e => e.data.n)); cursor = r.headers.get("X-Hookyard-Cursor");
				if (cursor != a.cursor) return "cursor " + cursor }
			return got.join() })()`,
		"refused": `fetch("SERVER/poll").then(r => r.status == 401 ? "0,1,2,3,4" : "status " + r.status)`,
	} {
		got, err := eval(ctx, strings.ReplaceAll(script, "SERVER", srv.URL))
		if err != nil || got != "0,1,2,3,4" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// listeners serves the project acme/shop to who has the token t.
func listeners(t *testing.T, db *store.DB) *httptest.Server {
	t.Helper()
	hub := stream.NewHub(stream.HubOptions{Store: db})
	db.OnCommit(hub.Notify)
	running, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = hub.Run(running) }()
	all := stream.New(stream.Options{Hub: hub, Gate: stream.NewGate(0, 0, nil), Log: slog.New(slog.DiscardHandler),
		Authorize: func(r *http.Request, owner, project string) (*hookyard.Snapshot, time.Time, error) {
			if r.URL.Query().Get("token") != "t" && r.Header.Get("Authorization") != "Bearer t" {
				return nil, time.Time{}, hookyard.Errorf(hookyard.Unauthenticated, "no token")
			}
			p, err := db.Snapshot(r.Context(), owner, project)
			return p, time.Time{}, err
		}})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := all.Stream
		if strings.HasSuffix(r.URL.Path, "/poll") {
			f = all.Poll
		}
		if err := f(w, r, "acme", "shop"); err != nil {
			writeError(w, r, err)
		}
	}))
	t.Cleanup(func() { stop(); <-done; srv.Close() })
	return srv
}

// fill keeps five events.
func fill(t *testing.T, db *store.DB, snapshot *hookyard.Snapshot) {
	t.Helper()
	for n := range 5 {
		e := hookyard.NewEvent(relay.SourceRelay, "a", fmt.Appendf(nil, `{"n":%d}`, n), time.Now())
		e.ProjectKey = snapshot.Project.Key
		if _, err := db.Accept(t.Context(), &hookyard.RoutedEvent{Event: e}); err != nil {
			t.Fatal(err)
		}
	}
}
