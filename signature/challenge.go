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

// maxChallenge bounds what is echoed to a stranger.
const maxChallenge = 1024

// text echoes a challenge as plain text that no browser takes for a page; nil when there is nothing sane to echo.
func text(challenge string) *Answer {
	if challenge == "" || len(challenge) > maxChallenge {
		return nil
	}
	return &Answer{
		Status: http.StatusOK,
		Header: map[string]string{"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"},
		Body:   []byte(challenge),
	}
}

// object answers with a JSON object.
func object(v map[string]any) *Answer {
	b, err := json.Marshal(v)
	if err != nil || len(b) > 8*maxChallenge {
		return nil
	}
	return &Answer{Status: http.StatusOK, Header: map[string]string{"Content-Type": "application/json"}, Body: b}
}

// consent answers the handshake of CloudEvents' "HTTP 1.1 Web Hooks for Event Delivery", section 4, for sources of any
// type: it allows a sender to send, and each request is verified all the same.
func consent(r *Request) *Answer {
	if r.Method != http.MethodOptions {
		return nil
	}
	origin, reason := single(r.Header, "WebHook-Request-Origin")
	if reason != "" || len(origin) > 255 || clean(origin) != origin {
		return nil
	}
	return &Answer{Status: http.StatusOK, Header: map[string]string{
		"Allow": "POST", "WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*",
	}}
}

// slackChallenge answers url_verification, which Slack signs; a setup without a signature may pass too, as the echo
// tells nobody anything.
func slackChallenge(v *Verifier, r *Request, ok bool) *Answer {
	if !ok && !v.unsigned(r) || field(r.Body, "type") != "url_verification" {
		return nil
	}
	return text(field(r.Body, "challenge"))
}

// discordChallenge answers the PING of interactions (type 1) and of webhook events (type 0, where type 1 is an event).
func discordChallenge(_ *Verifier, r *Request, ok bool) *Answer {
	if !ok {
		return nil
	}
	switch field(r.Body, "type") {
	case "0":
		return &Answer{Status: http.StatusNoContent}
	case "1":
		if field(r.Body, "event.type") == "" {
			return &Answer{Status: http.StatusOK, Header: map[string]string{"Content-Type": "application/json"},
				Body: []byte(`{"type":1}`)}
		}
	}
	return nil
}

// metaChallenge answers the GET with which Meta asks whether the address is ours: the verify token must be the one set.
func metaChallenge(v *Verifier, r *Request, _ bool) *Answer {
	if r.Method != http.MethodGet {
		return nil
	}
	q := query(r)
	got, want := digest(q.Get("hub.verify_token")), digest(v.set.VerifyToken)
	if q.Get("hub.mode") != "subscribe" || v.set.VerifyToken == "" || !hmac.Equal(got[:], want[:]) {
		return nil
	}
	return text(q.Get("hub.challenge"))
}

// zoomChallenge proves to Zoom that we hold the secret. Its first validation can come unsigned, so anybody may ask us
// for the HMAC of a text; the text must therefore not be able to pass for what Zoom signs in a request
// ("v0:time:body").
func zoomChallenge(v *Verifier, r *Request, ok bool) *Answer {
	if !ok && !v.unsigned(r) || field(r.Body, "event") != "endpoint.url_validation" || len(v.secrets) == 0 {
		return nil
	}
	plainToken := field(r.Body, "payload.plainToken")
	if plainToken == "" || len(plainToken) > 128 || strings.Trim(plainToken, tokenLetters) != "" ||
		strings.Contains(plainToken, ":") {
		return nil
	}
	mac := hmac.New(sha256.New, []byte(v.secrets[0]))
	mac.Write([]byte(plainToken))
	return object(map[string]any{"plainToken": plainToken, "encryptedToken": hex.EncodeToString(mac.Sum(nil))})
}

const tokenLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/="

func twitchChallenge(_ *Verifier, r *Request, ok bool) *Answer {
	if !ok || r.Header.Get("Twitch-Eventsub-Message-Type") != "webhook_callback_verification" {
		return nil
	}
	return text(field(r.Body, "challenge"))
}

func dropboxChallenge(_ *Verifier, r *Request, _ bool) *Answer {
	if r.Method != http.MethodGet {
		return nil
	}
	return text(query(r).Get("challenge"))
}

func oktaChallenge(_ *Verifier, r *Request, _ bool) *Answer {
	challenge := clean(r.Header.Get("X-Okta-Verification-Challenge"))
	if r.Method != http.MethodGet || challenge == "" {
		return nil
	}
	return object(map[string]any{"verification": challenge})
}

// asanaChallenge gives the secret back that Asana hands over once, when the web hook is made. It is not taken over:
// anybody could hand one over. Asana's answer to the maker of the web hook holds it too.
func asanaChallenge(_ *Verifier, r *Request, _ bool) *Answer {
	secret := clean(r.Header.Get("X-Hook-Secret"))
	if secret == "" || has(r.Header, "X-Hook-Signature") || strings.Trim(secret, tokenLetters) != "" {
		return nil
	}
	return &Answer{Status: http.StatusOK, Header: map[string]string{"X-Hook-Secret": secret}}
}

// trelloChallenge answers the HEAD with which Trello looks whether the address is there.
func trelloChallenge(_ *Verifier, r *Request, _ bool) *Answer {
	if r.Method != http.MethodHead {
		return nil
	}
	return &Answer{Status: http.StatusOK}
}

// wooPing answers the unsigned form that WooCommerce sends when a web hook is saved.
func wooPing(v *Verifier, r *Request, _ bool) *Answer {
	number, ok := bytes.CutPrefix(r.Body, []byte("webhook_id="))
	if !ok || !v.unsigned(r) || len(number) == 0 || len(number) > 20 || len(bytes.Trim(number, "0123456789")) > 0 {
		return nil
	}
	return &Answer{Status: http.StatusOK}
}
