package web_test

import (
	"compress/gzip"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/hookyard/hookyard/internal/testenv"
)

func TestEveryPage(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *server, receiver string) {
		x := s.stock(receiver)
		for name, path := range addresses(x) {
			a := s.get(path)
			want := http.StatusOK
			switch name {
			case "not-found":
				want = http.StatusNotFound
			case "login":
				want = http.StatusSeeOther // who is signed in needs it not
			}
			if a.StatusCode != want {
				t.Errorf("%s: status %d, want %d\n%s", path, a.StatusCode, want, a.body)
			}
			if want == http.StatusSeeOther {
				continue
			}
			for header, want := range map[string]string{
				"Content-Security-Policy": "default-src 'self'; base-uri 'none'; object-src 'none'; " +
					"form-action 'self'; frame-ancestors 'none'",
				"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store",
				"Content-Type": "text/html; charset=utf-8",
			} {
				if got := a.Header.Get(header); got != want {
					t.Errorf("%s: %s is %q, want %q", path, header, got, want)
				}
			}
			for _, bad := range []string{"ZgotmplZ", "<no value>", " style=", "<style", "<script>", " onclick=", "%!"} {
				if strings.Contains(a.body, bad) {
					t.Errorf("%s holds %q", path, bad)
				}
			}
		}
	})
}

