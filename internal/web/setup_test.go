package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/hookyard/hookyard/internal/app"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

// server is a whole server with a browser's worth of cookies.
type server struct {
	t     *testing.T
	url   string
	setup string // the one-time link of the first start, or ""
	http  *http.Client
}

// start runs a server on SQLite, with sign-in or, when dev, without. Its receiver takes what goes to /good, refuses
// what goes to /bad, and is the second result.
func start(t *testing.T, dev bool) (*server, string) {
	t.Helper()
	return startIn(t, t.TempDir(), dev)
}

// startIn is start with the server's data in a folder that may hold some already, and with options changed.
func startIn(t *testing.T, data string, dev bool, change ...func(*app.Config)) (*server, string) {
	t.Helper()
	c := app.DefaultConfig()
	c.Listen, c.Data = "127.0.0.1:0", data
	c.Dev = dev
	c.AllowTargets = []string{"127.0.0.0/8"}
	for _, f := range change {
		f(&c)
	}
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(io.MultiWriter(&said, t.Output()), &slog.HandlerOptions{Level: slog.LevelWarn}))
	ctx, cancel := context.WithCancel(context.Background())
	a, err := app.New(ctx, c, "test", log)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	receiver := receive(t)
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	s := &server{t: t, url: a.BaseURL()}
	s.http = s.browser()
	if !dev {
		s.setup = a.SetupLink()
	}
	return s, receiver
}

// receive runs the receiver, and returns its URL.
func receive(t *testing.T) string {
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/bad") {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = io.WriteString(w, `{"path":"`+r.URL.Path+`"}`)
	}))
	t.Cleanup(receiver.Close)
	return receiver.URL
}

// each runs f against a server on SQLite and one on PostgreSQL, without sign-in.
func each(t *testing.T, f func(t *testing.T, s *server, receiver string)) {
	t.Helper()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		s, receiver := startIn(t, t.TempDir(), true, func(c *app.Config) { c.Database = dsn })
		f(t, s, receiver)
	})
}

// in is the server in a part of its test.
func (s *server) in(t *testing.T) *server { return &server{t, s.url, s.setup, s.http} }

// browser is a client that keeps cookies and does not follow redirects.
func (s *server) browser() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request,
		[]*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

// answer is what a request got.
type answer struct {
	*http.Response
	body string
}

func (s *server) do(r *http.Request) answer {
	s.t.Helper()
	resp, err := s.http.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{resp, string(b)}
}

