package signature_test

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hookyard/hookyard/signature"
)

// Verify a webhook of GitHub.
func Example() {
	v, err := signature.New("github", []string{"It's a Secret to Everybody"}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	h := http.Header{}
	h.Set("X-GitHub-Event", "push")
	h.Set("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")
	h.Set("X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")

	result, err := v.Verify(&signature.Request{Method: "POST", Header: h, Body: []byte("Hello, World!")})
	fmt.Println(result.Method, err)
	fmt.Println(result.EventType, result.DeliveryID)

	_, err = v.Verify(&signature.Request{Method: "POST", Header: h, Body: []byte("Hello, Mallory!")})
	fmt.Println(err)
	// Output:
	// github hmac-sha256 <nil>
	// push 72d3162e-cc78-11e3-81ab-4c9367dc0958
	// signature in X-Hub-Signature-256 does not match: the secret differs, or the body was changed on the way
}

// Verify a webhook of Stripe. Its signature covers a timestamp, so an old request is refused even though it is genuine.
func ExampleVerifier_Verify_stripe() {
	v, err := signature.New("stripe", []string{"whsec_test"}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	sent := time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)
	r := &signature.Request{
		Method: "POST",
		Header: http.Header{"Stripe-Signature": {
			"t=1795348800,v1=ce2d7adbc0d93a692959d081dcee855ff2719fd0bde57ebed0ce4d9c4e799d9e"}},
		Body: []byte(`{"id":"evt_1","type":"charge.succeeded"}`),
		Now:  sent.Add(2 * time.Second),
	}
	result, err := v.Verify(r)
	fmt.Println(result.EventType, result.DeliveryID, err)

	r.Now = sent.Add(time.Hour)
	_, err = v.Verify(r)
	var refused *signature.Error
	if errors.As(err, &refused) {
		reason, _, _ := strings.Cut(refused.Reason, ":")
		fmt.Println(refused.StatusCode, reason)
	}
	// Output:
	// charge.succeeded evt_1 <nil>
	// 401 the timestamp is 1h old, at most 5m is allowed
}

// Answer a handshake. Slack sends one when the URL is entered, and expects the challenge back.
func ExampleVerifier_Verify_handshake() {
	v, err := signature.New("slack", []string{"8f742231b10e8888abcd99yyyzzz85a5"}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := v.Verify(&signature.Request{
		Method: "POST",
		Header: http.Header{},
		Body:   []byte(`{"type":"url_verification","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWM"}`),
	})
	if err == nil && result.Response != nil { // in a handler: result.Response.Write(w)
		fmt.Println(result.Response.StatusCode, string(result.Response.Body))
	}
	// Output: 200 3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWM
}

// Describe a sender that is not in the table: the header X-Acme-Signature holds t=…,s=…, and s is the base64 of
// HMAC-SHA512 over timestamp, newline and body.
func ExampleScheme() {
	scheme := &signature.Scheme{
		Algorithm:    "hmac-sha512",
		Header:       "X-Acme-Signature",
		Grammar:      "pairs",
		Key:          "s",
		TimestampKey: "t",
		Encoding:     "base64",
		Content:      "{ts}\n{raw}",
		Tolerance:    signature.Tolerance(time.Minute),
	}
	v, err := signature.New("hmac", []string{"acme-secret"}, scheme)
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := v.Verify(&signature.Request{
		Method: "POST",
		Header: http.Header{"X-Acme-Signature": {"t=1795348800,s=" +
			"/Bb8sVNjYQ1gtour/sVr/plR0aIWL0VN5kzoFjSCEELs" +
			"K1GYVYQsS216LoIlH9P1OTYF+eqt4HBZU2ckfHnf+A=="}},
		Body: []byte(`{"temperature":21}`),
		Now:  time.Unix(1795348810, 0),
	})
	fmt.Println(result.Method, err)
	// Output: hmac hmac-sha512 <nil>
}

// Read a scheme from a configuration file.
func ExampleParseScheme() {
	scheme, err := signature.ParseScheme([]byte(`{"header":"X-Sig","prefix":"v1=","tolerance":"10m"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(scheme.Header, scheme.Prefix, time.Duration(scheme.Tolerance))

	_, err = signature.ParseScheme([]byte(`{"haeder":"X-Sig"}`))
	fmt.Println(err)
	// Output:
	// X-Sig v1= 10m0s
	// scheme: unknown field "haeder"
}

// Sign a message by Standard Webhooks, with the new and the old secret during a rotation.
func ExampleSignStandard() {
	secrets := []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"}
	id := "msg_2Lh9KRb0pzN4LePd3XiA4v12Axj"
	at := time.Unix(1795348800, 0)
	body := []byte(`{"type":"order.created","data":{"id":7}}`)

	value, err := signature.SignStandard(secrets, id, at, body)
	if err != nil {
		fmt.Println(err)
		return
	}
	h := http.Header{}
	h.Set(signature.HeaderID, id)
	h.Set(signature.HeaderTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(signature.HeaderSignature, value)

	// A receiver that has not rotated yet knows the old secret only.
	fmt.Println(signature.VerifyStandard(secrets[1:], h, body, at.Add(time.Second)))
	// Output: <nil>
}

// Verify a message by Standard Webhooks with a public key. Only the sender holds the private key.
func ExampleVerifyStandard() {
	private, public := signature.NewKeyPair()
	at := time.Now()
	body := []byte(`{"type":"order.created","data":{"id":7}}`)
	value, err := signature.SignStandard([]string{private}, "msg_1", at, body)
	if err != nil {
		fmt.Println(err)
		return
	}
	h := http.Header{}
	h.Set("webhook-id", "msg_1")
	h.Set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
	h.Set("webhook-signature", value)

	fmt.Println(signature.VerifyStandard([]string{public}, h, body, time.Now()))
	// Output: <nil>
}

// Sign a message the way GitHub does.
func ExampleSignGitHub() {
	fmt.Println(signature.SignGitHub("It's a Secret to Everybody", []byte("Hello, World!")))
	// Output: sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17
}

// Describe a provider to a user.
func ExampleLookup() {
	p, ok := signature.Lookup("postmark")
	if ok {
		fmt.Println(p.Title)
		fmt.Println(p.SecretHint)
		fmt.Println(p.Setup)
	}
	// Output:
	// Postmark
	// user:password
	// In the server's stream under Webhooks, add this address with user:password@ before the host.
}
