package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"github.com/hookyard/hookyard/internal/app"
	"github.com/hookyard/hookyard/internal/store/storetest"
	"github.com/hookyard/hookyard/internal/testenv"
)

// call sends a command of the DevTools protocol.
func call[P, R any](b *tab, c cdp.Command[P, R], params P) R {
	b.t.Helper()
	var out R
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) (err error) {
		out, err = cdp.Call(ctx, t, c, params)
		return err
	}))
	return out
}

// device gives the browser an authenticator that answers at once, as a laptop does whose user touches the sensor.
func (b *tab) device() webauthn.AuthenticatorID {
	b.t.Helper()
	call(b, webauthn.Enable, webauthn.EnableParams{})
	return call(b, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
		Options: &webauthn.VirtualAuthenticatorOptions{Protocol: "ctap2", Transport: "internal", HasResidentKey: true,
			HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true},
	}).AuthenticatorID
}

// sign has the browser answer a challenge of the server, for navigator.credentials.get.
func (b *tab) sign(options string) string {
	b.t.Helper()
	answer, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`navigator.credentials.get({publicKey:
		PublicKeyCredential.parseRequestOptionsFromJSON((`+options+`).publicKey)})
		.then(c => JSON.stringify(c.toJSON()))`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatal(err)
	}
	return answer
}

// options begins a sign-in with a passkey in another browser than the tab's.
func (s *server) options() string {
	s.t.Helper()
	a := s.post("/login/passkey/options")
	if a.StatusCode != http.StatusOK {
		s.t.Fatalf("no options: status %d: %s", a.StatusCode, a.body)
	}
	return a.body
}

// atLocalhost has a server known as localhost, where browsers offer passkeys without TLS.
func atLocalhost(t *testing.T) func(c *app.Config) {
	port := testenv.Port(t)
	return func(c *app.Config) {
		c.Listen, c.BaseURL = fmt.Sprintf("127.0.0.1:%d", port), fmt.Sprintf("http://localhost:%d", port)
	}
}

// enrollPasskey has the first administrator choose a password and add a passkey, and returns the recovery codes.
func (b *tab) enrollPasskey(s *server) []string {
	b.t.Helper()
	b.open(s.setup)
	b.submit("main form", "password", password, "again", password)
	b.until(`location.pathname === "/"`)
	b.open(s.url + factorPage)
	b.until(`document.querySelector("[data-passkey]").hidden === false`)
	b.submit("[data-passkey]", "name", "laptop", "current", "not my password")
	b.until(`document.querySelector("[data-passkey] [role=alert]").textContent.includes("not your current password")`)
	b.submit("[data-passkey]", "name", "laptop", "current", password)
	b.until(`document.getElementById("codes") !== null`)
	return strings.Fields(b.js(`document.getElementById("codes").textContent`))
}

// TestPasskey adds a passkey and signs in with it, in a real browser, alone and after the password.
func TestPasskey(t *testing.T) {
	t.Parallel()
	s, _ := startIn(t, t.TempDir(), false, atLocalhost(t))
	b := chromium(t)
	device := b.device()
	codes := b.enrollPasskey(s)
	if len(codes) != 10 || b.js(`document.querySelector("main table").textContent.includes("laptop")`) != "true" {
		t.Fatalf("%d recovery codes, or the passkey is not listed", len(codes))
	}
	b.submit("[data-passkey]", "name", "again", "current", password)
	b.until(`document.querySelector("[data-passkey] [role=alert]").textContent.includes("already")`)

	signOut := func() {
		t.Helper()
		b.js(`document.querySelector("form[action='/logout'] button").click()`)
		b.until(`location.pathname === "/login" && document.querySelector("[data-passkey]").hidden === false`)
	}
	signOut()
	b.open(s.url + "/login?next=/profile")
	b.until(`document.querySelector("[data-passkey]").hidden === false`)
	b.js(`document.querySelector("[data-passkey] button").click()`)
	b.until(`location.pathname === "/profile" && document.querySelector(".me .user").textContent === "admin"`)
	signOut()
	b.submit("form[action='/login']", "username", "admin", "password", password)
	b.until(`document.querySelector("input[name=code]") !== null &&
		document.querySelector("[data-passkey]").hidden === false`)
	b.js(`document.querySelector("[data-passkey] button").click()`)
	b.until(`location.pathname === "/" && document.querySelector(".me .user").textContent === "admin"`)

	other := s.as("")
	if a := other.post("/login", "username", "admin", "password", password); !strings.Contains(a.body, `name="code"`) {
		t.Errorf("the password alone: status %d", a.StatusCode)
	}
	other.sent("/?done=in", "/login/step", "code", codes[0])
	log := other.page("/api/audit")
	for _, means := range []string{"by link", "by passkey", "by password and passkey", "by password and code",
		"passkey: none → laptop"} {
		if !strings.Contains(log, means) {
			t.Errorf("the audit log does not say %q: %s", means, log)
		}
	}
	b.open(s.url + "/login/nothing") // of the origin, without a form in the way
	b.passkeyAnswers(t, s, device)
	b.passkeyCopied(t, s, device, other)
	b.passkeyRemoved(t, s, other, codes)
}

