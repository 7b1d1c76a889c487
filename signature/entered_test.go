package signature_test

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard/signature"
)

func TestCheckEntered(t *testing.T) {
	t.Parallel()
	const key = "MDEyMzQ1Njc4OUFCQ0RFRjAxMjM0NTY3ODlBQkNERUY="
	standard := &signature.Scheme{Header: "X-Signature", KeyEncoding: "standard"}
	for _, c := range []struct {
		provider, secret string
		scheme           *signature.Scheme
		want             string // part of the error; "" means it is fine
	}{
		{"", "", nil, ""},
		{"", "top", nil, ""},
		{"", "two words", nil, ""},
		{"", "pässwörd-\U0001f511", nil, ""},
		{"", "whsec_" + key, nil, ""},
		{"", key, nil, ""}, // a text like any other to sign with
		{"stripe", "whsec_" + key, nil, ""},
		{"github", key, nil, ""},
		{"standard-webhooks", "whsec_" + key, nil, ""},
		{"standard-webhooks", "whpk_" + key, nil, ""},
		{"standard-webhooks", "a text of ours", nil, ""},
		{"standard-webhooks", strings.Repeat("0123456789abcdef", 4), nil, ""},
		{"gitlab", key, nil, ""}, // may be a secret token

		{"", "   ", nil, "only white space"},
		{"", "\t", nil, "only white space"},
		{"", " top", nil, "begins or ends"},
		{"", "top ", nil, "begins or ends"},
		{"", "top\r\n", nil, "begins or ends"},
		{"", "top\u00a0", nil, "begins or ends"},
		{"", "top\u200b", nil, "begins or ends"},
		{"", "\ufefftop", nil, "begins or ends"},
		{"basic", "user:pass ", nil, "begins or ends"},
		{"", "v1,whsec_" + key, nil, "before whsec_"},
		{"stripe", "secret=whsec_" + key, nil, "before whsec_"},
		{"", "v1a,whsk_" + key, nil, "before whsk_"},
		{"", "whsec_" + key + " whsec_" + key, nil, "several"},
		{"", "v1,whsec_" + key + "|v1,whsec_" + key, nil, "several"},
		{"", `"whsec_` + key + `"`, nil, "quotes"},
		{"standard-webhooks", key, nil, "whsec_ in front"},
		{"svix", strings.TrimRight(key, "="), nil, "whsec_ in front"},
		{"hmac", key, standard, "whsec_ in front"},
	} {
		err := signature.CheckEntered(c.provider, c.secret, c.scheme)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("CheckEntered(%q, %q) = %v; want %q", c.provider, c.secret, err, c.want)
		}
	}
}

// TestReplayIsRefused sends Discord's and Zendesk's requests again after an hour, as an eavesdropper would.
func TestReplayIsRefused(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	now, body := time.Unix(1_800_000_000, 0), []byte(`{"type":2}`)
	discord := func(stamp string) http.Header {
		return http.Header{"X-Signature-Timestamp": {stamp}, "X-Signature-Ed25519": {
			hex.EncodeToString(ed25519.Sign(private, append([]byte(stamp), body...)))}}
	}
	zendesk := func(stamp string) http.Header {
		mac := hmac.New(sha256.New, []byte("key"))
		_, _ = mac.Write(append([]byte(stamp), body...))
		return http.Header{"X-Zendesk-Webhook-Signature-Timestamp": {stamp}, "X-Zendesk-Webhook-Signature": {
			base64.StdEncoding.EncodeToString(mac.Sum(nil))}}
	}
	for _, c := range []struct {
		provider, secret string
		header           http.Header
		good             bool
	}{
		{"discord", hex.EncodeToString(public), discord("1800000000"), true},
		{"discord", hex.EncodeToString(public), discord("1799996400"), false},
		{"discord", hex.EncodeToString(public), discord("+1800000000"), false},
		{"zendesk", "key", zendesk(now.UTC().Format(time.RFC3339)), true},
		{"zendesk", "key", zendesk(now.UTC().Add(-time.Hour).Format(time.RFC3339)), false},
		{"zendesk", "key", zendesk("1800000000"), false},
	} {
		v, err := signature.New(c.provider, []string{c.secret}, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = v.Verify(&signature.Request{Method: "POST", Header: c.header, Body: body, Now: now})
		if (err == nil) != c.good {
			t.Errorf("%s with %v: %v", c.provider, c.header, err)
		}
	}
}
