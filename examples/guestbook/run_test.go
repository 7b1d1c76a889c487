package main

import (
	"bufio"
	"context"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/examples/receivers"
	"github.com/hookyard/hookyard/internal/testenv"
)

// program is the running program.
type program struct {
	site string // URL
	bin  string // URL
	yard *client.Client
}

// start runs the program with hookyard in it until the test ends. It takes the addresses from the program's output.
func start(t *testing.T, o options) *program {
	t.Helper()
	o.listen = "127.0.0.1:0"
	o.data = t.TempDir()
	o.hookyard = "http://127.0.0.1:0"
	o.project = "guest/guestbook"
	o.with = true
	printed, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(t.Context(), o, out, quiet()) // t.Context ends before the clean-ups
		_ = out.CloseWithError(err)
		ended <- err
	}()
	t.Cleanup(func() {
		_ = printed.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	p := &program{}
	lines := bufio.NewScanner(printed)
	for p.site == "" || p.bin == "" || p.yard == nil {
		if !lines.Scan() {
			t.Fatalf("the program ended: %v", lines.Err())
		}
		switch words := strings.Fields(lines.Text()); words[0] {
		case "guestbook":
			p.site = strings.TrimSuffix(words[1], "/")
		case "bin":
			p.bin = strings.TrimSuffix(words[1], "?inspect")
		case "hookyard":
			var err error
			if p.yard, err = client.New(strings.TrimSuffix(words[1], "/guest/guestbook"), ""); err != nil {
				t.Fatal(err)
			}
		}
	}
	return p
}

// receiver is a program that was added as a webhook. It verifies signatures with the secret that the page showed.
type receiver struct {
	url     string
	inbox   *receivers.Inbox
	handler atomic.Pointer[receivers.Handler]
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter,
		q *http.Request) {
		r.handler.Load().ServeHTTP(w, q)
	}))
	t.Cleanup(s.Close)
	r.url = s.URL + "/new-comment"
	var err error
	if r.inbox, err = receivers.OpenInbox(t.Context(), filepath.Join(t.TempDir(), "inbox.db")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.inbox.Close() })
	return r
}

func (r *receiver) trust(t *testing.T, secret string) {
	t.Helper()
	h, err := receivers.NewHandler(r.inbox, quiet(), secret)
	if err != nil {
		t.Fatal(err)
	}
	r.handler.Store(h)
}

// wait waits until n comments have arrived and returns them, oldest first.
func (r *receiver) wait(t *testing.T, n int) []comment {
	t.Helper()
	testenv.Until(t, "the receiver gets the comments", func() bool {
		have, err := r.inbox.Count(t.Context())
		return err == nil && have >= n
	})
	kept, err := r.inbox.Before(t.Context(), 0, n+1)
	if err != nil {
		t.Fatal(err)
	}
	all := make([]comment, len(kept))
	for i, k := range kept {
		if err := json.Unmarshal(k.Body, &all[len(kept)-1-i]); err != nil {
			t.Fatalf("%s: %v", k.Body, err)
		}
	}
	return all
}

// TestThroughAPI: a comment from the page arrives, signed, at a webhook that was added on the page, and in the bin.
func TestThroughAPI(t *testing.T) {
	t.Parallel()
	p := start(t, options{})
	leaveAndReceive(t, p)
	events, err := p.yard.Events(t.Context(), "guest/guestbook", client.EventQuery{Type: eventType})
	if err != nil || len(events.Events) != 2 || events.Events[0].Source != hookyard.SourceAPI {
		t.Errorf("events %+v, %v", events, err)
	}
}

// TestThroughRabbitMQ is TestThroughAPI with a queue.
func TestThroughRabbitMQ(t *testing.T) {
	t.Parallel()
	url, name := testQueue(t)
	p := start(t, options{rabbitMQ: url, queue: name})
	leaveAndReceive(t, p)
	events, err := p.yard.Events(t.Context(), "guest/guestbook", client.EventQuery{Type: eventType})
	if err != nil || len(events.Events) != 2 || events.Events[0].Source != name {
		t.Errorf("events %+v, %v", events, err)
	}
}

