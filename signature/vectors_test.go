package signature

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// Test vectors published by providers and in their libraries.
const (
	slackBody = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channe" +
		"l_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=h" +
		"ttps%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigge" +
		"r_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
	twilioURL  = "https://mycompany.com/myapp.php?foo=1&bar=2"
	twilioBody = "Digits=1234&To=%2B18005551212&From=%2B14158675309&Caller=%2B14158675309&CallSid=CA1234567890ABCDE"
	twilioJSON = `{"property": "value", "boolean": true}`
	twilioHash = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
)

func TestPublishedVectors(t *testing.T) {
	t.Parallel()
	slack := "X-Slack-Request-Timestamp: 1531420618\n" +
		"X-Slack-Signature: v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
	plainHTTP := strings.Replace(twilioURL, "https", "http", 1)
	for _, tc := range []struct {
		name, typ, secret, url, header, body string
		now                                  int64
		ok                                   bool
	}{
		{name: "github", typ: "github", secret: "It's a Secret to Everybody", body: "Hello, World!", ok: true,
			header: "X-Hub-Signature-256: sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
		{name: "slack", typ: "slack", secret: "8f742231b10e8888abcd99yyyzzz85a5", body: slackBody, header: slack,
			now: 1531420618 + 60, ok: true},
		{name: "slack too late", typ: "slack", secret: "8f742231b10e8888abcd99yyyzzz85a5", body: slackBody,
			header: slack, now: 1531420618 + 301},
		{name: "slack too early", typ: "slack", secret: "8f742231b10e8888abcd99yyyzzz85a5", body: slackBody,
			header: slack, now: 1531420618 - 301},
		{name: "standard webhooks", typ: "standard-webhooks", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
			body: `{"test": 2432232314}`,
			header: "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek\nwebhook-timestamp: 1614265330\n" +
				"webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", now: 1614265330, ok: true},
		{name: "svix", typ: "svix", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", body: `{"test": 2432232314}`,
			header: "svix-id: msg_p5jXN8AQM9LWM0D4loKWxJek\nsvix-timestamp: 1614265330\n" +
				"svix-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", now: 1614265330, ok: true},

		{name: "twilio", typ: "twilio", secret: "12345", url: twilioURL, body: twilioBody, ok: true,
			header: "X-Twilio-Signature: RSOYDt4T1cUTdK1PDd93/VVr8B8="},
		{name: "twilio other body", typ: "twilio", secret: "12345", url: twilioURL, body: twilioBody + "&a=b",
			header: "X-Twilio-Signature: RSOYDt4T1cUTdK1PDd93/VVr8B8="},
		{name: "twilio other query", typ: "twilio", secret: "12345", url: twilioURL + "&a=b", body: twilioBody,
			header: "X-Twilio-Signature: RSOYDt4T1cUTdK1PDd93/VVr8B8="},
		{name: "twilio repeated field", typ: "twilio", secret: "12345", url: twilioURL, ok: true,
			body:   "SidAccount=AC123&Sid=CA123&Digits=5678&Digits=1234&Digits=1234",
			header: "X-Twilio-Signature: IK+Dwps556ElfBT0I3Rgjkr1wJU="},
		{name: "twilio upper case host", typ: "twilio", secret: "12345",
			url: "https://MyCompany.com/myapp.php?foo=1&bar=2", body: twilioBody,
			header: "X-Twilio-Signature: g9IN/x4Cft2g517EjYvEvM/W7LU=", ok: true},
		{name: "twilio json", typ: "twilio", secret: "12345", url: twilioURL + "&bodySHA256=" + twilioHash,
			body:   twilioJSON,
			header: "X-Twilio-Signature: a9nBmqA0ju/hNViExpshrM61xv4=", ok: true},
		{name: "twilio json changed", typ: "twilio", secret: "12345", url: twilioURL + "&bodySHA256=" + twilioHash,
			body:   twilioJSON + " ",
			header: "X-Twilio-Signature: a9nBmqA0ju/hNViExpshrM61xv4="},
		{name: "twilio json unsigned", typ: "twilio", secret: "12345", url: twilioURL, body: twilioJSON,
			header: "X-Twilio-Signature: RSOYDt4T1cUTdK1PDd93/VVr8B8="},
		{name: "twilio port left out", typ: "twilio", secret: "12345",
			url: strings.Replace(twilioURL, ".com", ".com:1234", 1), body: twilioBody,
			header: "X-Twilio-Signature: RSOYDt4T1cUTdK1PDd93/VVr8B8=", ok: true},
		{name: "twilio port kept", typ: "twilio", secret: "12345",
			url: strings.Replace(plainHTTP, ".com", ".com:1234", 1), body: twilioBody,
			header: "X-Twilio-Signature: Zmvh+3yNM1Phv2jhDCwEM3q5ebU=", ok: true},
		{name: "twilio port 443 added", typ: "twilio", secret: "12345", url: twilioURL, body: twilioBody,
			header: "X-Twilio-Signature: kvajT1Ptam85bY51eRf/AJRuM3w=", ok: true},
		{name: "twilio port 80 added", typ: "twilio", secret: "12345", url: plainHTTP, body: twilioBody,
			header: "X-Twilio-Signature: 0ZXoZLH/DfblKGATFgpif+LLRf4=", ok: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			v := must(t, tc.typ, "", tc.secret)
			got := verify(v, &Request{Method: "POST", URL: tc.url, Header: header(tc.header), Body: []byte(tc.body),
				Now: time.Unix(tc.now, 0)})
			if got.OK != tc.ok {
				t.Errorf("OK = %v, want %v; reason: %s", got.OK, tc.ok, got.Reason)
			}
			if (got.Reason == "") != tc.ok || (got.Status == http.StatusUnauthorized) == tc.ok {
				t.Errorf("reason %q, status %d", got.Reason, got.Status)
			}
		})
	}
}
