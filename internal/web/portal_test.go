package web_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hookyard/hookyard/client"
)

// portal is the browser of a customer in the portal of a project. Its paths are below home.
type portal struct {
	*server

	home string
}

// link creates a link to the portal of a project and returns its path.
func (s *server) link(project, request string) string {
	s.t.Helper()
	r := s.request(http.MethodPost, "/api/projects/"+project+"/portal-links", strings.NewReader(request))
	r.Header.Set("Content-Type", "application/json")
	a := s.do(r)
	var l client.PortalLink
	if err := json.Unmarshal([]byte(a.body), &l); a.StatusCode != http.StatusCreated || err != nil {
		s.t.Fatalf("link: %d %s", a.StatusCode, a.body)
	}
	return strings.TrimPrefix(l.URL, s.url)
}

// customer opens the portal of a project in a new browser.
func (s *server) customer(project, request string) *portal {
	s.t.Helper()
	p := &portal{&server{t: s.t, url: s.url, http: s.browser()}, "/portal/" + project}
	a := p.get(s.link(project, request))
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != p.home+"/webhooks" {
		s.t.Fatalf("the link leads to %d %s %s", a.StatusCode, a.Header.Get("Location"), a.body)
	}
	return p
}

// send sends a form as a browser does.
func (p *portal) send(path string, pairs ...string) answer {
	p.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	r := p.request(http.MethodPost, p.home+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", p.url)
	return p.do(r)
}

// led is send for a form that must work, and the page that it leads to.
func (p *portal) led(path string, pairs ...string) string {
	p.t.Helper()
	a := p.send(path, pairs...)
	if a.StatusCode != http.StatusSeeOther {
		p.t.Fatalf("POST %s: status %d\n%s", path, a.StatusCode, faultsOf(a.body))
	}
	return p.page(a.Header.Get("Location"))
}

// is fails the test unless an answer has a status and its text holds some words.
func (p *portal) is(a answer, status int, words string) {
	p.t.Helper()
	if a.StatusCode != status || !strings.Contains(a.body, words) {
		p.t.Errorf("%s %s: status %d, want %d with %q\n%s", a.Request.Method, a.Request.URL, a.StatusCode, status,
			words, a.body)
	}
}

// TestPortal manages hooks as a customer does, on both databases.
func TestPortal(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *server, receiver string) {
		x := s.stock(receiver)
		p := s.customer("acme/shop", `{"returnUrl":"https://acme.example/back?a=1"}`)
		page := p.page(p.home + "/webhooks")
		for _, want := range []string{">billing<", `href="https://acme.example/back?a=1"`,
			`/portal/acme/shop/deliveries"`} {
			if !strings.Contains(page, want) {
				t.Errorf("the hooks do not show %s", want)
			}
		}
		for _, never := range []string{`name="headers"`, `name="insecureTls"`, `name="filter"`, "/acme/shop/sources",
			`href="/acme`, `action="/acme`, "/docs/api", "/login"} {
			if strings.Contains(page, never) {
				t.Errorf("the hooks show %s", never)
			}
		}
		page = p.led("/webhooks", "ours", "1", "active", "on", "which", "some", "event", "order.paid",
			"channels", "eu, vip", "payloadUrl", receiver+"/good/mine", "secretFrom", "made",
			"headers", "X-Mine: 1", "insecureTls", "on")
		if !strings.Contains(page, "whsec_") || !strings.Contains(page, "<code>vip</code>") ||
			strings.Contains(page, "TLS certificate not verified") {
			t.Errorf("a new hook: %s", page)
		}
		hook := "/webhooks/127-0-0-1"
		if page = p.send(hook, "do", "show").body; !strings.Contains(page, "whsec_") {
			t.Errorf("the secret is not shown: %s", page)
		}
		if p.led(hook, "do", "rotate"); p.send(hook, "do", "show").body == page {
			t.Error("the secret was not rotated")
		}
		p.led(hook, "do", "test")
		p.led(hook, "do", "disable")
		p.led(hook, "do", "enable")
		page = p.led(hook, "do", "update", "ours", "1", "which", "all", "payloadUrl", receiver+"/good/other",
			"description", "Mine")
		if !strings.Contains(page, "/good/other") || !strings.Contains(page, ">disabled<") {
			t.Errorf("an update: %s", page)
		}
		p.is(p.send(hook, "do", "update", "ours", "1", "which", "all", "payloadUrl", "amqp://127.0.0.1/"),
			http.StatusBadRequest, "must begin with https://")
		page = p.led("/deliveries/"+x.failing, "do", "retry")
		if !strings.Contains(page, "customer") || strings.Contains(page, "/acme/shop/events") &&
			strings.Contains(page, `href="/acme`) {
			t.Errorf("a delivery does not show its event: %s", page)
		}
		p.is(p.get(p.home+"/deliveries"), http.StatusOK, x.failing)
		p.is(p.send("/replays", "hook", "billing", "state", "delivered"), http.StatusOK, "Send")
		p.led("/replays", "hook", "billing", "state", "failed", "confirm", "yes")
		p.led(hook, "do", "delete")
		if audit := s.page("/acme/shop/audit"); !strings.Contains(audit, "portal:pts_") ||
			!strings.Contains(audit, "hook.show-secret") {
			t.Errorf("the audit log does not name the session: %s", audit)
		}
		p.is(p.send("/logout"), http.StatusOK, `href="https://acme.example/back?a=1"`)
		p.is(p.get(p.home+"/webhooks"), http.StatusUnauthorized, "session has ended")
	})
}