func leaveAndReceive(t *testing.T, p *program) {
	t.Helper()
	v, r := newVisitor(t, p.site), newReceiver(t)
	r.trust(t, v.addWebhook(r.url))
	began := time.Now().Unix()
	v.want(v.post("/add", "name", "Ann", "comment", "Hello <b>you</b>"), http.StatusFound)
	v.want(v.post("/add", "name", "김", "comment", "안녕"), http.StatusFound)
	got := r.wait(t, 2)
	if len(got) != 2 || !has(got, "Ann", "Hello <b>you</b>") || !has(got, "김", "안녕") || got[0].Time < began {
		t.Errorf("the receiver got %+v", got)
	}
	b := &visitor{t: t, site: strings.TrimSuffix(p.bin, path.Base(p.bin)), http: http.DefaultClient}
	testenv.Until(t, "both comments are in the bin", func() bool {
		page := html.UnescapeString(b.get(path.Base(p.bin) + "?inspect").body)
		return strings.Contains(page, "안녕") && strings.Contains(page, "Ann")
	})
}

func has(all []comment, name, text string) bool {
	for _, c := range all {
		if c.Name == name && c.Comment == text {
			return true
		}
	}
	return false
}

// testQueue returns RabbitMQ's URL and the name of a queue that is deleted when the test ends.
func testQueue(t *testing.T) (url, name string) {
	t.Helper()
	url, name = testenv.RabbitMQ(t), hookyard.NewID("hookyard-test")
	t.Cleanup(func() {
		conn, err := amqp.Dial(url)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		ch, err := conn.Channel()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ch.QueueDelete(name, false, false, false); err != nil {
			t.Error(err)
		}
	})
	return url, name
}

