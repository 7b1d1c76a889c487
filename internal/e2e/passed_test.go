package e2e_test

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-github/v75/github"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stripe/stripe-go/v82/webhook"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/signature"
)

// pass sends a request to a source's URL.
func pass(t *testing.T, method, url, body string, header http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: status %d", method, url, resp.StatusCode)
	}
}

// TestVerifiedBehindAHook verifies what a hook passes on with the libraries of Stripe, GitHub and Standard Webhooks,
// which the provider's receivers use.
func TestVerifiedBehindAHook(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "behind")
	rc := newReceiver(t, nil)
	y.hook("h", rc.url, client.HookPatch{})

	const secret = "whsec_c3RyaXBlIHNpZ25zIHdpdGggdGhpcyBzZWNyZXQ="
	payload := []byte(`{"id":"evt_1","object":"event","type":"charge.succeeded","api_version":"2025-08-27.basil",` +
		`"data":{"object":{"id":"ch_1"}}}`)
	signed := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: payload, Secret: secret})
	pass(t, http.MethodPost, y.source("stripe", "stripe", secret, client.SourcePatch{}), string(payload),
		http.Header{"Content-Type": {"application/json; charset=utf-8"}, "Stripe-Signature": {signed.Header}})
	got := rc.wait(t, 1)[0]
	if e, err := webhook.ConstructEventWithOptions(got.body, got.header.Get("Stripe-Signature"), secret,
		webhook.ConstructEventOptions{IgnoreAPIVersionMismatch: true}); err != nil || e.Type != "charge.succeeded" {
		t.Errorf("Stripe's library: event %s, %v", e.Type, err)
	}

	const push = `{"action":"opened","repository":{"full_name":"a/b"}}`
	pass(t, http.MethodPost, y.source("github", "github", "a secret", client.SourcePatch{}), push,
		http.Header{"Content-Type": {"application/json"}, "X-Github-Event": {"issues"}, "X-Github-Delivery": {"7"},
			"X-Hub-Signature-256": {signature.SignGitHub("a secret", []byte(push))}})
	got = rc.wait(t, 2)[1]
	r := &http.Request{Method: http.MethodPost, Header: got.header}
	if _, err := github.ValidatePayloadFromBody("application/json", bytes.NewReader(got.body),
		got.header.Get("X-Hub-Signature-256"), []byte("a secret")); err != nil || github.WebHookType(r) != "issues" {
		t.Errorf("go-github: event %s, %v", github.WebHookType(r), err)
	}

	wh, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	sign, err := wh.Sign("msg_1", time.Now(), payload)
	if err != nil {
		t.Fatal(err)
	}
	pass(t, http.MethodPost, y.source("standard", "none", "", client.SourcePatch{}), string(payload), http.Header{
		"Content-Type": {"application/json"}, "Webhook-Id": {"msg_1"}, "Webhook-Signature": {sign},
		"Webhook-Timestamp": {strconv.FormatInt(time.Now().Unix(), 10)}})
	if got = rc.wait(t, 3)[2]; wh.Verify(got.body, got.header) != nil {
		t.Errorf("the provider's signature of Standard Webhooks does not hold: %v", got.header)
	}

	own := signature.NewSecret()
	y.patch("h", client.HookPatch{Secret: &own})
	pass(t, http.MethodPost, y.s.url+"/in/"+y.project+"/standard", string(payload), http.Header{
		"Content-Type": {"application/json"}, "Webhook-Id": {"msg_2"}, "Webhook-Signature": {sign},
		"Webhook-Timestamp": {strconv.FormatInt(time.Now().Unix(), 10)}, "X-Hub-Signature": {"sha1=00"}})
	got = rc.wait(t, 4)[3]
	if err := verifies(t, own, got); err != nil || got.id == "msg_2" || got.header.Get("X-Hub-Signature") != "" {
		t.Errorf("a hook that signs: %v, %v", got.header, err)
	}
}

// TestArrivesWhole sends requests of providers through hooks and compares what arrives.
func TestArrivesWhole(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "whole")
	rc := newReceiver(t, nil)
	y.hook("raw", rc.url+"/hook?own=1", client.HookPatch{})
	at := y.source("in", "none", "", client.SourcePatch{})
	for i, c := range []struct {
		method, query, body string
		header              http.Header
	}{
		{"POST", "?tenant=7&own=2", `{"object_kind":"push"}`, http.Header{"Content-Type": {"application/json"},
			"X-Gitlab-Event": {"Push Hook"}, "X-Gitlab-Instance": {"https://git.example"},
			"X-Gitlab-Event-Uuid": {"13792a34"}, "Idempotency-Key": {"k"}}},
		{"POST", "", `{"id": 1}`, http.Header{"Content-Type": {"application/json"},
			"X-Shopify-Topic": {"orders/create"}, "X-Shopify-Shop-Domain": {"one.example"},
			"X-Shopify-Hmac-Sha256": {"abc="}, "X-Shopify-Webhook-Id": {"b54557e4"}}},
		{"POST", "", "\x00\x01binary", http.Header{"Content-Type": {"application/vnd.thing"}, "Ce-Id": {"1"},
			"Ce-Source": {"/s"}, "Ce-Type": {"thing.made"}, "Ce-Specversion": {"1.0"}, "Ce-Tenant": {"7"}}},
		{"GET", "?hub=1&x=%2F", "", http.Header{"X-Team": {"blue"}}},
		{"PUT", "", "x=1", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}},
		{"DELETE", "?id=7", "", http.Header{"X-Team": {"blue"}}},
	} {
		c.header["Cookie"] = []string{"session=1"}
		c.header["Authorization"] = []string{"Bearer hidden"}
		c.header["X-Forwarded-Host"] = []string{"evil.example"}
		pass(t, c.method, at+c.query, c.body, c.header)
		got := rc.wait(t, i+1)[i]
		if got.method != c.method || string(got.body) != c.body {
			t.Errorf("%s %s arrived as %s with %q", c.method, c.body, got.method, got.body)
		}
		for name, values := range c.header {
			switch name {
			case "Cookie", "Authorization", "X-Forwarded-Host":
				values = []string{""}
			}
			if got.header.Get(name) != values[0] {
				t.Errorf("request %d: %s is %q, want %q", i, name, got.header.Get(name), values[0])
			}
		}
		want := "own=1"
		if rest := strings.TrimPrefix(strings.TrimSuffix(c.query, "&own=2"), "?"); rest != "" {
			want += "&" + rest
		}
		if got.query != want {
			t.Errorf("request %d: query %q, want %q", i, got.query, want)
		}
	}

	y.patch("raw", client.HookPatch{Format: ptr("cloudevents-binary"), Forward: &hookyard.Forward{Path: ptr(true)},
		Method: ptr("PUT")})
	pass(t, "POST", at+"/status/7", "text", http.Header{"Content-Type": {"text/plain"}, "Ce-Id": {"9"},
		"Ce-Source": {"/s"}, "Ce-Type": {"a"}, "Ce-Specversion": {"1.0"}, "X-Team": {"blue"}})
	got := rc.wait(t, 7)[6]
	if got.method != "PUT" || got.path != "/hook/status/7" || got.header.Get("Ce-Id") != "9" ||
		got.header.Get("X-Team") != "blue" || string(got.body) != "text" {
		t.Errorf("a binary CloudEvent arrived as %+v", got)
	}
}
