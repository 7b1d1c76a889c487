package bin_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/api"
	"github.com/hookyard/hookyard/internal/auth"
	"github.com/hookyard/hookyard/internal/bin"
	"github.com/hookyard/hookyard/internal/control"
	"github.com/hookyard/hookyard/internal/egress"
	"github.com/hookyard/hookyard/internal/inbound"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

type bundle struct {
	db  *store.DB
	srv *httptest.Server
}

func setup(t testing.TB, db *store.DB, change func(*bin.Options)) *bundle {
	t.Helper()
	client, err := egress.New(egress.Options{Allow: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	b := &bundle{db: db, srv: httptest.NewUnstartedServer(nil)}
	o := bin.Options{
		Store: db, Client: client, Log: slog.New(slog.DiscardHandler),
		BaseURL: "http://" + b.srv.Listener.Addr().String(), Limits: hookyard.DefaultLimits(), Keep: 20,
		WriteError: func(w http.ResponseWriter, _ *http.Request, err error) {
			status := map[hookyard.Code]int{hookyard.Invalid: 400, hookyard.Forbidden: 403, hookyard.NotFound: 404,
				hookyard.Conflict: 409,
				hookyard.TooLarge: 413, hookyard.TooMany: 429, hookyard.Unavailable: 503}[hookyard.CodeOf(err)]
			if status == 0 {
				status = 500
			}
			inbound.SetRetryAfter(w.Header(), err)
			http.Error(w, err.Error(), status)
		},
	}
	if change != nil {
		change(&o)
	}
	bins := bin.New(o)
	who := auth.New(db, auth.Options{Dev: true})
	ctl, err := control.New(control.Options{Store: db, Auth: who, Targets: client, Limits: o.Limits, Dev: true})
	if err != nil {
		t.Fatal(err)
	}
	face, err := api.New(api.Options{Control: ctl, Bins: bins, Auth: who, Limits: o.Limits, Log: o.Log,
		BaseURL: o.BaseURL, Dev: true})
	if err != nil {
		t.Fatal(err)
	}
	b.srv.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if bin.Matches(r.URL.Path) {
			bins.ServeHTTP(w, r)
			return
		}
		face.ServeHTTP(w, r)
	})
	b.srv.Start()
	t.Cleanup(b.srv.Close)
	return b
}

func (b *bundle) do(t testing.TB, method, path, body string, header ...string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequest(method, b.srv.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text), resp.Header
}

type made struct {
	Name, Key, URL string
	Private        bool
	Color          []int
	RequestCount   int `json:"request_count"`
}

func (b *bundle) create(t testing.TB, body string, header ...string) made {
	t.Helper()
	status, text, _ := b.do(t, "POST", "/api/v1/bins", body, header...)
	var m made
	if err := json.Unmarshal([]byte(text), &m); status != 200 || err != nil {
		t.Fatalf("create: %d %s", status, text)
	}
	return m
}

type request struct {
	ID, Method, Raw, Body, Path string
	RemoteAddr                  string `json:"remote_addr"`
	Time                        float64
	Headers                     map[string]string
	QueryString                 map[string]string `json:"query_string"`
	FormData                    [][2]string       `json:"form_data"`
	ContentLength               int               `json:"content_length"`
	ContentType                 string            `json:"content_type"`
	RawBase64                   []byte
	Truncated                   bool
}

func (b *bundle) requests(t testing.TB, name string) (out []request) {
	t.Helper()
	status, text, _ := b.do(t, "GET", "/api/v1/bins/"+name+"/requests", "")
	if err := json.Unmarshal([]byte(text), &out); status != 200 || err != nil {
		t.Fatalf("requests: %d %s", status, text)
	}
	return out
}

