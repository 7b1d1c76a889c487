package web_test

import (
	"encoding/base64"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/hookyard/hookyard/internal/app"
	"github.com/hookyard/hookyard/internal/testenv"
)

// brand sets the look of an owner's portals.
func (s *server) brand(owner, look string) answer {
	s.t.Helper()
	r := s.request(http.MethodPut, "/api/owners/"+owner+"/look", strings.NewReader(look))
	r.Header.Set("Content-Type", "application/json")
	return s.do(r)
}

// TestPortalLook sets looks, good and bad, on both databases.
func TestPortalLook(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *server, receiver string) {
		s.stock(receiver)
		p := s.customer("acme/shop", `{}`)
		for look, field := range map[string]string{
			`{"logo":"javascript:alert(1)"}`:                                                     "logo",
			`{"logo":"http://acme.example/logo.png"}`:                                            "logo",
			`{"logo":"https://acme.example/;script-src"}`:                                        "",
			`{"logo":"https://acme.example;script-src/"}`:                                        "logo",
			`{"logo":"https://acme.example; script-src *"}`:                                      "logo",
			`{"logo":"data:text/html;base64,PGI+"}`:                                              "logo",
			`{"logo":"data:image/png;base64,===="}`:                                              "logo",
			`{"logo":"data:image/png;base64,` + strings.Repeat("A", 70000) + `"}`:                "logo",
			`{"accent":"red"}`:                                                                   "accent",
			`{"accentDark":"#fff;} body{"}`:                                                      "accentDark",
			`{"font":"Comic Sans"}`:                                                              "font",
			`{"theme":"pink"}`:                                                                   "theme",
			`{"name":"` + strings.Repeat("n", 101) + `"}`:                                        "name",
			`{"frames":["*"]}`:                                                                   "frames",
			`{"frames":["https://a.example; script-src *"]}`:                                     "frames",
			`{"frames":["https://a.example/path"]}`:                                              "frames",
			`{"frames":["javascript://a"]}`:                                                      "frames",
			`{"frames":["https://a.example` + strings.Repeat(`","https://a.example`, 20) + `"]}`: "frames",
			`{"colour":"#ffffff"}`:                                                               "colour",
		} {
			status := http.StatusBadRequest
			if field == "" {
				status = http.StatusOK
			}
			p.is(s.brand("acme", look), status, field)
		}
		logo := "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciLz4="
		p.is(s.brand("acme", `{"name":"Acme <b>","logo":"`+logo+`","accent":"#ffcc00","font":"serif","theme":"dark",
			"frames":["https://app.acme.example","http://localhost:3000"]}`), http.StatusOK, "Acme")
		a := p.get(p.home + "/webhooks")
		p.is(a, http.StatusOK, `<img src="`+strings.ReplaceAll(logo, "+", "&#43;"))
		p.is(a, http.StatusOK, "Acme &lt;b&gt;")
		p.is(a, http.StatusOK, `data-theme="dark"`)
		if policy := a.Header.Get("Content-Security-Policy"); a.Header.Get("X-Frame-Options") != "" ||
			!strings.HasSuffix(policy, "frame-ancestors https://app.acme.example http://localhost:3000") ||
			strings.Contains(policy, "unsafe") {
			t.Errorf("the policy is %q", policy)
		}
		_, rest, _ := strings.Cut(a.body, `/portal/acme/shop/look.css`)
		version, _, _ := strings.Cut(rest, `"`)
		style := p.get(p.home + "/look.css" + version)
		p.is(style, http.StatusOK, "--onmain: light-dark(#000000, #000000)")
		p.is(style, http.StatusOK, "Georgia")
		if own := s.get("/acme/shop"); !strings.Contains(own.Header.Get("Content-Security-Policy"),
			"frame-ancestors 'none'") || own.Header.Get("X-Frame-Options") != "DENY" {
			t.Error("a look lets others embed our own pages")
		}
		if other := p.get("/portal/other/shop/webhooks"); !strings.Contains(
			other.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
			t.Error("a look lets others embed the portals of another owner")
		}
		if audit := s.page("/api/audit?all=true"); !strings.Contains(audit, "look.update") {
			t.Error("the audit log does not have the look")
		}
	})
}

