package store

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookyard/hookyard"
)

// sealer encrypts what must not be readable in the database file and its backups: AES-256-GCM, with a random nonce for
// each value. The first byte of a sealed value is its version: 0 is plain text, which is what a sealer without a key
// writes, and 1 is encrypted. A column of sealed values must be among sealedColumns. Safe for concurrent use.
type sealer struct {
	mu   sync.Mutex                // held to change keys
	keys atomic.Pointer[[]sealKey] // the first one seals, each opens; empty: no key
}

type sealKey struct {
	sum  [sha256.Size]byte // of the key
	aead cipher.AEAD
}

// newSealer returns a sealer that seals with the first key. Empty keys are ignored.
func newSealer(keys ...[]byte) *sealer {
	s := &sealer{}
	s.keys.Store(&[]sealKey{})
	s.add(keys...)
	return s
}

// add adds keys that only open, except that the first key of all seals. It ignores those that are known, and empty
// ones.
func (s *sealer) add(keys ...[]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Clone(*s.keys.Load())
	for _, key := range keys {
		sum := sha256.Sum256(key)
		known := slices.ContainsFunc(all, func(k sealKey) bool { return k.sum == sum })
		if len(key) > 0 && !known {
			all = append(all, sealKey{sum, newAEAD(sum)})
		}
	}
	s.keys.Store(&all)
}

// lead makes the key that a value is sealed with the one that seals. It reports whether there is one.
func (s *sealer) lead(sealed []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Clone(*s.keys.Load())
	for i, k := range all {
		if _, ok := k.open(sealed); ok {
			all[0], all[i] = all[i], all[0]
			s.keys.Store(&all)
			return true
		}
	}
	return false
}

// leads reports whether a value is sealed with the key that seals.
func (s *sealer) leads(sealed []byte) bool {
	keys := *s.keys.Load()
	if len(keys) == 0 {
		return false
	}
	_, ok := keys[0].open(sealed)
	return ok
}

// opens reports whether there is a key that a value is sealed with.
func (s *sealer) opens(sealed []byte) bool {
	_, err := s.open(sealed)
	return err == nil
}

// open returns what was sealed with this key.
func (k sealKey) open(sealed []byte) (plain []byte, ok bool) {
	n := 1 + k.aead.NonceSize()
	if len(sealed) < n || sealed[0] != 1 {
		return nil, false
	}
	plain, err := k.aead.Open(nil, sealed[1:n], sealed[n:], nil)
	return plain, err == nil
}

func newAEAD(sum [sha256.Size]byte) cipher.AEAD {
	block, err := aes.NewCipher(sum[:])
	if err != nil {
		panic(err) // cannot happen: the key has 32 bytes
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // cannot happen: AES has blocks of 16 bytes
	}
	return aead
}

func (s *sealer) seal(plain []byte) []byte {
	keys := *s.keys.Load()
	if len(keys) == 0 {
		return append([]byte{0}, plain...)
	}
	aead := keys[0].aead
	n := 1 + aead.NonceSize()
	out := make([]byte, n, n+len(plain)+aead.Overhead())
	out[0] = 1
	_, _ = rand.Read(out[1:]) // never fails (crypto/rand)
	return aead.Seal(out, out[1:n], plain, nil)
}

var errSealed = errors.New(
	"a secret cannot be opened: this is not the key it was sealed with (setting: --secret-key-file)")

// open returns what was sealed, with any of the keys. It fails with errSealed.
func (s *sealer) open(sealed []byte) ([]byte, error) {
	switch {
	case len(sealed) == 0:
		return nil, nil
	case sealed[0] == 0:
		return sealed[1:], nil
	case sealed[0] != 1:
		return nil, errSealed
	}
	for _, k := range *s.keys.Load() {
		if plain, ok := k.open(sealed); ok {
			return plain, nil
		}
	}
	return nil, errSealed
}

// clear returns what was sealed as it is without a key, or as it is if it cannot be opened.
func (s *sealer) clear(sealed []byte) []byte {
	plain, err := s.open(sealed)
	if err != nil || len(sealed) == 0 {
		return sealed
	}
	return append([]byte{0}, plain...)
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

// decode is the inverse of encode. It reports whether the secrets could be opened; if not, they are left as they are,
// so that one damaged row does not make everything around it unreadable.
func (s *sealer) decode(text string, sealed []byte, settings, secrets any) (readable bool, err error) {
	if err := json.Unmarshal([]byte(text), settings); err != nil {
		return false, err
	}
	hidden, err := s.open(sealed)
	if err != nil {
		return false, nil //nolint:nilerr // reported as not readable
	}
	return true, json.Unmarshal(hidden, secrets)
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

// ticket is what a browser carries for the server.
type ticket struct {
	Purpose string
	Expires int64 // Unix time
	Value   json.RawMessage
}

// SealTicket returns a value as text that a browser can carry, but not read or change, for [DB.OpenTicket] on any node.
// It fails if this server has no key.
func (db *DB) SealTicket(purpose string, value any, expires time.Time) (string, error) {
	v, err := json.Marshal(value)
	if err != nil {
		return "", err
	}
	plain, err := json.Marshal(ticket{purpose, expires.Unix(), v})
	if err != nil {
		return "", err
	}
	sealed := db.seal.seal(plain)
	if sealed[0] != 1 {
		return "", hookyard.Errorf(hookyard.Unavailable,
			"the server has no key for secrets (setting: --secret-key-file)")
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// OpenTicket is the inverse of SealTicket, with the same purpose. It fails with [hookyard.ErrNotFound] if the text is
// no such ticket, or has expired.
func (db *DB) OpenTicket(purpose, text string, value any) error {
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(sealed) == 0 || sealed[0] != 1 {
		return hookyard.ErrNotFound
	}
	plain, err := db.seal.open(sealed)
	if err != nil {
		return hookyard.ErrNotFound
	}
	var t ticket
	if err := json.Unmarshal(plain, &t); err != nil || t.Purpose != purpose || time.Now().Unix() >= t.Expires {
		return hookyard.ErrNotFound
	}
	return json.Unmarshal(t.Value, value)
}