// TestPortalRefuses tries links and sessions for what they are not, on both databases.
func TestPortalRefuses(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *server, receiver string) {
		x := s.stock(receiver)
		s.stockAs("other", receiver)
		p := s.customer("acme/shop", `{}`)
		stranger := &portal{&server{t: t, url: s.url, http: s.browser()}, p.home}
		used := s.link("acme/shop", `{"ttl":"1m"}`)
		head := stranger.do(stranger.request(http.MethodHead, used, nil))
		prefetch := stranger.request(http.MethodGet, used, nil)
		prefetch.Header.Set("Sec-Purpose", "prefetch;prerender")
		if got := stranger.do(prefetch); head.StatusCode != http.StatusNoContent ||
			got.StatusCode != http.StatusNoContent || len(got.Cookies()) != 0 {
			t.Errorf("looking at a link uses it: %d, %d", head.StatusCode, got.StatusCode)
		}
		stranger.openAtOnce(used)
		stranger.http = s.browser()
		stranger.is(stranger.get(used), http.StatusForbidden, "This link was used or has expired")
		stranger.is(stranger.get(p.home+"/open/forged"), http.StatusForbidden, "This link was used or has expired")
		stranger.is(stranger.get(p.home+"/open/"+strings.Repeat("a", 5000)), http.StatusForbidden, "This link was used")
		elsewhere := strings.Replace(s.link("acme/shop", `{}`), "/acme/", "/other/", 1)
		stranger.is(stranger.get(elsewhere), http.StatusForbidden, "This link was used or has expired")
		stranger.is(stranger.get(p.home+"/webhooks"), http.StatusUnauthorized, "Your session has ended")
		p.is(p.get(used), http.StatusSeeOther, "") // who has a session goes on with it

		p.refusedElsewhere(x)
		p.refusedForms()
		if a := p.get(p.home + "/webhooks"); a.Header.Get("X-Frame-Options") != "DENY" ||
			!strings.Contains(a.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
			t.Errorf("a portal can stand in a frame: %v", a.Header)
		}

		reader := s.customer("acme/shop", `{"readOnly":true,"hide":["deliveries"]}`)
		page := reader.page(reader.home + "/webhooks/billing")
		for _, never := range []string{`value="show"`, `value="rotate"`, receiver + "/good", "/deliveries", "Recent"} {
			if strings.Contains(page, never) {
				t.Errorf("who may only read sees %s: %s", never, page)
			}
		}
		for _, path := range []string{"/webhooks", "/webhooks/billing"} {
			reader.is(reader.send(path, "do", "show"), http.StatusForbidden, "change nothing")
		}
		for _, path := range []string{"/deliveries", "/deliveries/" + x.delivery, "/replays"} {
			reader.is(reader.get(reader.home+path), http.StatusNotFound, "There is no such page")
		}
		unopened := s.link("acme/shop", `{}`)
		revoked := s.do(s.request(http.MethodDelete, "/api/projects/acme/shop/portal-links", nil))
		p.is(revoked, http.StatusOK, `"links":2,"sessions":3`)
		p.is(p.get(p.home+"/webhooks"), http.StatusUnauthorized, "Your session has ended")
		p.is(p.get(unopened), http.StatusForbidden, "This link was used or has expired")
		p.revokedAtOnce(s)
	})
}

// revokedAtOnce opens links while they are revoked: no session is left.
func (p *portal) revokedAtOnce(owner *server) {
	p.t.Helper()
	customers := make([]*portal, 8)
	var all sync.WaitGroup
	for i := range customers {
		customers[i] = &portal{&server{t: p.t, url: p.url, http: p.browser()}, p.home}
		link := owner.link("acme/shop", `{}`)
		all.Go(func() { customers[i].get(link) })
	}
	all.Go(func() { owner.do(owner.request(http.MethodDelete, "/api/projects/acme/shop/portal-links", nil)) })
	all.Wait()
	for _, c := range customers {
		c.is(c.get(c.home+"/webhooks"), http.StatusUnauthorized, "Your session has ended")
	}
}

