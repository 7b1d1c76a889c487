package app

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
)

// Where the keys that seal secrets come from, beside --secret-key-file. The old key opens what was sealed before a
// rotation and seals nothing.
const (
	keyVariable    = "HOOKYARD_SECRET_KEY"
	oldKeyVariable = "HOOKYARD_SECRET_KEY_OLD"
	oldKeySuffix   = ".old" // after the name of the key's file
)

// minKey is the least number of bytes of a key.
const minKey = 16

// keys are what seals and opens secrets.
type keys struct {
	current []byte   // nil if it must be created
	old     [][]byte // only open
	create  func() ([]byte, error)
	file    string // holds current; "" if a variable does
}

// readKeys reads the keys from the variables or the file at path and the one beside it. White space around a key is not
// part of it. Until it was so, a line break at the end of a file counted, so that the bytes of the file as they are may
// still open what was sealed then.
func readKeys(path string) (keys, error) {
	var k keys
	err := k.readOld(path)
	if err != nil {
		return k, err
	}
	raw, from := []byte(os.Getenv(keyVariable)), keyVariable
	if len(raw) == 0 {
		k.file, from = path, path+" (setting: --secret-key-file)"
		raw, err = os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			k.create = func() ([]byte, error) { return createKey(path) }
			return k, nil
		}
		if err != nil {
			return k, fmt.Errorf("--secret-key-file: %w", err)
		}
	}
	if k.current, err = trimKey(raw, from); err != nil {
		return k, err
	}
	if len(k.current) != len(raw) {
		k.old = append(k.old, raw)
	}
	return k, nil
}

// readOld reads the old key, if there is one.
func (k *keys) readOld(path string) error {
	raw, from := []byte(os.Getenv(oldKeyVariable)), oldKeyVariable
	if len(raw) == 0 {
		var err error
		from = path + oldKeySuffix
		raw, err = os.ReadFile(from)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	old, err := trimKey(raw, from)
	k.old = append(k.old, old)
	if len(old) != len(raw) {
		k.old = append(k.old, raw)
	}
	return err
}

// trimKey returns a key without the white space around it.
func trimKey(raw []byte, from string) ([]byte, error) {
	key := bytes.TrimSpace(bytes.TrimPrefix(raw, []byte("\ufeff")))
	if len(key) < minKey {
		return nil, fmt.Errorf("the key in %s must have at least %d bytes", from, minKey)
	}
	return key, nil
}

// createKey writes a new key into a file that must not exist yet.
func createKey(path string) ([]byte, error) {
	key := []byte(rand.Text() + rand.Text())
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--secret-key-file: %w", err)
	}
	_, err = f.Write(key)
	return key, errors.Join(err, f.Sync(), f.Close())
}
