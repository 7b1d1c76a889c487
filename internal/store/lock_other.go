//go:build !unix

package store

import "io"

// lockFile does nothing where there is no flock; SQLite's own locks still keep the file whole.
func lockFile(string) (io.Closer, error) { return io.NopCloser(nil), nil }
