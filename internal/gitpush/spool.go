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
)

// spoolName is the folder in a repository where pushes wait until the server has them.
const spoolName = "hookyard-spool"

// entry is one push as it stands in its file.
type entry struct {
	ID      string          `json:"id"` // the publication's: the server keeps one that comes twice only once
	Time    time.Time       `json:"time"`
	Project string          `json:"project"`
	Push    json.RawMessage `json:"push"`
	Model   []ModelEvent    `json:"model"`
}

// spool keeps entries in files whose names sort by time. Any number of processes may add at once; only the one that has
// the lock takes away.
type spool struct {
	dir              string
	folders, entries fs.FileMode
}

// newSpool gives the files the rights that the repository gives its own: in a shared one another account's push sends
// what waits.
func newSpool(repo string, config map[string]string) spool {
	if isShared(config) {
		return spool{filepath.Join(repo, spoolName), 0o770 | fs.ModeSetgid, 0o660}
	}
	return spool{filepath.Join(repo, spoolName), 0o700, 0o600}
}

// isShared reads core.sharedRepository, see git-config(1).
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

// add writes an entry. When it returns nil the entry survives a crash.
func (s spool) add(e *entry) error {
	b, err := marshal(e)
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

func (s spool) folder(path string) error {
	err := os.Mkdir(path, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Chmod(path, s.folders) // not left to the umask
}

// write makes a file and brings it to the disk.
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

// waiting lists the entries, the oldest first.
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

// spoiledError is what is wrong with a file that holds no push.
type spoiledError struct{ err error }

func (e *spoiledError) Error() string { return fmt.Sprintf("the file does not hold a push: %v", e.err) }

// read reads an entry. The error is a spoiledError when it is about the file's content.
func (s spool) read(name string) (*entry, error) {
	b, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		return nil, err
	}
	e := &entry{}
	if err := json.Unmarshal(b, e); err != nil {
		return nil, &spoiledError{err}
	}
	if e.ID == "" || len(e.Push) == 0 {
		return nil, &spoiledError{errors.New("id or push is missing")}
	}
	return e, nil
}

func (s spool) remove(name string) error { return os.Remove(filepath.Join(s.dir, name)) }

// refuse puts an entry aside with the reason beside it: it would be refused again every time, and hold up what follows.
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

// sweep removes what a writer that was killed left behind.
func (s spool) sweep(now time.Time) {
	parts, _ := filepath.Glob(filepath.Join(s.dir, ".*.part"))
	for _, part := range parts {
		if info, err := os.Stat(part); err == nil && now.Sub(info.ModTime()) > time.Hour {
			_ = os.Remove(part)
		}
	}
}

// lock waits until no other process sends. The lock goes with the process that has it, however it ends.
func (s spool) lock(ctx context.Context) (unlock func(), err error) {
	if err := s.folder(s.dir); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(s.dir, "lock"), os.O_CREATE|os.O_RDWR, s.entries)
	if err != nil {
		return nil, err
	}
	_ = f.Chmod(s.entries) // fails for all but the one who made it
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for !tryLock(f) {
		select {
		case <-look.C:
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("another push is being sent: %w", ctx.Err())
		}
	}
	return func() { _ = f.Close() }, nil
}
