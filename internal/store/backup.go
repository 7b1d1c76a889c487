package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
)

// A backup is a copy of the SQLite file as it was at one moment, followed by a trailer of fixed size that describes it.
// SQLite ignores what follows its last page, so that its own tools open a backup, too.

// trailerSize is the size of a trailer: JSON, spaces and a line break.
const trailerSize = 1024

// backupFormat is the version of the format, in each trailer.
const backupFormat = "hookyard-backup-1"

// BackupInfo describes a backup.
type BackupInfo struct {
	Format  string    `json:"format"`
	Created time.Time `json:"created"` // the backup is of the database at this moment
	Version string    `json:"version"` // of the hookyard that made the backup
	Schema  int       `json:"schema"`  // version of the database's schema
	// Keys are the fingerprints of the keys that its secrets are sealed with: one, or two if the key was just being
	// changed. Keys that the program which made the backup was not given are missing.
	Keys   []string `json:"keys"`
	Size   int64    `json:"size"`   // bytes of the database
	SHA256 string   `json:"sha256"` // of the database, in hexadecimal
}

// KeyFingerprint identifies a key without revealing it: 16 hexadecimal digits.
func KeyFingerprint(key []byte) string {
	inner := sha256.Sum256(key) // which seals
	outer := sha256.Sum256(append([]byte("hookyard key fingerprint\n"), inner[:]...))
	return hex.EncodeToString(outer[:8])
}

