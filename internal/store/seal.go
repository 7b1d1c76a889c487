package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"time"

	"github.com/hookyard/hookyard"
)

// sealer keeps secrets unreadable in the database file and its backups: AES-256-GCM, a fresh nonce for each value. A
// value begins with its version: 0 in clear, 1 sealed.
type sealer struct{ aead cipher.AEAD }

func newSealer(key []byte) *sealer {
	if len(key) == 0 {
		return &sealer{}
	}
	sum := sha256.Sum256(key)
	block, err := aes.NewCipher(sum[:])
	if err != nil {
		panic(err) // cannot be: the key has 32 bytes
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // cannot be: AES has blocks of 16 bytes
	}
	return &sealer{aead: aead}
}

func (s *sealer) seal(plain []byte) []byte {
	if s.aead == nil {
		return append([]byte{0}, plain...)
	}
	nonce := make([]byte, s.aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails (crypto/rand)
	return s.aead.Seal(append([]byte{1}, nonce...), nonce, plain, nil)
}

var errSealed = errors.New(
	"a secret cannot be opened: this is not the key it was sealed with (setting: --secret-key-file)")

func (s *sealer) open(sealed []byte) ([]byte, error) {
	switch {
	case len(sealed) == 0:
		return nil, nil
	case sealed[0] == 0:
		return sealed[1:], nil
	case sealed[0] != 1 || s.aead == nil || len(sealed) < 1+s.aead.NonceSize():
		return nil, errSealed
	}
	n := 1 + s.aead.NonceSize()
	plain, err := s.aead.Open(nil, sealed[1:n], sealed[n:], nil)
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}

// storedSecret is a hookyard.Secret as it is sealed; the type itself marshals as ***.
type storedSecret struct {
	Value   string    `json:"v"`
	Expires time.Time `json:"e,omitzero"`
}

// sealSecrets returns nil when there are none.
func (s *sealer) sealSecrets(secrets []hookyard.Secret) ([]byte, error) {
	if len(secrets) == 0 {
		return nil, nil
	}
	out := make([]storedSecret, len(secrets))
	for i, sec := range secrets {
		out[i] = storedSecret(sec)
	}
	b, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	return s.seal(b), nil
}

func (s *sealer) openSecrets(sealed []byte) ([]hookyard.Secret, error) {
	plain, err := s.open(sealed)
	if err != nil || plain == nil {
		return nil, err
	}
	var stored []storedSecret
	if err := json.Unmarshal(plain, &stored); err != nil {
		return nil, err
	}
	out := make([]hookyard.Secret, len(stored))
	for i, sec := range stored {
		out[i] = hookyard.Secret(sec)
	}
	return out, nil
}
