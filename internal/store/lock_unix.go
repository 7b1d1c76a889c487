//go:build unix

package store

import (
	"fmt"
	"io"
	"os"
	"syscall"
)

// lockFile makes sure that no other process serves the same file: each would keep work in memory that the other does
// not know of. Close lets go of it, and so does the kernel when the process dies, in whatever way.
func lockFile(path string) (io.Closer, error) {
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s is in use by another hookyard: stop it first, or give this one another --database",
			path)
	}
	return f, nil
}
