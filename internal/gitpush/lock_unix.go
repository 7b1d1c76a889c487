//go:build unix

package gitpush

import (
	"os"
	"syscall"
)

// tryLock locks f unless another process holds the lock, and reports whether it did. Closing f releases the lock.
func tryLock(f *os.File) bool {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}
