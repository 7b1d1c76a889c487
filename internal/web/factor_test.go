package web_test

import (
	"encoding/base32"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/hookyard/hookyard/internal/app"
)

const factorPage = "/profile/second-factor"

var (
	secretField  = regexp.MustCompile(`name="secret" value="([A-Z2-7]{32})"`)
	recoveryCode = regexp.MustCompile(`(?:[0-9a-z]{4}-){3}[0-9a-z]{4}`)
)

// code is the code that an authenticator app shows some steps of 30 seconds from now.
func code(t *testing.T, secret string, steps int) string {
	t.Helper()
	c, err := totp.GenerateCode(secret, time.Now().Add(time.Duration(steps)*30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// enroll connects an authenticator app with the user who is signed in. Its next code is that of a step later.
func (s *server) enroll() (secret string, codes []string) {
	s.t.Helper()
	page := s.page(factorPage)
	found := secretField.FindStringSubmatch(page)
	if found == nil || !strings.Contains(page, `<svg class="qr"`) {
		s.t.Fatal("the page offers no secret")
	}
	s.sent(factorPage+"?done=factor", factorPage, "do", "add", "secret", found[1], "current", password,
		"code", code(s.t, found[1], 0))
	page = s.page(factorPage + "?done=factor")
	return found[1], recoveryCode.FindAllString(page, -1)
}

func TestSecondFactor(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s, _ := startIn(t, data, false)
	s.finishSetup()
	before := s.as("admin")
	wrong := secretField.FindStringSubmatch(s.page(factorPage))[1]
	for field, form := range map[string][]string{
		"current": {"do", "add", "secret", wrong, "current", "not my password", "code", code(t, wrong, 0)},
		"code":    {"do", "add", "secret", wrong, "current", password, "code", "12345"},
	} {
		a := s.post(factorPage, form...)
		if a.StatusCode != http.StatusBadRequest || !strings.Contains(a.body, `id="fault-`+field+`"`) ||
			!strings.Contains(a.body, wrong) {
			t.Errorf("wrong %s: status %d: %s", field, a.StatusCode, faultsOf(a.body))
		}
	}
	if a := s.post(factorPage, "do", "add", "secret", "AAAA", "current", password, "code",
		code(t, "AAAA", 0)); a.StatusCode != http.StatusBadRequest {
		t.Errorf("a secret of two bytes: status %d", a.StatusCode)
	}

	secret, codes := s.enroll()
	if len(codes) != 10 || recoveryCode.MatchString(s.page(factorPage)) {
		t.Fatalf("there are %d recovery codes, want ten that are shown once", len(codes))
	}
	if a := before.get("/profile"); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("a session from before the second factor: status %d", a.StatusCode)
	}
	if page := s.page("/profile"); !strings.Contains(page, "asks for a second factor, too") {
		t.Error("the profile does not say that there is a second factor")
	}
	s.stepSignIn(t, secret, codes)
	s.factorAndPassword(t, codes)
	s.noPlainSecret(t, data, secret, codes)
	s.changeFactors(t, secret, codes)
	s.resetFactor(t)
}

// finishSetup signs the first administrator in.
func (s *server) finishSetup() {
	s.t.Helper()
	link, err := url.Parse(s.setup)
	if err != nil {
		s.t.Fatal(err)
	}
	s.sent("", "/setup", "token", link.Query().Get("token"), "password", password, "again", password)
}

// stepSignIn signs in with the codes of the app and with recovery codes.
func (s *server) stepSignIn(t *testing.T, secret string, codes []string) {
	other := s.as("")
	login := func(next string) string {
		t.Helper()
		a := other.post("/login", "username", "admin", "password", password, "next", next, "keep.note", "typed")
		if a.StatusCode != http.StatusOK || !strings.Contains(a.body, `name="code"`) {
			t.Fatalf("the password: status %d: %s", a.StatusCode, a.body)
		}
		return a.body
	}
	if a := other.post("/login/step", "code", code(t, secret, 0)); a.StatusCode != http.StatusUnauthorized ||
		!strings.Contains(a.body, `name="password"`) {
		t.Errorf("a code without a password: status %d", a.StatusCode)
	}
	if page := login("/profile"); !strings.Contains(page, `value="/profile"`) || !strings.Contains(page, "typed") {
		t.Errorf("the second step loses the form that was typed: %s", page)
	}
	if a := other.get("/profile"); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("the password alone signs in: status %d", a.StatusCode)
	}
	if a := other.get("/login/step"); a.StatusCode != http.StatusOK || !strings.Contains(a.body, `name="code"`) {
		t.Errorf("the page of the step, loaded again: status %d", a.StatusCode)
	}
	for what, c := range map[string]string{"another": "abc", "an old one": code(t, secret, -3)} {
		if a := other.post("/login/step", "code", c); a.StatusCode != http.StatusUnauthorized ||
			!strings.Contains(a.body, "Wrong code") {
			t.Errorf("%s: status %d: %s", what, a.StatusCode, faultsOf(a.body))
		}
	}
	a := other.post("/login/step", "code", " "+codes[0]+" ", "next", "/profile", "keep.note", "typed")
	if a.StatusCode != http.StatusOK || !strings.Contains(a.body, "typed") ||
		!strings.Contains(a.body, `action="/profile"`) {
		t.Errorf("a recovery code: status %d: %s", a.StatusCode, faultsOf(a.body))
	}
	if page := other.page("/api/audit"); !strings.Contains(page, `by password and code`) ||
		!strings.Contains(page, `"action":"user.recovery-code","subject":"admin","detail":"9 left"`) ||
		!strings.Contains(page, "wrong code") {
		t.Errorf("the audit log: %s", page)
	}
	other = s.as("")
	login("/")
	if a := other.post("/login/step", "code", codes[0]); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("a recovery code again: status %d", a.StatusCode)
	}
	other.sent("/profile?done=in", "/login/step", "code", code(t, secret, 1), "next", "/profile")
	if a := other.post("/login/step", "code", codes[1]); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("a step that is over: status %d", a.StatusCode)
	}
}

