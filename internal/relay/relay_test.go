package relay_test

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/relay"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/stream"
	"github.com/hookyard/hookyard/internal/testenv"
)

// client is one with connections of its own.
func client() *http.Client { return &http.Client{Transport: &http.Transport{}} }

func TestRelay(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db, "", nil)
		const clients, events = 5, 20
		var wg sync.WaitGroup
		for c := range clients {
			wg.Go(func() {
				one := client()
				defer one.CloseIdleConnections()
				for n := range events {
					status, body, header := b.do(t, one, "GET", fmt.Sprintf("/lively4S2/_webhook/register?%d", n), "",
						"repositoryname", "LivelyKernel/Lively4-core")
					if want := signalOf("livelykernel/lively4-core", n); status != 200 || body != want {
						t.Errorf("client %d: %d %s; want the very bytes %s", c, status, body, want)
						return
					}
					if header.Get("Content-Type") != "" || header.Get("Access-Control-Allow-Origin") != "*" {
						t.Errorf("header %v", header)
					}
				}
			})
		}
		testenv.Until(t, "all poll", func() bool { return b.hub.Listeners() == clients })
		for n := range events { // a burst: most come between two polls
			status, body, _ := b.do(t, http.DefaultClient, []string{"POST", "PUT"}[n%2], "/_webhook/signal",
				signalOf("livelykernel/lively4-core", n),
				"X-GitHub-Event", "push", "X-GitHub-Delivery", fmt.Sprint("guid-", n), "Content-Type", "text/plain")
			if status != 200 || body != "" {
				t.Fatalf("signal: %d %q", status, body)
			}
		}
		wg.Wait()
		snapshot, err := db.Snapshot(context.Background(), "livelykernel", "lively4-core")
		if err != nil {
			t.Fatal(err)
		}
		page, err := db.Events(context.Background(),
			hookyard.EventQuery{ProjectKey: snapshot.Project.Key, Limit: 100, Bodies: true})
		if err != nil || len(page.Events) != events || page.Events[0].Type != "push" ||
			page.Events[0].Header.Get("X-GitHub-Delivery") != "guid-19" {
			t.Errorf("%d events are kept, %+v, %v", len(page.Events), page.Events[0], err)
		}
	})
}

// TestNewConnections is curl in a loop: each poll comes on a connection of its own.
func TestNewConnections(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	b := setup(t, db, "", nil)
	const events = 30
	done := make(chan []string)
	go func() {
		var got []string
		for range events {
			one := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			_, body, _ := b.do(t, one, "GET", "/x/_webhook/register", "", "repositoryname", "q/r", "User-Agent",
				"curl/8")
			got = append(got, body)
		}
		done <- got
	}()
	testenv.Until(t, "it polls", func() bool { return b.hub.Listeners() == 1 })
	for n := range events {
		b.do(t, http.DefaultClient, "POST", "/_webhook/signal", signalOf("q/r", n))
	}
	for n, body := range <-done {
		if body != signalOf("q/r", n) {
			t.Errorf("poll %d: %s", n, body)
		}
	}
}

func TestCursor(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	b := setup(t, db, "", func(o *relay.Options) { o.Hold = 50 * time.Millisecond })
	_, body, header := b.do(t, client(), "GET", "/_webhook/register?cursor=", "", "repositoryname", "q/r")
	cursor := header.Get(stream.CursorHeader)
	if body != "null\n" || cursor == "" {
		t.Fatalf("%q, cursor %q", body, cursor)
	}
	for n := range 3 {
		b.do(t, http.DefaultClient, "POST", "/_webhook/signal", signalOf("q/r", n))
	}
	for n := range 3 {
		_, body, header = b.do(t, client(), "GET", "/_webhook/register", "", "repositoryname", "q/r",
			stream.CursorHeader, cursor)
		if body != signalOf("q/r", n) {
			t.Fatalf("poll %d: %s", n, body)
		}
		cursor = header.Get(stream.CursorHeader)
	}
	if status, body, _ := b.do(t, client(), "GET", "/_webhook/register?cursor=AAAA", "", "repositoryname",
		"q/r"); status != 400 {
		t.Errorf("a forged cursor: %d %s", status, body)
	}
	snapshot, err := db.Snapshot(t.Context(), "q", "r")
	if err != nil {
		t.Fatal(err)
	}
	status, body, header := b.do(t, client(), "GET", "/_webhook/register", "", "repositoryname", "q/r",
		stream.CursorHeader, stream.Cursor(snapshot.Project.Key, 1000))
	if status != 200 || body != "null\n" || header.Get(stream.CursorHeader) != cursor {
		t.Errorf("a cursor ahead of all events: %d %s, cursor %s", status, body, header.Get(stream.CursorHeader))
	}
}

