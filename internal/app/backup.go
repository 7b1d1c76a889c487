package app

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
)

// BackupInfo describes a backup.
type BackupInfo = store.BackupInfo

// ErrPostgres is what [Backup] fails with on PostgreSQL, whose own tools make backups.
var ErrPostgres = errors.New("the database is PostgreSQL: back it up with its own tools")

// backupRoom is what has to stay free on the disk that a copy of the database is written to.
const backupRoom = 100 << 20

// storeOptions are the options of the store for commands that open the database beside a server, or instead of one.
func storeOptions(config *Config, version string) (store.Options, error) {
	k, err := readKeys(config.SecretKeyFile)
	return store.Options{Key: k.current, OldKeys: k.old, NewKey: k.create, Version: version,
		Connections: config.DatabaseConnections}, err
}

// Backup writes a backup of the database to a file that does not exist yet, or, if to is "-", to w. A server may be
// using the database. keyCopy, if it is not "", is a file that does not exist yet: the keys that the backup needs are
// written into it, and into files whose names begin like it. config must be complete.
func Backup(ctx context.Context, config Config, version, to, keyCopy string, w io.Writer) (info BackupInfo, err error) {
	if config.IsPostgres() {
		return info, ErrPostgres
	}
	o, err := storeOptions(&config, version)
	if err != nil {
		return info, err
	}
	written := []string{to}
	if keyCopy != "" {
		written = append(written, keyCopy, keyCopy+oldKeySuffix)
	}
	for _, name := range written {
		if _, err := os.Lstat(name); name != "-" && err == nil {
			return info, hookyard.Errorf(hookyard.Conflict, "%s exists, and is not overwritten", name)
		}
	}
	beside := to
	if to == "-" {
		beside = config.Database
	}
	if err := hasRoom(ctx, &config, filepath.Dir(beside)); err != nil {
		return info, err
	}
	f, err := os.CreateTemp(filepath.Dir(beside), "."+filepath.Base(beside)+".backup-*") // readable by this user only
	if err != nil {
		return info, err
	}
	defer func() {
		if removed := os.Remove(f.Name()); !errors.Is(removed, os.ErrNotExist) {
			err = errors.Join(err, removed)
		}
	}()
	if err := f.Close(); err != nil {
		return info, err
	}
	if info, err = store.Backup(ctx, config.Database, f.Name(), o); err != nil {
		return info, err
	}
	if keyCopy != "" {
		if err := copyKeys(keyCopy, &info, append([][]byte{o.Key}, o.OldKeys...)); err != nil {
			return info, err
		}
	}
	if to != "-" {
		return info, os.Rename(f.Name(), to)
	}
	made, err := os.Open(f.Name())
	if err != nil {
		return info, err
	}
	_, err = io.Copy(w, made)
	return info, errors.Join(err, made.Close())
}

// hasRoom fails if a copy of the database does not fit into a folder.
func hasRoom(ctx context.Context, config *Config, dir string) error {
	used, err := store.UsedBytes(ctx, config.Database)
	if err != nil {
		return err
	}
	free, err := freeSpace(dir)
	if err == nil && free < used+backupRoom {
		return hookyard.Errorf(hookyard.Conflict, "%s has %s free, and the copy takes up to %s: free some space, or "+
			"write it to another disk", dir, sizeText(free), sizeText(used))
	}
	return nil // what is not known does not stand in the way
}

// copyKeys writes the keys of a backup into files: the first one under name, the others under names that make them old
// keys of it.
func copyKeys(name string, info *BackupInfo, keys [][]byte) error {
	if len(info.Keys) == 0 {
		return hookyard.Errorf(hookyard.Conflict, "the key of the database is not here to be copied "+
			"(settings: --secret-key-file, HOOKYARD_SECRET_KEY)")
	}
	for i, fingerprint := range info.Keys {
		if i > 0 {
			name += oldKeySuffix
		}
		for _, key := range keys {
			if len(key) == 0 || store.KeyFingerprint(key) != fingerprint {
				continue
			}
			if err := writeKey(name, key); err != nil {
				return err
			}
			break
		}
	}
	return nil
}

// Restore writes the database of a backup to where the configuration says, where none may be. from returns the backup.
// On PostgreSQL, from is nil: the database was restored by pg_restore, and is prepared for its first start. config must
// be complete.
func Restore(ctx context.Context, config Config, version string, from io.Reader) (info BackupInfo, err error) {
	o, err := storeOptions(&config, version)
	if err != nil {
		return info, err
	}
	if config.IsPostgres() {
		return info, store.Restored(ctx, config.Database, o)
	}
	return store.Restore(ctx, from, config.Database, o)
}

// CheckBackup checks that the file at path is a backup that [Restore] would accept, but for what is in its way. config
// must be complete.
func CheckBackup(ctx context.Context, config Config, version, path string) (BackupInfo, error) {
	o, err := storeOptions(&config, version)
	if err != nil {
		return BackupInfo{}, err
	}
	return store.ReadBackup(ctx, path, o)
}
