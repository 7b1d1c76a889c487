package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func mac256(key, text string) []byte {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(text))
	return m.Sum(nil)
}

func TestTraps(t *testing.T) {
	t.Parallel()
	const body = `{"a":1}`
	sum := mac256("s", body)
	lower, upper := hex.EncodeToString(sum), strings.ToUpper(hex.EncodeToString(sum))
	padded := base64.StdEncoding.EncodeToString(sum)
	bare := strings.TrimRight(padded, "=")
	std := func(id, ts string) string {
		return base64.StdEncoding.EncodeToString(mac256("s", id+"."+ts+"."+body))
	}
	head := func(ts, list string) string {
		return "webhook-id: m\nwebhook-timestamp: " + ts + "\nwebhook-signature: " + list
	}
	stripe := func(ts string) string { return hex.EncodeToString(mac256("s", ts+"."+body)) }
	hub := func(ms string) string {
		return base64.StdEncoding.EncodeToString(mac256("s", "POSThttps://hooks.example.org/in/a/b/c"+body+ms))
	}
	for _, tc := range []struct {
		name, typ, scheme, header string
		reason                    string // part of it; "" when it must pass
	}{
		{name: "upper case hex", typ: "github", header: "X-Hub-Signature-256: sha256=" + upper},
		{name: "spaces around", typ: "github", header: "X-Hub-Signature-256:   sha256=" + lower + "  "},
		{name: "prefix missing", typ: "github", header: "X-Hub-Signature-256: " + lower,
			reason: `does not begin with "sha256="`},
		{name: "prefix upper case", typ: "github", header: "X-Hub-Signature-256: SHA256=" + lower,
			reason: "does not begin with"},
		{name: "prefix alone", typ: "github", header: "X-Hub-Signature-256: sha256=", reason: "is not hex"},
		{name: "half a signature", typ: "github", header: "X-Hub-Signature-256: sha256=" + lower[:32],
			reason: "does not match"},
		{name: "odd hex", typ: "github", header: "X-Hub-Signature-256: sha256=" + lower[:63], reason: "is not hex"},
		{name: "base64 for hex", typ: "github", header: "X-Hub-Signature-256: sha256=" + padded, reason: "is not hex"},
		{name: "only sha1", typ: "github", header: "X-Hub-Signature: sha1=" + lower[:40],
			reason: "X-Hub-Signature-256 is missing"},
		{name: "twice, both right", typ: "github", header: "X-Hub-Signature-256: sha256=" + lower +
			"\nX-Hub-Signature-256: sha256=" + lower, reason: "present 2 times"},
		{name: "twice, second right", typ: "github",
			header: "X-Hub-Signature-256: sha256=00\nX-Hub-Signature-256: sha256=" + lower, reason: "present 2 times"},

		{name: "base64 padded", typ: "shopify", header: "X-Shopify-Hmac-SHA256: " + padded},
		{name: "base64 without padding", typ: "shopify", header: "X-Shopify-Hmac-SHA256: " + bare},
		{name: "hex for base64", typ: "shopify", header: "X-Shopify-Hmac-SHA256: " + lower, reason: "does not match"},
		{name: "not base64", typ: "shopify", header: "X-Shopify-Hmac-SHA256: ****", reason: "is not base64"},

		{name: "list with unknown versions", typ: "standard-webhooks",
			header: head("1795348800", "v9,zzz v1a,AAAA nonsense , v1,AAAA v1,"+std("m", "1795348800"))},
		{name: "right signature, unknown version", typ: "standard-webhooks",
			header: head("1795348800", "v2,"+std("m", "1795348800")), reason: "holds no signature v1"},
		{name: "signature without version", typ: "standard-webhooks",
			header: head("1795348800", std("m", "1795348800")), reason: "holds no signature v1"},
		{name: "list without padding", typ: "standard-webhooks",
			header: head("1795348800", "v1,"+strings.TrimRight(std("m", "1795348800"), "="))},
		{name: "too many signatures", typ: "standard-webhooks",
			header: head("1795348800", strings.Repeat("v1,AAAA ", 16)+"v1,"+std("m", "1795348800")),
			reason: "at most 16"},
		{name: "5 minutes old", typ: "standard-webhooks", header: head("1795348500", "v1,"+std("m", "1795348500"))},
		{name: "over 5 minutes old", typ: "standard-webhooks", header: head("1795348499", "v1,"+std("m", "1795348499")),
			reason: "5m1s old"},
		{name: "5 minutes ahead", typ: "standard-webhooks", header: head("1795349100", "v1,"+std("m", "1795349100"))},
		{name: "over 5 minutes ahead", typ: "standard-webhooks",
			header: head("1795349101", "v1,"+std("m", "1795349101")), reason: "in the future"},
		{name: "300 years ahead", typ: "standard-webhooks", header: head("11262067200", "v1,"+std("m", "11262067200")),
			reason: "in the future"},
		{name: "milliseconds for seconds", typ: "standard-webhooks",
			header: head("1795348800000", "v1,"+std("m", "1795348800000")), reason: `not in the unit "s"`},
		{name: "a fraction", typ: "standard-webhooks", header: head("1795348800.5", "v1,"+std("m", "1795348800.5")),
			reason: `not in the unit "s"`},
		{name: "negative", typ: "standard-webhooks", header: head("-1795348800", "v1,"+std("m", "-1795348800")),
			reason: `not in the unit "s"`},
		{name: "another id", typ: "standard-webhooks",
			header: strings.Replace(head("1795348800", "v1,"+std("m", "1795348800")), "id: m", "id: n", 1),
			reason: "does not match"},
		{name: "tolerance widened", typ: "standard-webhooks", scheme: `{"tolerance":"1h"}`,
			header: head("1795346000", "v1,"+std("m", "1795346000"))},
		{name: "tolerance off", typ: "standard-webhooks", scheme: `{"tolerance":"off"}`,
			header: head("5", "v1,"+std("m", "5"))},

		{name: "stripe ignores v0", typ: "stripe", header: "Stripe-Signature: t=1795348800,v0=" + stripe("1795348800"),
			reason: "holds no signature v1"},
		{name: "stripe with spaces", typ: "stripe", header: "Stripe-Signature: t=1795348800, v1=" +
			stripe("1795348800")},
		{name: "stripe without time", typ: "stripe", header: "Stripe-Signature: v1=" + stripe(""),
			reason: "timestamp is missing"},
		{name: "stripe with two times", typ: "stripe", header: "Stripe-Signature: t=5,t=1795348800,v1=" + stripe("5"),
			reason: "two timestamps"},

		{name: "hubspot", typ: "hubspot",
			header: "X-HubSpot-Request-Timestamp: 1795348800000\nX-HubSpot-Signature-v3: " + hub("1795348800000")},
		{name: "milliseconds, 3000 years ahead", typ: "hubspot",
			header: "X-HubSpot-Request-Timestamp: 96467328000000\nX-HubSpot-Signature-v3: " + hub("96467328000000"),
			reason: "in the future"},
		{name: "seconds for milliseconds", typ: "hubspot",
			header: "X-HubSpot-Request-Timestamp: 1795348800\nX-HubSpot-Signature-v3: " + hub("1795348800"),
			reason: `a unit other than "ms"`},
		{name: "address changed by a proxy", typ: "hubspot", scheme: `{"url":"https://other.example.org/x"}`,
			header: "X-HubSpot-Request-Timestamp: 1795348800000\nX-HubSpot-Signature-v3: " + hub("1795348800000"),
			reason: "https://other.example.org/x"},

		{name: "bearer lower case", typ: "token", header: "Authorization: bearer s"},
		{name: "bearer without token", typ: "token", header: "Authorization: Bearer", reason: "is not this source's"},
		{name: "bare token", typ: "token", header: "Authorization: s", reason: "must be: Bearer"},
		{name: "wrong token, right one twice", typ: "token", header: "Authorization: Bearer x\nAuthorization: Bearer s",
			reason: "present 2 times"},
		{name: "token header prefix", typ: "token", scheme: `{"header":"X-Key","prefix":"Key "}`,
			header: "X-Key: key s"},
		{name: "token header without prefix", typ: "token", scheme: `{"header":"X-Key","prefix":"Key "}`,
			header: "X-Key: s", reason: "does not begin with"},
		{name: "token in another header", typ: "token", scheme: `{"header":"X-Key"}`, header: "Authorization: Bearer s",
			reason: "X-Key is missing"},

		{name: "gitlab token although signed by a key we lack", typ: "gitlab",
			header: head("1795348800", "v1,AAAA") + "\nX-Gitlab-Token: s"},
		{name: "gitlab wrong token", typ: "gitlab", header: "X-Gitlab-Token: S",
			reason: "X-Gitlab-Token is not this source's"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := verify(must(t, tc.typ, tc.scheme, "s"), post(tc.header, body))
			if d.OK != (tc.reason == "") || !strings.Contains(d.Reason, tc.reason) {
				t.Errorf("OK = %v, reason %q, want %q", d.OK, d.Reason, tc.reason)
			}
		})
	}
}

