package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hookyard/hookyard/client"
)

// knownBin is a bin that the user created. The server does not record who owns a bin.
type knownBin struct {
	Server    string    `json:"server"`
	Name      string    `json:"name"`
	Key       string    `json:"key"`
	ExpiresAt time.Time `json:"expiresAt"`
}

func (s *session) binFile() string { return filepath.Join(filepath.Dir(s.tokenFile()), "bins.json") }

// knownBins returns the bins that the user created and that have not expired.
func (s *session) knownBins() ([]knownBin, error) {
	b, err := os.ReadFile(s.binFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []knownBin
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("cannot read %s: %w; delete it to start over", s.binFile(), err)
	}
	return slices.DeleteFunc(all, func(k knownBin) bool { return time.Now().After(k.ExpiresAt) }), nil
}

// keyOf returns the stored key of a bin, or "".
func (s *session) keyOf(bin string) string {
	all, _ := s.knownBins() // ignored: bins that are not private can be read without a key
	for _, k := range all {
		if k.Name == bin && k.Server == s.server {
			return k.Key
		}
	}
	return ""
}

// rememberBin adds a bin to the user's file, which is readable by its owner only.
func (s *session) rememberBin(b client.Bin) error {
	all, err := s.knownBins()
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(append(all, knownBin{s.server, b.Name, b.Key, b.ExpiresAt}), "", "  ")
	if err != nil {
		return err
	}
	dir := filepath.Dir(s.binFile())
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	part, err := os.CreateTemp(dir, "bins-*.json")
	if err != nil {
		return err
	}
	_, err = part.Write(append(text, '\n'))
	if err := errors.Join(err, part.Close()); err != nil {
		return errors.Join(err, os.Remove(part.Name()))
	}
	return os.Rename(part.Name(), s.binFile())
}
