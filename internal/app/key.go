package app

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
)

// Where the keys that seal secrets come from, beside --secret-key-file. Old keys open what was sealed before a
// rotation.
const (
	keyVariable    = "HOOKYARD_SECRET_KEY"
	oldKeyVariable = "HOOKYARD_SECRET_KEY_OLD"
	oldKeySuffix   = ".old" // after the name of the key's file; anything may follow it
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

// keysAgain returns the keys of a server that runs, the current one first. It fails if that is missing, because what is
// no key must not become the one that secrets are sealed with.
func keysAgain(path string) ([][]byte, error) {
	k, err := readKeys(path)
	if err != nil {
		return nil, err
	}
	if k.current == nil {
		return nil, hookyard.Errorf(hookyard.Conflict, "the key's file %s is missing: put it back. If it is lost, "+
			"write a new key into it while this server runs, which still has the old one, and then do this again", path)
	}
	return append([][]byte{k.current}, k.old...), nil
}

// readOld reads the old keys.
func (k *keys) readOld(path string) error {
	if raw := []byte(os.Getenv(oldKeyVariable)); len(raw) > 0 {
		return k.addOld(raw, oldKeyVariable)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), filepath.Base(path)+oldKeySuffix) {
			continue
		}
		from := filepath.Join(filepath.Dir(path), e.Name())
		raw, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if err := k.addOld(raw, from); err != nil {
			return err
		}
	}
	return nil
}

func (k *keys) addOld(raw []byte, from string) error {
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
	key := newKey()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--secret-key-file: %w", err)
	}
	_, err = f.Write(key)
	return key, errors.Join(err, f.Sync(), f.Close())
}

// replaceKey puts a new key into the file at path, and its content into the file of the old key. What that held stays
// in one with the time in its name. After a crash at any point, the key before is in one of the files.
func replaceKey(path string) error {
	if os.Getenv(keyVariable) != "" {
		return hookyard.Errorf(hookyard.Conflict, "the key is in %s: restart each node with a new key there and the "+
			"present one in %s, and then do this again", keyVariable, oldKeyVariable)
	}
	current, err := os.ReadFile(path)
	if err != nil {
		return notReplaced(path, err)
	}
	old := path + oldKeySuffix
	kept, err := os.ReadFile(old)
	if err == nil && !bytes.Equal(kept, current) {
		err = os.Rename(old, old+"-"+time.Now().UTC().Format("20060102T150405"))
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return notReplaced(path, err)
	}
	for _, file := range []struct {
		path string
		key  []byte
	}{{old, current}, {path, newKey()}} {
		if err := writeKey(file.path, file.key); err != nil {
			return notReplaced(path, err)
		}
	}
	return nil
}

func notReplaced(path string, err error) error {
	return hookyard.Errorf(hookyard.Conflict, "the server cannot replace its key: %v; put the present key into %s and "+
		"a new one into %s yourself, on every node, and then do this again", err, path+oldKeySuffix, path)
}

func newKey() []byte { return []byte(rand.Text() + rand.Text()) }

// writeKey replaces a file as a whole.
func writeKey(path string, key []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".secret-key-*") // readable by this user only
	if err != nil {
		return err
	}
	_, err = f.Write(key)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	_ = dir.Sync() // not every system can
	return dir.Close()
}
