package e2e_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/hookyard/hookyard/client"
)

func mac(secret, content string) []byte {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(content))
	return m.Sum(nil)
}

func hexMAC(secret, content string) string { return hex.EncodeToString(mac(secret, content)) }

// TestGitHubVector sends the example from GitHub's documentation.
func TestGitHubVector(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "github")
	in := y.source("github", "github", "It's a Secret to Everybody", client.SourcePatch{})
	rc := newReceiver(t, nil)
	y.hook("h", rc.url, client.HookPatch{})
	send := func(signature, delivery string) reply {
		return ask(t, http.MethodPost, in, []byte("Hello, World!"), "X-Hub-Signature-256", signature,
			"X-GitHub-Event", "push", "X-GitHub-Delivery", delivery, "Content-Type", "text/plain")
	}
	good := "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
	forged := "sha256=" + strings.Repeat("0", 64)

	if r := send(forged, "d-1"); r.status != http.StatusUnauthorized {
		t.Errorf("a forged signature: %d %s", r.status, r.body)
	}
	one := send(good, "d-1") // the forged request must not have used up the id
	if one.status != http.StatusOK {
		t.Fatalf("GitHub's own example: %d %s", one.status, one.body)
	}
	again := send(good, "d-1")
	if again.status != http.StatusOK || again.id(t) != one.id(t) {
		t.Errorf("the same delivery again: %d %s, first %s", again.status, again.body, one.body)
	}
	if r := send(forged, "d-1"); r.status != http.StatusUnauthorized {
		t.Errorf("a forged duplicate: %d %s", r.status, r.body)
	}
	other := send(good, "d-2")
	if other.id(t) == one.id(t) {
		t.Error("a different delivery was treated as a duplicate")
	}
	if got := rc.wait(t, 2)[0]; string(got.body) != "Hello, World!" || got.header.Get("X-GitHub-Event") != "push" ||
		got.header.Get("Content-Type") != "text/plain" {
		t.Errorf("the hook got %q, %v", got.body, got.header)
	}
	if n := len(y.events()); n != 2 {
		t.Errorf("%d events are stored, want 2", n)
	}
	refused, err := y.c.Refused(t.Context(), y.project, "github", 10)
	if err != nil || len(refused) != 2 || !strings.Contains(refused[0].Reason, "does not match") ||
		refused[0].Text != "Hello, World!" {
		t.Errorf("refused %+v, %v", refused, err)
	}
}

// TestProviders sends requests signed as each provider documents it: valid, forged and stale.
func TestProviders(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "providers")
	raw := base64.StdEncoding.EncodeToString([]byte("0123456789abcdef01234567"))
	slack := "8f742231b10e8888abcd99yyyzzz85a5"
	for _, tc := range []struct {
		kind, secret, body, wantType string
		sign                         func(at time.Time, body string) []string
		timed                        bool
	}{
		{kind: "stripe", secret: "whsec_test_secret",
			body: `{"id":"evt_1","type":"invoice.paid","data":{"amount":100}}`, wantType: "invoice.paid", timed: true,
			sign: func(at time.Time, body string) []string {
				ts := strconv.FormatInt(at.Unix(), 10)
				return []string{"Stripe-Signature", "t=" + ts + ",v1=" + hexMAC("whsec_old", ts+"."+body) + ",v1=" +
					hexMAC("whsec_test_secret", ts+"."+body) + ",v0=00"}
			}},
		{kind: "slack", secret: slack,
			body:     "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&command=%2Fwebhook-collect&text=",
			wantType: "slack", timed: true,
			sign: func(at time.Time, body string) []string {
				ts := strconv.FormatInt(at.Unix(), 10)
				return []string{"X-Slack-Request-Timestamp", ts, "X-Slack-Signature",
					"v0=" + hexMAC(slack, "v0:"+ts+":"+body)}
			}},
		{kind: "standard-webhooks", secret: "whsec_" + raw, body: `{"type":"user.created","data":{}}`,
			wantType: "user.created", timed: true,
			sign: func(at time.Time, body string) []string { return standard(t, raw, "webhook-", at, body) }},
		{kind: "svix", secret: "whsec_" + raw, body: `{"type":"user.deleted","data":{}}`, wantType: "user.deleted",
			timed: true,
			sign:  func(at time.Time, body string) []string { return standard(t, raw, "svix-", at, body) }},
		{kind: "gitlab", secret: "glsecret", body: `{"object_kind":"push"}`, wantType: "Push Hook",
			sign: func(time.Time, string) []string {
				return []string{"X-Gitlab-Token", "glsecret", "X-Gitlab-Event", "Push Hook"}
			}},
		{kind: "gitea", secret: "gitea", body: `{"ref":"refs/heads/main"}`, wantType: "push",
			sign: func(_ time.Time, body string) []string {
				return []string{"X-Gitea-Signature", hexMAC("gitea", body), "X-Gitea-Event", "push"}
			}},
		{kind: "shopify", secret: "shpss", body: `{"id":1}`, wantType: "orders/create",
			sign: func(_ time.Time, body string) []string {
				return []string{"X-Shopify-Hmac-SHA256", base64.StdEncoding.EncodeToString(mac("shpss", body)),
					"X-Shopify-Topic", "orders/create"}
			}},
	} {
		t.Run(tc.kind, func(t *testing.T) {
			in := y.source(tc.kind, tc.kind, tc.secret, client.SourcePatch{})
			now := time.Now()
			r := ask(t, http.MethodPost, in, []byte(tc.body), tc.sign(now, tc.body)...)
			if r.status != http.StatusOK {
				t.Fatalf("a good request: %d %s", r.status, r.body)
			}
			if got := y.body(r.id(t)); string(got) != tc.body {
				t.Errorf("stored %q", got)
			}
			if e, err := y.c.Event(t.Context(), y.project, r.id(t)); err != nil || e.Type != tc.wantType ||
				!strings.HasPrefix(e.Verified, tc.kind) {
				t.Errorf("type %q verified %q, error %v", e.Type, e.Verified, err)
			}
			if tc.kind != "gitlab" { // its token does not cover the body
				if r := ask(t, http.MethodPost, in, []byte(tc.body+" "),
					tc.sign(now, tc.body)...); r.status != http.StatusUnauthorized {
					t.Errorf("a changed body: %d %s", r.status, r.body)
				}
			}
			if r := ask(t, http.MethodPost, in, []byte(tc.body)); r.status != http.StatusUnauthorized {
				t.Errorf("no signature: %d %s", r.status, r.body)
			}
			for _, off := range []time.Duration{-6 * time.Minute, 6 * time.Minute} {
				if r := ask(t, http.MethodPost, in, []byte(tc.body), tc.sign(now.Add(off), tc.body)...); tc.timed &&
					r.status != http.StatusUnauthorized {
					t.Errorf("signed %s off: %d %s", off, r.status, r.body)
				}
			}
			twice := append(tc.sign(now, tc.body), tc.sign(now, tc.body)[:2]...)
			if r := ask(t, http.MethodPost, in, []byte(tc.body), twice...); r.status != http.StatusUnauthorized {
				t.Errorf("a duplicate signature header: %d %s", r.status, r.body)
			}
		})
	}
}

