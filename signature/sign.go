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
)

// Headers of Standard Webhooks 1.0 and GitHub's, in the letters that hookyard sends.
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"
	HeaderGitHub    = "X-Hub-Signature-256"
)

// Prefixes of secrets by Standard Webhooks 1.0.
const (
	secretPrefix  = "whsec_"
	privatePrefix = "whsk_"
	publicPrefix  = "whpk_"
)

// Standard gives the value of webhook-signature by Standard Webhooks 1.0: one signature for each secret, separated by
// spaces, so that a receiver finds the one it knows during a rotation. whsk_… signs with ed25519 (v1a), whsec_… and any
// other text with HMAC-SHA256 (v1). timestamp is that of the attempt, in seconds. It fails without secrets, for secrets
// that [CheckSecret] refuses, and for an id that is empty or holds a dot, which would let one signature fit two
// messages.
func Standard(secrets []string, id string, timestamp int64, body []byte) (string, error) {
	if id == "" || strings.Contains(id, ".") {
		return "", fmt.Errorf("the id to sign must not be empty or hold a dot")
	}
	if len(secrets) == 0 {
		return "", fmt.Errorf("no secret to sign with")
	}
	head := id + "." + strconv.FormatInt(timestamp, 10) + "."
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

// GitHub gives the value of X-Hub-Signature-256. The key is the secret's text as it stands, whsec_ and all.
func GitHub(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// Headers gives what hookyard's deliveries carry to prove themselves: the three headers of Standard Webhooks and
// GitHub's, the latter with the first secret that is not ed25519. Without secrets, id and timestamp only. Errors are
// those of [Standard].
func Headers(secrets []string, id string, timestamp int64, body []byte) (map[string]string, error) {
	h := map[string]string{HeaderID: id, HeaderTimestamp: strconv.FormatInt(timestamp, 10)}
	if len(secrets) == 0 {
		return h, nil
	}
	value, err := Standard(secrets, id, timestamp, body)
	if err != nil {
		return nil, err
	}
	h[HeaderSignature] = value
	for _, s := range secrets {
		if !strings.HasPrefix(s, privatePrefix) {
			h[HeaderGitHub] = GitHub(s, body)
			break
		}
	}
	return h, nil
}

// NewSecret makes a secret: whsec_ and the base64 of 32 random bytes.
func NewSecret() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails
	return secretPrefix + base64.StdEncoding.EncodeToString(b)
}

// NewKeyPair makes an ed25519 key pair: whsk_… to sign with and keep, whpk_… to give to receivers.
func NewKeyPair() (private, public string) {
	pub, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return privatePrefix + base64.StdEncoding.EncodeToString(key), publicPrefix + base64.StdEncoding.EncodeToString(pub)
}

// PublicKey gives the whpk_… of a whsk_….
func PublicKey(private string) (string, error) {
	key, err := privateKey(private)
	if err != nil {
		return "", err
	}
	return publicPrefix + base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey)), nil
}

// CheckSecret refuses secrets that cannot sign: an empty one, whsec_ that is not the base64 of 24 to 64 bytes, whsk_
// that is not an ed25519 private key, and whpk_, which can only verify. Any other text is a secret as it stands.
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
		if err != nil || len(key) < 24 || len(key) > 64 {
			return fmt.Errorf("a secret that begins with whsec_ must go on with the base64 of 24 to 64 bytes")
		}
	}
	return nil
}

// standardKey gives the key of a secret by Standard Webhooks: for ed25519 the public key of whpk_… and whsk_…, else the
// HMAC key of whsec_… and of any other text. It is nil for secrets of the other kind. The length of whsec_ is not
// checked here: what a sender gave out is what verifies.
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

func publicKey(s string) ([]byte, error) {
	key, err := decode64(strings.TrimPrefix(s, publicPrefix))
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("a public key is whpk_ and the base64 of %d bytes", ed25519.PublicKeySize)
	}
	return key, nil
}

// privateKey reads whsk_… of 64 bytes (seed and public key, as Svix writes it) or 32 (the seed alone).
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