// TestLinks follows every link of every page: there is something at each.
func TestLinks(t *testing.T) {
	t.Parallel()
	s, receiver := start(t, true)
	x := s.stock(receiver)
	href := regexp.MustCompile(`(?:href|src)="([^"]+)"`)
	seen := map[string]bool{}
	for _, path := range addresses(x) {
		a := s.get(path)
		here, err := url.Parse(s.url + path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range href.FindAllStringSubmatch(a.body, -1) {
			to, err := here.Parse(strings.ReplaceAll(m[1], "&amp;", "&"))
			if err != nil {
				t.Errorf("%s links to %q: %v", path, m[1], err)
				continue
			}
			where := to.RequestURI()
			if seen[where] || strings.HasPrefix(m[1], "#") {
				continue
			}
			seen[where] = true
			if got := s.get(where); got.StatusCode >= 400 {
				t.Errorf("%s links to %s: status %d", path, where, got.StatusCode)
			}
		}
	}
	if len(seen) < 50 {
		t.Errorf("only %d links were found", len(seen))
	}
}

// TestFaults sends forms that cannot work: the answer is the form, with what was typed and the message at its field.
func TestFaults(t *testing.T) {
	t.Parallel()
	s, receiver := start(t, true)
	s.stock(receiver)
	long := strings.Repeat("x", 2001)
	hooks := "/acme/shop/webhooks"
	for _, c := range []struct {
		path   string
		fields []string
		want   string
		field  string
	}{
		{hooks, []string{"payloadUrl", "", "description", "typed"}, "Payload URL is a required field.", "url"},
		{hooks, []string{"payloadUrl", long, "description", "typed"},
			"The given payload URL is too long. (Maximum 2000 Characters)", "url"},
		{hooks, []string{"payloadUrl", receiver, "secret", long[:251], "description", "typed"},
			"The given secret token is too long. (Maximum 250 Characters)", "secret"},
		{hooks, []string{"payloadUrl", "ftp://x", "description", "typed"}, "url must begin with", "url"},
		{hooks, []string{"payloadUrl", "http://169.254.169.254/", "description", "typed"}, "--allow-target", "url"},
		{hooks, []string{"payloadUrl", receiver, "id", "billing", "description", "typed"},
			"There is already a hook with this id.", "id"},
		{hooks, []string{"payloadUrl", receiver, "filter", "((", "description", "typed"}, "filter", "filter"},
		{hooks, []string{"payloadUrl", receiver, "schedule", "soon", "description", "typed"}, "is not a duration",
			"schedule"},
		{hooks, []string{"payloadUrl", receiver, "headers", "nonsense", "description", "typed"}, "is not a header",
			"headers"},
		{hooks, []string{"payloadUrl", receiver, "rate", "NaN", "description", "typed"}, "is not a number", "rate"},
		{hooks, []string{"payloadUrl", receiver, "webhookType", "nope", "description", "typed"}, "is not known",
			"format"},
		{"/", []string{"owner", "acme", "name", "a b", "description", "typed"}, "project name must be", "name"},
		{"/", []string{"owner", "acme", "name", "SHOP", "description", "typed"},
			"You already have a project acme/shop.", "name"},
		{"/acme/shop/sources", []string{"type", "github", "name", "", "description", "typed"}, "Name the source",
			"name"},
		{"/acme/shop/sources", []string{"type", "stripe", "name", "stripe", "description", "typed"}, "secret",
			"secret"},
		{"/acme/shop/settings", []string{"retention", "long", "description", "typed"}, "Write a duration", "retention"},
		{"/acme/shop/settings", []string{"relay", "signed", "description", "typed"}, "needs a relaySecret",
			"relaySecret"},
		{"/acme/shop/members", []string{"user", "typed", "role", "read"}, "There is no user with this name.", "user"},
		{"/acme/shop/delete", []string{"confirm", "acme"}, "Type acme/shop to delete the project.", "confirm"},
		{"/acme/shop/publish", []string{"type", "typed", "body", "{"}, "", "data"},
		{"/acme/shop/publish", []string{"type", "", "body", `{"typed":1}`}, "type is missing", "type"},
		{"/bins", []string{"status", "typed"}, "is not a number", "answer.status"},
		{"/bins", []string{"status", "99", "body", "typed"}, "must be between", "answer.status"},
		{hooks, []string{"payloadUrl", receiver, "policy", "sometimes", "description", "typed"},
			"off.policy must be one of", "off.policy"},
		{"/acme/shop/members", []string{"user", "guest", "role", "owner"}, "role", "role"},
		{"/acme/shop/replays", []string{"since", "whenever", "type", "typed"}, "Write a time", "since"},
	} {
		a := s.post(c.path, c.fields...)
		if a.StatusCode != http.StatusBadRequest {
			t.Errorf("POST %s %q: status %d", c.path, c.fields, a.StatusCode)
			continue
		}
		if !strings.Contains(strings.ToLower(a.body), strings.ToLower(c.want)) ||
			!strings.Contains(a.body, `id="fault-`+c.field+`"`) ||
			!strings.Contains(a.body, `aria-describedby="fault-`+c.field+`"`) {
			t.Errorf("POST %s %q: the page does not say %q at field %s but: %s", c.path, c.fields, c.want, c.field,
				faultsOf(a.body))
		}
		if said := faultsOf(a.body); !strings.Contains(said, `<a href="#field-`+c.field+`">`) {
			t.Errorf("POST %s %q: the page says %q, without a link to field %s", c.path, c.fields, said, c.field)
		}
		if strings.Contains(strings.Join(c.fields, " "), "typed") && !strings.Contains(a.body, "typed") {
			t.Errorf("POST %s %q: what was typed is lost", c.path, c.fields)
		}
	}
}

// TestYobi sends what Yobi's own page sends, and gets what it gets.
func TestYobi(t *testing.T) {
	t.Parallel()
	s, receiver := start(t, true)
	s.sent("/ann/proj", "/", "owner", "ann", "name", "proj", "preset", "yobi")
	hooks := "/ann/proj/webhooks"
	a := s.post(hooks, "payloadUrl", receiver+"/hook?customKey=value", "secret", "s", "webhookType", "SIMPLE",
		"gitPush", "on")
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != hooks {
		t.Fatalf("status %d to %q", a.StatusCode, a.Header.Get("Location"))
	}
	s.sent(hooks, hooks, "payloadUrl", receiver, "webhookType", "DETAIL_SLACK")
	s.sent(hooks, hooks, "payloadUrl", receiver, "webhookType", "JSON", "gitPush", "on")
	s.sent(hooks, hooks, "payloadUrl", receiver) // the first days' form
	page := s.page(hooks)
	for _, want := range []string{`id="formNewWebhook"`, `name="payloadUrl"`, `name="secret"`, `name="webhookType"`,
		`name="gitPush"`, "customKey=value"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not hold %s", want)
		}
	}
	all := s.page("/api/projects/ann/proj/hooks")
	for _, want := range []string{`"format":"slack"`, `"events":["push"]`, `"events":"all"`, `"NEW_ISSUE"`} {
		if !strings.Contains(all, want) {
			t.Errorf("the hooks do not hold %s: %s", want, all)
		}
	}
	if a := s.post(hooks + "/127-0-0-1"); a.StatusCode != http.StatusOK || a.body != "" {
		t.Errorf("POST to a hook: status %d, body %q", a.StatusCode, a.body)
	}
	if a := s.do(s.request(http.MethodDelete, hooks+"/127-0-0-1-2", nil)); a.StatusCode != http.StatusOK ||
		a.body != "" {
		t.Errorf("DELETE of a hook: status %d, body %q", a.StatusCode, a.body)
	}
	if a := s.do(s.request(http.MethodDelete, hooks+"/127-0-0-1-2", nil)); a.StatusCode != http.StatusNotFound {
		t.Errorf("DELETE of no hook: status %d", a.StatusCode)
	}
	if a := s.get("/ann/nothing/webhooks"); a.StatusCode != http.StatusForbidden {
		t.Errorf("no project: status %d", a.StatusCode)
	}
}

