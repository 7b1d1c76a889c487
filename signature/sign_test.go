package signature

import (
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	official "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// The reference library uses the real clock, so these two tests do too.

func TestOfficialVerifiesOurs(t *testing.T) {
	t.Parallel()
	body := []byte("{\"type\":\"a.b\",\"data\":\"\\u00fc ü\"}\n")
	text := strings.Repeat("any text ", 3)
	for _, secret := range []string{NewSecret(), NewSecret(), text} {
		private, _ := NewKeyPair()
		h := signed(t, []string{private, NewSecret(), secret}, "evt_01", time.Now(), body)
		theirs, err := official.NewWebhook(secret)
		if secret == text {
			theirs, err = official.NewWebhookRaw([]byte(secret))
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := theirs.Verify(body, h); err != nil {
			t.Errorf("the reference library refuses our signature: %v", err)
		}
		if theirs.Verify(append(body, ' '), h) == nil {
			t.Error("the reference library accepts a changed body")
		}
	}
}

func TestWeVerifyOfficial(t *testing.T) {
	t.Parallel()
	now := time.Now()
	secret := NewSecret()
	body := []byte(`{"a":1}`)
	theirs, err := official.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	value, err := theirs.Sign("msg_1", now, body)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := SignStandard([]string{secret}, "msg_1", now, body)
	if err != nil || ours != value {
		t.Errorf("ours %s, theirs %s, %v", ours, value, err)
	}
	h := signed(t, []string{secret}, "msg_1", now, body)
	h.Del(HeaderSignature)
	if err := VerifyStandard([]string{secret}, h, body, now); err == nil {
		t.Error("an unsigned message verifies")
	}
	h.Set(HeaderSignature, value)
	if err := VerifyStandard([]string{NewSecret(), secret}, h, body, now); err != nil {
		t.Error(err)
	}
	if err := VerifyStandard([]string{NewSecret()}, h, body, now); err == nil {
		t.Error("another secret verifies")
	}
	if err := VerifyStandard(nil, h, body, now); err == nil {
		t.Error("no secret verifies")
	}
}

func TestSignStandard(t *testing.T) {
	t.Parallel()
	now := time.Unix(noon, 0)
	private, public := NewKeyPair()
	value, err := SignStandard([]string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", private},
		"msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if err != nil {
		t.Fatal(err)
	}
	symmetric, asymmetric, _ := strings.Cut(value, " ")
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; symmetric != want {
		t.Errorf("got %s, want %s", symmetric, want)
	}
	text, ok := strings.CutPrefix(asymmetric, "v1a,")
	sum, err := base64.StdEncoding.DecodeString(text)
	key, err2 := base64.StdEncoding.DecodeString(strings.TrimPrefix(public, "whpk_"))
	if !ok || err != nil || err2 != nil || !ed25519.Verify(key,
		[]byte(`msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}`), sum) {
		t.Errorf("ed25519 signature %s does not verify", asymmetric)
	}
	for _, tc := range []struct{ secret, id string }{{"s", ""}, {"s", "a.b"}, {"", "a"}, {public, "a"},
		{"whsec_x", "a"}} {
		if v, err := SignStandard([]string{tc.secret}, tc.id, now, nil); err == nil {
			t.Errorf("SignStandard(%q, %q) = %s", tc.secret, tc.id, v)
		}
	}
	if _, err := SignStandard(nil, "a", now, nil); err == nil {
		t.Error("signed without a secret")
	}
}

func TestSignGitHub(t *testing.T) {
	t.Parallel()
	want := "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
	if got := SignGitHub("It's a Secret to Everybody", []byte("Hello, World!")); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCheckSecret(t *testing.T) {
	t.Parallel()
	private, public := NewKeyPair()
	whsec := func(n int) string { return "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, n)) }
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(private, "whsk_"))
	key[40] ^= 1
	for secret, ok := range map[string]bool{
		"": false, " ": true, "x": true, "It's a Secret": true, NewSecret(): true,
		whsec(23): false, whsec(24): true, whsec(75): true, whsec(76): false, "whsec_": false, "whsec_***": false,
		strings.TrimRight(whsec(32), "="): true,
		private:                           true, public: false, "whsk_": false, "whsk_AAAA": false, "WHSK_x": true,
		"whsk_" + base64.StdEncoding.EncodeToString(key[:32]): true,
		"whsk_" + base64.StdEncoding.EncodeToString(key):      false,
	} {
		if err := CheckSecret(secret); (err == nil) != ok {
			t.Errorf("CheckSecret(%q) = %v", secret, err)
		}
	}
	seed := "whsk_" + base64.StdEncoding.EncodeToString(key[:32])
	for _, s := range []string{private, seed} {
		if got, err := PublicKey(s); err != nil || got != public {
			t.Errorf("PublicKey = %s, %v", got, err)
		}
	}
	if _, err := PublicKey(public); err == nil {
		t.Error("PublicKey accepts a public key")
	}
	if a, b := NewSecret(), NewSecret(); a == b {
		t.Error("NewSecret repeats itself")
	}
}
