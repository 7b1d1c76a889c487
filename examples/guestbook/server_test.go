package main

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/app"
)

// visitor is an HTTP client with cookies.
type visitor struct {
	t    *testing.T
	site string
	http *http.Client
}

// answer is an HTTP response.
type answer struct {
	status int
	header http.Header
	body   string
}

func newVisitor(t *testing.T, site string) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t: t, site: site, http: &http.Client{Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (v *visitor) do(method, path string, form url.Values, header ...string) answer {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.site+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := v.http.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

func (v *visitor) get(path string) answer {
	v.t.Helper()
	return v.do(http.MethodGet, path, nil)
}

// post sends a form whose fields are names and values.
func (v *visitor) post(path string, fields ...string) answer {
	v.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return v.do(http.MethodPost, path, form)
}

// want fails the test unless the response has the status and its body contains each of the texts.
func (v *visitor) want(a answer, status int, texts ...string) {
	v.t.Helper()
	if a.status != status {
		v.t.Errorf("status %d, want %d: %s", a.status, status, a.body)
	}
	for _, text := range texts {
		if !strings.Contains(a.body, text) {
			v.t.Errorf("no %q in %s", text, a.body)
		}
	}
}

var shownSecret = regexp.MustCompile(`whsec_[A-Za-z0-9+/=]+`)

// addWebhook adds a webhook and returns the secret that the page shows.
func (v *visitor) addWebhook(target string) string {
	v.t.Helper()
	a := v.post("/webhooks", "url", target)
	v.want(a, http.StatusFound)
	if to := a.header.Get("Location"); to != "/webhooks" {
		v.t.Errorf("sent on to %q", to)
	}
	return shownSecret.FindString(html.UnescapeString(v.get("/webhooks").body))
}

// newSite starts the site with a book and the URL of hookyard.
func newSite(t *testing.T, yard string) (*book, *visitor) {
	t.Helper()
	c, err := client.New(yard, "")
	if err != nil {
		t.Fatal(err)
	}
	b := openTestBook(t)
	s := httptest.NewServer(newServer(b, &webhooks{client: c, project: "guest/guestbook", server: yard}, quiet()))
	t.Cleanup(s.Close)
	return b, newVisitor(t, s.URL)
}

// noYard is a URL without a server.
const noYard = "http://127.0.0.1:1"

func TestComments(t *testing.T) {
	t.Parallel()
	b, v := newSite(t, noYard)
	v.want(v.get("/"), 200, "No comments yet")
	v.want(v.get("/add"), 200, `name="name"`, `name="comment"`)
	a := v.post("/add", "name", " Ann <3 ", "comment", "<script>alert(1)</script>\r\nfrom 서울")
	v.want(a, http.StatusFound)
	if to := a.header.Get("Location"); to != "/" {
		t.Errorf("sent on to %q", to)
	}
	page := v.get("/")
	v.want(page, 200, "Ann &lt;3", "&lt;script&gt;alert(1)&lt;/script&gt;\nfrom 서울")
	if strings.Contains(page.body, "<script") {
		t.Error("a comment became a script")
	}
	if csp := page.header.Get("Content-Security-Policy"); !strings.HasPrefix(csp,
		"default-src 'none'; style-src 'self';") {
		t.Errorf("policy %q", csp)
	}
	v.want(v.get("/style.css"), 200, "body {")
	v.want(v.get("/pages.html"), 404)
	if e, err := b.next(t.Context()); err != nil ||
		!strings.HasPrefix(string(e.Body), `{"name":"Ann \u003c3","comment":"`) {
		t.Errorf("event %s, %v", e.Body, err)
	}
	for range onPage {
		leave(t, b, "Bob", "more")
	}
	if page := v.get("/"); strings.Contains(page.body, "Ann") || !strings.Contains(page.body, `href="/?before=2"`) {
		t.Errorf("first page: %s", page.body)
	}
	v.want(v.get("/?before=2"), 200, "Ann")
	v.want(v.get("/?before=x"), 200, "Bob")
}

func TestBadComments(t *testing.T) {
	t.Parallel()
	b, v := newSite(t, noYard)
	long := strings.Repeat("é", maxName)
	for _, c := range []struct{ name, comment, says string }{
		{"", "text", "Please give"}, {"Ann", " \r\n\x00", "Please give"},
		{long + "é", "text", "longer than 100"}, {"Ann", strings.Repeat("é", maxComment+1), "longer than 2000"},
	} {
		v.want(v.post("/add", "name", c.name, "comment", c.comment), http.StatusUnprocessableEntity, c.says)
	}
	v.want(v.post("/add", "name", "Ann", "comment", strings.Repeat("x", maxForm)), http.StatusRequestEntityTooLarge)
	v.want(v.do(http.MethodPost, "/add?name=%zz", url.Values{}), http.StatusBadRequest)
	v.want(v.do(http.MethodPost, "/add", url.Values{"name": {"Ann"}, "comment": {"x"}}, "Origin",
		"https://evil.example"), http.StatusForbidden)
	v.want(v.do(http.MethodPost, "/add", url.Values{"name": {"Ann"}, "comment": {"x"}}, "Sec-Fetch-Site", "cross-site"),
		http.StatusForbidden)
	v.want(v.do(http.MethodPut, "/add", nil), http.StatusMethodNotAllowed)
	if all, err := b.before(t.Context(), 0, 1); err != nil || len(all) != 0 {
		t.Errorf("kept %+v, %v", all, err)
	}
	v.want(v.post("/add", "name", long, "comment", "\xff broken"), http.StatusFound)
	v.want(v.get("/"), 200, long, "\uFFFD broken")
}

func TestWebhooks(t *testing.T) {
	t.Parallel()
	c := yard(t)
	_, v := newSite(t, c.url)
	v.want(v.get("/webhooks"), 200, "No webhooks yet")
	if secret := v.addWebhook("http://127.0.0.1:1/new?a=1&b=<2>"); len(secret) < 40 {
		t.Errorf("secret %q", secret)
	}
	hooks, err := c.Hooks(t.Context(), "guest/guestbook")
	if err != nil || len(hooks) != 1 {
		t.Fatalf("hooks %v, %v", hooks, err)
	}
	for id, h := range hooks {
		page := v.get("/webhooks")
		v.want(page, 200, "http://127.0.0.1:1/new?a=1&amp;b=&lt;2&gt;", "/guest/guestbook/webhooks/"+id)
		if strings.Contains(page.body, "whsec_") {
			t.Error("the secret is shown again")
		}
		if h.Events.All || len(h.Events.Names) != 1 || h.Events.Names[0] != "comment.created" || h.Secret == "" {
			t.Errorf("hook %+v", h)
		}
		v.want(v.post("/delete-webhook", "id", id), http.StatusFound)
		v.want(v.post("/delete-webhook", "id", id), http.StatusFound) // it is gone, as was wanted
	}
	v.want(v.get("/webhooks"), 200, "No webhooks yet")
	for target, says := range map[string]string{
		"":                        "is not a URL that begins with http:// or https://",
		"javascript:alert(1)":     "is not a URL that begins with http:// or https://",
		"amqp://guest@127.0.0.1/": "is not a URL that begins with http:// or https://",
		"http://169.254.169.254/": "cloud metadata",
		"http://example.com/" + strings.Repeat("x", 2000): "at most 2000 are allowed",
	} {
		v.want(v.post("/webhooks", "url", target), http.StatusUnprocessableEntity, says)
	}
	v.want(v.do(http.MethodPost, "/webhooks", url.Values{"url": {"http://127.0.0.1:1/"}}, "Origin",
		"https://evil.example"), http.StatusForbidden)
	v.want(v.get("/webhooks"), 200, "No webhooks yet")
}

// TestWithoutHookyard: comments still work, and the webhooks page shows an error.
func TestWithoutHookyard(t *testing.T) {
	t.Parallel()
	_, v := newSite(t, noYard)
	v.want(v.post("/add", "name", "Ann", "comment", "Hello"), http.StatusFound)
	v.want(v.get("/webhooks"), http.StatusBadGateway, "hookyard is not available",
		"1 new comment has not")
	v.want(v.post("/webhooks", "url", "http://127.0.0.1:1/"), http.StatusBadGateway, "hookyard is not available")
	v.want(v.post("/delete-webhook", "id", "x"), http.StatusBadGateway)
}

// testYard is a hookyard in this process.
type testYard struct {
	*client.Client
	url string
}

// yard starts a real hookyard.
func yard(t *testing.T) testYard {
	t.Helper()
	config := app.DefaultConfig()
	config.Listen = "127.0.0.1:0"
	config.Dev = true
	config.Data = t.TempDir()
	config.Grace = time.Second
	a, err := app.New(t.Context(), config, "test", quiet())
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- a.Run(t.Context()) }() // t.Context ends before the clean-ups
	t.Cleanup(func() {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	c, err := client.New(a.BaseURL(), "")
	if err != nil {
		t.Fatal(err)
	}
	return testYard{c, a.BaseURL()}
}