// TestStrangers holds what strangers send to text.
func TestStrangers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *server, _ string) {
		s.sent("/a/p", "/", "owner", "a", "name", "p")
		s.sent("/a/p/sources/open", "/a/p/sources", "type", "none", "name", "open")
		const evil = `<script>alert(1)</script>"'><img src=x onerror=alert(1)>`
		for _, body := range []string{
			evil, "\u202egnp.exe", "\x00\x01\x02", "\xff\xfe\xfd", `{"` + "\u2066" + `":"` + `</pre><script>` + `"}`,
			strings.Repeat("[", 5000), strings.Repeat("é\u0301", 50_000), "",
		} {
			r := s.request(http.MethodPost, "/in/a/p/open/"+url.PathEscape(evil)+"?"+url.QueryEscape(evil),
				strings.NewReader(body))
			r.Header.Set("User-Agent", evil)
			r.Header.Set("X-Odd", "caf\xe9 \u202e")
			r.Header.Set("Content-Type", `text/html; x="<script>"`)
			if a := s.do(r); a.StatusCode != http.StatusOK {
				t.Fatalf("%q: status %d %s", body[:min(20, len(body))], a.StatusCode, a.body)
			}
		}
		list := s.page("/a/p/events")
		ids := regexp.MustCompile(`<tr id="(evt_[^"]+)"`).FindAllStringSubmatch(list, -1)
		if len(ids) != 8 {
			t.Fatalf("%d events are listed", len(ids))
		}
		for _, id := range ids {
			for _, path := range []string{"/a/p/events/" + id[1], "/a/p/events/" + id[1] + "/edit"} {
				a := s.get(path)
				if a.StatusCode >= 500 {
					t.Errorf("%s: status %d", path, a.StatusCode)
				}
				for _, bad := range []string{"<script>alert", "<img src=x", "\u202e", "\x00", "\xff", "\u2066"} {
					if strings.Contains(a.body, bad) && !strings.HasSuffix(path, "/edit") {
						t.Errorf("%s holds %q", path, bad)
					}
					if strings.HasPrefix(bad, "<") && strings.Contains(a.body, bad) {
						t.Errorf("%s holds %q", path, bad)
					}
				}
			}
		}
		for _, q := range []string{"?text=%00", "?text=%ff", "?since=%3Cscript%3E", "?hook=%3Cscript%3E", "?before=-1",
			"?before=99999999999999999999", "?path=a.%23", "?state=%22%3E"} {
			if a := s.get("/a/p/events" + q); a.StatusCode != http.StatusBadRequest ||
				strings.Contains(a.body, "<script>") {
				t.Errorf("%s: status %d", q, a.StatusCode)
			}
		}
		for _, path := range []string{"/a/p/events/evt_x", "/a/p/deliveries/dlv_x", "/a/p/webhooks/x", "/a/p/sources/x",
			"/a/p/webhooks/%00", "/a/p/deliveries?after=x", "/a/p/webhooks/%e2%80%ae"} {
			if a := s.get(path); a.StatusCode < 400 || a.StatusCode >= 500 {
				t.Errorf("%s: status %d", path, a.StatusCode)
			}
		}
	})
}