func (s *server) request(method, path string, body io.Reader) *http.Request {
	s.t.Helper()
	r, err := http.NewRequest(method, s.url+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

func (s *server) get(path string) answer {
	s.t.Helper()
	return s.do(s.request(http.MethodGet, path, nil))
}

// page gets a page that must be there.
func (s *server) page(path string) string {
	s.t.Helper()
	a := s.get(path)
	if a.StatusCode != http.StatusOK {
		s.t.Fatalf("GET %s: status %d\n%s", path, a.StatusCode, a.body)
	}
	return a.body
}

// post sends a form; pairs are its fields.
func (s *server) post(path string, pairs ...string) answer {
	s.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	r := s.request(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.do(r)
}

// sent is post for a form that must work: it is answered with a redirect to where.
func (s *server) sent(where, path string, pairs ...string) {
	s.t.Helper()
	a := s.post(path, pairs...)
	if got := a.Header.Get("Location"); a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(got, where) {
		s.t.Fatalf("POST %s: status %d to %q, want 303 to %q\n%s", path, a.StatusCode, got, where, faultsOf(a.body))
	}
}

// led is post for a form that must work, and the page that it leads to.
func (s *server) led(path string, pairs ...string) string {
	s.t.Helper()
	a := s.post(path, pairs...)
	if a.StatusCode != http.StatusSeeOther {
		s.t.Fatalf("POST %s: status %d\n%s", path, a.StatusCode, faultsOf(a.body))
	}
	return s.page(a.Header.Get("Location"))
}

// faultsOf is what a page says is wrong.
func faultsOf(body string) string {
	_, rest, _ := strings.Cut(body, `role="alert">`)
	said, _, _ := strings.Cut(rest, "</p>")
	return said
}

// publish publishes an event and returns its id.
func (s *server) publish(project, eventType, data string) string {
	s.t.Helper()
	r := s.request(http.MethodPost, "/api/projects/"+project+"/events",
		strings.NewReader(`{"type":"`+eventType+`","data":`+data+`}`))
	r.Header.Set("Content-Type", "application/json")
	a := s.do(r)
	if a.StatusCode != http.StatusAccepted {
		s.t.Fatalf("publish: status %d %s", a.StatusCode, a.body)
	}
	var receipt struct{ ID string }
	if err := json.Unmarshal([]byte(a.body), &receipt); err != nil {
		s.t.Fatal(err)
	}
	return receipt.ID
}

// deliveryOf waits until an event's delivery to a hook is in a state, and returns its id.
func (s *server) deliveryOf(project, event, hook, state string) string {
	s.t.Helper()
	var id string
	testenv.Until(s.t, "delivery of "+event+" to "+hook+" is "+state, func() bool {
		var list struct {
			Deliveries []struct {
				ID, HookID, State string
				Attempts          int
			}
		}
		if err := json.Unmarshal([]byte(s.page("/api/projects/"+project+"/deliveries?event="+event)),
			&list); err != nil {
			s.t.Fatal(err)
		}
		for _, d := range list.Deliveries {
			if d.HookID == hook && (d.State == state && (state != "pending" || d.Attempts > 0)) {
				id = d.ID
			}
		}
		return id != ""
	})
	return id
}

// shop is a project with a bit of everything; the ids of its things are by their names.
type shop struct{ event, failing, delivery, sourced, bin, replay string }

// stock makes project acme/shop.
func (s *server) stock(receiver string) shop { return s.stockAs("acme", receiver) }

// stockAs makes project OWNER/shop.
func (s *server) stockAs(owner, receiver string) shop {
	s.t.Helper()
	project := owner + "/shop"
	home := "/" + project
	s.sent(home, "/", "owner", owner, "name", "shop", "description", "Orders and payments")
	types := "/owners/" + owner + "/catalogue"
	s.sent(types, types, "do", "settings", "mode", "off", "public", "on")
	s.sent(types+"/order.described", types, "do", "add", "name", "order.described", "description",
		"An order\nof a shop", "group", "Orders", "schema",
		`{"type":"object","required":["id"],"properties":{"id":{"type":"integer"}}}`)
	for _, h := range [][2]string{{"billing", "/good"}, {"warehouse", "/bad"}} {
		s.sent(home+"/webhooks", home+"/webhooks", "ours", "1", "active", "on", "which", "all", "id", h[0],
			"payloadUrl", receiver+h[1])
	}
	s.sent(home+"/webhooks", home+"/webhooks", "ours", "1", "active", "on", "which", "some", "names", "invoice.*",
		"id", "accounting", "payloadUrl", receiver+"/good", "filter", "body.data.amount > 100")
	s.sent(home+"/webhooks", home+"/webhooks", "ours", "1", "which", "all", "id", "old-crm", "payloadUrl",
		receiver+"/good", "secret", "old")
	return s.restock(owner)
}

// restock lets events into a project with hooks billing and warehouse.
func (s *server) restock(owner string) shop {
	s.t.Helper()
	project := owner + "/shop"
	home := "/" + project
	s.sent(home+"/sources/github", home+"/sources", "type", "github", "name", "github", "secret", "s3cret")
	s.sent(home+"/sources/open", home+"/sources", "type", "none", "name", "open")
	types := []string{"order.created", "order.paid", "invoice.paid", "cart.abandoned"}
	var out shop
	for i := range 24 {
		out.event = s.publish(project, types[i%4],
			fmt.Sprintf(`{"id":%d,"amount":%d,"customer":{"name":"Ann Lee","vip":true}}`, i, i*9))
	}
	s.do(s.request(http.MethodPost, "/in"+home+"/github", strings.NewReader("{}")))
	a := s.do(s.request(http.MethodPost, "/in"+home+"/open", strings.NewReader("plain text")))
	var receipt struct{ ID string }
	_ = json.Unmarshal([]byte(a.body), &receipt)
	out.sourced = receipt.ID
	out.bin, _, _ = strings.Cut(s.post("/bins", "body", "thanks").Header.Get("Location"), "?")
	s.do(s.request(http.MethodPost, strings.TrimPrefix(out.bin, "/bins"), strings.NewReader(`{"to":"a bin"}`)))
	out.replay, _, _ = strings.Cut(s.post(home+"/replays", "type", "cart.*", "hook", "billing", "state", "failed",
		"confirm", "yes").Header.Get("Location"), "?") // of nothing: all was delivered
	out.failing = s.deliveryOf(project, out.event, "warehouse", "pending")
	out.delivery = s.deliveryOf(project, out.event, "billing", "delivered")
	return out
}