// TestIdle wants heartbeats of white space before the end of a poll without events.
func TestIdle(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	b := setup(t, db, "", func(o *relay.Options) { o.Hold, o.Beat = 100*time.Millisecond, 20*time.Millisecond })
	status, body, _ := b.do(t, client(), "GET", "/_webhook/register", "", "repositoryname", "q/r")
	if status != 200 || strings.TrimSpace(body) != "null" || !strings.HasPrefix(body, "\n\n") {
		t.Errorf("%d %q; want line breaks, then null", status, body)
	}
}

func TestStopping(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	b := setup(t, db, "", nil)
	answered := make(chan string)
	go func() {
		_, body, _ := b.do(t, client(), "GET", "/_webhook/register", "", "repositoryname", "q/r")
		answered <- body
	}()
	testenv.Until(t, "it polls", func() bool { return b.hub.Listeners() == 1 })
	b.stop()
	if body := <-answered; body != "null\n" {
		t.Errorf("%q; want null", body)
	}
}

func TestBadSignals(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	b := setup(t, db, "", func(o *relay.Options) { o.Hold = time.Millisecond })
	for body, want := range map[string]string{
		"nonsense":            "could not parse: nonsense",
		"":                    "could not parse: ",
		"{":                   "could not parse: {",
		"\xff":                "could not parse: \xff",
		"null":                "JSON object",
		"false":               "JSON object",
		"0":                   "JSON object",
		`""`:                  "JSON object",
		"[]":                  "JSON object",
		"{}":                  "repository.full_name",
		`{"repository":{}}`:   "repository.full_name",
		`{"repository":null}`: "repository.full_name",
		signalOf("a/b/c", 1):  "not the name of a repository",
		signalOf("", 1):       "not the name of a repository",
		signalOf("../..", 1):  "not the name of a repository",
		signalOf("a/"+strings.Repeat("b", 101), 1):            "not the name of a repository",
		strings.Repeat("[", 5000) + strings.Repeat("]", 5000): "nested",
	} {
		status, text, _ := b.do(t, http.DefaultClient, "POST", "/_webhook/signal", body)
		if status != 400 || !strings.Contains(text, want) {
			t.Errorf("%.40q: %d %q; want 400 with %q", body, status, text, want)
		}
	}
	for _, key := range []string{"name", "length", "constructor", "__proto__", "undefined"} { // ended the old server
		if status, text, _ := b.do(t, http.DefaultClient, "POST", "/_webhook/signal", signalOf(key, 1)); status != 200 {
			t.Errorf("key %s: %d %s", key, status, text)
		}
		if status, text, _ := b.do(t, http.DefaultClient, "GET", "/_webhook/register", "", "repositoryname",
			key); status != 200 || text != "null\n" {
			t.Errorf("key %s: %d %q", key, status, text)
		}
	}
	if status, _, _ := b.do(t, http.DefaultClient, "GET", "/_webhook/register", ""); status != 400 {
		t.Errorf("without repositoryname: %d", status)
	}
	for _, c := range [][2]string{{"OPTIONS", "register"}, {"OPTIONS", "signal"}, {"GET", "signal"},
		{"DELETE", "register"}, {"POST", "other"}} {
		status, text, header := b.do(t, http.DefaultClient, c[0], "/any/_webhook/"+c[1], "")
		if status != 200 || text != "" || !strings.Contains(header.Get("Access-Control-Allow-Headers"),
			"repositoryname") {
			t.Errorf("%v: %d %q %v", c, status, text, header)
		}
	}
}

