package store

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/hookyard/hookyard"
)

// sealer encrypts what must not be readable in the database file and its backups: AES-256-GCM, with a random nonce for
// each value. The first byte of a sealed value is its version: 0 is plain text, which is what a sealer without a key
// writes, and 1 is encrypted.
type sealer struct{ aead cipher.AEAD }

func newSealer(key []byte) *sealer {
	if len(key) == 0 {
		return &sealer{}
	}
	sum := sha256.Sum256(key)
	block, err := aes.NewCipher(sum[:])
	if err != nil {
		panic(err) // cannot happen: the key has 32 bytes
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // cannot happen: AES has blocks of 16 bytes
	}
	return &sealer{aead: aead}
}

func (s *sealer) seal(plain []byte) []byte {
	if s.aead == nil {
		return append([]byte{0}, plain...)
	}
	n := 1 + s.aead.NonceSize()
	out := make([]byte, n, n+len(plain)+s.aead.Overhead())
	out[0] = 1
	_, _ = rand.Read(out[1:]) // never fails (crypto/rand)
	return s.aead.Seal(out, out[1:n], plain, nil)
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

// checkKey fails if the newest hook was sealed with another key, with which no delivery could be sent.
func (db *DB) checkKey(ctx context.Context) error {
	var sealed []byte
	err := db.read.QueryRowContext(ctx, "select secrets from hooks where deleted = 0 order by key desc limit 1").
		Scan(&sealed)
	if err == sql.ErrNoRows {
		return nil
	}
	if err == nil {
		_, err = db.seal.open(sealed)
	}
	return err
}

// encode returns settings as JSON and secrets as sealed JSON.
func (s *sealer) encode(settings, secrets any) (text string, sealed []byte, err error) {
	clear, err := json.Marshal(settings)
	if err != nil {
		return "", nil, err
	}
	hidden, err := json.Marshal(secrets)
	if err != nil {
		return "", nil, err
	}
	return string(clear), s.seal(hidden), nil
}

// decode is the inverse of encode.
func (s *sealer) decode(text string, sealed []byte, settings, secrets any) error {
	if err := json.Unmarshal([]byte(text), settings); err != nil {
		return err
	}
	hidden, err := s.open(sealed)
	if err != nil {
		return err
	}
	return json.Unmarshal(hidden, secrets)
}

// sealRequest seals the URL and the header of an attempt, which may hold the credentials of its hook. They are one
// value because encrypting once per attempt is cheaper.
func (s *sealer) sealRequest(url string, header http.Header) []byte {
	b := make([]byte, 0, 1024)
	b = append(b, url...)
	b = append(b, '\n') // CheckURL refuses URLs with line breaks
	return s.seal(hookyard.EncodeHeader(b, header))
}

// openRequest is the inverse of sealRequest.
func (s *sealer) openRequest(sealed []byte) (url string, header http.Header, err error) {
	plain, err := s.open(sealed)
	if err != nil {
		return "", nil, err
	}
	line, rest, _ := bytes.Cut(plain, []byte("\n"))
	return string(line), hookyard.DecodeHeader(rest), nil
}
