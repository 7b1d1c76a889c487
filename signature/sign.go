package signature

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The headers of Standard Webhooks 1.0.
const (
	HeaderID        = "webhook-id"        // the message's id, the same on every attempt
	HeaderTimestamp = "webhook-timestamp" // of the attempt, in Unix seconds
	HeaderSignature = "webhook-signature" // see [SignStandard]
)

// Prefixes of the secrets of Standard Webhooks 1.0.
const (
	secretPrefix  = "whsec_"
	privatePrefix = "whsk_"
	publicPrefix  = "whpk_"
)

// SignStandard returns the value of webhook-signature by Standard Webhooks 1.0 for a message that is sent with the
// given id and timestamp in webhook-id and webhook-timestamp, the latter in Unix seconds.
//
// It contains one signature for each secret, so that during a rotation receivers find the one they can verify: ed25519
// (v1a) for whsk_…, HMAC-SHA256 (v1) for whsec_… and any other text.
//
// SignStandard fails without secrets, for secrets that [CheckSecret] refuses, and for an id that is empty or contains a
// dot: with a dot one signature would fit two messages.
func SignStandard(secrets []string, id string, timestamp time.Time, body []byte) (string, error) {
	if id == "" || strings.Contains(id, ".") {
		return "", fmt.Errorf("the id to sign must not be empty or hold a dot")
	}
	if len(secrets) == 0 {
		return "", fmt.Errorf("no secret to sign with")
	}
	head := id + "." + strconv.FormatInt(timestamp.Unix(), 10) + "."
	out := make([]byte, 0, 96*len(secrets))
	for _, secret := range secrets {
		if err := CheckSecret(secret); err != nil {
			return "", err
		}
		if len(out) > 0 {
			out = append(out, ' ')
		}
		var sum []byte
		if strings.HasPrefix(secret, privatePrefix) {
			key, err := privateKey(secret)
			if err != nil {
				return "", err
			}
			sum = ed25519.Sign(key, append([]byte(head), body...))
			out = append(out, "v1a,"...)
		} else {
			key, err := standardKey(secret, false)
			if err != nil {
				return "", err
			}
			mac := hmac.New(sha256.New, key)
			mac.Write([]byte(head))
			mac.Write(body)
			sum = mac.Sum(nil)
			out = append(out, "v1,"...)
		}
		out = base64.StdEncoding.AppendEncode(out, sum)
	}
	return string(out), nil
}

// SignGitHub returns the value of the header X-Hub-Signature-256 as GitHub computes it. The key is the text of the
// secret, including a prefix such as whsec_.
func SignGitHub(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// NewSecret returns a random secret for HMAC-SHA256: whsec_ and the base64 of 32 bytes.
func NewSecret() string {
	b := make([]byte, 32)
	rand.Read(b) // cannot fail
	return secretPrefix + base64.StdEncoding.EncodeToString(b)
}

// NewKeyPair returns a random ed25519 key pair: the private key, whsk_…, to sign with, and the public key, whpk_…, for
// receivers to verify with.
func NewKeyPair() (private, public string) {
	pub, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		panic(err) // crypto/rand cannot fail
	}
	return privatePrefix + base64.StdEncoding.EncodeToString(key), publicPrefix + base64.StdEncoding.EncodeToString(pub)
}

// PublicKey returns the public key, whpk_…, of a private key, whsk_….
func PublicKey(private string) (string, error) {
	key, err := privateKey(private)
	if err != nil {
		return "", err
	}
	return publicPrefix + base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey)), nil
}

// CheckSecret returns an error if s cannot sign by [SignStandard]: an empty secret, whsec_ not followed by the base64
// of 24 to 75 bytes, whsk_ not followed by that of an ed25519 private key, and whpk_, which can only verify. Any other
// text is a valid secret.
func CheckSecret(s string) error {
	switch {
	case s == "":
		return fmt.Errorf("the secret is empty")
	case strings.HasPrefix(s, publicPrefix):
		return fmt.Errorf(
			"the secret is a public key (whpk_), which can verify but not sign: give the private key (whsk_)")
	case strings.HasPrefix(s, privatePrefix):
		_, err := privateKey(s)
		return err
	case strings.HasPrefix(s, secretPrefix):
		key, err := decode64(s[len(secretPrefix):])
		if err != nil || len(key) < 24 || len(key) > 75 {
			return fmt.Errorf("a secret that begins with whsec_ must go on with the base64 of 24 to 75 bytes")
		}
	}
	return nil
}

// standardKey returns the key for verifying by Standard Webhooks: if asymmetric, the public key of whpk_… and whsk_…,
// otherwise the HMAC key of whsec_… and of any other text. It returns nil for secrets of the other kind. It does not
// check the length of whsec_: a sender may have issued a short one.
func standardKey(secret string, asymmetric bool) ([]byte, error) {
	switch {
	case strings.HasPrefix(secret, publicPrefix):
		if !asymmetric {
			return nil, nil
		}
		return publicKey(secret)
	case strings.HasPrefix(secret, privatePrefix):
		if !asymmetric {
			return nil, nil
		}
		key, err := privateKey(secret)
		if err != nil {
			return nil, err
		}
		return key.Public().(ed25519.PublicKey), nil
	case asymmetric:
		return nil, nil
	case strings.HasPrefix(secret, secretPrefix):
		key, err := decode64(secret[len(secretPrefix):])
		if err != nil || len(key) == 0 {
			return nil, fmt.Errorf("the secret begins with whsec_ but does not go on with base64")
		}
		return key, nil
	}
	return []byte(secret), nil
}

// publicKey decodes whpk_….
func publicKey(s string) ([]byte, error) {
	key, err := decode64(strings.TrimPrefix(s, publicPrefix))
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("a public key is whpk_ and the base64 of %d bytes", ed25519.PublicKeySize)
	}
	return key, nil
}

// privateKey decodes whsk_…, which holds 64 bytes (seed and public key, as Svix writes it) or 32 (the seed).
func privateKey(s string) (ed25519.PrivateKey, error) {
	wrong := fmt.Errorf("a private key is whsk_ and the base64 of an ed25519 key of 32 or 64 bytes")
	text, ok := strings.CutPrefix(s, privatePrefix)
	b, err := decode64(text)
	if !ok || err != nil || len(b) != ed25519.SeedSize && len(b) != ed25519.PrivateKeySize {
		return nil, wrong
	}
	key := ed25519.NewKeyFromSeed(b[:ed25519.SeedSize])
	if len(b) == ed25519.PrivateKeySize && string(key) != string(b) {
		return nil, fmt.Errorf("the two halves of the private key (whsk_) do not belong together")
	}
	return key, nil
}
