package web_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/hookyard/hookyard/internal/app"
	"github.com/hookyard/hookyard/internal/testenv"
)

// account is somebody whom dex knows.
type account struct {
	email, name, groups string
	unverified          bool
}

// dex is an OpenID Connect provider.
type dex struct {
	t      *testing.T
	port   int
	back   string // where it sends people who have signed in
	hash   []byte // of everybody's password
	ending func() // what runs now
}

// startDex runs an OpenID Connect provider, and a hookyard that people sign in to by it.
func startDex(t *testing.T, accounts ...account) (*server, *dex) {
	t.Helper()
	testenv.Program(t, "dex") // make dex builds it
	ours := testenv.Port(t)
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.DefaultCost) // dex takes no less
	if err != nil {
		t.Fatal(err)
	}
	d := &dex{t: t, port: testenv.Port(t), back: fmt.Sprintf("http://127.0.0.1:%d/login/oidc/callback", ours),
		hash: hash, ending: func() {}}
	t.Cleanup(func() { d.ending() })
	s, _ := startIn(t, t.TempDir(), false, func(c *app.Config) {
		c.Listen = fmt.Sprintf("127.0.0.1:%d", ours)
		c.OIDCIssuer = d.issuer()
		c.OIDCClientID, c.OIDCClientSecret = "hookyard", "between-us"
		c.OIDCAllow, c.OIDCAdmins = []string{"@example.com", "group:crew"}, []string{"group:ops"}
	})
	d.run(accounts...)
	return s, d
}

func (d *dex) issuer() string { return fmt.Sprintf("http://127.0.0.1:%d/dex", d.port) }

