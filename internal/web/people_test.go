package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

const password = "correct horse battery"

// signedIn is start with sign-in on and the first admin signed in through the one-time link.
func signedIn(t *testing.T) (*server, string) {
	t.Helper()
	s, receiver := start(t, false)
	link, err := url.Parse(s.setup)
	if err != nil {
		t.Fatal(err)
	}
	token := link.Query().Get("token")
	if !strings.Contains(s.page(link.RequestURI()), "Set the password of user <b>admin</b>") {
		t.Fatal("the one-time link does not greet the administrator")
	}
	if a := s.post("/setup", "token", token, "password", password, "again",
		"another one altogether"); a.StatusCode != http.StatusBadRequest ||
		!strings.Contains(a.body, "The two passwords differ.") {
		t.Fatalf("two passwords: status %d", a.StatusCode)
	}
	if a := s.post("/setup", "token", token, "password", "short", "again",
		"short"); a.StatusCode != http.StatusBadRequest {
		t.Fatalf("a short password: status %d", a.StatusCode)
	}
	s.sent("/", "/setup", "token", token, "password", password, "again", password)
	if a := s.post("/setup", "token", token, "password", password, "again",
		password); a.StatusCode != http.StatusForbidden {
		t.Fatalf("the link is good twice: status %d", a.StatusCode)
	}
	if a := s.get("/api/user?token=" + token); a.StatusCode != http.StatusUnauthorized {
		t.Fatalf("the link's token is still good: status %d", a.StatusCode)
	}
	if a := s.get("/api/audit"); !strings.Contains(a.body, `"actor":"admin","action":"user.update","subject":"admin"`) {
		t.Fatalf("the audit log does not say that the admin chose the password: %s", a.body)
	}
	if a := s.get("/api/audit"); !strings.Contains(a.body, `"action":"user.sign-in","subject":"admin"`) {
		t.Fatalf("the audit log does not say that the admin signed in: %s", a.body)
	}
	return s, receiver
}

// as is the server seen by somebody else, signed in when a name is given.
func (s *server) as(name string) *server {
	s.t.Helper()
	other := &server{t: s.t, url: s.url}
	other.http = other.browser()
	if name != "" {
		other.sent("/", "/login", "username", name, "password", password)
	}
	return other
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	s, _ := signedIn(t)
	stranger := s.as("")
	if a := stranger.get("/profile"); a.StatusCode != http.StatusUnauthorized ||
		!strings.Contains(a.body, `name="username"`) || !strings.Contains(a.body, `value="/profile"`) {
		t.Errorf("a page that needs sign-in: status %d", a.StatusCode)
	}
	if a := stranger.post("/login", "username", "admin", "password",
		"wrong"); a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.body, "Wrong user name or password") ||
		!strings.Contains(a.body, `value="admin"`) {
		t.Errorf("a wrong password: status %d", a.StatusCode)
	}
	for _, next := range []string{"//evil.example/", `/\evil.example`, "https://evil.example/", "/logout"} {
		stranger = s.as("")
		stranger.sent("/?done=in", "/login", "username", "admin", "password", password, "next", next)
	}
	stranger = s.as("")
	a := stranger.post("/login", "username", "admin", "password", password, "next", "/profile")
	if a.Header.Get("Location") != "/profile?done=in" {
		t.Errorf("signing in leads to %q", a.Header.Get("Location"))
	}
	cookie := a.Header.Get("Set-Cookie") // of the session, the first
	for _, want := range []string{"HttpOnly", "SameSite=Lax", "Path=/"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("the cookie %q lacks %s", cookie, want)
		}
	}
	profile := s.page("/profile")
	ended := regexp.MustCompile(
		`action="/profile/sessions"><input type="hidden" name="id" value="([^"]+)"`).FindAllStringSubmatch(profile, -1)
	if len(ended) != 6 {
		t.Fatalf("%d sessions are listed", len(ended))
	}
	s.sent("/profile", "/profile/sessions", "id", ended[0][1])
	if a := stranger.get("/profile"); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("the ended session answers %d", a.StatusCode)
	}
	s.sent("/login", "/logout")
	if a := s.get("/profile"); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("after signing out: status %d", a.StatusCode)
	}
}

// TestGuessesKeepNobodyOut guesses a user's password in the form: the user signs in again in the browser that did
// before, and is slowed down in another.
func TestGuessesKeepNobodyOut(t *testing.T) {
	t.Parallel()
	s, _ := signedIn(t)
	s.sent("/login", "/logout")
	stranger := s.as("")
	last := 0
	for range 1000 {
		last = stranger.post("/login", "username", "admin", "password", "wrong password").StatusCode
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the last guess is answered with %d", last)
	}
	if a := stranger.post("/login", "username", "admin", "password", "a password that is another"); a.StatusCode !=
		http.StatusTooManyRequests {
		t.Errorf("the name is not slowed down: status %d", a.StatusCode)
	}
	s.sent("/", "/login", "username", "admin", "password", password)
}

