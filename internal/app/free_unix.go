//go:build linux || darwin || freebsd

package app

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// freeSpace returns how many bytes this user can still write in a folder, or where it is to be made.
func freeSpace(dir string) (int64, error) {
	var s syscall.Statfs_t
	err := syscall.Statfs(dir, &s)
	if errors.Is(err, os.ErrNotExist) && dir != filepath.Dir(dir) {
		return freeSpace(filepath.Dir(dir))
	}
	if err != nil {
		return 0, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return int64(s.Bavail) * int64(s.Bsize), nil //nolint:unconvert // the types differ between systems
}