// run starts the provider with accounts, in place of the one that ran before.
func (d *dex) run(accounts ...account) {
	d.t.Helper()
	d.ending()
	var config bytes.Buffer
	fmt.Fprintf(&config,
		"issuer: %s\nstorage: {type: memory}\nweb: {http: '127.0.0.1:%d'}\noauth2: {skipApprovalScreen: true}\n",
		d.issuer(), d.port)
	fmt.Fprintf(&config,
		"staticClients:\n- {id: hookyard, name: hookyard, secret: between-us, redirectURIs: ['%s']}\n", d.back)
	config.WriteString("enablePasswordDB: true\nstaticPasswords:\n")
	for i, a := range accounts {
		fmt.Fprintf(&config, "- {email: %q, hash: %q, username: %q, preferredUsername: %q, ",
			a.email, d.hash, a.name, a.name)
		fmt.Fprintf(&config, "userID: u%d, groups: [%s], emailVerified: %t}\n", i, a.groups, !a.unverified)
	}
	file := filepath.Join(d.t.TempDir(), "dex.yaml")
	if err := os.WriteFile(file, config.Bytes(), 0o600); err != nil {
		d.t.Fatal(err)
	}
	run := exec.CommandContext(d.t.Context(), testenv.Program(d.t, "dex"), "serve", file)
	run.Stderr = d.t.Output()
	if err := run.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.ending = sync.OnceFunc(func() {
		_ = run.Process.Kill()
		_ = run.Wait()
	})
	testenv.Until(d.t, "dex answers", func() bool {
		resp, err := http.Get(d.issuer() + "/.well-known/openid-configuration")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// browsing is a client that keeps cookies and follows redirects, up to one that stop matches.
func browsing(t *testing.T, stop string) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if stop != "" && strings.Contains(r.URL.Path, stop) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
}

var formAction = regexp.MustCompile(`<form[^>]* action="([^"]+)"`)

// throughDex goes to the provider by one of our links, and signs in there.
func throughDex(t *testing.T, c *http.Client, link, email string) answer {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, link, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	form := formAction.FindSubmatch(page)
	if err != nil || form == nil {
		t.Fatalf("%s leads to %s, where there is no form: %s", link, resp.Request.URL, page)
	}
	to, err := resp.Request.URL.Parse(strings.ReplaceAll(string(form[1]), "&amp;", "&"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err = c.PostForm(to.String(), url.Values{"login": {email}, "password": {password}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp, string(b)}
}

// with is the server for another browser.
func (s *server) with(c *http.Client) *server { return &server{t: s.t, url: s.url, http: c} }

// viaProvider signs in by the provider in a browser of its own. It returns the user's name and the browser.
func (s *server) viaProvider(t *testing.T, email string) (name string, c *http.Client) {
	t.Helper()
	c = browsing(t, "")
	a := throughDex(t, c, s.url+"/login/oidc?next=/profile", email)
	if a.StatusCode != http.StatusOK || a.Request.URL.Path != "/profile" {
		t.Fatalf("%s: status %d at %s: %s", email, a.StatusCode, a.Request.URL, faultsOf(a.body))
	}
	return regexp.MustCompile(`<a [^>]*href="/profile"[^>]*>([^<]+)</a>`).FindStringSubmatch(a.body)[1], c
}

func TestSignOn(t *testing.T) {
	t.Parallel()
	s, _ := startDex(t,
		account{email: "ann@example.com", name: "ann"},
		account{email: "root@example.com", name: "Admin"},
		account{email: "owner@example.com", name: "acme"},
		account{email: "crew@elsewhere.org", name: "crew", groups: "crew"},
		account{email: "ops@example.com", name: "ops", groups: "ops"},
		account{email: "mallory@elsewhere.org", name: "mallory"},
		account{email: "fake@example.com", name: "fake", unverified: true},
	)
	link, err := url.Parse(s.setup)
	if err != nil {
		t.Fatal(err)
	}
	s.sent("/", "/setup", "token", link.Query().Get("token"), "password", password, "again", password)
	s.sent("/acme/shop", "/", "owner", "acme", "name", "shop")
	if !strings.Contains(s.as("").page("/login?next=/profile"), `href="/login/oidc?next=%2fprofile"`) {
		t.Error("the sign-in page has no link to the provider")
	}

	for email, want := range map[string]string{"ann@example.com": "ann", "root@example.com": "Admin-2",
		"owner@example.com": "acme-2", "crew@elsewhere.org": "crew", "ops@example.com": "ops"} {
		name, c := s.viaProvider(t, email)
		if name != want {
			t.Errorf("%s becomes user %s, want %s", email, name, want)
		}
		if again, _ := s.viaProvider(t, email); again != name {
			t.Errorf("%s becomes another user, %s, the second time", email, again)
		}
		status := s.with(c).get("/status").StatusCode
		if admin := email == "ops@example.com"; admin != (status == http.StatusOK) {
			t.Errorf("%s: /status answers %d", email, status)
		}
		if a := s.with(c).get("/acme/shop"); email != "ops@example.com" && a.StatusCode != http.StatusForbidden {
			t.Errorf("%s may see acme/shop: status %d", email, a.StatusCode)
		}
	}
	for email, want := range map[string]string{"mallory@elsewhere.org": "mallory@elsewhere.org may not sign in here",
		"fake@example.com": "You may not sign in here"} {
		a := throughDex(t, browsing(t, ""), s.url+"/login/oidc", email)
		if a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, want) ||
			!strings.Contains(a.body, "--oidc-allow") {
			t.Errorf("%s: status %d: %s", email, a.StatusCode, faultsOf(a.body))
		}
	}
	t.Run("forged", s.forgedSignOn)
	t.Run("link", s.linkAccount)
	t.Run("disabled", s.disabledSignOn)
	t.Run("browser", s.browserSignOn)
}

// TestGroups gives roles to groups of the provider, and has a person leave them.
func TestGroups(t *testing.T) {
	t.Parallel()
	ann := account{email: "ann@example.com", name: "ann", groups: "dev, qa"}
	eve := account{email: "eve@example.com", name: "eve", groups: "ops"}
	s, provider := startDex(t, ann, eve)
	link, err := url.Parse(s.setup)
	if err != nil {
		t.Fatal(err)
	}
	s.sent("/", "/setup", "token", link.Query().Get("token"), "password", password, "again", password)
	for _, name := range []string{"shop", "site", "other"} {
		s.sent("/acme/"+name, "/", "owner", "acme", "name", name)
	}
	s.sent("/acme/shop/settings", "/acme/shop/members", "user", "group:dev", "role", "write")
	s.sent("/acme/site/settings", "/acme/site/members", "user", "group:/a b/dev", "role", "read")
	if page := s.page("/acme/site/settings"); !strings.Contains(page, "group:/a b/dev") {
		t.Error("the settings do not list the group")
	}

	_, c := s.viaProvider(t, ann.email)
	first := s.with(c)
	status := func(who *server, path string, want int) {
		t.Helper()
		if a := who.get(path); a.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, a.StatusCode, want)
		}
	}
	status(first, "/acme/shop/webhooks/new/edit", http.StatusNotFound) // a page of writers
	status(first, "/acme/site", http.StatusForbidden)
	_, c = s.viaProvider(t, eve.email)
	admin := s.with(c)
	status(admin, "/status", http.StatusOK)
	if page := first.page("/profile"); !strings.Contains(page, "<code>dev</code>, <code>qa</code>") {
		t.Error("the profile does not name the groups")
	}
	if page := first.page("/api/projects"); !strings.Contains(page, `"shop"`) {
		t.Errorf("the project of the group is not among the user's: %s", page)
	}

	ann.groups, eve.groups = "/a b/dev", ""
	provider.run(ann, eve)
	_, _ = s.viaProvider(t, eve.email)
	status(admin, "/status", http.StatusForbidden)
	_, c = s.viaProvider(t, ann.email)
	for what, who := range map[string]*server{"new": s.with(c), "old": first} {
		t.Log("the session that is", what)
		status(who, "/acme/shop", http.StatusForbidden)
		status(who, "/acme/site", http.StatusOK)
		status(who, "/acme/site/settings", http.StatusForbidden)
	}
	log := s.page("/api/audit")
	for _, want := range []string{"groups: none → dev, qa", "groups: dev, qa → /a b/dev", "admin: true → false"} {
		if !strings.Contains(log, want) {
			t.Errorf("the audit log does not say %q: %s", want, log)
		}
	}
}

// forgedSignOn sends answers that the provider did not give to this browser.
func (s *server) forgedSignOn(t *testing.T) {
	c := browsing(t, "/callback")
	a := throughDex(t, c, s.url+"/login/oidc", "ann@example.com")
	back := a.Header.Get("Location")
	if other := (&server{t: t, url: s.url, http: browsing(t, "")}).get(strings.TrimPrefix(back,
		s.url)); other.StatusCode != http.StatusUnauthorized ||
		!strings.Contains(other.body, "not begun in this browser") {
		t.Errorf("somebody else's way back: status %d", other.StatusCode)
	}
	if a := s.with(c).get(strings.Replace(strings.TrimPrefix(back, s.url), "code=", "code=x",
		1)); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("a code that the provider did not give: status %d", a.StatusCode)
	}
	if a := s.with(c).get(strings.TrimPrefix(back, s.url)); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("a sign-in that was used up: status %d", a.StatusCode)
	}
	refused := s.with(browsing(t, "")).get("/login/oidc/callback?error=access_denied&error_description=%3Cscript%3E")
	if refused.StatusCode != http.StatusUnauthorized || strings.Contains(refused.body, "<script>") {
		t.Errorf("an error of the provider: status %d", refused.StatusCode)
	}
}