// TestPortalCatalogue shows the owner's event types, without those that are not for everybody, and sends an example.
func TestPortalCatalogue(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *server, receiver string) {
		s.sent("/acme/shop", "/", "owner", "acme", "name", "shop")
		for name, body := range map[string]string{"order.created": `{"description":"An order came in","group":"Orders",
			"example":{"id":4711}}`, "order.secret": `{"featureFlags":["beta"]}`, "order.old": `{"archived":true}`} {
			r := s.request(http.MethodPut, "/api/owners/acme/event-types/"+name, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			if a := s.do(r); a.StatusCode != http.StatusCreated {
				t.Fatalf("%s: %d %s", name, a.StatusCode, a.body)
			}
		}
		p := s.customer("acme/shop", `{}`)
		list := p.page(p.home + "/event-types")
		if !strings.Contains(list, "/portal/acme/shop/event-types/order.created") || strings.Contains(list, "secret") ||
			strings.Contains(list, "order.old") || strings.Contains(list, "/owners/") {
			t.Errorf("the event types are %s", list)
		}
		page := p.page(p.home + "/event-types/order.created")
		if !strings.Contains(page, "An order came in") || !strings.Contains(page, "4711") {
			t.Errorf("an event type is %s", page)
		}
		p.is(p.get(p.home+"/event-types/order.secret"), http.StatusNotFound, "")
		if form := p.page(p.home + "/webhooks"); !strings.Contains(form, `name="event" value="order.created"`) {
			t.Errorf("the form does not offer the type: %s", form)
		}
		p.led("/webhooks", "ours", "1", "active", "on", "which", "all", "payloadUrl", receiver+"/good")
		page = p.led("/webhooks/127-0-0-1", "do", "test", "type", "order.created")
		if !strings.Contains(page, "<code>order.created</code>") {
			t.Errorf("the example was not sent: %s", page)
		}
		hidden := s.customer("acme/shop", `{"hide":["catalogue"]}`)
		hidden.is(hidden.get(hidden.home+"/event-types"), http.StatusNotFound, "There is no such page")
	})
}

// TestPortalLanguages holds how the language of a portal is chosen.
func TestPortalLanguages(t *testing.T) {
	t.Parallel()
	s, receiver := start(t, true)
	s.stock(receiver)
	p := s.customer("acme/shop", `{}`)
	in := func(query, accept string) string {
		t.Helper()
		r := p.request(http.MethodGet, p.home+"/webhooks"+query, nil)
		r.Header.Set("Accept-Language", accept)
		a := p.do(r)
		if !strings.Contains(a.body, `<html lang="`+a.Header.Get("Content-Language")+`"`) {
			t.Errorf("Content-Language %q is not the page's", a.Header.Get("Content-Language"))
		}
		for lang, word := range map[string]string{"en": "Endpoints", "de": "Endpunkte", "ko": "엔드포인트"} {
			if strings.Contains(a.body, "<h1>"+word+"</h1>") {
				return lang
			}
		}
		return a.body
	}
	for _, c := range [][3]string{
		{"", "", "en"}, {"", "de-AT,de;q=0.9,en;q=0.8", "de"}, {"", "fr, ko;q=0.5, de;q=0.4", "ko"},
		{"", "fr", "en"}, {"", "en;q=0.1, de;q=2x", "en"}, {"", strings.Repeat(",", 10000) + "de", "en"},
		{"?lang=xx", "de", "de"}, {"?lang=ko", "de", "ko"}, {"", "de", "ko"}, {"?lang=en", "de", "en"},
	} {
		if got := in(c[0], c[1]); got != c[2] {
			t.Errorf("%s with Accept-Language %.40q is in %s, want %s", c[0], c[1], got, c[2])
		}
	}
	for path, said := range map[string]string{"http://10.0.0.1/": "Nothing is sent to this address: it is not public.",
		"gopher://a": "The URL must begin with https:// or http://", "": "The URL is missing."} {
		a := p.send("/webhooks?lang=en", "ours", "1", "which", "all", "payloadUrl", path)
		if p.is(a, http.StatusBadRequest, said); strings.Contains(a.body, "--allow") {
			t.Errorf("a customer reads about options of the server: %s", a.body)
		}
	}
	p.led("/webhooks/old-crm", "do", "disable")
	if page := p.page(p.home + "/webhooks/old-crm?lang=de&done=off"); !strings.Contains(page,
		"Der Endpunkt ist abgeschaltet. Seine Ereignisse") || !strings.Contains(page, "1 Geheimnis") {
		t.Errorf("not all is in German: %s", page)
	}
}

