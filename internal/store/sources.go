package store

import (
	"context"
	"database/sql"

	"github.com/hookyard/hookyard"
)

const sourceColumns = "key, project_key, name, type, settings, secrets, revision, created, updated"

func (db *DB) scanSource(row scanner) (*hookyard.Source, error) {
	s := &hookyard.Source{}
	var created, updated int64
	var settings string
	var sealed []byte
	err := row.Scan(&s.Key, &s.ProjectKey, &s.Name, &s.Type, &settings, &sealed, &s.Revision, &created, &updated)
	if err != nil {
		return nil, db.translate(err)
	}
	var stored storedSource
	var secrets sourceSecrets
	readable, err := db.seal.decode(settings, sealed, &stored, &secrets)
	if err != nil {
		return nil, err
	}
	s.Unreadable = !readable
	stored.fill(s)
	secrets.fill(s)
	s.CreatedAt, s.UpdatedAt = fromMicros(created), fromMicros(updated)
	return s, nil
}

// encodeSource returns the settings and the sealed column of a source.
func (db *DB) encodeSource(s *hookyard.Source) (settings string, sealed []byte, err error) {
	return db.seal.encode(storeSource(s))
}

// QueueSources returns the sources of all projects that read a queue, in the order in which they were created.
func (db *DB) QueueSources(ctx context.Context) ([]*hookyard.Source, error) {
	rows, err := db.read.QueryContext(ctx,
		"select "+sourceColumns+" from sources where type = 'rabbitmq' order by key")
	if err != nil {
		return nil, err
	}
	return collect(rows, db.scanSource)
}

// PutSource creates a source if s.Revision is 0, and otherwise replaces the source of that name in the project.
// created says which. It sets the key, revision and times of s. It fails with [hookyard.ErrStale] if the source to
// create exists, or the one to replace is not at s.Revision.
func (db *DB) PutSource(ctx context.Context, s *hookyard.Source) (created bool, err error) {
	created = s.Revision == 0
	err = db.changeSources(ctx, s.ProjectKey, func(tx *limitedTx) error {
		if created {
			return db.createSource(ctx, tx, s)
		}
		settings, sealed, err := db.encodeSource(s)
		if err != nil {
			return err
		}
		s.UpdatedAt = stamp()
		var old storedRow
		var oldType string
		query := "select type, settings, secrets from sources where project_key = $1 and name = $2" +
			db.dialect.forUpdate
		err = tx.QueryRowContext(ctx, query, s.ProjectKey, s.Name).Scan(&oldType, &old.settings, &old.sealed)
		if err == sql.ErrNoRows {
			return hookyard.ErrStale
		}
		if err != nil {
			return err
		}
		var first int64
		err = tx.QueryRowContext(ctx, `update sources set type = $1, settings = $2, secrets = $3,
				revision = revision + 1, updated = $4
			where project_key = $5 and name = $6 and revision = $7 returning key, revision, created`,
			s.Type, settings, sealed, micros(s.UpdatedAt), s.ProjectKey, s.Name, s.Revision).Scan(
			&s.Key, &s.Revision, &first)
		if err == sql.ErrNoRows {
			return hookyard.ErrStale
		}
		if err != nil {
			return err
		}
		s.CreatedAt = fromMicros(first)
		var what changes
		what.add("type", oldType, s.Type)
		what.addRow(db.seal, old, storedRow{settings, sealed})
		return db.audit(ctx, tx, s.ProjectKey, hookyard.Actor(ctx), "source.update", s.Name, what.String())
	})
	return created, err
}

func (db *DB) createSource(ctx context.Context, tx *limitedTx, s *hookyard.Source) error {
	settings, sealed, err := db.encodeSource(s)
	if err != nil {
		return err
	}
	now := stamp()
	err = tx.QueryRowContext(ctx, `insert into sources (project_key, name, type, settings, secrets, revision, created,
			updated)
		values ($1, $2, $3, $4, $5, 1, $6, $6) returning key`,
		s.ProjectKey, s.Name, s.Type, settings, sealed, micros(now)).Scan(&s.Key)
	if db.dialect.isDuplicate(err) {
		return hookyard.ErrStale
	}
	if err != nil {
		return err
	}
	s.Revision = 1
	s.CreatedAt, s.UpdatedAt = now, now
	var zero storedRow
	if zero.settings, zero.sealed, err = db.encodeSource(&hookyard.Source{}); err != nil {
		return err
	}
	var what changes
	what.add("type", "", s.Type)
	what.addRow(db.seal, zero, storedRow{settings, sealed})
	return db.audit(ctx, tx, s.ProjectKey, hookyard.Actor(ctx), "source.create", s.Name, what.String())
}