// openAtOnce opens a link many times at once: one of them starts a session.
func (p *portal) openAtOnce(link string) {
	p.t.Helper()
	var all sync.WaitGroup
	statuses := make([]int, 12)
	for i := range statuses {
		all.Go(func() {
			resp, err := p.browser().Get(p.url + link)
			if err != nil {
				p.t.Error(err)
				return
			}
			_ = resp.Body.Close()
			statuses[i] = resp.StatusCode
		})
	}
	all.Wait()
	if slices.Sort(statuses); statuses[0] != http.StatusSeeOther || statuses[1] != http.StatusForbidden {
		p.t.Errorf("a link that is opened at once: %v", statuses)
	}
}

// refusedElsewhere sends the cookie of a session to what is not its portal.
func (p *portal) refusedElsewhere(x shop) {
	p.t.Helper()
	cookies := p.cookies()
	for _, path := range []string{"/portal/other/shop/webhooks", "/portal/other/shop/webhooks/billing",
		"/portal/other/shop/deliveries/" + x.delivery, "/portal/acme/none/webhooks"} {
		r := p.request(http.MethodGet, path, nil)
		r.AddCookie(cookies[0])
		p.is(p.do(r), http.StatusUnauthorized, "Your session has ended")
	}
	for _, path := range []string{"/portal/acme/shop/sources", "/portal/acme/shop/events/" + x.event,
		"/portal/acme/shop/settings", "/portal/acme/shop/audit", "/portal/acme/shop/webhooks/none",
		"/portal/acme/shop/deliveries/none"} {
		p.is(p.get(path), http.StatusNotFound, "There is no such")
	}
	p.is(p.get("/portal/a%0ab/shop/webhooks"), http.StatusBadRequest, "control characters")
}

// cookies returns the cookie of the session.
func (p *portal) cookies() []*http.Cookie {
	p.t.Helper()
	at, err := url.Parse(p.url + p.home)
	if err != nil {
		p.t.Fatal(err)
	}
	found := p.http.Jar.Cookies(at)
	if len(found) != 1 {
		p.t.Fatalf("%d cookies", len(found))
	}
	return found
}

// refusedForms sends forms that no page of the portal sends.
func (p *portal) refusedForms() {
	p.t.Helper()
	for _, header := range []http.Header{{}, {"Origin": {"https://evil.example"}}, {"Origin": {"null"}},
		{"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}}} {
		r := p.request(http.MethodPost, p.home+"/webhooks/billing", strings.NewReader("do=delete"))
		r.Header = header
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		p.is(p.do(r), http.StatusForbidden, "another site")
	}
	p.is(p.send("/webhooks/billing", "do", "explode"), http.StatusBadRequest, "does not say what to do")
	for request, field := range map[string]string{
		`{"returnUrl":"javascript:alert(1)"}`:                         "returnUrl",
		`{"returnUrl":"//evil.example/"}`:                             "returnUrl",
		`{"returnUrl":"https://a:b@acme.example"}`:                    "returnUrl",
		`{"returnUrl":"https://"}`:                                    "returnUrl",
		`{"returnUrl":"https://a/` + strings.Repeat("a", 3000) + `"}`: "--max-url",
		`{"ttl":"1s"}`:                 "ttl",
		`{"ttl":"8d"}`:                 "ttl",
		`{"ttl":"soon"}`:               "ttl",
		`{"hide":["everything"]}`:      "hide",
		`{"hide":["verify","verify"]}`: "hide",
		`{"readOnly":"yes"}`:           "readOnly",
		`{"projects":["acme/shop"]}`:   "projects",
	} {
		r := p.request(http.MethodPost, "/api/projects/acme/shop/portal-links", strings.NewReader(request))
		r.Header.Set("Content-Type", "application/json")
		p.is(p.do(r), http.StatusBadRequest, field)
	}
}

// TestPortalSession holds that a portal session is nobody on the pages and in the API of a server with sign-in.
func TestPortalSession(t *testing.T) {
	t.Parallel()
	s, receiver := signedIn(t)
	s.stock(receiver)
	p := s.customer("acme/shop", `{}`)
	p.is(p.get(p.home+"/webhooks"), http.StatusOK, "billing")
	cookies := p.cookies()
	for _, name := range []string{"hookyard_portal", "hookyard_session", "access_token"} {
		for _, path := range []string{"/api/projects/acme/shop", "/api/projects/acme/shop/hooks", "/acme/shop/webhooks",
			"/"} {
			r := p.request(http.MethodGet, path, nil)
			r.AddCookie(&http.Cookie{Name: name, Value: cookies[0].Value})
			if a := p.do(r); a.StatusCode != http.StatusUnauthorized && strings.Contains(a.body, "shop") {
				t.Errorf("GET %s with %s: %d %s", path, name, a.StatusCode, a.body)
			}
		}
	}
	user := &portal{s, p.home}
	user.is(user.get(p.home+"/webhooks"), http.StatusUnauthorized, "Your session has ended")
}