// TestTokens creates tokens on the profile, uses them and deletes them.
func TestTokens(t *testing.T) {
	t.Parallel()
	s, _ := signedIn(t)
	stranger := s.as("")
	token := regexp.MustCompile(`hky_[a-z0-9]+`).FindString(s.led("/profile/tokens", "name", "ci", "scope", "manage",
		"expiresIn", "168h"))
	if token == "" || strings.Contains(s.page("/profile"), token) {
		t.Errorf("the token %q is not shown once", token)
	}
	if a := stranger.get("/api/user?token=" + token); a.StatusCode != http.StatusOK {
		t.Errorf("the token is not good: %s", a.body)
	}
	read := regexp.MustCompile(`hky_[a-z0-9]+`).FindString(s.led("/profile/tokens", "name", "eyes", "scope", "read",
		"expiresIn", "168h"))
	if a := stranger.get("/profile?token=" + read); a.StatusCode != http.StatusForbidden {
		t.Errorf("a token that may read sees the profile: status %d", a.StatusCode)
	}
	s.sent("/profile", "/profile/revoke", "id",
		regexp.MustCompile(
			`action="/profile/revoke"><input type="hidden" name="id" value="([^"]+)"`).FindStringSubmatch(
			s.page("/profile"))[1])
	id := regexp.MustCompile(
		`action="/profile/revoke"><input type="hidden" name="id" value="([^"]+)"`).FindStringSubmatch(
		s.page("/profile"))
	s.sent("/profile", "/profile/revoke", "id", id[1])
	if a := stranger.get("/api/user?token=" + token); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("the revoked token is good")
	}
}

// TestOthersTokens has administrators of the server and of a project revoke what a member created, and holds that a
// token with less than all rights makes no bins.
func TestOthersTokens(t *testing.T) {
	t.Parallel()
	s, _ := signedIn(t)
	s.sent("/users", "/users", "name", "ann", "password", password)
	s.sent("/admin/p", "/", "owner", "admin", "name", "p", "description", "")
	s.sent("/admin/p/settings", "/admin/p/members", "user", "ann", "role", "write")
	ann := s.as("ann")
	id := func(page, action string) string {
		t.Helper()
		found := regexp.MustCompile(`action="` + action + `"><input type="hidden" name="id" value="([^"]+)"`).
			FindStringSubmatch(page)
		if found == nil {
			t.Fatalf("no token to revoke at %s", action)
		}
		return found[1]
	}
	for _, c := range []struct{ scope, project, page, action string }{
		{"manage", "admin/p", "/admin/p/settings", "/admin/p/tokens"},
		{"read", "", "/tokens", "/tokens"},
	} {
		token := regexp.MustCompile(`hky_[a-z0-9]+`).FindString(ann.led("/profile/tokens", "name", "anns", "scope",
			c.scope, "project", c.project, "expiresIn", "168h"))
		if a := s.as("").post("/api/bins?token=" + token); a.StatusCode != http.StatusForbidden {
			t.Errorf("a token of scope %s for %q makes a bin: status %d", c.scope, c.project, a.StatusCode)
		}
		if a := ann.post("/tokens", "id", "any"); a.StatusCode != http.StatusForbidden {
			t.Errorf("ann revokes as an administrator: status %d", a.StatusCode)
		}
		page := s.page(c.page)
		if strings.Contains(page, token) || !strings.Contains(page, "anns") {
			t.Errorf("%s lists the token's secret, or not the token", c.page)
		}
		s.sent(c.page+"?done=revoked", c.action, "id", id(page, c.action))
		if a := s.as("").get("/api/user?token=" + token); a.StatusCode != http.StatusUnauthorized {
			t.Errorf("the token revoked at %s answers %d", c.page, a.StatusCode)
		}
	}
	token := regexp.MustCompile(`hky_[a-z0-9]+`).FindString(ann.led("/profile/tokens", "name", "x", "scope", "read",
		"expiresIn", "168h"))
	s.sent("/users", "/users/ann", "do", "password", "password", password+"2", "revoke", "on")
	if a := s.as("").get("/api/user?token=" + token); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("after the password was reset the token answers %d", a.StatusCode)
	}
}

