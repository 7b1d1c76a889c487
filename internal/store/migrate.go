package store

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

//go:embed schema/*.sql
var schemaFiles embed.FS

// step upgrades the database by one version. One of sql, change and outside is set.
type step struct {
	version int
	sql     string                                              // in the form of the schema files
	change  func(db *DB, ctx context.Context, tx *sql.Tx) error // in the transaction of the migration
	outside func(db *DB, ctx context.Context) error             // after its commit; is repeated after a crash
}

// steps returns the numbered files of the schema folder and the steps in Go, by version.
func steps() ([]step, error) {
	all := []step{{version: 6, change: (*DB).sealRows}, {version: 7, outside: (*DB).compact},
		{version: 10, change: (*DB).startCounts}, {version: 20, change: (*DB).startKept},
		{version: 22, change: (*DB).startAllCounts}}
	names, err := fs.Glob(schemaFiles, "schema/*.sql")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		number, _, _ := strings.Cut(path.Base(name), "_")
		version, err := strconv.Atoi(number)
		if err != nil {
			return nil, fmt.Errorf("migrate: %s has no number", name)
		}
		text, err := schemaFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		all = append(all, step{version: version, sql: string(text)})
	}
	slices.SortFunc(all, func(a, b step) int { return cmp.Compare(a.version, b.version) })
	for i := range all[1:] { // a database with the first of two would never get the second
		if all[i].version == all[i+1].version {
			return nil, fmt.Errorf("migrate: two steps have version %d", all[i].version)
		}
	}
	return all, nil
}

// migrate upgrades the database to the newest version: numbered steps, forward only, one node at a time. All steps up
// to one that must be outside of a transaction are one transaction. Libraries for migrations want a folder for each
// database; the SQL here is one text for both.
func (db *DB) migrate(ctx context.Context) error {
	all, err := steps()
	if err != nil {
		return err
	}
	return db.migrateBy(ctx, all)
}

// migrateBy is migrate with a part of the steps.
func (db *DB) migrateBy(ctx context.Context, all []step) error {
	for {
		next, err := db.applySteps(ctx, all)
		if err == errNoKey || err == errWrongKey || err == errMoving {
			return err
		}
		if err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		if next == nil {
			return nil
		}
		if err := next.outside(db, ctx); err != nil {
			return fmt.Errorf("migrate: to version %d: %w", next.version, err)
		}
		if err := recordVersion(ctx, db.write, next.version); err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
	}
}

// applySteps applies the steps that the database lacks, in one transaction. It stops before a step that must be
// outside of it, and returns that step. A new database does not need such a step.
func (db *DB) applySteps(ctx context.Context, all []step) (next *step, err error) {
	tx, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	have, err := db.lockVersion(ctx, tx)
	if err != nil {
		return nil, err
	}
	if known := all[len(all)-1].version; have > known {
		return nil, fmt.Errorf(
			"the database has schema version %d and this program knows up to %d: use the newer program", have, known)
	}
	if err := db.checkKey(ctx, tx, have); err != nil {
		return nil, err
	}
	for _, s := range all {
		if s.version <= have {
			continue
		}
		if s.outside != nil && have > 0 {
			return &s, tx.Commit()
		}
		if err := db.apply(ctx, tx, s); err != nil {
			return nil, fmt.Errorf("to version %d: %w", s.version, err)
		}
	}
	if all[len(all)-1].version >= keyCheckVersion {
		if err := db.recordKey(ctx, tx); err != nil {
			return nil, err
		}
	}
	if all[len(all)-1].version >= movesVersion {
		var moves int
		if err := tx.QueryRowContext(ctx, "select count(*) from moves").Scan(&moves); err != nil {
			return nil, err
		}
		if moves > 0 {
			return nil, errMoving
		}
	}
	return nil, tx.Commit()
}

// lockVersion keeps other nodes from migrating until the transaction ends, and returns the version of the database.
func (db *DB) lockVersion(ctx context.Context, tx *sql.Tx) (version int, err error) {
	if db.dialect.migrateLock != "" {
		if _, err := tx.ExecContext(ctx, db.dialect.migrateLock); err != nil {
			return 0, err
		}
	}
	_, err = tx.ExecContext(ctx, db.dialect.schema.Replace(
		"create table if not exists schema_version (version {int} not null)"))
	if err != nil {
		return 0, err
	}
	err = tx.QueryRowContext(ctx, "select coalesce(max(version), 0) from schema_version").Scan(&version)
	return version, err
}

func (db *DB) apply(ctx context.Context, tx *sql.Tx, s step) error {
	if s.sql != "" {
		if _, err := tx.ExecContext(ctx, db.dialect.schema.Replace(s.sql)); err != nil {
			return err
		}
	}
	if s.change != nil {
		if err := s.change(db, ctx, tx); err != nil {
			return err
		}
	}
	return recordVersion(ctx, tx, s.version)
}

func recordVersion(ctx context.Context, c conn, version int) error {
	_, err := c.ExecContext(ctx, "insert into schema_version (version) values ($1)", version)
	return err
}