// TestRequestBin goes RequestBin's way, with its routes and fields.
func TestRequestBin(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db, nil)
		m := b.create(t, "")
		if m.Private || len(m.Color) != 3 || m.RequestCount != 0 || m.URL != b.srv.URL+"/"+m.Name {
			t.Errorf("%+v", m)
		}
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"} {
			if status, text, _ := b.do(t, method, "/"+m.Name+"/a/b?x=1&y=%20", "hi", "X-Test", method); status != 200 ||
				text != "ok\n" {
				t.Errorf("%s: %d %q", method, status, text)
			}
		}
		if status, _, _ := b.do(t, "HEAD", "/b/"+m.Name, ""); status != 200 {
			t.Errorf("HEAD: %d", status)
		}
		b.do(t, "POST", "/"+m.Name, "a=1&b=%C3%BC&a=2", "Content-Type", "application/x-www-form-urlencoded", "Cookie",
			"hookyard_session=secret; mine=1; bin_x=key")
		kept := b.requests(t, m.Name)
		if len(kept) != 9 {
			t.Fatalf("%d requests", len(kept))
		}
		if f := kept[0]; fmt.Sprint(f.FormData) != "[[a 1] [b ü] [a 2]]" || f.Body != "" || f.Raw == "" ||
			f.Headers["Cookie"] != "mine=1" {
			t.Errorf("form: %+v", f)
		}
		r := kept[2]
		if r.Method != "PURGE" || r.Path != "/"+m.Name+"/a/b" || r.QueryString["y"] != " " || r.Body != "hi" ||
			r.Raw != "hi" || r.ContentLength != 2 ||
			r.Headers["X-Test"] != "PURGE" || r.RemoteAddr != "127.0.0.1" || r.Time < 1e9 {
			t.Errorf("%+v", r)
		}
		if status, text, _ := b.do(t, "GET", "/api/v1/bins/"+m.Name+"/requests/"+r.ID, ""); status != 200 ||
			!strings.Contains(text, r.ID) {
			t.Errorf("one: %d %s", status, text)
		}
		if _, text, _ := b.do(t, "GET", "/api/v1/bins/"+m.Name, ""); !strings.Contains(text, `"request_count":9`) {
			t.Errorf("count: %s", text)
		}
		for range 15 {
			b.do(t, "POST", "/"+m.Name, "x")
		}
		if n := len(b.requests(t, m.Name)); n != 20 {
			t.Errorf("%d requests are kept, want 20", n)
		}
		for _, path := range []string{"/api/v1/bins/nothing", "/api/v1/bins/nothing/requests",
			"/api/v1/bins/nothing/requests/x"} {
			if status, text, _ := b.do(t, "GET", path, ""); status != 404 ||
				strings.TrimSpace(text) != `{"error":"Bin not found"}` {
				t.Errorf("%s: %d %s", path, status, text)
			}
		}
		if status, _, _ := b.do(t, "POST", "/binaaaaaaaaaaaaaaaa", ""); status != 404 {
			t.Errorf("no such bin: %d", status)
		}
	})
}