// DeleteSource deletes a source with its refused requests, or fails with [hookyard.ErrNotFound]. Its events stay.
func (db *DB) DeleteSource(ctx context.Context, projectKey int64, name string) error {
	return db.changeSources(ctx, projectKey, func(tx *limitedTx) error {
		var kind string
		err := tx.QueryRowContext(ctx, "delete from sources where project_key = $1 and name = $2 returning type",
			projectKey, name).Scan(&kind)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "delete from refused where project_key = $1 and source = $2", projectKey,
			name); err != nil {
			return err
		}
		var what changes
		what.add("type", kind, "")
		return db.audit(ctx, tx, projectKey, hookyard.Actor(ctx), "source.delete", name, what.String())
	})
}

// Bounds on the refused requests that are stored of a source.
const (
	refusedKept  = 500
	refusedBytes = 8 << 20
)

// Refuse stores a request that a source refused, and sets its key. Only the newest of a source are kept: at most
// [refusedKept], which take at most [refusedBytes].
func (db *DB) Refuse(ctx context.Context, r *hookyard.Refusal) error {
	return db.txPlain(ctx, func(c conn) error {
		var request []byte
		if r.Whole {
			request = db.seal.sealRequest(r.URI, r.Sent)
		}
		err := c.QueryRowContext(ctx, `insert into refused (project_key, source, time, reason, method, target, remote,
				header, body, size, request)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) returning key`,
			r.ProjectKey, r.Source, micros(r.Time), r.Reason, r.Method, r.Target, r.Remote, notNil(r.Header),
			notNil(r.Body), r.Size, request).Scan(&r.Key)
		if err != nil {
			return err
		}
		var counted tally
		counted.of(r.ProjectKey, 0).Refuse(r.Code)
		if err := db.storeTally(ctx, c, &counted); err != nil {
			return err
		}
		_, err = c.ExecContext(ctx, `delete from refused where project_key = $1 and source = $2
			and key <= (select max(key) from (select key, row_number() over (order by key desc) as n,
				sum(length(body) + length(header) + coalesce(length(request), 0)) over (order by key desc) as bytes
				from refused where project_key = $1 and source = $2) as newest
			where n > $3 or bytes > $4 and n > 1)`,
			r.ProjectKey, r.Source, refusedKept, refusedBytes)
		return err
	})
}

// RefusedKeys returns the keys of the refused requests of a source that are kept, the oldest first.
func (db *DB) RefusedKeys(ctx context.Context, projectKey int64, source string) ([]int64, error) {
	rows, err := db.read.QueryContext(ctx,
		"select key from refused where project_key = $1 and source = $2 order by key", projectKey, source)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(row scanner) (key int64, err error) {
		err = row.Scan(&key)
		return key, err
	})
}

// RefusedRequest returns a refused request of a source with its URI and header, or [hookyard.ErrNotFound].
func (db *DB) RefusedRequest(ctx context.Context, projectKey int64, source string, key int64) (*hookyard.Refusal,
	error) {
	row := db.read.QueryRowContext(ctx, "select "+refusedColumns+`, request from refused
		where project_key = $1 and source = $2 and key = $3`, projectKey, source, key)
	var request []byte
	r, err := scanRefusal(row, &request)
	if err != nil {
		return nil, db.translate(err)
	}
	if r.ProjectKey = projectKey; r.Whole {
		r.URI, r.Sent, err = db.seal.openRequest(request)
	}
	return &r, err
}

// EndRefusal deletes a refused request, which was accepted, or stores why it was refused again.
func (db *DB) EndRefusal(ctx context.Context, key int64, reason string) error {
	return db.txPlain(ctx, func(c conn) error {
		if reason == "" {
			_, err := c.ExecContext(ctx, "delete from refused where key = $1", key)
			return err
		}
		_, err := c.ExecContext(ctx, "update refused set reason = $1 where key = $2", reason, key)
		return err
	})
}

// AuditRecheck enters into the audit log that refused requests of a source were checked again, and what came of it.
func (db *DB) AuditRecheck(ctx context.Context, projectKey int64, source, outcome string) error {
	return db.txPlain(ctx, func(c conn) error {
		return db.audit(ctx, c, projectKey, hookyard.Actor(ctx), "source.recheck", source, outcome)
	})
}

const refusedColumns = "key, source, time, reason, method, target, remote, header, body, size, request is not null"

func scanRefusal(row scanner, more ...any) (hookyard.Refusal, error) {
	var r hookyard.Refusal
	var at int64
	err := row.Scan(append([]any{&r.Key, &r.Source, &at, &r.Reason, &r.Method, &r.Target, &r.Remote, &r.Header, &r.Body,
		&r.Size, &r.Whole}, more...)...)
	r.Time = fromMicros(at)
	return r, err
}

// Refused returns at most limit refused requests of a source, newest first. An empty source means all sources.
func (db *DB) Refused(ctx context.Context, projectKey int64, source string, limit int) ([]hookyard.Refusal, error) {
	rows, err := db.read.QueryContext(ctx, "select "+refusedColumns+` from refused
		where project_key = $1 and ($2 = '' or source = $2) order by key desc limit $3`, projectKey, source, limit)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(row scanner) (hookyard.Refusal, error) {
		r, err := scanRefusal(row)
		r.ProjectKey = projectKey
		return r, err
	})
}