// A body that went through JSON, a charset or gzip is another body.
func TestBodyIsRaw(t *testing.T) {
	t.Parallel()
	v := must(t, "github", "", "s")
	for _, body := range []string{"{\"a\": 1.50,\n \"ü\":\"\\u00fc\"}\r\n", "\xff\xfe\x00", ""} {
		r := post("X-Hub-Signature-256: "+SignGitHub("s", []byte(body)), body)
		if d := verify(v, r); !d.OK {
			t.Errorf("%q: %s", body, d.Reason)
		}
		r.Body = append(r.Body, '\n')
		if verify(v, r).OK {
			t.Errorf("%q with a line break more verifies", body)
		}
	}
}

func TestEmptySecretNeverVerifies(t *testing.T) {
	t.Parallel()
	for _, typ := range Names() {
		info, _ := Lookup(typ)
		for _, secrets := range [][]string{nil, {""}, {"", ""}} {
			v, err := New(typ, secrets, nil)
			if info.NeedsSecret != (err != nil) {
				t.Errorf("New(%s, %q) = %v", typ, secrets, err)
			}
			if err != nil || typ == "none" {
				continue
			}
			r := post("X-Hook-Signature: "+hex.EncodeToString(mac256("", "{}"))+"\nAuthorization: Bearer ", "{}")
			if d := verify(v, r); d.OK {
				t.Errorf("%s without a secret verifies", typ)
			}
		}
	}
	for _, secret := range []string{"whsec_", "whsec_====", "whpk_", "whsk_"} {
		if _, err := New("standard-webhooks", []string{secret}, nil); err == nil {
			t.Errorf("%s is taken for a secret", secret)
		}
	}
	v := must(t, "token", "", "s", "")
	for _, h := range []string{"Authorization: Bearer ", "Authorization: Bearer", "Authorization: "} {
		if verify(v, post(h, "")).OK {
			t.Errorf("%q verifies", h)
		}
	}
	r := post("", "")
	r.URL += "?token="
	if verify(v, r).OK {
		t.Error("an empty token in the query verifies")
	}
}

