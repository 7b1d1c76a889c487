package svix_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/svix"
	"github.com/hookyard/hookyard/signature"
)

// TestDelivery holds what an endpoint gets: the payload's bytes as they stood in the request, and the headers of Svix
// and of Standard Webhooks with the same values.
func TestDelivery(t *testing.T) {
	t.Parallel()
	b := serve(t, storetest.Open(t, storetest.SQLite(t)))
	rc := newReceiver(t)
	b.must(nil, "POST", "/app", `{"name": "a", "uid": "a"}`)
	b.must(nil, "POST", "/app/a/endpoint", `{"url": "`+rc.url+`", "uid": "e",
		"headers": {"Authorization": "Bearer x"}}`)
	var secret struct{ Key string }
	b.must(&secret, "GET", "/app/a/endpoint/e/secret", "")
	const payload = "{ \"b\" : 1.0,\n  \"a\":[ 12345678901234567890, \"\\u00e4\" ] }"
	var m struct{ ID string }
	b.must(&m, "POST", "/app/a/msg", `{"payload":`+payload+`  , "eventType":"order.paid"}`)
	got := rc.next(t)
	if string(got.body) != payload {
		t.Errorf("the receiver got %q; want %q", got.body, payload)
	}
	for name, standard := range map[string]string{"Svix-Id": "Webhook-Id", "Svix-Timestamp": "Webhook-Timestamp",
		"Svix-Signature": "Webhook-Signature"} {
		if value := got.header.Get(name); value == "" || value != got.header.Get(standard) {
			t.Errorf("%s is %q, %s is %q", name, value, standard, got.header.Get(standard))
		}
	}
	at, err := strconv.ParseInt(got.header.Get("Svix-Timestamp"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	want, err := signature.SignStandard([]string{secret.Key}, m.ID, time.Unix(at, 0), got.body)
	if err != nil || got.header.Get("Svix-Signature") != want || got.header.Get("Svix-Id") != m.ID {
		t.Errorf("the signature of %s is %s; want %s, %v", got.header.Get("Svix-Id"), got.header.Get("Svix-Signature"),
			want, err)
	}
	if got.header.Get("Content-Type") != "application/json" || got.header.Get("Authorization") != "Bearer x" {
		t.Errorf("header: %v", got.header)
	}
	b.must(nil, "POST", "/app/a/msg", `{"eventType": "text", "payload": {}, "transformationsParams": {
		"rawPayload": "a=b", "headers": {"content-type": "application/x-www-form-urlencoded"}}}`)
	got = rc.next(t)
	if string(got.body) != "a=b" || got.header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		t.Errorf("a raw payload: %q, %v", got.body, got.header)
	}
}

// TestPages walks along each list forward and back, and compares the pages with the whole.
func TestPages(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := serve(t, db)
		rc := newReceiver(t)
		for i := range 5 {
			b.must(nil, "POST", "/app", fmt.Sprintf(`{"name": "a", "uid": "a%d"}`, i))
			b.must(nil, "POST", "/event-type", fmt.Sprintf(`{"name": "t%d", "description": ""}`, i))
			b.must(nil, "POST", "/app/a0/endpoint", fmt.Sprintf(`{"url": "%s", "channels": ["c%d"], "uid": "e%d"}`,
				rc.url, i, i))
		}
		for range 5 {
			b.must(nil, "POST", "/app/a0/msg", `{"eventType": "t1", "payload": {}, "channels": ["c1"]}`)
			rc.next(t)
		}
		b.must(nil, "POST", "/app/a0/msg", `{"eventType": "t1", "payload": {}, "eventId": "m",
			"channels": ["c0", "c1", "c2", "c3", "c4"]}`)
		for range 5 {
			rc.next(t)
		}
		for list, n := range map[string]int{"/app?": 5, "/app?order=descending&": 5, "/app/a0/endpoint?": 5,
			"/app/a0/endpoint?order=ascending&": 5, "/event-type?": 5, "/app/a0/msg?": 6,
			"/app/a0/msg?after=2020-01-01T00:00:00Z&": 6, "/app/a0/endpoint/e1/msg?": 6,
			"/app/a0/attempt/endpoint/e1?": 6, "/app/a0/attempt/msg/m?": 5, "/app/a0/msg/m/endpoint?": 5} {
			b.walk(t, list, n)
		}
	})
}

type listing struct {
	Data         []struct{ ID, Name string }
	Iterator     *string
	PrevIterator string
	Done         bool
}

func (l *listing) ids() (out []string) {
	for _, d := range l.Data {
		out = append(out, d.ID+strings.Repeat(d.Name, 1-min(len(d.ID), 1)))
	}
	return out
}