// standard signs with the Standard Webhooks library. Svix uses the same scheme with other header names.
func standard(t *testing.T, key, prefix string, at time.Time, body string) []string {
	t.Helper()
	wh, err := standardwebhooks.NewWebhook(key)
	if err != nil {
		t.Fatal(err)
	}
	id := "msg_" + prefix + strconv.FormatInt(at.UnixNano(), 36)
	sig, err := wh.Sign(id, at, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return []string{prefix + "id", id, prefix + "timestamp", strconv.FormatInt(at.Unix(), 10), prefix + "signature",
		sig}
}

// TestSlackChallenge: the handshake is answered and is not an event.
func TestSlackChallenge(t *testing.T) {
	t.Parallel()
	y := newYard(t, dev(t), "slack")
	in := y.source("slack", "slack", "shh", client.SourcePatch{})
	body := `{"token":"x","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P","type":"url_verification"}`
	ts := strconv.FormatInt(time.Now().Unix(), 10)
	r := ask(t, http.MethodPost, in, []byte(body), "X-Slack-Request-Timestamp", ts, "X-Slack-Signature",
		"v0="+hexMAC("shh", "v0:"+ts+":"+body))
	if r.status != http.StatusOK || !strings.Contains(r.body, "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P") {
		t.Errorf("challenge: %d %s", r.status, r.body)
	}
	if n := len(y.events()); n != 0 {
		t.Errorf("the handshake left %d events", n)
	}
}

// TestDuplicatesStayApart: duplicates are detected per project and source, so that senders cannot affect each other.
func TestDuplicatesStayApart(t *testing.T) {
	t.Parallel()
	s := dev(t)
	a, b := newYard(t, s, "tenant-a"), newYard(t, s, "tenant-b")
	p := client.Publication{ID: "order-1", Type: "order.created", Data: []byte(`1`)}
	ids := map[string]bool{}
	for _, y := range []*yard{a, b} {
		r, err := y.c.Publish(t.Context(), y.project, p)
		if err != nil || r.Duplicate {
			t.Fatalf("%s: %+v %v", y.project, r, err)
		}
		ids[r.ID] = true
		again, err := y.c.Publish(t.Context(), y.project, p)
		if err != nil || !again.Duplicate || again.ID != r.ID {
			t.Errorf("%s, again: %+v %v", y.project, again, err)
		}
		for _, name := range []string{"one", "two"} {
			in := y.source(name, "none", "", client.SourcePatch{DedupHeader: ptr("X-Id")})
			first := ask(t, http.MethodPost, in, []byte("{}"), "X-Id", "order-1").id(t)
			if second := ask(t, http.MethodPost, in, []byte("{}"), "X-Id", "order-1").id(t); second != first {
				t.Errorf("%s/%s: a duplicate was stored", y.project, name)
			}
			ids[first] = true
		}
	}
	if len(ids) != 6 {
		t.Errorf("%d different events, want 6", len(ids))
	}
}
