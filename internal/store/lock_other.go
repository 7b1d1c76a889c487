//go:build !unix

package store

// lockFile does nothing where there is no flock; SQLite's own locks still keep the file whole.
func lockFile(string) error { return nil }