// walk compares the pages of a list with the whole, which is of n entries in the end. A list from a time on
// is, without an iterator, read from its end.
func (b *bed) walk(t *testing.T, list string, n int) {
	t.Helper()
	var whole listing
	for until := time.Now().Add(20 * time.Second); len(whole.Data) < n && time.Now().Before(until); {
		b.must(&whole, "GET", list, "")
	}
	all := whole.ids()
	if len(all) != n || !whole.Done {
		t.Fatalf("%s has %q, done %v", list, all, whole.Done)
	}
	var page listing
	if strings.Contains(list, "after=") {
		b.must(&page, "GET", list+"limit=2", "")
		if got, want := page.ids(), all[len(all)-2:]; !slices.Equal(got, want) {
			t.Errorf("%s begins with %q; want the first of the time, %q", list, got, want)
		}
		return
	}
	var forward []string
	iterator := ""
	for range 10 {
		page = listing{}
		b.must(&page, "GET", list+"limit=2&iterator="+iterator, "")
		if forward = append(forward, page.ids()...); page.Done {
			break
		}
		iterator = *page.Iterator
	}
	if !slices.Equal(forward, all) {
		t.Errorf("%s forward: %q; want %q", list, forward, all)
	}
	backward := page.ids()
	for range 10 {
		previous := page.PrevIterator
		page = listing{}
		b.must(&page, "GET", list+"limit=2&iterator="+previous, "")
		if backward = append(page.ids(), backward...); page.Done {
			break
		}
	}
	if !slices.Equal(backward, all) {
		t.Errorf("%s backward: %q; want %q", list, backward, all)
	}
}

// TestIdempotency sends the same requests many times at once: each is done once, and all get its answer.
func TestIdempotency(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := serve(t, db)
		b.must(nil, "POST", "/app", `{"name": "a", "uid": "a"}`)
		for _, c := range []struct{ path, body string }{
			{"/app", `{"name": "b"}`}, {"/app/a/endpoint", `{"url": "http://127.0.0.1:1/"}`},
			{"/app/a/msg", `{"eventType": "t", "payload": {}}`},
		} {
			var mu sync.Mutex
			ids := map[string]int{}
			var wait sync.WaitGroup
			for range 40 {
				wait.Go(func() {
					var out struct{ ID string }
					a := b.ask("POST", c.path, c.body, "Idempotency-Key: same")
					if err := json.Unmarshal(a.body, &out); err != nil || a.status >= 300 {
						t.Errorf("%s: %d %s", c.path, a.status, a.body)
					}
					mu.Lock()
					defer mu.Unlock()
					ids[out.ID]++
				})
			}
			wait.Wait()
			var list listing
			b.must(&list, "GET", c.path, "")
			if n := map[string]int{"/app": 2}[c.path]; len(ids) != 1 || len(list.Data) != max(1, n) {
				t.Errorf("%s: answered %v, and there are %d", c.path, ids, len(list.Data))
			}
		}
		if a := b.ask("POST", "/app", `{"name": ""}`, "Idempotency-Key: bad"); a.status != 422 {
			t.Errorf("a bad request: %d", a.status)
		}
		if a := b.ask("POST", "/app", `{"name": "good"}`, "Idempotency-Key: bad"); a.status != 201 {
			t.Errorf("after a bad request with its key: %d %s", a.status, a.body)
		}
	})
}

// TestLostAnswer holds that an SDK which repeats a message whose answer was lost is told of the first, by any node.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	b := serve(t, db)
	b.must(nil, "POST", "/app", `{"name": "a", "uid": "a"}`)
	const one = `{"eventType": "t", "payload": {"n": 1}, "eventId": "m"}`
	var first, again struct{ ID string }
	b.must(&first, "POST", "/app/a/msg", one, "Idempotency-Key: auto_1")
	b.must(&again, "POST", "/app/a/msg", one, "Idempotency-Key: auto_2", "Svix-Retry-Count: 1")
	if first.ID != again.ID {
		t.Errorf("%s and %s", first.ID, again.ID)
	}
	if a := b.ask("POST", "/app/a/msg", one, "Idempotency-Key: auto_3"); a.status != http.StatusConflict {
		t.Errorf("another message with its eventId: %d %s", a.status, a.body)
	}
	other := strings.Replace(one, `"n": 1`, `"n": 2`, 1)
	if a := b.ask("POST", "/app/a/msg", other, "Svix-Retry-Count: 1"); a.status != http.StatusConflict {
		t.Errorf("another payload with its eventId: %d %s", a.status, a.body)
	}
}

