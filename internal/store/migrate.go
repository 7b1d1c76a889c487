package store

import (
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

// migrate brings the schema in pool up to date: numbered files, forward only, all in one transaction, one node at a
// time. The files are one text for both databases, which is why this is not left to a library: they all want a folder
// for each.
func (d *dialect) migrate(ctx context.Context, pool *sql.DB, files fs.FS) error {
	names, err := fs.Glob(files, "schema/*.sql")
	if err != nil {
		return err
	}
	slices.Sort(names)
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	if d.migrateLock != "" {
		if _, err := tx.ExecContext(ctx, d.migrateLock); err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
	}
	if _, err := tx.ExecContext(ctx,
		d.schema.Replace("create table if not exists schema_version (version {int} not null)")); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	var have int
	if err := tx.QueryRowContext(ctx, "select coalesce(max(version), 0) from schema_version").Scan(&have); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if have > len(names) {
		return fmt.Errorf("the database has schema version %d and this program knows up to %d: use the newer program",
			have, len(names))
	}
	for _, name := range names {
		number, _, _ := strings.Cut(path.Base(name), "_")
		version, err := strconv.Atoi(number)
		if err != nil {
			return fmt.Errorf("migrate: %s has no number", name)
		}
		if version <= have {
			continue
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, d.schema.Replace(string(text))); err != nil {
			return fmt.Errorf("migrate to version %d: %w", version, err)
		}
		if _, err := tx.ExecContext(ctx, "insert into schema_version (version) values ($1)", version); err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
	}
	return tx.Commit()
}
