package e2e_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-github/v75/github"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/signature"
)

// verifies returns an error unless the Standard Webhooks library accepts the request with the secret.
func verifies(t *testing.T, secret string, a arrival) error {
	t.Helper()
	wh, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	return wh.Verify(a.body, a.header)
}

// TestOfficialVerifiers verifies deliveries with the libraries that receivers use, through three rotations.
func TestOfficialVerifiers(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "signed")
	rc := newReceiver(t, nil)
	secrets := []string{signature.NewSecret()}
	y.hook("h", rc.url, client.HookPatch{Secret: &secrets[0], Signature: ptr("both")})
	y.publish("order.created", `{"n": 1}`)
	if err := verifies(t, secrets[0], rc.wait(t, 1)[0]); err != nil {
		t.Errorf("the first delivery: %v", err)
	}
	for range 3 {
		made, err := y.c.RotateHookSecret(t.Context(), y.project, "h",
			client.Rotation{Overlap: ptr(hookyard.Duration(time.Hour))})
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, made.Secret)
	}
	y.publish("order.created", `{"n": 2, "text": "ünï <&>"}`)
	rotated := rc.wait(t, 2)[1]
	for i, secret := range secrets {
		if err := verifies(t, secret, rotated); err != nil {
			t.Errorf("after three rotations, secret %d: %v", i, err)
		}
	}
	newest := secrets[len(secrets)-1]
	r, err := http.NewRequest(http.MethodPost, "/", bytes.NewReader(rotated.body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = rotated.header
	if got, err := github.ValidatePayload(r, []byte(newest)); err != nil || !bytes.Equal(got, rotated.body) {
		t.Errorf("go-github does not accept the delivery: %v", err)
	}
	if github.WebHookType(r) != "order.created" || github.DeliveryID(r) != rotated.id {
		t.Errorf("go-github reads event %q and delivery %q", github.WebHookType(r), github.DeliveryID(r))
	}

	leaked, err := y.c.RotateHookSecret(t.Context(), y.project, "h",
		client.Rotation{Overlap: ptr(hookyard.Duration(0))})
	if err != nil {
		t.Fatal(err)
	}
	y.publish("order.created", `{"n": 3}`)
	last := rc.wait(t, 3)[2]
	if err := verifies(t, leaked.Secret, last); err != nil {
		t.Errorf("the secret that replaced a leaked one: %v", err)
	}
	for i, secret := range secrets {
		if verifies(t, secret, last) == nil {
			t.Errorf("secret %d was dropped at once and still signs", i)
		}
	}
}

// TestMixedKeys rotates from HMAC to ed25519: both keys sign during the overlap.
func TestMixedKeys(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "mixed")
	rc := newReceiver(t, nil)
	symmetric := signature.NewSecret()
	private, public := signature.NewKeyPair()
	y.hook("h", rc.url, client.HookPatch{Secret: &symmetric, Signature: ptr(hookyard.SignBoth)})
	if _, err := y.c.RotateHookSecret(t.Context(), y.project, "h", client.Rotation{Secret: private}); err != nil {
		t.Fatal(err)
	}
	y.publish("order.created", `{"n": 1}`)
	a := rc.wait(t, 1)[0]
	if err := verifies(t, symmetric, a); err != nil {
		t.Errorf("the old HMAC key: %v", err)
	}
	if got := a.header.Get("X-Hub-Signature-256"); got != "sha256="+hexMAC(symmetric, string(a.body)) {
		t.Errorf("the signature in GitHub's scheme with the old key is %q", got)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(public, "whpk_"))
	if err != nil {
		t.Fatal(err)
	}
	signed := append([]byte(a.id+"."+a.header.Get("webhook-timestamp")+"."), a.body...)
	good := false
	for s := range strings.FieldsSeq(a.header.Get("webhook-signature")) {
		if text, ok := strings.CutPrefix(s, "v1a,"); ok {
			sig, err := base64.StdEncoding.DecodeString(text)
			good = err == nil && ed25519.Verify(key, signed, sig)
		}
	}
	if !good {
		t.Errorf("no ed25519 signature that %s verifies in %q", public, a.header.Get("webhook-signature"))
	}
}

// TestEveryAttempt: every attempt has the same id and body, its own timestamp and a valid signature.
func TestEveryAttempt(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "attempts")
	rc := newReceiver(t, first(2, http.StatusInternalServerError))
	secret := signature.NewSecret()
	y.hook("h", rc.url, client.HookPatch{Secret: &secret, Schedule: waits(0, time.Second, 1200*time.Millisecond)})
	id := y.publish("order.created", `{"big": 12345678901234567890123.10, "order": {"b":1,"a" :2}}`)
	all := rc.wait(t, 3)
	for i, a := range all {
		if a.id != id || !bytes.Equal(a.body, all[0].body) {
			t.Errorf("attempt %d: id %s, body %s", i+1, a.id, a.body)
		}
		if err := verifies(t, secret, a); err != nil {
			t.Errorf("attempt %d: %v", i+1, err)
		}
	}
	if all[0].header.Get("webhook-timestamp") == all[2].header.Get("webhook-timestamp") {
		t.Error("the timestamp is not that of the attempt")
	}
	d := y.ended(id, "h", hookyard.Delivered)
	if len(d.History) != 3 || d.History[0].Status != 500 || d.History[2].Status != 204 {
		t.Errorf("history %+v", d.History)
	}
}

// TestOneSignature holds that a hook signs in one way, so that no receiver gets GitHub's signature of a body that its
// sender has given the form of what Standard Webhooks signs with the same key. Both must be asked for.
func TestOneSignature(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "one-signature")
	secret := "a secret that both could use"
	for i, c := range []struct {
		set              client.HookPatch
		standard, github bool
	}{
		{client.HookPatch{}, true, false},
		{client.HookPatch{Format: ptr("github")}, false, true},
		{client.HookPatch{Format: ptr("github"), Signature: ptr("standard")}, true, false},
		{client.HookPatch{Signature: ptr("github")}, false, true},
		{client.HookPatch{Signature: ptr("both")}, true, true},
	} {
		rc := newReceiver(t, nil)
		c.set.Secret = &secret
		id := fmt.Sprint("h", i)
		c.set.Events = &hookyard.Selector{Names: []string{id}}
		h := y.hook(id, rc.url, c.set)
		y.publish(id, `{"chosen": "by the sender"}`)
		a := rc.wait(t, 1)[0]
		if got := a.header.Get("Webhook-Signature") != ""; got != c.standard {
			t.Errorf("%+v: signed as in Standard Webhooks: %t", h, got)
		}
		github := a.header.Get("X-Hub-Signature-256")
		if github != "" != c.github || c.github && github != "sha256="+hexMAC(secret, string(a.body)) {
			t.Errorf("%+v: signed as GitHub does: %q", h, github)
		}
	}
	if _, err := y.c.PatchHook(t.Context(), y.project, "h1", client.HookPatch{Signature: ptr("none")}); err == nil ||
		!strings.Contains(err.Error(), "standard, github, both") {
		t.Errorf("another signature: %v", err)
	}
}