func TestSeveralSecrets(t *testing.T) {
	t.Parallel()
	v := must(t, "github", "", "new", "old")
	for secret, want := range map[string]bool{"new": true, "old": true, "older": false, "": false} {
		if d := verify(v, post("X-Hub-Signature-256: "+SignGitHub(secret, []byte("x")), "x")); d.OK != want {
			t.Errorf("signed with %q: OK = %v", secret, d.OK)
		}
	}
	private, public := NewKeyPair()
	v = must(t, "standard-webhooks", "", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", public, "text")
	for _, secret := range []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", private, "text"} {
		r := post("", "x")
		r.Header = signed(t, []string{secret}, "m", r.Now, r.Body)
		if d := verify(v, r); !d.OK {
			t.Error(d.Reason)
		}
	}
}

func TestStatusOnFailAndCredentials(t *testing.T) {
	t.Parallel()
	if d := verify(must(t, "shopify", `{"statusOnFail":403}`, "s"), post("", "")); d.Status != http.StatusForbidden {
		t.Errorf("status %d", d.Status)
	}
	for typ, want := range map[string]string{
		"github": "[] []", "none": "[] []", "twilio": "[] []", "token": "[Authorization] [token access_token]",
		"basic": "[Authorization] []", "postmark": "[Authorization] []", "okta": "[Authorization] []",
		"gitlab": "[X-Gitlab-Token] []", "telegram": "[X-Telegram-Bot-Api-Secret-Token] []",
	} {
		if got := fmt.Sprint(must(t, typ, "", "a:b").Credentials()); got != want {
			t.Errorf("%s: %s, want %s", typ, got, want)
		}
	}
	if got := fmt.Sprint(must(t, "token", `{"header":"x-api-key"}`, "s").Credentials()); got != "[X-Api-Key] []" {
		t.Error(got)
	}
}

// Ed25519 is expensive: an unverified sender must not cause as many verifications as signatures fit into the headers.
func TestManySignaturesAreCheap(t *testing.T) {
	t.Parallel()
	_, public := NewKeyPair()
	v := must(t, "standard-webhooks", "", public)
	list := strings.Repeat("v1a,"+base64.StdEncoding.EncodeToString(make([]byte, 64))+" ", 700)
	d := verify(v, post("webhook-id: m\nwebhook-timestamp: 1795348800\nwebhook-signature: "+list, "x"))
	if d.OK || !strings.Contains(d.Reason, "at most 16") {
		t.Errorf("%+v", d)
	}
}
