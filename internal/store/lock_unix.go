//go:build unix

package store

import (
	"fmt"
	"os"
	"sync"
	"syscall"
)

// locked keeps the lock files open for as long as the process lives; the kernel lets go of them when it dies, in
// whatever way.
var locked struct {
	sync.Mutex
	files map[string]*os.File
}

// lockFile makes sure that no other process serves the same file: each would keep work in memory that the other does
// not know of.
func lockFile(path string) error {
	locked.Lock()
	defer locked.Unlock()
	if locked.files[path] != nil {
		return nil
	}
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return fmt.Errorf("%s is in use by another hookyard: stop it first, or give this one another --database", path)
	}
	if locked.files == nil {
		locked.files = map[string]*os.File{}
	}
	locked.files[path] = f
	return nil
}