// TestPortalVerify runs the programs that the portal shows, with the delivery in them, and with a changed one.
func TestPortalVerify(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *server, receiver string) {
		s.sent("/acme/shop", "/", "owner", "acme", "name", "shop")
		p := s.customer("acme/shop", `{}`)
		p.is(p.get(p.home+"/verify"), http.StatusOK, "evt_…")
		p.led("/webhooks", "ours", "1", "active", "on", "which", "all", "payloadUrl", receiver+"/good", "secretFrom",
			"made")
		_, secret, _ := strings.Cut(p.send("/webhooks/127-0-0-1", "do", "show").body, `<code id="secret">`)
		secret, _, _ = strings.Cut(secret, "<")
		id := s.publish("acme/shop", "order.created", `{"note":"it's $5 #{x} \\ \"ü\" 한 <b>\u2028"}`)
		s.deliveryOf("acme/shop", id, "127-0-0-1", "delivered")
		for name, run := range map[string][]string{"node": {"node", "verify.mjs"}, "python": {"python3", "verify.py"},
			"go": {"go", "run", "verify.go"}, "java": {"java", "Verify.java"}, "php": {"php", "verify.php"},
			"ruby": {"ruby", "verify.rb"}} {
			code := p.sample(name)
			if !strings.Contains(code, id) {
				t.Errorf("%s does not have the delivery: %s", name, code)
			}
			if _, err := exec.LookPath(run[0]); err != nil || t.Name() != "TestPortalVerify/sqlite" {
				continue
			}
			for what, want := range map[string]bool{code: true, strings.Replace(code, "note", "n0te", 1): false} {
				dir := t.TempDir()
				if err := os.WriteFile(filepath.Join(dir, run[len(run)-1]), []byte(what), 0o600); err != nil {
					t.Fatal(err)
				}
				c := exec.CommandContext(t.Context(), run[0], run[1:]...)
				c.Dir, c.Env = dir, append(os.Environ(), "WEBHOOK_SECRET="+html.UnescapeString(secret))
				if out, err := c.CombinedOutput(); (err == nil) != want {
					t.Errorf("%s: %v, want genuine: %t\n%s\n%s", name, err, want, out, what)
				}
			}
		}
		if code := p.sample("curl"); !strings.Contains(code, "Webhook-Signature: v1,") {
			t.Errorf("curl: %s", code)
		}
		reader := s.customer("acme/shop", `{"readOnly":true}`)
		if code := reader.sample("curl"); strings.Contains(code, id) {
			t.Errorf("who may only read gets a signature: %s", code)
		}
		p.is(p.get(p.home+"/verify?hook=none"), http.StatusNotFound, "There is no such endpoint")
		hidden := s.customer("acme/shop", `{"hide":["verify"]}`)
		hidden.is(hidden.get(hidden.home+"/verify"), http.StatusNotFound, "There is no such page")
	})
}

// sample returns a program of the page that says how to verify.
func (p *portal) sample(name string) string {
	p.t.Helper()
	_, code, _ := strings.Cut(p.page(p.home+"/verify?code="+name), `<pre id="code"`)
	_, code, _ = strings.Cut(code, ">")
	code, _, _ = strings.Cut(code, "</pre>")
	return html.UnescapeString(code)
}

