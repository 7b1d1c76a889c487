package signature

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// FuzzVerify sends arbitrary requests to every provider. Without the secret, nothing but a handshake may pass, nothing
// may panic, and no reason may reveal the secret.
func FuzzVerify(f *testing.F) {
	const secret = "user:4f1c9d7e2b"
	keys := map[string]string{
		"discord": strings.Repeat("5b", 32), "telnyx": "W1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1s=",
	}
	var verifiers []*Verifier
	for _, typ := range Names() {
		s := secret
		if keys[typ] != "" {
			s = keys[typ]
		}
		scheme := ""
		if typ == "hmac" {
			scheme = `{"header":"X-Sig","grammar":"pairs","key":"v1","timestampKey":"t",
				"content":"{method}{url}{ts}{raw}"}`
		}
		if typ != "none" {
			verifiers = append(verifiers, must(f, typ, scheme, s))
		}
	}
	f.Add("POST", "https://a.example/x?token=y&challenge=z", "v1,AAAA", "1795348800", "Basic dTpw",
		[]byte(`{"type":"x"}`))
	f.Add("GET", "https://a.example:443/%zz?hub.mode=subscribe", "t=1795348800,v1=00", "2026-11-22T12:00:00Z",
		"Bearer x", []byte("webhook_id=1"))
	f.Add("OPTIONS", "::", "sha256=00", "-1", "",
		[]byte(`{"event":"endpoint.url_validation","payload":{"plainToken":"abc"}}`))
	f.Add("HEAD", "http://[::1]/?bodySHA256=00", "v0=00", "9223372036854775807", "token", []byte("a=b&%"))
	f.Fuzz(func(t *testing.T, method, address, signature, stamp, authorization string, body []byte) {
		for _, v := range verifiers {
			h := http.Header{"Authorization": {authorization}, "X-Twilio-Signature": {signature},
				"Webhook-Request-Origin": {stamp}}
			for _, r := range v.rules {
				h.Set(r.Header, signature)
				h.Set(r.TimestampHeader, stamp)
				h.Set(r.IDHeader, stamp)
			}
			d := verify(v, &Request{Method: method, URL: address, Header: h, Body: body, Now: time.Unix(noon, 0)})
			if d.OK && d.Response == nil {
				t.Errorf("%s verifies: %+v", v.provider.name, d)
			}
			if d.OK == (d.Reason != "") || strings.Contains(d.Reason, secret) {
				t.Errorf("%s: %+v", v.provider.name, d)
			}
		}
	})
}

// FuzzGrammar parses arbitrary signature headers in every grammar.
func FuzzGrammar(f *testing.F) {
	var rules []*rule
	for _, s := range []Scheme{
		{Header: "X"}, {Header: "X", Prefix: "sha256="}, {Header: "X", Grammar: "pairs", Key: "v1", TimestampKey: "t"},
		{Header: "X", Grammar: "pairs", Key: "h1", Separator: ";"},
		{Header: "X", Grammar: "list", Key: "v1", Encoding: "base64"},
		{Header: "X", Grammar: "list"},
	} {
		r, err := newRule("hmac", s, []string{"s"})
		if err != nil {
			f.Fatal(err)
		}
		rules = append(rules, r)
	}
	for _, seed := range []string{"", "sha256=00", "t=1,v1=ab,v1=cd", "ts=1;h1=ab", "v1,AA== v1a,BB", ",=;", "v1=,v1",
		strings.Repeat("v1,AA ", 20)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, r := range rules {
			p, reason := r.read(value)
			if reason == "" && (len(p.signatures) == 0 || len(p.signatures) > maxSignatures) {
				t.Errorf("%s: %d signatures", r.Grammar, len(p.signatures))
			}
			for _, s := range p.signatures {
				if len(s) == 0 {
					t.Errorf("%s: an empty signature", r.Grammar)
				}
			}
		}
	})
}

// FuzzScheme makes verifiers of arbitrary schemes. One that New accepts must work and must refuse an unsigned request.
func FuzzScheme(f *testing.F) {
	f.Add([]byte(`{"header":"X-Sig"}`), "s")
	f.Add([]byte(
		`{"header":"X-Sig","algorithm":"ed25519","keyEncoding":"hex","content":"{ts}{raw}","timestampHeader":"T"}`),
		strings.Repeat("00", 32))
	f.Add([]byte(
		`{"header":"X-Sig","grammar":"pairs","key":"v1","timestampKey":"t","timestampUnit":"iso","tolerance":"1h"}`),
		"s")
	f.Add([]byte(`{"header":"X-Sig","keyEncoding":"standard","statusOnFail":499,"url":"http://x/"}`), "whsec_AAAA")
	f.Fuzz(func(t *testing.T, scheme []byte, secret string) {
		v, err := newVerifier("hmac", []string{secret}, string(scheme))
		if err != nil {
			if v != nil || err.Error() == "" {
				t.Errorf("%v, %v", v, err)
			}
			return
		}
		r := post("", "{}")
		for _, rule := range v.rules {
			r.Header.Set(rule.Header, rule.Prefix+"00")
		}
		if d := verify(v, r); d.OK || d.Status < 400 || d.Status > 499 {
			t.Errorf("%s: %+v", scheme, d)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	for name, size := range map[string]int{"1k": 1 << 10, "1M": 1 << 20} {
		body := []byte(`{"type":"order.created","data":"` + strings.Repeat("x", size) + `","id":"evt_1"}`)
		v := must(b, "standard-webhooks", "", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
		now := time.Unix(noon, 0)
		h := signed(b, []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, "m", now, body)
		r := &Request{Method: "POST", Header: h, Body: body, Now: now}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if d := verify(v, r); !d.OK {
					b.Fatal(d.Reason)
				}
			}
		})
	}
}
