package signature

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
)

// maxChallenge bounds what is echoed to an unverified sender.
const maxChallenge = 1024

// echo returns a challenge as plain text, in a response that no browser renders as a page. It returns nil for a
// challenge that is empty or too long.
func echo(challenge string) *Response {
	if challenge == "" || len(challenge) > maxChallenge {
		return nil
	}
	return &Response{
		StatusCode: http.StatusOK,
		Header:     map[string]string{"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"},
		Body:       []byte(challenge),
	}
}

// jsonObject returns v as a JSON object, or nil when it is too large.
func jsonObject(v map[string]any) *Response {
	b, err := json.Marshal(v)
	if err != nil || len(b) > 8*maxChallenge {
		return nil
	}
	return &Response{StatusCode: http.StatusOK, Header: map[string]string{"Content-Type": "application/json"}, Body: b}
}

// consent answers the handshake of section 4 of CloudEvents' "HTTP 1.1 Web Hooks for Event Delivery", for every
// provider. It permits the sender to send; each request is verified nonetheless.
func consent(r *Request) *Response {
	if r.Method != http.MethodOptions {
		return nil
	}
	origin, reason := single(r.Header, "WebHook-Request-Origin")
	if reason != "" || len(origin) > 255 || clean(origin) != origin {
		return nil
	}
	return &Response{StatusCode: http.StatusOK, Header: map[string]string{
		"Allow": "POST", "WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*",
	}}
}

// slackHandshake answers url_verification. Slack signs it, but an unsigned one is answered as well: the echo reveals
// nothing.
func slackHandshake(v *Verifier, r *Request, verified bool) *Response {
	if !verified && !v.unsigned(r) || field(r.Body, "type") != "url_verification" {
		return nil
	}
	return echo(field(r.Body, "challenge"))
}

// discordHandshake answers the PING of interactions, which has type 1, and that of webhook events, which has type 0.
// Among webhook events type 1 is an event.
func discordHandshake(_ *Verifier, r *Request, verified bool) *Response {
	if !verified {
		return nil
	}
	switch field(r.Body, "type") {
	case "0":
		return &Response{StatusCode: http.StatusNoContent}
	case "1":
		if field(r.Body, "event.type") == "" {
			return &Response{StatusCode: http.StatusOK, Header: map[string]string{"Content-Type": "application/json"},
				Body: []byte(`{"type":1}`)}
		}
	}
	return nil
}

// metaHandshake answers the GET by which Meta checks who owns the URL. Its verify token must equal Scheme.VerifyToken.
func metaHandshake(v *Verifier, r *Request, _ bool) *Response {
	if r.Method != http.MethodGet {
		return nil
	}
	q := query(r)
	got, want := digest(q.Get("hub.verify_token")), digest(v.scheme.VerifyToken)
	if q.Get("hub.mode") != "subscribe" || v.scheme.VerifyToken == "" || !hmac.Equal(got[:], want[:]) {
		return nil
	}
	return echo(q.Get("hub.challenge"))
}

// zoomHandshake proves to Zoom that the receiver holds the secret. The first validation may be unsigned, so anyone can
// request the HMAC of a text of their choice. The text must therefore never look like what Zoom signs in a request,
// "v0:time:body": a colon is refused.
func zoomHandshake(v *Verifier, r *Request, verified bool) *Response {
	if !verified && !v.unsigned(r) || field(r.Body, "event") != "endpoint.url_validation" || len(v.secrets) == 0 {
		return nil
	}
	plainToken := field(r.Body, "payload.plainToken")
	if plainToken == "" || len(plainToken) > 128 || strings.Trim(plainToken, tokenLetters) != "" ||
		strings.Contains(plainToken, ":") {
		return nil
	}
	mac := hmac.New(sha256.New, []byte(v.secrets[0]))
	mac.Write([]byte(plainToken))
	return jsonObject(map[string]any{"plainToken": plainToken, "encryptedToken": hex.EncodeToString(mac.Sum(nil))})
}

const tokenLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/="

func twitchHandshake(_ *Verifier, r *Request, verified bool) *Response {
	if !verified || r.Header.Get("Twitch-Eventsub-Message-Type") != "webhook_callback_verification" {
		return nil
	}
	return echo(field(r.Body, "challenge"))
}

func dropboxHandshake(_ *Verifier, r *Request, _ bool) *Response {
	if r.Method != http.MethodGet {
		return nil
	}
	return echo(query(r).Get("challenge"))
}

func oktaHandshake(_ *Verifier, r *Request, _ bool) *Response {
	challenge := clean(r.Header.Get("X-Okta-Verification-Challenge"))
	if r.Method != http.MethodGet || challenge == "" {
		return nil
	}
	return jsonObject(map[string]any{"verification": challenge})
}

// asanaHandshake echoes the secret that Asana sends once, when the webhook is created. It does not adopt the secret:
// anyone could send one. Asana's response to the creation of the webhook contains it as well.
func asanaHandshake(_ *Verifier, r *Request, _ bool) *Response {
	secret := clean(r.Header.Get("X-Hook-Secret"))
	if secret == "" || has(r.Header, "X-Hook-Signature") || strings.Trim(secret, tokenLetters) != "" {
		return nil
	}
	return &Response{StatusCode: http.StatusOK, Header: map[string]string{"X-Hook-Secret": secret}}
}

// trelloHandshake answers the HEAD by which Trello checks that the URL exists.
func trelloHandshake(_ *Verifier, r *Request, _ bool) *Response {
	if r.Method != http.MethodHead {
		return nil
	}
	return &Response{StatusCode: http.StatusOK}
}

// wooHandshake answers the unsigned form that WooCommerce sends when a webhook is saved.
func wooHandshake(v *Verifier, r *Request, _ bool) *Response {
	number, ok := bytes.CutPrefix(r.Body, []byte("webhook_id="))
	if !ok || !v.unsigned(r) || len(number) == 0 || len(number) > 20 || len(bytes.Trim(number, "0123456789")) > 0 {
		return nil
	}
	return &Response{StatusCode: http.StatusOK}
}
