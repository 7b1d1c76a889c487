package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/hookyard/hookyard"
)

// Before version 6 the settings of projects, hooks and sources were their Go types as JSON. The URL and headers of
// hooks and attempts were plain text, and the audit log held the URL. encoding/json matches names without case, so
// that the current types can read the old settings.

// upgradeRows is the number of rows that are read before they are written.
const upgradeRows = 100

// sealRows rewrites all rows in the form of version 6. It fails if a secret cannot be opened: with the wrong key, one
// part of the database would be sealed with it and the other with the right one.
func (db *DB) sealRows(ctx context.Context, tx *sql.Tx) error {
	for _, f := range []func(context.Context, *sql.Tx) error{
		db.upgradeProjects, db.upgradeHooks, db.upgradeSources, db.upgradeAudit, db.upgradeAttempts,
	} {
		if err := f(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) upgradeProjects(ctx context.Context, tx *sql.Tx) error {
	r := rewrite{
		query:  "select key, settings from projects where key > $1 order by key limit $2",
		update: "update projects set settings = $2, retention = $3 where key = $1",
	}
	return r.run(ctx, tx, func(row scanner) (key int64, values []any, err error) {
		var text string
		if err := row.Scan(&key, &text); err != nil {
			return 0, nil, err
		}
		var old struct {
			storedProject
			Retention time.Duration
		}
		if err := json.Unmarshal([]byte(text), &old); err != nil {
			return 0, nil, err
		}
		settings, err := json.Marshal(old.storedProject)
		return key, []any{string(settings), int64(old.Retention)}, err
	})
}

func (db *DB) upgradeHooks(ctx context.Context, tx *sql.Tx) error {
	r := rewrite{
		query: `select key, settings, case when deleted = 0 then secrets end from hooks where key > $1
			order by key limit $2`, // a deleted hook needs no secrets
		update: "update hooks set settings = $2, secrets = $3, expires = $4 where key = $1",
	}
	return r.run(ctx, tx, func(row scanner) (key int64, values []any, err error) {
		var text string
		var sealed []byte
		if err := row.Scan(&key, &text, &sealed); err != nil {
			return 0, nil, err
		}
		var old struct {
			storedHook
			hookSecrets
			ExpiresAt time.Time
		}
		if err := json.Unmarshal([]byte(text), &old); err != nil {
			return 0, nil, err
		}
		if old.Secrets, err = db.openList(sealed); err != nil {
			return 0, nil, fmt.Errorf("hook with key %d: %w", key, err)
		}
		settings, sealed, err := db.seal.encode(old.storedHook, old.hookSecrets)
		return key, []any{settings, sealed, micros(old.ExpiresAt)}, err
	})
}

func (db *DB) upgradeSources(ctx context.Context, tx *sql.Tx) error {
	r := rewrite{
		query:  "select key, settings, secrets from sources where key > $1 order by key limit $2",
		update: "update sources set settings = $2, secrets = $3, type = $4 where key = $1",
	}
	return r.run(ctx, tx, func(row scanner) (key int64, values []any, err error) {
		var text string
		var sealed []byte
		if err := row.Scan(&key, &text, &sealed); err != nil {
			return 0, nil, err
		}
		var old struct {
			storedSource
			sourceSecrets
			Type string
		}
		if err := json.Unmarshal([]byte(text), &old); err != nil {
			return 0, nil, err
		}
		if old.Secrets, err = db.openList(sealed); err != nil {
			return 0, nil, fmt.Errorf("source with key %d: %w", key, err)
		}
		if string(old.Scheme) == "null" {
			old.Scheme = nil
		}
		if old.Answer != nil {
			old.AnswerHeaders, old.Answer.Headers = old.Answer.Headers, nil
		}
		if old.RabbitMQ != nil && len(old.Secrets) > 0 { // the first secret was the URL of the broker
			old.RabbitMQURL, old.Secrets = old.Secrets[0].Value, old.Secrets[1:]
		}
		settings, sealed, err := db.seal.encode(old.storedSource, old.sourceSecrets)
		return key, []any{settings, sealed, old.Type}, err
	})
}

// openList opens a column with a sealed list of secrets, or null.
func (db *DB) openList(sealed []byte) ([]storedSecret, error) {
	plain, err := db.seal.open(sealed)
	if err != nil || plain == nil {
		return nil, err
	}
	var out []storedSecret
	return out, json.Unmarshal(plain, &out)
}

// upgradeAudit masks the URLs of hooks in the audit log.
func (db *DB) upgradeAudit(ctx context.Context, tx *sql.Tx) error {
	r := rewrite{
		query: "select key, detail from audit where key > $1 and action = 'hook.create' and detail <> ''" +
			" order by key limit $2",
		update: "update audit set detail = $2 where key = $1",
	}
	return r.run(ctx, tx, func(row scanner) (key int64, values []any, err error) {
		var url string
		err = row.Scan(&key, &url)
		return key, []any{hookyard.URLOrigin(url)}, err
	})
}

// attemptRow is the part of an attempt that is rewritten.
type attemptRow struct {
	seq, hook, n int64
	url          string
	request      []byte
}

// upgradeAttempts seals the requests of attempts. There may be millions, so that one statement updates a whole batch.
func (db *DB) upgradeAttempts(ctx context.Context, tx *sql.Tx) error {
	update := bulkUpdate{"attempts", []string{"event_seq", "hook_key", "n"}, newTable("", "url:s request_header:b")}
	var last attemptRow
	for done := 0; ; {
		rows, err := tx.QueryContext(ctx, `select event_seq, hook_key, n, url, request_header from attempts
			where (event_seq, hook_key, n) > ($1, $2, $3) order by event_seq, hook_key, n limit $4`,
			last.seq, last.hook, last.n, upgradeRows)
		if err != nil {
			return err
		}
		batch, err := collect(rows, func(row scanner) (a attemptRow, err error) {
			err = row.Scan(&a.seq, &a.hook, &a.n, &a.url, &a.request)
			return a, err
		})
		if err != nil || len(batch) == 0 {
			return err
		}
		var args []any
		for _, a := range batch {
			header := hookyard.MaskHeader(hookyard.DecodeHeader(a.request)) // more names are masked than before
			sealed := db.seal.sealRequest(hookyard.MaskURL(a.url), header)
			args = append(args, a.seq, a.hook, a.n, hookyard.URLOrigin(a.url), sealed)
		}
		if _, err := tx.ExecContext(ctx, update.text(db.dialect, len(batch)), args...); err != nil {
			return err
		}
		last = batch[len(batch)-1]
		if done += len(batch); done%100_000 == 0 {
			db.log.Info("sealing the requests of stored attempts, once", "attempts", done)
		}
	}
}

// compactBytes is the size of the largest database that is compacted at the start.
const compactBytes = 1 << 30

// compact rewrites the database file without its unused space, which may hold what rows were before they were sealed.
// If that fails, a warning is logged and hookyard starts nevertheless.
func (db *DB) compact(ctx context.Context) error {
	if db.dialect.compact == nil {
		return nil
	}
	size, err := db.Size(ctx)
	if err == nil && size > compactBytes {
		err = fmt.Errorf("it has %d MiB, and up to %d are compacted at the start", size>>20, compactBytes>>20)
	}
	if err == nil {
		err = db.dialect.compact(ctx, db.write)
	}
	if err != nil {
		db.log.Warn("unused space of the database file may hold credentials of hooks in clear: "+
			"stop hookyard and run VACUUM on the file once", "error", err)
	}
	return nil
}

// rewrite updates each row of a table that has a key.
type rewrite struct {
	query  string // selects, by key, at most $2 rows with a key over $1
	update string // updates the row with key $1
}

// run calls f with each row. The values that f returns are $2 and following of the update.
func (r rewrite) run(ctx context.Context, tx *sql.Tx, f func(scanner) (key int64, values []any, err error)) error {
	for last := int64(0); ; {
		rows, err := tx.QueryContext(ctx, r.query, last, upgradeRows)
		if err != nil {
			return err
		}
		args, err := collect(rows, func(row scanner) ([]any, error) {
			key, values, err := f(row)
			last = key
			return append([]any{key}, values...), err
		})
		if err != nil || len(args) == 0 {
			return err
		}
		for _, a := range args {
			if _, err := tx.ExecContext(ctx, r.update, a...); err != nil {
				return err
			}
		}
	}
}
