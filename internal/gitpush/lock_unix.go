//go:build unix

package gitpush

import (
	"os"
	"syscall"
)

// tryLock takes the lock on f unless another process has it. It ends when f is closed.
func tryLock(f *os.File) bool {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}