// Backup writes a backup of the SQLite file at path into the file at to, which must be empty or missing. A server may
// be using the database: it is not held up, but its write-ahead log grows until the copy is complete. The copy has been
// checked for integrity. If Backup fails, the file at to is of no use.
func Backup(ctx context.Context, path, to string, o Options) (info BackupInfo, err error) {
	path = sqlitePath(path)
	if _, err := os.Stat(path); err != nil { // or an empty database would be created
		return info, err
	}
	info = BackupInfo{Format: backupFormat, Created: time.Now().UTC().Truncate(time.Second), Version: o.Version}
	if err := copyDatabase(ctx, path, to); err != nil {
		return info, fmt.Errorf("copy %s: %w", path, err)
	}
	if err := checkCopy(ctx, to); err != nil {
		return info, err
	}
	in, keys, err := inspectCopy(ctx, to, &o)
	if err == nil && len(o.Key) > 0 {
		err = in.Key
	}
	if err != nil {
		return info, err
	}
	info.Schema, info.Keys = in.Schema, keys
	f, err := os.OpenFile(to, os.O_RDWR, 0)
	if err != nil {
		return info, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum := sha256.New()
	if info.Size, err = io.Copy(sum, f); err != nil {
		return info, err
	}
	info.SHA256 = hex.EncodeToString(sum.Sum(nil))
	trailer, err := json.Marshal(info)
	if err != nil {
		return info, err
	}
	if len(trailer) >= trailerSize {
		return info, fmt.Errorf("the description of the backup has %d bytes and may have %d", len(trailer),
			trailerSize-1)
	}
	if _, err := fmt.Fprintf(f, "%-*s\n", trailerSize-1, trailer); err != nil {
		return info, err
	}
	return info, f.Sync()
}

// copyDatabase writes the database at path, as of one moment, to the file at to.
func copyDatabase(ctx context.Context, path, to string) error {
	db, err := sql.Open("sqlite", sqliteURL(path)+"?_pragma=busy_timeout(5000)&_pragma=cache_size(-8000)")
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(ctx, "vacuum into $1", to) // what was deleted is not in the copy
	return err
}

// checkCopy checks the integrity of the SQLite file at path.
func checkCopy(ctx context.Context, path string) error {
	return readFile(path, func(db *sql.DB) error {
		var found string
		if err := db.QueryRowContext(ctx, "pragma integrity_check(1)").Scan(&found); err != nil {
			return err
		}
		if found != "ok" {
			return fmt.Errorf("the database is damaged: %s", found)
		}
		return nil
	})
}

// readFile calls f with the SQLite file at path, which does not change.
func readFile(path string, f func(db *sql.DB) error) error {
	db, err := sql.Open("sqlite", sqliteURL(path)+"?mode=ro&immutable=1&_pragma=query_only(1)")
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	return f(db)
}

// inspectCopy looks at a SQLite file that does not change, and returns the fingerprints of those of the keys that its
// secrets are sealed with.
func inspectCopy(ctx context.Context, path string, o *Options) (in Inspection, keys []string, err error) {
	all, err := steps()
	if err != nil {
		return in, nil, err
	}
	in.Known = all[len(all)-1].version
	err = readFile(path, func(db *sql.DB) error {
		if err := in.read(ctx, sqlite(), db, o); err != nil {
			return err
		}
		if in.Schema == 0 {
			return hookyard.Errorf(hookyard.Invalid, "%s is not a database of hookyard", path)
		}
		if in.Schema < keyCheckVersion {
			return nil
		}
		query := "select value from key_check"
		if in.Schema >= rotationVersion {
			query += " union all select value from key_rotation where ended = 0"
		}
		rows, err := db.QueryContext(ctx, query)
		if err != nil {
			return err
		}
		values, err := collect(rows, func(row scanner) (value []byte, err error) {
			err = row.Scan(&value)
			return value, err
		})
		keys = openedBy(values, append([][]byte{o.Key}, o.OldKeys...))
		return err
	})
	return in, keys, err
}

// openedBy returns the fingerprints of those keys that open one of the values, in the order of the values.
func openedBy(values, keys [][]byte) []string {
	names := []string{}
	for _, value := range values {
		for _, key := range keys {
			if len(key) > 0 && newSealer(key).leads(value) {
				names = append(names, KeyFingerprint(key))
				break
			}
		}
	}
	return names
}

// ReadBackup checks that the file at path is a complete backup that this program and one of the keys can open, and
// returns its description.
func ReadBackup(ctx context.Context, path string, o Options) (BackupInfo, error) {
	info, err := readTrailer(path)
	if err != nil {
		return info, err
	}
	in, _, err := inspectCopy(ctx, path, &o)
	switch {
	case err != nil:
		return info, err
	case in.Schema > in.Known:
		return info, hookyard.Errorf(hookyard.Conflict, "the backup has schema version %d and this program knows up "+
			"to %d: use hookyard %s or newer", in.Schema, in.Known, cleanWord(info.Version))
	case in.Key != nil:
		return info, info.missingKey(o.Key)
	}
	return info, nil
}

// missingKey says which key opens the backup. key is the one that does not; empty if there is none.
func (b *BackupInfo) missingKey(key []byte) error {
	belongs := "the key that belongs to it"
	if len(b.Keys) > 0 {
		belongs = "the key with the fingerprint " + strings.Join(b.Keys, ", and the old one with ")
	}
	given := "there is no key"
	if len(key) > 0 {
		given = "the key that was given has the fingerprint " + KeyFingerprint(key)
	}
	return hookyard.Errorf(hookyard.Conflict, "the secrets in the backup are sealed, and %s: put %s first where the "+
		"server reads it, DATA/secret.key (settings: --data, --secret-key-file, HOOKYARD_SECRET_KEY)", given, belongs)
}

// readTrailer returns the description of the backup at path, after comparing its checksum.
func readTrailer(path string) (info BackupInfo, err error) {
	f, err := os.Open(path)
	if err != nil {
		return info, err
	}
	defer func() { _ = f.Close() }()
	stat, err := f.Stat()
	if err != nil {
		return info, err
	}
	size := stat.Size() - trailerSize
	trailer := make([]byte, trailerSize)
	if size > 0 {
		if _, err := f.ReadAt(trailer, size); err != nil {
			return info, err
		}
	}
	if err := json.Unmarshal(trailer, &info); err != nil || info.Format == "" {
		return info, hookyard.Errorf(hookyard.Invalid, "this is no backup, or not all of one: hookyard backup ends "+
			"each with a line that describes it")
	}
	if info.Format != backupFormat {
		return info, hookyard.Errorf(hookyard.Invalid, "the backup has the format %s: use hookyard %s or newer",
			cleanWord(info.Format), cleanWord(info.Version))
	}
	sum := sha256.New()
	if _, err := io.CopyN(sum, f, size); err != nil {
		return info, err
	}
	if size != info.Size || hex.EncodeToString(sum.Sum(nil)) != info.SHA256 {
		return info, hookyard.Errorf(hookyard.Invalid, "the backup is damaged: its checksum is not the one of %s, "+
			"when it was made", info.Created.Format(time.RFC3339))
	}
	return info, nil
}

// cleanWord shortens what a file of unknown origin says about itself.
func cleanWord(s string) string { return hookyard.Clean(s, 40) }

// UsedBytes returns how many bytes a copy of the SQLite file at path takes at most. A server may be using it.
func UsedBytes(ctx context.Context, path string) (n int64, err error) {
	path = sqlitePath(path)
	if _, err := os.Stat(path); err != nil {
		return 0, err
	}
	db, err := sql.Open("sqlite", sqliteURL(path)+"?_pragma=query_only(1)&_pragma=busy_timeout(5000)")
	if err != nil {
		return 0, err
	}
	defer func() { _ = db.Close() }()
	err = db.QueryRowContext(ctx, sqlite().used).Scan(&n)
	return n, err
}