// TestPassword changes passwords: the browser that does stays signed in, others do not.
func TestPassword(t *testing.T) {
	t.Parallel()
	s, _ := signedIn(t)
	if a := s.post("/profile/password", "current", "wrong", "password", password+"2", "again",
		password+"2"); a.StatusCode != http.StatusBadRequest ||
		!strings.Contains(a.body, "That is not your current password.") {
		t.Errorf("the wrong old password: status %d", a.StatusCode)
	}
	other := s.as("")
	other.sent("/?done=in", "/login", "username", "admin", "password", password)
	s.sent("/profile?done=password", "/profile/password", "current", password, "password", password+"2", "again",
		password+"2")
	if a := s.get("/profile"); a.StatusCode != http.StatusOK {
		t.Errorf("who changed the password: status %d", a.StatusCode)
	}
	if a := other.get("/profile"); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("another browser after the password was changed: status %d", a.StatusCode)
	}
	s.sent("/users?done=saved", "/users/admin", "do", "password", "password", password+"3")
	if a := s.get("/users"); a.StatusCode != http.StatusOK {
		t.Errorf("an administrator who changed the own password at /users: status %d", a.StatusCode)
	}
}

// TestInvite has a user choose a password by the link that an administrator was shown.
func TestInvite(t *testing.T) {
	t.Parallel()
	s, _ := signedIn(t)
	find := func(page string) string {
		t.Helper()
		link := regexp.MustCompile(`<code id="link">[^<]*(/setup\?token=[a-z0-9]+)</code>`).FindStringSubmatch(page)
		if link == nil {
			t.Fatalf("no link is shown: %s", page)
		}
		return link[1]
	}
	first := find(s.led("/users", "name", "ann", "invite", "on"))
	page := s.page("/users")
	if strings.Contains(page, "setup?token") || !strings.Contains(page, "invited, link not used yet") {
		t.Error("the link is shown twice, or the list does not say that ann is invited")
	}
	link := find(s.led("/users/ann", "do", "invite"))
	ann := s.as("")
	if a := ann.get(first); a.StatusCode != http.StatusForbidden {
		t.Errorf("the link that was replaced: status %d", a.StatusCode)
	}
	if !strings.Contains(ann.page(link), "<b>ann</b>") {
		t.Error("the link does not say for whom it is")
	}
	_, token, _ := strings.Cut(link, "=")
	ann.sent("/?done=in", "/setup", "token", token, "password", password, "again", password)
	if a := ann.get(link); a.StatusCode != http.StatusForbidden {
		t.Errorf("the used link: status %d", a.StatusCode)
	}
	if !strings.Contains(ann.page("/profile"), "ann") {
		t.Error("ann is not signed in")
	}
	if a := s.post("/users/ann", "do", "invite"); a.StatusCode != http.StatusBadRequest {
		t.Errorf("an invitation of a user with a password: status %d", a.StatusCode)
	}
}

func TestGuessingIsSlowed(t *testing.T) {
	t.Parallel()
	s, _ := signedIn(t)
	stranger := s.as("")
	for range 8 {
		a := stranger.post("/login", "username", "admin", "password", "guess")
		if a.StatusCode == http.StatusTooManyRequests {
			if !strings.Contains(a.body, "again") {
				t.Error("who guesses is not told when to try again")
			}
			return
		}
	}
	t.Error("eight wrong guesses were not slowed down")
}

// TestTypedTextSurvives ends a session while somebody fills in a form.
func TestTypedTextSurvives(t *testing.T) {
	t.Parallel()
	s, receiver := signedIn(t)
	s.sent("/admin/p", "/", "owner", "admin", "name", "p")
	lost := s.as("")
	a := lost.post("/admin/p/webhooks", "payloadUrl", receiver, "description", "typed \"text\"\n<b>", "id", "kept",
		"ours", "1", "active", "on")
	if a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.body, "what you typed is still there") {
		t.Fatalf("status %d", a.StatusCode)
	}
	fields := regexp.MustCompile(
		`(?s)name="(keep\.[^"]+)" aria-hidden="true">\n(.*?)</textarea>`).FindAllStringSubmatch(a.body, -1)
	pairs := []string{"username", "admin", "password", password, "next", "/admin/p/webhooks"}
	for _, f := range fields {
		pairs = append(pairs, f[1], unescape(f[2]))
	}
	a = lost.post("/login", pairs...)
	if a.StatusCode != http.StatusOK || !strings.Contains(a.body, `action="/admin/p/webhooks"`) {
		t.Fatalf("after signing in: status %d\n%s", a.StatusCode, a.body)
	}
	pairs = nil
	for _, f := range regexp.MustCompile(
		`(?s)name="([^"]+)" aria-hidden="true">\n(.*?)</textarea>`).FindAllStringSubmatch(a.body, -1) {
		pairs = append(pairs, f[1], unescape(f[2]))
	}
	lost.sent("/admin/p/webhooks", "/admin/p/webhooks", pairs...)
	if a := lost.get("/api/projects/admin/p/hooks/kept"); !strings.Contains(a.body, `"typed \"text\"\n<b>"`) {
		t.Errorf("the form was not sent as it was typed: %s", a.body)
	}
}