func TestForm(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	b := setup(t, db, "", nil)
	b.do(t, http.DefaultClient, "POST", "/_webhook/signal", signalOf("q/r", 0)) // makes the project
	got := make(chan string)
	go func() {
		one := client()
		for range 2 {
			_, body, _ := b.do(t, one, "GET", "/_webhook/register", "", "repositoryname", "q/r")
			got <- body
		}
	}()
	testenv.Until(t, "it polls", func() bool { return b.hub.Listeners() == 1 })
	form := url.Values{"payload": {signalOf("q/r", 1)}}.Encode()
	if status, text, _ := b.do(t, http.DefaultClient, "POST", "/_webhook/signal", form, "Content-Type",
		"application/x-www-form-urlencoded"); status != 200 {
		t.Fatalf("form: %d %s", status, text)
	}
	// curl -d says form and sends JSON
	b.do(t, http.DefaultClient, "POST", "/_webhook/signal", signalOf("q/r", 2), "Content-Type",
		"application/x-www-form-urlencoded")
	for n := 1; n <= 2; n++ {
		if body := <-got; body != signalOf("q/r", n) {
			t.Errorf("%d: %s", n, body)
		}
	}
}

func TestModes(t *testing.T) {
	t.Parallel()
	const secret = "It's a Secret to Everybody"
	body := signalOf("acme/shop", 1)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	signature := "sha256=" + hex.EncodeToString(mac.Sum(nil))
	for _, c := range []struct {
		mode, secret, query, signature string
		signal, register               int
	}{
		{mode: "", signal: 401, register: 401}, // as with a relay: strangers do not learn of projects
		{mode: "", query: "?token=t", signal: 404, register: 404},
		{mode: "off", query: "?token=t", signal: 404, register: 404},
		{mode: "open", signal: 200, register: 200},
		{mode: "token", signal: 401, register: 401},
		{mode: "token", query: "?token=t", signal: 200, register: 200},
		{mode: "signed", secret: secret, signal: 401, register: 401},
		{mode: "signed", secret: secret, signature: signature, query: "?token=t", signal: 200, register: 200},
		{mode: "signed", secret: secret, signature: "sha256=00", signal: 401, register: 401},
		{mode: "signed", signature: signature, signal: 403, register: 401},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			t.Parallel()
			db := storetest.Open(t, storetest.SQLite(t))
			project(t, db, c.mode, c.secret)
			b := setup(t, db, "t", func(o *relay.Options) { o.Hold = time.Millisecond })
			if status, text, _ := b.do(t, http.DefaultClient, "POST", "/_webhook/signal"+c.query, body,
				"X-Hub-Signature-256", c.signature); status != c.signal {
				t.Errorf("signal: %d %s, want %d", status, text, c.signal)
			}
			if status, text, _ := b.do(t, http.DefaultClient, "GET", "/_webhook/register"+c.query, "", "repositoryname",
				"acme/shop", "X-Hookyard-Cursor", ""); status != c.register {
				t.Errorf("register: %d %s, want %d", status, text, c.register)
			}
			// The client of 2019 has no cursor, and would ask again at once after any other answer.
			status, text, header := b.do(t, http.DefaultClient, "GET", "/_webhook/register"+c.query, "",
				"repositoryname", "acme/shop")
			if status != 200 || text != "null\n" && text != body || (header.Get(relay.HeaderRefused) == "") !=
				(c.register == 200) {
				t.Errorf("register without a cursor: %d %q %v", status, text, header)
			}
			if status, _, _ := b.do(t, http.DefaultClient, "POST", "/_webhook/signal?token=t",
				signalOf("acme/nothing", 1)); status != 404 {
				t.Errorf("signal to no project: %d", status)
			}
		})
	}
}

