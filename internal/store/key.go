package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Versions of the schema from which there are the tables key_check and key_rotation.
const (
	keyCheckVersion = 8
	rotationVersion = 18
)

// keyCheck is what the check value says, so that a person who reads it in a database without a key knows what it is.
const keyCheck = "hookyard"

var (
	errWrongKey = errors.New("the secrets in this database are sealed with another key than the one given: " +
		"use the secret.key that belongs to the database; all nodes on one database share it " +
		"(settings: --secret-key-file, HOOKYARD_SECRET_KEY)")
	errNoKey = errors.New("the secrets in this database are sealed with a key, and there is no key: put the " +
		"secret.key that belongs to the database in its place; all nodes on one database share it " +
		"(settings: --secret-key-file, HOOKYARD_SECRET_KEY)")
)

// checkKey fails if what the database holds was sealed with a key that this node lacks. A node without a key makes one
// if nothing is sealed yet and no other node is there that may seal something now. It runs under the lock of the
// migration, so that of two nodes that start on an empty database one makes the key and the other is told to use it.
// version is that of the schema.
func (db *DB) checkKey(ctx context.Context, tx *sql.Tx, version int) error {
	sealed, err := db.sealedValues(ctx, tx, version)
	if err != nil {
		return err
	}
	if err := db.opens(ctx, tx, version, sealed); err != nil || db.newKey == nil {
		return err
	}
	if len(sealed) > 0 { // by a key that is lost
		if _, err := tx.ExecContext(ctx, "delete from key_check"); err != nil {
			return err
		}
	}
	key, err := db.newKey()
	if err != nil {
		return err
	}
	db.newKey = nil
	db.seal.add(key)
	return nil
}

// opens fails if no key of this node opens one of sealed, of which there is none if nothing is sealed. A node without a
// key needs none if they are nothing but the check value of a lost key.
func (db *DB) opens(ctx context.Context, tx *sql.Tx, version int, sealed [][]byte) error {
	if len(sealed) == 0 {
		return nil
	}
	if db.newKey != nil {
		return db.sealsNothing(ctx, tx, version)
	}
	for _, value := range sealed { // a single one may be damaged
		if _, err := db.seal.open(value); err == nil {
			return nil
		}
	}
	return errWrongKey
}

// sealsNothing fails with errNoKey if there is anything but the check value that only a lost key opens.
func (db *DB) sealsNothing(ctx context.Context, tx *sql.Tx, version int) error {
	all, err := steps()
	if err != nil {
		return err
	}
	if version != all[len(all)-1].version { // what an older version sealed is not looked for
		return errNoKey
	}
	if !db.dialect.oneProcess {
		var nodes int
		if err := tx.QueryRowContext(ctx, "select count(*) from nodes").Scan(&nodes); err != nil {
			return err
		}
		if nodes > 0 {
			return errNoKey
		}
	}
	for _, c := range sealedColumns() {
		var found int
		if err := tx.QueryRowContext(ctx, "select count(*) from (select 1 from "+c.table+" where substr("+c.column+
			", 1, 1) = $1 limit 1) s", []byte{1}).Scan(&found); err != nil {
			return err
		}
		if found > 0 {
			return errNoKey
		}
	}
	return nil
}

// sealedValues returns values that show which key is in use: the check value, or in a database without one up to a
// hundred that are sealed. It returns none if nothing is sealed.
func (db *DB) sealedValues(ctx context.Context, tx *sql.Tx, version int) ([][]byte, error) {
	if version == 0 {
		return nil, nil
	}
	queries := []string{
		"select secrets from hooks where substr(secrets, 1, 1) = $1 order by key desc limit 100",
		"select secrets from sources where substr(secrets, 1, 1) = $1 order by key desc limit 100",
		"select secret from projects where substr(secret, 1, 1) = $1 order by key desc limit 100",
	}
	if version >= keyCheckVersion {
		queries = append([]string{"select value from key_check where substr(value, 1, 1) = $1"}, queries...)
	}
	for _, query := range queries {
		rows, err := tx.QueryContext(ctx, query, []byte{1})
		if err != nil {
			return nil, err
		}
		values, err := collect(rows, func(row scanner) (value []byte, err error) {
			err = row.Scan(&value)
			return value, err
		})
		if err != nil || len(values) > 0 {
			return values, err
		}
	}
	return nil, nil
}

// recordKey stores the check value if there is none, or one from when there was no key.
func (db *DB) recordKey(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `insert into key_check (name, value) values ('key', $1)
		on conflict (name) do update set value = excluded.value where substr(key_check.value, 1, 1) <> $2`,
		db.seal.seal([]byte(keyCheck)), []byte{1})
	if err != nil {
		return fmt.Errorf("store the check value of the key: %w", err)
	}
	return nil
}