func unescape(s string) string {
	return strings.NewReplacer("&#34;", `"`, "&lt;", "<", "&gt;", ">", "&#39;", "'", "&amp;", "&").Replace(s)
}

// TestRights holds that no right and no project look the same, and that ids lead nowhere outside their project.
func TestRights(t *testing.T) {
	t.Parallel()
	s, receiver := signedIn(t)
	for _, name := range []string{"ann", "bob"} {
		s.sent("/users", "/users", "name", name, "password", password)
	}
	ann, bob := s.as("ann"), s.as("bob")
	x := ann.stockAs("ann", receiver)
	bob.sent("/bob/own", "/", "owner", "bob", "name", "own")
	none, right := bob.get("/ann/nothing"), bob.get("/ann/shop")
	if none.StatusCode != http.StatusForbidden || right.StatusCode != http.StatusForbidden ||
		strings.ReplaceAll(none.body, "nothing", "shop") != right.body {
		t.Errorf("no project answers %d, no right %d; they must look the same", none.StatusCode, right.StatusCode)
	}
	for _, path := range []string{"/bob/own/events/" + x.event, "/bob/own/events/" + x.event + "/edit",
		"/bob/own/deliveries/" + x.failing, "/bob/own/webhooks/billing"} {
		if a := bob.get(path); a.StatusCode != http.StatusNotFound {
			t.Errorf("GET %s: status %d", path, a.StatusCode)
		}
	}
	for _, path := range []string{"/bob/own/webhooks/billing", "/ann/shop/webhooks/billing",
		"/bob/own/deliveries/" + x.failing, "/bob/own/events/" + x.event} {
		for _, do := range []string{"", "delete", "retry", "test", "rotate", "update"} {
			if a := bob.post(path, "do", do, "payloadUrl", receiver); a.StatusCode < 400 || a.StatusCode >= 500 {
				t.Errorf("POST %s %s: status %d", path, do, a.StatusCode)
			}
		}
	}
	if a := ann.get("/ann/shop/webhooks/billing"); a.StatusCode != http.StatusOK {
		t.Errorf("ann's hook is gone: status %d", a.StatusCode)
	}
	for _, path := range []string{"/users", "/status"} {
		if a := bob.get(path); a.StatusCode != http.StatusForbidden {
			t.Errorf("%s: status %d", path, a.StatusCode)
		}
	}
	ann.sent("/ann/shop/settings", "/ann/shop/members", "user", "bob", "role", "read")
	if page := bob.page("/ann/shop/webhooks"); strings.Contains(page, "formNewWebhook") {
		t.Error("a reader is shown the form")
	}
	if a := bob.post("/ann/shop/webhooks", "payloadUrl", receiver); a.StatusCode != http.StatusForbidden {
		t.Errorf("a reader may make hooks: status %d", a.StatusCode)
	}
	if a := bob.get("/ann/shop/settings"); a.StatusCode != http.StatusForbidden {
		t.Errorf("a reader may see settings: status %d", a.StatusCode)
	}
}

// TestOtherSites holds that no page of another site changes anything.
func TestOtherSites(t *testing.T) {
	t.Parallel()
	s, receiver := signedIn(t)
	s.sent("/admin/p", "/", "owner", "admin", "name", "p")
	for _, header := range []http.Header{{"Sec-Fetch-Site": {"cross-site"}}, {"Origin": {"https://evil.example"}},
		{"Sec-Fetch-Site": {"same-site"}}} {
		for _, path := range []string{"/admin/p/webhooks", "/admin/p/delete", "/logout", "/login", "/profile/tokens"} {
			r := s.request(http.MethodPost, path, strings.NewReader("payloadUrl="+receiver+"&confirm=admin/p"))
			r.Header = header.Clone()
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if a := s.do(r); a.StatusCode != http.StatusForbidden {
				t.Errorf("POST %s with %v: status %d", path, header, a.StatusCode)
			}
		}
	}
	if a := s.get("/admin/p"); a.StatusCode != http.StatusOK {
		t.Errorf("the project: status %d", a.StatusCode)
	}
}
