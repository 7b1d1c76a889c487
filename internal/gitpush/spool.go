package gitpush

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
)

// spoolName is the directory in a repository for pushes that have not been sent.
const spoolName = "hookyard-spool"

// entry is a push in the spool.
type entry struct {
	ID      string          `json:"id"` // of the publication, so that the server recognizes duplicates
	Time    time.Time       `json:"time"`
	Project string          `json:"project"`
	Push    json.RawMessage `json:"push"`
	Model   []ModelEvent    `json:"model"`
}

// spool stores entries in files whose names sort by time. Any number of processes may add entries. Only the holder of
// the lock removes them.
type spool struct {
	dir              string
	folders, entries fs.FileMode
}

// newSpool returns the spool of a repository. Its files have the permissions of the repository: in a shared repository,
// a push by one account sends the entries of others.
func newSpool(repo string, config map[string]string) spool {
	if isShared(config) {
		return spool{filepath.Join(repo, spoolName), 0o770 | fs.ModeSetgid, 0o660}
	}
	return spool{filepath.Join(repo, spoolName), 0o700, 0o600}
}

// isShared reports the meaning of core.sharedRepository (git-config(1)).
func isShared(config map[string]string) bool {
	switch v := strings.ToLower(config["core.sharedrepository"]); v {
	case "", "false", "no", "off", "0", "umask":
		return false
	case "true", "yes", "on", "1", "2", "group", "all", "world", "everybody":
		return true
	default:
		return strings.HasPrefix(v, "0") && len(v) > 2 && v[len(v)-2] >= '6' // an octal mode with rw for the group
	}
}

// add stores an entry. When it returns nil, the entry survives a crash.
func (s spool) add(e *entry) error {
	b, err := hookyard.EncodeJSON(e)
	if err != nil {
		return err
	}
	if err := s.folder(s.dir); err != nil {
		return err
	}
	part := filepath.Join(s.dir, "."+e.ID+".part")
	if err := s.write(part, b); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	if err := os.Rename(part, filepath.Join(s.dir, e.ID+".json")); err != nil {
		return err
	}
	return syncDir(s.dir)
}

// folder creates a directory unless it exists.
func (s spool) folder(path string) error {
	err := os.Mkdir(path, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Chmod(path, s.folders) // regardless of the umask
}

// write writes a file and syncs it to disk.
func (s spool) write(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, s.entries)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Chmod(s.entries), f.Sync(), f.Close())
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// waiting returns the names of the entries, oldest first.
func (s spool) waiting() ([]string, error) {
	files, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, f := range files {
		if name := f.Name(); strings.HasSuffix(name, ".json") && !strings.HasPrefix(name, ".") {
			names = append(names, name)
		}
	}
	return names, err
}

// corruptError is the error of a file that is not a valid entry.
type corruptError struct{ err error }

func (e *corruptError) Error() string { return fmt.Sprintf("the file does not hold a push: %v", e.err) }

// read reads an entry. The error is a *corruptError if the content of the file is invalid.
func (s spool) read(name string) (*entry, error) {
	b, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		return nil, err
	}
	e := &entry{}
	if err := json.Unmarshal(b, e); err != nil {
		return nil, &corruptError{err}
	}
	if e.ID == "" || len(e.Push) == 0 {
		return nil, &corruptError{errors.New("id or push is missing")}
	}
	return e, nil
}

func (s spool) remove(name string) error { return os.Remove(filepath.Join(s.dir, name)) }

// refuse moves an entry that the server will never accept to the refused ones, with a file for the reason. Otherwise it
// would block the entries that follow.
func (s spool) refuse(name, reason string) error {
	dir := filepath.Join(s.dir, "refused")
	if err := s.folder(dir); err != nil {
		return err
	}
	if err := s.write(filepath.Join(dir, strings.TrimSuffix(name, ".json")+".reason"),
		[]byte(reason+"\n")); err != nil {
		return err
	}
	return os.Rename(filepath.Join(s.dir, name), filepath.Join(dir, name))
}

// sweep removes incomplete files of processes that were killed.
func (s spool) sweep(now time.Time) {
	parts, _ := filepath.Glob(filepath.Join(s.dir, ".*.part"))
	for _, part := range parts {
		if info, err := os.Stat(part); err == nil && now.Sub(info.ModTime()) > time.Hour {
			_ = os.Remove(part)
		}
	}
}

// lock waits for the lock for sending. The system releases it when the process ends.
func (s spool) lock(ctx context.Context) (unlock func(), err error) {
	if err := s.folder(s.dir); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(s.dir, "lock"), os.O_CREATE|os.O_RDWR, s.entries)
	if err != nil {
		return nil, err
	}
	_ = f.Chmod(s.entries) // fails for all but its owner
	retry := time.NewTicker(10 * time.Millisecond)
	defer retry.Stop()
	for !tryLock(f) {
		select {
		case <-retry.C:
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("another push is being sent: %w", ctx.Err())
		}
	}
	return func() { _ = f.Close() }, nil
}