// TestWeight holds the first visit to 60 kB and every further page to 15 kB, compressed, but for the API's description.
func TestWeight(t *testing.T) {
	t.Parallel()
	s, receiver := start(t, true)
	x := s.stock(receiver)
	weigh := func(path string) (int, string) {
		r := s.request(http.MethodGet, path, nil)
		r.Header.Set("Accept-Encoding", "gzip")
		a := s.do(r)
		if a.Header.Get("Content-Encoding") != "gzip" {
			return len(a.body), a.body
		}
		z, err := gzip.NewReader(strings.NewReader(a.body))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		return len(a.body), string(plain)
	}
	asset := regexp.MustCompile(`"(/assets/[^"]+)"`)
	for name, path := range addresses(x) {
		page, body := weigh(path)
		first, seen := page, map[string]bool{}
		for _, m := range asset.FindAllStringSubmatch(body, -1) {
			if !seen[m[1]] {
				seen[m[1]] = true
				n, _ := weigh(m[1])
				first += n
			}
		}
		limit := 15 << 10
		if name == "api" {
			limit *= 2 // it describes everything at once
		}
		if page > limit || first > 60<<10 {
			t.Errorf("page %s weighs %d bytes, %d at the first visit", name, page, first)
		}
	}
	a := s.get(regexp.MustCompile(`/assets/style[^"]+`).FindString(s.page("/")))
	if got := a.Header.Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
		t.Errorf("the style sheet is to be cached %q", got)
	}
}

// TestNextSteps runs the command that an empty project's page offers to copy.
func TestNextSteps(t *testing.T) {
	t.Parallel()
	curl := regexp.MustCompile(`(?s)<pre id="curl"[^>]*>(.*?)</pre>`)
	testenv.Program(t, "curl")
	run := func(s *server, project, token string) {
		t.Helper()
		found := curl.FindStringSubmatch(s.page("/" + project))
		if found == nil {
			t.Fatal("the page shows no command")
		}
		c := exec.CommandContext(t.Context(), "sh", "-c", html.UnescapeString(found[1])+" -sS")
		c.Env = append(os.Environ(), "HOOKYARD_TOKEN="+token)
		if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), `"id":"evt_`) {
			t.Errorf("%s\nanswers %s, %v", found[1], out, err)
		}
		if strings.Contains(s.page("/"+project), "Next steps") {
			t.Error("the project is still empty")
		}
	}
	dev, _ := start(t, true)
	dev.sent("/a/p", "/", "owner", "a", "name", "p")
	run(dev, "a/p", "")
	s, _ := signedIn(t)
	s.sent("/admin/p", "/", "owner", "admin", "name", "p")
	made := s.led("/profile/tokens", "name", "x", "scope", "publish", "expiresIn", "168h", "project", "admin/p")
	run(s, "admin/p", regexp.MustCompile(`hky_[a-z0-9]+`).FindString(made))
}

// TestFeatures ticks what a hook of a project of NetBeans' kind tracks.
func TestFeatures(t *testing.T) {
	t.Parallel()
	s, receiver := start(t, true)
	s.sent("/a/kenai", "/", "owner", "a", "name", "kenai", "preset", "netbeans")
	hooks := "/a/kenai/webhooks"
	s.publish("a/kenai", "scm", `{"feature":"git3","message":"m"}`)
	s.publish("a/kenai", "scm", `{"feature":"wiki"}`)
	page := s.page(hooks)
	for _, want := range []string{`name="feature" value="git3">`, `name="feature" value="wiki">`} {
		if !strings.Contains(page, want) {
			t.Errorf("the form does not offer %s", want)
		}
	}
	s.sent(hooks, hooks, "ours", "1", "active", "on", "which", "all", "payloadUrl", receiver+"/good", "id", "ide",
		"feature", "git3", "features", "hg")
	page = s.page(hooks + "/ide/edit")
	for _, want := range []string{`value="git3" checked>`, `value="hg" checked>`, `name="feature" value="wiki">`} {
		if !strings.Contains(page, want) {
			t.Errorf("the form of the hook does not hold %s", want)
		}
	}
	s.deliveryOf("a/kenai", s.publish("a/kenai", "scm", `{"feature":"git3"}`), "ide", "delivered")
	if why := s.page("/api/projects/a/kenai/events/" + s.publish("a/kenai", "scm", `{"feature":"wiki"}`) +
		"/explain"); !strings.Contains(why, "feature") || strings.Contains(why, `"deliveryId"`) {
		t.Errorf("an event about a feature that is not ticked: %s", why)
	}
}