func TestPrivate(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	b := setup(t, db, nil)
	m := b.create(t, "private=true", "Content-Type", "application/x-www-form-urlencoded")
	b.do(t, "POST", "/"+m.Name, "<script>alert(1)</script>")
	if status, text, _ := b.do(t, "GET", "/"+m.Name+"?inspect", ""); status != 403 || text != "Private bin\n" {
		t.Errorf("stranger: %d %q", status, text)
	}
	if status, _, _ := b.do(t, "GET", "/api/v1/bins/"+m.Name+"/requests", "", "X-Bin-Key", "wrong"); status != 403 {
		t.Errorf("stranger at the API: %d", status)
	}
	status, text, header := b.do(t, "GET", "/"+m.Name+"?inspect", "", "Cookie", "bin_"+m.Name+"="+m.Key)
	if status != 200 || strings.Contains(text, "<script>") ||
		!strings.Contains(header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("owner: %d %v\n%s", status, header, text)
	}
	if status, _, _ := b.do(t, "DELETE", "/api/v1/bins/"+m.Name, "", "X-Bin-Key", m.Key); status != 204 {
		t.Errorf("delete: %d", status)
	}
	if status, _, _ := b.do(t, "GET", "/api/v1/bins/"+m.Name+"?key="+m.Key, ""); status != 404 {
		t.Errorf("after deletion: %d", status)
	}
	if open := b.create(t, ""); true {
		if status, _, _ := b.do(t, "DELETE", "/api/v1/bins/"+open.Name, ""); status != 403 {
			t.Errorf("a stranger deletes: %d", status)
		}
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	b := setup(t, db, nil)
	const js = "application/json"
	m := b.create(t,
		`{"status":418,"headers":{"X-Mine":"yes","Content-Type":"text/html"},"body":"<b>tea</b>","delay":"20ms"}`,
		"Content-Type", js)
	started := time.Now()
	status, text, header := b.do(t, "PUT", "/"+m.Name, "x")
	if status != 418 || text != "<b>tea</b>" || header.Get("X-Mine") != "yes" ||
		time.Since(started) < 20*time.Millisecond {
		t.Errorf("%d %q %v", status, text, header)
	}
	if csp := header.Get("Content-Security-Policy"); !strings.Contains(csp, "sandbox") {
		t.Errorf("the answer could run scripts on our origin: %q", csp)
	}
	for _, bad := range []string{`{"status":99}`, `{"status":600}`, `{"delay":"31s"}`,
		`{"headers":{"Set-Cookie":"a=b"}}`, `{"headers":{"clear-site-data":"*"}}`,
		`{"headers":{"A":"b\nc"}}`, `{"what":1}`, `{`, `{} {}`, `[]`} {
		if status, text, _ := b.do(t, "POST", "/api/v1/bins", bad, "Content-Type", js); status != 400 {
			t.Errorf("%s: %d %s", bad, status, text)
		}
		if status, text, _ := b.do(t, "PUT", "/api/v1/bins/"+m.Name+"/answer", bad, "Content-Type", js, "X-Bin-Key",
			m.Key); status != 400 {
			t.Errorf("%s as a new answer: %d %s", bad, status, text)
		}
	}
	answer := "/api/v1/bins/" + m.Name + "/answer"
	if status, _, _ := b.do(t, "PUT", answer, `{"status":503}`, "Content-Type", js); status != 403 {
		t.Errorf("a stranger chooses the answer: %d", status)
	}
	for _, c := range []struct {
		wish, text string
		status     int
	}{{`{"status":503,"body":"later"}`, "later", 503}, {`{}`, "ok\n", 200}} {
		if status, text, _ := b.do(t, "PUT", answer, c.wish, "Content-Type", js, "X-Bin-Key", m.Key); status != 200 {
			t.Errorf("new answer %s: %d %s", c.wish, status, text)
		}
		if status, text, _ := b.do(t, "POST", "/"+m.Name, "x"); status != c.status || text != c.text {
			t.Errorf("after %s it answers %d %q", c.wish, status, text)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	b := setup(t, db, func(o *bin.Options) {
		o.PerAddress, o.MaxBody = 2, 10
		o.Limits.Body = 100
	})
	m := b.create(t, "")
	b.create(t, "")
	if status, text, header := b.do(t, "POST", "/api/bins", ""); status != 429 || header.Get("Retry-After") == "" {
		t.Errorf("third: %d %s", status, text)
	}
	b.do(t, "POST", "/"+m.Name, strings.Repeat("x", 50))
	if r := b.requests(t, m.Name)[0]; len(r.Raw) != 10 || r.ContentLength != 50 || !r.Truncated {
		t.Errorf("%+v", r)
	}
	if status, _, _ := b.do(t, "POST", "/"+m.Name, strings.Repeat("x", 101)); status != 413 {
		t.Errorf("too large: %d", status)
	}
	slowed := false
	for range 200 {
		status, _, header := b.do(t, "GET", "/"+m.Name, "")
		if status == 429 && header.Get("Retry-After") != "" {
			slowed = true
			break
		}
	}
	if !slowed {
		t.Error("200 requests at once went through")
	}
}

// TestCurl runs what a bin shows as a command, in a shell, and wants the same bytes to come again.
func TestCurl(t *testing.T) {
	t.Parallel()
	curl, sh := testenv.Program(t, "curl"), testenv.Program(t, "sh")
	_ = curl
	db := storetest.Open(t, storetest.SQLite(t))
	b := setup(t, db, nil)
	for _, body := range []string{"", "plain", "it's $(touch /tmp/x) `id` \"quoted\" \\ \n\r\n@file", "@/etc/passwd",
		"\x00\xff\xfe", "größe"} {
		m := b.create(t, "")
		b.do(t, "POST", "/"+m.Name+"/p?q='x'", body, "X-Quote", "it's", "X-Empty", "", "Content-Type", "text/x")
		first := b.requests(t, m.Name)[0]
		_, command, _ := b.do(t, "GET", "/api/v1/bins/"+m.Name+"/requests/"+first.ID+"/curl", "")
		if out, err := exec.Command(sh, "-c", command).CombinedOutput(); err != nil {
			t.Fatalf("%s\n%s: %v", command, out, err)
		}
		again := b.requests(t, m.Name)
		if len(again) != 2 || !bytes.Equal(again[0].RawBase64, []byte(body)) || again[0].Method != "POST" ||
			again[0].QueryString["q"] != "'x'" {
			t.Fatalf("%s\nsent %+v, want the body %q", command, again[0], body)
		}
		for name, v := range first.Headers {
			if got, ok := again[0].Headers[name]; (!ok || got != v) && name != "Accept-Encoding" &&
				name != "Content-Length" {
				t.Errorf("header %s: %q, want %q\n%s", name, got, v, command)
			}
		}
	}
}

func TestUse(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	storetest.Project(t, db, "acme", "shop")
	b := setup(t, db, nil)
	m, target := b.create(t, ""), b.create(t, "")
	const js = "application/json"
	// GitHub's own example: docs.github.com, Validating webhook deliveries
	b.do(t, "POST", "/"+m.Name, "Hello, World!", "X-GitHub-Event", "push",
		"X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")
	r := b.requests(t, m.Name)[0]
	base := "/api/v1/bins/" + m.Name
	status, text, _ := b.do(t, "POST", base+"/requests/"+r.ID+"/replay", `{"url":"`+target.URL+`"}`, "Content-Type", js)
	if status != 200 || !strings.Contains(text, `"status":200`) ||
		b.requests(t, target.Name)[0].Raw != "Hello, World!" {
		t.Errorf("replay: %d %s", status, text)
	}
	if status, text, _ := b.do(t, "POST", base+"/requests/"+r.ID+"/replay", `{"url":"http://169.254.169.254/"}`,
		"Content-Type", js); status != 400 {
		t.Errorf("replay to a metadata address: %d %s", status, text)
	}
	for body, want := range map[string]string{
		`{"project":"acme/shop","name":"gh","secret":"It's a Secret to Everybody"}`: `"type":"github","url":"` +
			b.srv.URL + `/in/acme/shop/gh"`,
		`{"project":"acme/shop","name":"gh2","type":"github","secret":"another"}`: `"verified":false`,
		`{"project":"acme/shop","name":"../x"}`:                                   "source name must be",
		`{"project":"acme/shop","name":"gh3","type":"carrier-pigeon"}`:            "is not known; it must be one of",
		`{"project":"acme/shop","name":"gh4","type":"github"}`:                    "needs a secret",
		`{"project":"acme","name":"gh5"}`:                                         "owner/name",
		`{"project":"acme/shop","name":"gh6","type":"none","request":"req_x"}`:    "no such request",
	} {
		if _, text, _ := b.do(t, "POST", base+"/source", body, "Content-Type", js); !strings.Contains(text, want) {
			t.Errorf("%s: %s", body, text)
		}
	}
	snapshot, err := db.Snapshot(t.Context(), "acme", "shop")
	if err != nil || len(snapshot.Sources) != 2 || snapshot.Sources["gh"] == nil ||
		snapshot.Sources["gh"].Type != "github" {
		t.Errorf("sources %v, %v", snapshot.Sources, err)
	}
	if status, _, _ := b.do(t, "POST", base+"/source", `{"project":"acme/shop","name":"gh","type":"none"}`,
		"Content-Type", js); status != 409 {
		t.Errorf("a name that is taken: %d", status)
	}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"/api/v1/bins": false, "/api/bins/x/requests": false, "/binabcdefghijklmnop": true,
		"/b/binabcdefghijklmnop/x": true, "/binabcdefghijklmnop/": true,
		"/": false, "/bin": false, "/bins": false, "/api/binsx": false, "/binabcdefghijklmno1": false,
		"/binary/project/webhooks": false, "/b/": false, "/x/binabcdefghijklmnop": false,
	} {
		if got := bin.Matches(path); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}
