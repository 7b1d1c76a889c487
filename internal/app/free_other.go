//go:build !(linux || darwin || freebsd)

package app

import "errors"

// freeSpace fails where the system is not asked.
func freeSpace(string) (int64, error) {
	return 0, errors.New("free space is not measured on this system")
}