// factorAndPassword tries the password alone elsewhere, and has an administrator reset it.
func (s *server) factorAndPassword(t *testing.T, codes []string) {
	token := regexp.MustCompile(`hky_[0-9a-z]+`).FindString(
		s.led("/profile/tokens", "name", "ci", "scope", "manage", "expiresIn", "168h"))
	r := s.as("").request(http.MethodGet, "/api/user", nil)
	r.SetBasicAuth("admin", password)
	if a := s.as("").do(r); a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.body, "use a token") {
		t.Errorf("Basic with the password: status %d: %s", a.StatusCode, a.body)
	}
	if a := s.as("").get("/api/user?token=" + token); a.StatusCode != http.StatusOK {
		t.Errorf("a token: status %d", a.StatusCode)
	}
	s.sent("/users", "/users/admin", "do", "password", "password", password)
	other := s.as("")
	if a := other.post("/login", "username", "admin", "password", password); !strings.Contains(a.body, `name="code"`) {
		t.Errorf("after a password reset the factor is gone: status %d", a.StatusCode)
	}
	other.sent("/?done=in", "/login/step", "code", codes[1])
}

// noPlainSecret looks for secrets in the files of the database.
func (s *server) noPlainSecret(t *testing.T, data, secret string, codes []string) {
	raw, err := base32.StdEncoding.DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(data, "hookyard.db*"))
	if err != nil || len(files) == 0 {
		t.Fatal("no database", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, plain := range []string{secret, string(raw), codes[2], strings.ReplaceAll(codes[2], "-", "")} {
			if strings.Contains(string(b), plain) {
				t.Errorf("%s holds %q", filepath.Base(name), plain)
			}
		}
	}
}

// changeFactors makes new recovery codes and removes the app.
func (s *server) changeFactors(t *testing.T, secret string, old []string) {
	for _, c := range []string{"", code(t, secret, -4)} {
		if a := s.post(factorPage, "do", "remove", "current", password, "code",
			c); a.StatusCode != http.StatusBadRequest || !strings.Contains(a.body, `id="fault-code"`) {
			t.Errorf("removal with code %q: status %d", c, a.StatusCode)
		}
	}
	codes := recoveryCode.FindAllString(s.led(factorPage, "do", "codes", "current", password, "code", old[3]), -1)
	if len(codes) != 10 {
		t.Fatalf("there are %d new recovery codes", len(codes))
	}
	if a := s.post(factorPage, "do", "remove", "current", password, "code",
		old[4]); a.StatusCode != http.StatusBadRequest {
		t.Errorf("an old recovery code removes the app: status %d", a.StatusCode)
	}
	s.sent(factorPage+"?done=nofactor", factorPage, "do", "remove", "current", password, "code", codes[0])
	s.as("admin").page("/profile") // the password signs in again
	if page := s.page("/api/audit"); !strings.Contains(page, "authenticator app: *** → none") ||
		!strings.Contains(page, "recovery codes: changed") {
		t.Errorf("the audit log: %s", page)
	}
}

// resetFactor has an administrator remove the factor of a user who has lost it.
func (s *server) resetFactor(t *testing.T) {
	s.sent("/users?done=created", "/users", "name", "ann", "password", password)
	ann := s.as("ann")
	ann.enroll()
	if page := s.page("/users"); !strings.Contains(page, "Remove second factor") {
		t.Error("the page of users does not offer to reset ann's factor")
	}
	s.sent("/users", "/users/ann", "do", "factor")
	if a := ann.get("/profile"); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("ann's session goes on: status %d", a.StatusCode)
	}
	s.as("ann").page("/profile")
	if page := s.page("/api/audit"); !strings.Contains(page, `"subject":"ann","detail":"second factor: reset"`) {
		t.Errorf("the audit log: %s", page)
	}
}

// TestRequiredFactor leads an administrator without a second factor to set one up.
func TestRequiredFactor(t *testing.T) {
	t.Parallel()
	s, _ := startIn(t, t.TempDir(), false, func(c *app.Config) { c.RequireFactor = "admins" })
	s.finishSetup()
	for _, path := range []string{"/", "/profile", "/status", "/admin/shop"} {
		if a := s.get(path); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != factorPage {
			t.Errorf("%s: status %d to %q", path, a.StatusCode, a.Header.Get("Location"))
		}
	}
	for _, a := range []answer{s.get("/api/user"), s.get("/api/projects"),
		s.post("/", "owner", "admin", "name", "shop"), s.post("/profile/tokens", "name", "x", "scope", "manage"),
		s.post("/users", "name", "eve", "password", password)} {
		if a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, "requires a second factor") {
			t.Errorf("%s %s: status %d: %s", a.Request.Method, a.Request.URL, a.StatusCode, a.body)
		}
	}
	other := s.as("")
	other.sent("/?done=in", "/login", "username", "admin", "password", password)
	session := other.request(http.MethodGet, "/", nil)
	for _, c := range other.http.Jar.Cookies(session.URL) {
		session.AddCookie(c)
	}
	other.sent("/login?done=out", "/logout")
	if a := s.as("").do(session); a.Header.Get("Location") == factorPage {
		t.Error("signing out does not end a session without a second factor")
	}
	s.enroll()
	s.page("/")
	s.sent("/users?done=created", "/users", "name", "eve", "password", password)
	if a := s.as("eve").get("/"); a.StatusCode != http.StatusOK {
		t.Errorf("a user who is no administrator: status %d", a.StatusCode)
	}
}