// TestRights holds which tokens may do what.
func TestRights(t *testing.T) {
	t.Parallel()
	b := serve(t, storetest.Open(t, storetest.SQLite(t)))
	var app struct{ ID string }
	b.must(&app, "POST", "/app", `{"name": "a", "uid": "a"}`)
	b.must(nil, "POST", "/app", `{"name": "b", "uid": "b"}`)
	p, err := b.db.Snapshot(t.Context(), "acme", app.ID)
	if err != nil {
		t.Fatal(err)
	}
	bearer := func(scope hookyard.Scope, project int64) string {
		return "Authorization: Bearer " + b.newToken(&hookyard.Token{Scope: scope, ProjectKey: project})
	}
	portal, read := bearer(hookyard.ScopeManage, p.Project.Key), bearer(hookyard.ScopeRead, 0)
	publish := bearer(hookyard.ScopePublish, 0)
	for _, c := range []struct {
		token, method, path, body string
		want                      int
	}{
		{portal, "GET", "/app/a", "", 200},
		{portal, "GET", "/app/b", "", 404},
		{portal, "POST", "/app/a/endpoint", `{"url": "http://127.0.0.1:1/", "eventTypes": []}`, 201},
		{portal, "POST", "/app/a/msg", `{"eventType": "t", "payload": {}}`, 403},
		{portal, "DELETE", "/app/a", "", 403},
		{portal, "POST", "/event-type", `{"name": "t", "description": ""}`, 403},
		{read, "GET", "/app/a", "", 200},
		{read, "GET", "/app/a/endpoint", "", 200},
		{read, "PATCH", "/app/a", `{"name": "x"}`, 403},
		{read, "POST", "/app/a/endpoint", `{"url": "http://127.0.0.1:1/"}`, 403},
		{publish, "POST", "/app/a/msg", `{"eventType": "t", "payload": {}}`, 202},
		{publish, "GET", "/app/a", "", 404},
		{publish, "POST", "/app", `{"name": "x"}`, 403},
		{"Authorization: Basic YTpi", "GET", "/app", "", 401},
		{"Cookie: hookyard_session=x|Authorization: ", "GET", "/app", "", 401},
	} {
		if a := b.ask(c.method, c.path, c.body, strings.Split(c.token, "|")...); a.status != c.want {
			t.Errorf("%s %s: %d %s; want %d", c.method, c.path, a.status, a.body, c.want)
		}
	}
}

// TestCORS holds that pages of any site may call, with a token, and learn of errors.
func TestCORS(t *testing.T) {
	t.Parallel()
	b := serve(t, storetest.Open(t, storetest.SQLite(t)))
	a := b.ask("OPTIONS", "/app", "", "Origin: https://a.test", "Access-Control-Request-Headers: authorization,x")
	if a.status != 200 || a.header.Get("Access-Control-Allow-Headers") != "authorization,x" ||
		a.header.Get("Access-Control-Allow-Methods") != "*" {
		t.Errorf("preflight: %d %v", a.status, a.header)
	}
	for _, path := range []string{"/app", "/nothing", "/app?limit=x"} {
		if a := b.ask("GET", path, ""); a.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %v", path, a.header)
		}
	}
}

// TestTooLarge holds that requests over 2 MiB are refused, and payloads up to there are not.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	b := serve(t, storetest.Open(t, storetest.SQLite(t)))
	b.must(nil, "POST", "/app", `{"name": "a", "uid": "a"}`)
	message := func(n int) string {
		return `{"eventType": "t", "payload": {"x": "` + strings.Repeat("x", n) + `"}}`
	}
	b.must(nil, "POST", "/app/a/msg?with_content=false", message(2<<20-1000))
	if a := b.ask("POST", "/app/a/msg", message(2<<20)); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("over 2 MiB: %d %s", a.status, a.body)
	}
	if a := b.ask("POST", "/app/a/msg", message(8<<20)); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("8 MiB: %d %s", a.status, a.body)
	}
	deep := `{"eventType": "t", "payload": ` + strings.Repeat(`{"a":`, 2000) + "1" + strings.Repeat("}", 2000) + `}`
	if a := b.ask("POST", "/app/a/msg", deep); a.status != http.StatusUnprocessableEntity {
		t.Errorf("2000 levels deep: %d %s", a.status, a.body)
	}
}

// TestRoutesAreDocumented compares the routes with the table of docs/svix.md.
func TestRoutesAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/svix.md")
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "| `"); ok {
			route, _, _ := strings.Cut(rest, "`")
			told = append(told, route)
		}
	}
	want := svix.Routes()
	slices.Sort(want)
	slices.Sort(told)
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("docs/svix.md (-code +told):\n%s", diff)
	}
}