// passkeyAnswers sends answers of a passkey that are used up, another's or not verified.
func (b *tab) passkeyAnswers(t *testing.T, s *server, device webauthn.AuthenticatorID) {
	other := s.as("")
	answer := b.sign(other.options())
	ticket := other.http.Jar.Cookies(mustParse(t, s.url+"/"))
	if a := s.as("").post("/login/passkey", "credential", answer); a.StatusCode != http.StatusBadRequest {
		t.Errorf("an answer in another browser: status %d", a.StatusCode)
	}
	thief := s.as("")
	thief.options()
	if a := thief.post("/login/passkey", "credential", answer); a.StatusCode != http.StatusBadRequest {
		t.Errorf("an answer to another challenge: status %d", a.StatusCode)
	}
	other.sent("/?done=in", "/login/passkey", "credential", answer)
	again := s.as("")
	again.http.Jar.SetCookies(mustParse(t, s.url+"/"), ticket)
	if a := again.post("/login/passkey", "credential", answer); a.StatusCode < 400 || a.StatusCode >= 500 {
		t.Errorf("an answer again: status %d", a.StatusCode)
	}
	for _, junk := range []string{"", "{}", "null", answer[:len(answer)/2],
		strings.Replace(answer, `"type"`, `"kind"`, 1)} {
		again.options()
		if a := again.post("/login/passkey", "credential", junk); a.StatusCode != http.StatusBadRequest {
			t.Errorf("junk for an answer: status %d for %.40q", a.StatusCode, junk)
		}
	}
	yes, no := true, false
	override := func(uv, signature *bool) {
		call(b, webauthn.SetResponseOverrideBits, webauthn.SetResponseOverrideBitsParams{AuthenticatorID: device,
			IsBadUV: uv, IsBogusSignature: signature})
	}
	for what, change := range map[string]func(){"its user was not verified": func() { override(&yes, &no) },
		"its signature is wrong": func() { override(&no, &yes) }} {
		change()
		a := again.post("/login/passkey", "credential", b.sign(again.options()))
		if a.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: status %d", what, a.StatusCode)
		}
	}
	override(&no, &no)
	again.sent("/?done=in", "/login/passkey", "credential", b.sign(again.options()))
}

// passkeyCopied sets the count of the device back, as that of a copy is.
func (b *tab) passkeyCopied(t *testing.T, s *server, device webauthn.AuthenticatorID, admin *server) {
	all := call(b, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: device}).Credentials
	if len(all) != 1 || all[0].SignCount < 3 {
		t.Fatalf("the device holds %+v", all)
	}
	// The library's type sends members that the browser takes only with an extension.
	add := cdp.Command[map[string]any, cdp.Empty]{Method: webauthn.CommandAddCredential}
	set := func(count float64) {
		call(b, webauthn.ClearCredentials, webauthn.ClearCredentialsParams{AuthenticatorID: device})
		call(b, add, map[string]any{"authenticatorId": device, "credential": map[string]any{
			"credentialId": all[0].CredentialID, "isResidentCredential": true, "rpId": all[0].RpID,
			"privateKey": all[0].PrivateKey, "userHandle": all[0].UserHandle, "signCount": count,
		}})
	}
	count := all[0].SignCount
	set(1)
	other := s.as("")
	if a := other.post("/login/passkey", "credential", b.sign(other.options())); a.StatusCode != http.StatusForbidden ||
		!strings.Contains(a.body, "as if there were a copy") {
		t.Errorf("a copy: status %d: %s", a.StatusCode, a.body)
	}
	if log := admin.page("/api/audit"); !strings.Contains(log, "may have been copied") ||
		!strings.Contains(log, `from 127.0.0.1: wrong passkey"`) {
		t.Errorf("the audit log does not tell of the copy, or of the answers before: %s", log)
	}
	set(count)
	other.sent("/?done=in", "/login/passkey", "credential", b.sign(other.options()))
}

// passkeyRemoved removes the only passkey: the password alone signs in again.
func (b *tab) passkeyRemoved(t *testing.T, s *server, admin *server, codes []string) {
	_, rest, _ := strings.Cut(admin.page(factorPage), `value="passkey:`)
	id, _, _ := strings.Cut(rest, `"`)
	if a := admin.post(factorPage, "do", "passkey:"+id, "current", password, "code",
		"123456"); a.StatusCode != http.StatusBadRequest {
		t.Errorf("removal with a wrong code: status %d", a.StatusCode)
	}
	admin.sent(factorPage+"?done=nofactor", factorPage, "do", "passkey:"+id, "current", password, "code", codes[1])
	other := s.as("")
	a := other.post("/login/passkey", "credential", b.sign(other.options()))
	if a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.body, "signs nobody in") {
		t.Errorf("a passkey that was removed: status %d", a.StatusCode)
	}
	s.as("admin").page(factorPage)
}

func mustParse(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestPasskeyOnNodes begins a sign-in on one node and ends it on the other.
func TestPasskeyOnNodes(t *testing.T) {
	t.Parallel()
	data, dsn := t.TempDir(), storetest.Postgres(t)
	at := atLocalhost(t)
	one, _ := startIn(t, data, false, at, func(c *app.Config) { c.Database = dsn })
	b := chromium(t)
	b.device()
	b.enrollPasskey(one)
	port := testenv.Port(t)
	_, _ = startIn(t, t.TempDir(), false, at, func(c *app.Config) {
		c.Database, c.NodeName = dsn, "two"
		c.Listen = fmt.Sprintf("127.0.0.1:%d", port)
		c.SecretKeyFile = filepath.Join(data, "secret.key")
	})
	onOne := one.as("")
	onTwo := &server{t: t, url: fmt.Sprintf("http://localhost:%d", port), http: onOne.http} // they share cookies
	answer := b.sign(onOne.options())
	onTwo.sent("/?done=in", "/login/passkey", "credential", answer)
	if a := onOne.get("/profile"); a.StatusCode != http.StatusOK {
		t.Errorf("the session on the first node: status %d", a.StatusCode)
	}
}