// TestPortalCookie opens a portal over TLS. Its cookie is sent to the portal only, and in frames if those are allowed.
func TestPortalCookie(t *testing.T) {
	t.Parallel()
	address := fmt.Sprintf("127.0.0.1:%d", testenv.Port(t))
	proxy := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: address})
		r.Out.Host = r.In.Host
	}})
	t.Cleanup(proxy.Close)
	s, receiver := startIn(t, t.TempDir(), true, func(c *app.Config) { c.Listen, c.BaseURL = address, proxy.URL })
	trusted := func(b *http.Client) *http.Client { b.Transport = proxy.Client().Transport; return b }
	trusted(s.http)
	s.stock(receiver)
	for frames, want := range map[string]string{"[]": "; HttpOnly; Secure; SameSite=Lax",
		`["https://app.example"]`: "; HttpOnly; Secure; SameSite=None; Partitioned"} {
		s.brand("acme", `{"frames":`+frames+`}`)
		p := &portal{&server{t: t, url: s.url, http: trusted(s.browser())}, "/portal/acme/shop"}
		a := p.get(s.link("acme/shop", `{"ttl":"1m"}`))
		cookie := strings.Join(a.Header["Set-Cookie"], "\n")
		if !strings.HasPrefix(cookie, "__Secure-hookyard_portal=") || !strings.HasSuffix(cookie, want) ||
			!strings.Contains(cookie, "; Path=/portal/acme/shop; Max-Age=") {
			t.Errorf("with frames %s the cookie is %s", frames, cookie)
		}
		p.is(p.get(p.home+"/webhooks"), http.StatusOK, "billing")
		p.led("/webhooks/billing", "do", "disable")
	}
}

// TestPortalScreenshots writes pictures of two brands where HOOKYARD_SCREENSHOTS says.
func TestPortalScreenshots(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("HOOKYARD_SCREENSHOTS")
	if dir == "" {
		t.Skip("set HOOKYARD_SCREENSHOTS to the folder for the pictures")
	}
	s, receiver := start(t, true)
	b := chromium(t)
	picture := `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="15" ` +
		`fill="#0b7285"/><path d="M9 23V9l14 14V9" fill="none" stroke="#fff" stroke-width="3"/></svg>`
	s.brand("acme", `{"name":"Acme Shipping","accent":"#b3261e","font":"geometric","theme":"light"}`)
	s.brand("nord", `{"name":"Nordlicht","accent":"#0b7285","accentDark":"#66d9e8","font":"serif","theme":"dark",
		"logo":"data:image/svg+xml;base64,`+base64.StdEncoding.EncodeToString([]byte(picture))+`"}`)
	for _, owner := range []string{"acme", "nord"} {
		x := s.stockAs(owner, receiver)
		home := "/" + owner + "/shop"
		s.sent(home, home+"/webhooks", "ours", "1", "active", "on", "which", "all", "id", "signed", "payloadUrl",
			receiver+"/good", "secret", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")
		s.deliveryOf(owner+"/shop", s.publish(owner+"/shop", "order.created", `{"id":7}`), "signed", "delivered")
		b.open(s.url + s.link(owner+"/shop", `{"returnUrl":"https://app.example/"}`))
		lang := map[string]string{"acme": "en", "nord": "de"}[owner]
		for name, path := range map[string]string{"hooks": "/webhooks", "hook": "/webhooks/warehouse",
			"delivery": "/deliveries/" + x.failing, "verify": "/verify?hook=signed&code=python"} {
			b.open(s.url + "/portal/" + owner + "/shop?lang=" + lang)
			for _, look := range []struct {
				name  string
				width int64
			}{{"", 1200}, {"-phone", 390}} {
				b.size(look.width, 800)
				b.open(s.url + "/portal/" + owner + "/shop" + path)
				shot, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
				if err != nil {
					t.Fatal(err)
				}
				file := filepath.Join(dir, "portal-"+owner+"-"+name+look.name+".png")
				if err := os.WriteFile(file, small(t, shot), 0o600); err != nil {
					t.Fatal(err)
				}
				if wide := b.js("document.documentElement.scrollWidth > innerWidth"); wide == "true" {
					t.Errorf("%s of %s is wider than the screen at %d pixels", path, owner, look.width)
				}
			}
		}
	}
}