// TestGone closes a poll; its event must not be spent on it, and nothing of it may be left.
func TestGone(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	b := setup(t, db, "", nil)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		req, _ := http.NewRequestWithContext(ctx, "GET", b.srv.URL+"/_webhook/register", nil)
		req.Header.Set("repositoryname", "q/r")
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
		}
	}()
	testenv.Until(t, "it polls", func() bool { return b.gate.Open() == 1 })
	cancel()
	<-ended
	testenv.Until(t, "it is gone", func() bool { return b.gate.Open() == 0 })
	b.do(t, client(), "POST", "/_webhook/signal", signalOf("q/r", 1))
	if _, body, _ := b.do(t, client(), "GET", "/_webhook/register", "", "repositoryname",
		"q/r"); body != signalOf("q/r", 1) {
		t.Errorf("after coming back: %s", body)
	}
}

func TestSmee(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	storetest.Project(t, db, "acme", "shop")
	b := setup(t, db, "t", nil)
	if status, _, _ := b.do(t, http.DefaultClient, "POST", "/smee/acme/shop", "{}"); status != 401 {
		t.Errorf("without a token: %d", status)
	}
	if status, _, _ := b.do(t, http.DefaultClient, "GET", "/smee/acme/shop", ""); status != 401 {
		t.Errorf("without a token: %d", status)
	}
	resp, err := http.Get(b.srv.URL + "/smee/acme/shop?token=t")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewReader(resp.Body)
	next := func() (event, data string) {
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			line = strings.TrimSuffix(line, "\n")
			if v, ok := strings.CutPrefix(line, "event: "); ok {
				event = v
			}
			if v, ok := strings.CutPrefix(line, "data: "); ok {
				return event, v
			}
		}
	}
	if event, data := next(); event != "ready" || data != "{}" {
		t.Fatalf("%s %s; want ready", event, data)
	}
	const body = "{\"a\":12345678901234567890,\n \"b\": [1.0]}"
	if status, text, _ := b.do(t, http.DefaultClient, "POST", "/smee/acme/shop?token=t&x=1", body, "X-GitHub-Event",
		"push", "Content-Type", "application/json", "Authorization", "Basic eDp5"); status != 200 || text != "" {
		t.Fatalf("in: %d %s", status, text)
	}
	event, data := next()
	var got struct {
		Body    json.RawMessage
		Query   map[string]string
		RawBody []byte
		Event   string `json:"x-github-event"`
	}
	if err := json.Unmarshal([]byte(data), &got); err != nil || event != "" {
		t.Fatal(event, err)
	}
	if string(got.Body) != `{"a":12345678901234567890,"b":[1.0]}` || string(got.RawBody) != body ||
		got.Event != "push" || got.Query["x"] != "1" {
		t.Errorf("%s", data)
	}
	if strings.Contains(data, `"t"`) || strings.Contains(data, "eDp5") || strings.Contains(data, "***") {
		t.Errorf("credentials went along: %s", data)
	}
}

func FuzzSignal(f *testing.F) {
	db := storetest.Open(f, storetest.SQLite(f))
	b := setup(f, db, "", nil)
	for _, s := range []string{signalOf("a/b", 1), "null", "{}", "payload=%7B%7D",
		`{"repository":{"full_name":"__proto__"}}`, "\xff", `{"repository":{"full_name":"a/\u0000"}}`} {
		f.Add(s, "application/x-www-form-urlencoded")
	}
	f.Fuzz(func(t *testing.T, body, contentType string) {
		req, err := http.NewRequest("POST", b.srv.URL+"/_webhook/signal", strings.NewReader(body))
		if err != nil {
			t.Skip()
		}
		req.Header["Content-Type"] = []string{strings.Map(func(r rune) rune {
			if r < ' ' || r > '~' {
				return -1
			}
			return r
		}, contentType)}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != 200 && resp.StatusCode != 400 {
			t.Errorf("%q: %d %s", body, resp.StatusCode, text)
		}
	})
}