// TestRepeat: an event that is published twice, as after a crash, is one event in hookyard, with both publishers.
func TestRepeat(t *testing.T) {
	t.Parallel()
	e := event{ID: "comment-1", Time: time.Now(), Body: json.RawMessage(`{"name":"Ann","comment":"Hello","time":1}`)}
	last := event{ID: "comment-2", Time: e.Time, Body: json.RawMessage(`{"name":"Ann","comment":"the last","time":1}`)}
	check := func(t *testing.T, y testYard, p publisher) {
		defer p.close()
		for _, e := range []event{e, e, last} {
			if err := p.publish(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		testenv.Until(t, "the last event", func() bool {
			page, err := y.Events(t.Context(), "guest/guestbook", client.EventQuery{Text: "the last"})
			return err == nil && len(page.Events) == 1
		})
		page, err := y.Events(t.Context(), "guest/guestbook", client.EventQuery{Type: eventType})
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Events) != 2 {
			t.Errorf("%d events, want 2", len(page.Events))
		}
	}
	t.Run("API", func(t *testing.T) {
		t.Parallel()
		y := yard(t)
		check(t, y, &api{client: y.Client, project: "guest/guestbook"})
	})
	t.Run("RabbitMQ", func(t *testing.T) {
		t.Parallel()
		url, name := testQueue(t)
		y := yard(t)
		for range 2 { // the second finds everything there
			if err := (&webhooks{client: y.Client, project: "guest/guestbook"}).setUp(t.Context(), url,
				name); err != nil {
				t.Fatal(err)
			}
		}
		check(t, y, &queue{url: url, queue: name})
	})
}

// TestQueueMessage tests the message format that other consumers of the queue rely on.
func TestQueueMessage(t *testing.T) {
	t.Parallel()
	url, name := testQueue(t)
	q := &queue{url: url, queue: name}
	defer q.close()
	e := event{ID: "comment-1", Time: time.Unix(1471996800, 0),
		Body: json.RawMessage(`{"name":"Ann","comment":"Hello","time":1471996800}`)}
	if err := q.publish(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	d, ok, err := q.channel.Get(name, true)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	const want = `{"comment":{"name":"Ann","comment":"Hello","time":1471996800},"webhooks":[]}`
	if string(d.Body) != want || d.DeliveryMode != amqp.Persistent || d.ContentType != "application/json" ||
		d.MessageId != "comment-1" {
		t.Errorf("got %s (%+v)", d.Body, d)
	}
	// After the queue was deleted, the message is returned. The next attempt declares the queue again.
	if _, err := q.channel.QueueDelete(name, false, false, false); err != nil {
		t.Fatal(err)
	}
	if err := q.publish(t.Context(), e); err == nil || !strings.Contains(err.Error(), "rejected the message") {
		t.Errorf("into nothing: %v", err)
	}
	if err := q.publish(t.Context(), e); err != nil {
		t.Errorf("the next try: %v", err)
	}
}

func TestBadSettings(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]options{
		"no broker":   {listen: "127.0.0.1:0", hookyard: noYard, rabbitMQ: "http://guest:hunter2@127.0.0.1/"},
		"no hookyard": {listen: "127.0.0.1:0", hookyard: "hookyard"},
		"no port":     {listen: "127.0.0.1:0", hookyard: "http://127.0.0.1", with: true},
		"no address":  {listen: "nowhere", hookyard: noYard},
	} {
		o.data = t.TempDir()
		if err := run(t.Context(), o, io.Discard, quiet()); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestInBrowser uses the site with a real browser: the pages must work under their own policy, without scripts.
func TestInBrowser(t *testing.T) {
	t.Parallel()
	chromium := testenv.Chromium(t)
	p, r := start(t, options{}), newReceiver(t)
	flags := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium), chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.Headless,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), flags...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, late := context.WithTimeout(ctx, 10*time.Minute)
	t.Cleanup(late)
	do := func(steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, steps...); err != nil {
			t.Fatal(err)
		}
	}
	read := func(a chromedp.Action[string]) string {
		t.Helper()
		text, err := chromedp.Run(ctx, a)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}

	do(chromedp.Navigate(p.site+"/webhooks"), chromedp.SendKeys(`input[name=url]`, r.url),
		chromedp.Click(`form[action="/webhooks"] button`))
	r.trust(t, read(chromedp.Text(`.secret code`)))
	const script = `<script>document.title = "taken over"</script>`
	do(chromedp.Navigate(p.site+"/add"), chromedp.SendKeys(`input[name=name]`, "Ann"),
		chromedp.SendKeys(`textarea`, "Hello "+script), chromedp.Click(`main button`))
	if words := read(chromedp.Text(`article .words`)); words != "Hello "+script {
		t.Errorf("the page shows %q", words)
	}
	if title := read(chromedp.Title()); title != "Guestbook" {
		t.Errorf("the page is called %q", title)
	}
	if font := read(chromedp.Evaluate[string](`getComputedStyle(document.body).fontFamily`)); !strings.Contains(font,
		"Georgia") {
		t.Errorf("the page is set in %s: it has no style", font)
	}
	if got := r.wait(t, 1); len(got) != 1 || got[0].Comment != "Hello "+script {
		t.Errorf("the receiver got %+v", got)
	}
	testenv.Until(t, "the comment is on the bin's page", func() bool {
		do(chromedp.Navigate(p.bin + "?inspect"))
		words := read(chromedp.Text(`body`))
		return strings.Contains(words, "comment.created") && strings.Contains(words, "taken over")
	})
	if title := read(chromedp.Title()); strings.HasPrefix(title, "taken") {
		t.Error("a comment's script ran on the bin's page")
	}

	button := `button[aria-label="Remove ` + r.url + `"]`
	do(chromedp.Navigate(p.site+"/webhooks"), chromedp.Click(button), chromedp.WaitNotPresent(button))
	if left := read(chromedp.Text(`main`)); strings.Contains(left, r.url) || strings.Contains(left, "whsec_") {
		t.Errorf("after removing: %s", left)
	}
}