// linkAccount links accounts to users and unlinks them.
func (s *server) linkAccount(t *testing.T) {
	r := s.request(http.MethodGet, "/profile/oidc", nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if a := s.do(r); a.StatusCode != http.StatusForbidden {
		t.Errorf("another site may link accounts: status %d", a.StatusCode)
	}
	if a := s.get("/profile/oidc"); a.StatusCode != http.StatusForbidden {
		t.Errorf("a bookmark may link accounts: status %d", a.StatusCode)
	}
	c := &http.Client{Jar: s.http.Jar}
	if a := throughDex(t, c, s.url+"/profile/oidc", "ann@example.com"); a.StatusCode != http.StatusBadRequest ||
		!strings.Contains(a.body, "signs in another user") {
		t.Errorf("ann's account is linked twice: status %d: %s", a.StatusCode, faultsOf(a.body))
	}
	s.sent("/users", "/users/Admin-2", "do", "delete")
	if a := throughDex(t, c, s.url+"/profile/oidc", "root@example.com"); a.StatusCode != http.StatusOK ||
		!strings.Contains(a.body, "You can sign in with the account now.") {
		t.Errorf("linking: status %d: %s", a.StatusCode, faultsOf(a.body))
	}
	if name, _ := s.viaProvider(t, "root@example.com"); name != "admin" {
		t.Errorf("the linked account signs in %s", name)
	}
	s.sent("/profile?done=unlinked", "/profile/oidc")
	ann, jar := s.viaProvider(t, "ann@example.com")
	if a := s.with(jar).post("/profile/oidc"); a.StatusCode != http.StatusBadRequest ||
		!strings.Contains(a.body, "only way you can sign in") {
		t.Errorf("%s may lock themselves out: status %d: %s", ann, a.StatusCode, a.body)
	}
}

// disabledSignOn signs in a disabled user.
func (s *server) disabledSignOn(t *testing.T) {
	s.sent("/users", "/users/crew", "do", "disable")
	if a := throughDex(t, browsing(t, ""), s.url+"/login/oidc",
		"crew@elsewhere.org"); a.StatusCode != http.StatusForbidden ||
		!strings.Contains(a.body, "User crew is disabled") {
		t.Errorf("a disabled user: status %d: %s", a.StatusCode, faultsOf(a.body))
	}
}

// browserSignOn signs in with a real browser.
func (s *server) browserSignOn(t *testing.T) {
	b := chromium(t)
	b.open(s.url + "/acme-2/nothing")
	b.js(`document.querySelector("a[href^='/login/oidc']").click()`)
	b.until(`document.querySelector("input[name=login]") !== null`)
	b.js(`(f => { f.elements.login.value = "owner@example.com"; f.elements.password.value = "` + password +
		`"; f.querySelector("button[type=submit]").click(); })(document.forms[0])`)
	b.until(`location.pathname === "/acme-2/nothing" && document.querySelector(".me")?.textContent.includes("acme-2")`)
	b.open(s.url + "/profile")
	b.until(`document.querySelector("form[action='/profile/oidc'] button") !== null`)
}

// TestSignOnWithoutProvider starts a server whose provider is down.
func TestSignOnWithoutProvider(t *testing.T) {
	t.Parallel()
	s, _ := startIn(t, t.TempDir(), false, func(c *app.Config) {
		c.OIDCIssuer = fmt.Sprintf("http://127.0.0.1:%d", testenv.Port(t))
		c.OIDCClientID, c.OIDCAllow = "hookyard", []string{"*"}
	})
	a := s.get("/login/oidc?next=/profile")
	if a.StatusCode != http.StatusServiceUnavailable || !strings.Contains(a.body, "does not say how to sign in") ||
		!strings.Contains(a.body, `name="password"`) {
		t.Errorf("status %d: %s", a.StatusCode, faultsOf(a.body))
	}
}
