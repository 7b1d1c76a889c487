package store

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/hookyard/hookyard"
)

const sourceColumns = "key, project_key, name, settings, secrets, revision, created, updated"

func (db *DB) scanSource(row interface{ Scan(...any) error }) (*hookyard.Source, error) {
	s := &hookyard.Source{}
	var key, project, revision, created, updated int64
	var name, settings string
	var sealed []byte
	if err := row.Scan(&key, &project, &name, &settings, &sealed, &revision, &created, &updated); err != nil {
		return nil, db.translate(err)
	}
	if err := json.Unmarshal([]byte(settings), s); err != nil {
		return nil, err
	}
	var err error
	if s.Secrets, err = db.seal.openSecrets(sealed); err != nil {
		return nil, err
	}
	if s.RabbitMQ != nil && len(s.Secrets) > 0 { // the URL holds a password and is kept as a secret
		s.RabbitMQ.URL, s.Secrets = s.Secrets[0].Value, s.Secrets[1:]
	}
	s.Key, s.ProjectKey, s.Name, s.Revision = key, project, name, revision
	s.CreatedAt, s.UpdatedAt = fromMicros(created), fromMicros(updated)
	return s, nil
}

func (db *DB) sourceSettings(s *hookyard.Source) (settings string, sealed []byte, err error) {
	c := *s
	secrets := s.Secrets
	if s.RabbitMQ != nil {
		secrets = append([]hookyard.Secret{{Value: s.RabbitMQ.URL}}, secrets...)
		q := *s.RabbitMQ
		q.URL = ""
		c.RabbitMQ = &q
	}
	c.Secrets, c.Project = nil, ""
	b, err := json.Marshal(&c)
	if err != nil {
		return "", nil, err
	}
	sealed, err = db.seal.sealSecrets(secrets)
	return string(b), sealed, err
}

func (db *DB) sourcesOf(ctx context.Context, projectKey int64) ([]*hookyard.Source, error) {
	rows, err := db.read.QueryContext(ctx, "select "+sourceColumns+" from sources where project_key = $1 order by name",
		projectKey)
	if err != nil {
		return nil, err
	}
	return db.collectSources(rows)
}

func (db *DB) collectSources(rows *sql.Rows) ([]*hookyard.Source, error) {
	defer func() { _ = rows.Close() }()
	var out []*hookyard.Source
	for rows.Next() {
		s, err := db.scanSource(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// QueueSources lists the sources of every project that read a queue.
func (db *DB) QueueSources(ctx context.Context) ([]*hookyard.Source, error) {
	rows, err := db.read.QueryContext(ctx,
		"select "+sourceColumns+` from sources where settings like '%"Type":"rabbitmq"%' order by key`)
	if err != nil {
		return nil, err
	}
	return db.collectSources(rows)
}

// PutSource makes a source whose Revision is 0, or else replaces the project's source of that name. created says which.
// It fails with [hookyard.ErrStale] when there is one already, or it is not at s.Revision any more.
func (db *DB) PutSource(ctx context.Context, s *hookyard.Source) (created bool, err error) {
	created = s.Revision == 0
	err = db.change(ctx, func(tx *sql.Tx) error {
		if created {
			return db.createSource(ctx, tx, s)
		}
		settings, sealed, err := db.sourceSettings(s)
		if err != nil {
			return err
		}
		s.UpdatedAt = stamp()
		var first int64
		err = tx.QueryRowContext(ctx, `update sources set settings = $1, secrets = $2, revision = revision + 1, updated = $3
			where project_key = $4 and name = $5 and revision = $6 returning key, revision, created`,
			settings, sealed, micros(s.UpdatedAt), s.ProjectKey, s.Name, s.Revision).Scan(&s.Key, &s.Revision, &first)
		if err == sql.ErrNoRows {
			return hookyard.ErrStale
		}
		if err != nil {
			return err
		}
		s.CreatedAt = fromMicros(first)
		return audit(ctx, tx, s.ProjectKey, hookyard.Actor(ctx), "source.update", s.Name, s.Type)
	})
	return created, err
}

func (db *DB) createSource(ctx context.Context, tx *sql.Tx, s *hookyard.Source) error {
	settings, sealed, err := db.sourceSettings(s)
	if err != nil {
		return err
	}
	now := stamp()
	err = tx.QueryRowContext(ctx, `insert into sources (project_key, name, settings, secrets, revision, created, updated)
		values ($1, $2, $3, $4, 1, $5, $5) returning key`, s.ProjectKey, s.Name, settings, sealed, micros(now)).Scan(&s.Key)
	if db.dialect.isDuplicate(err) {
		return hookyard.ErrStale
	}
	if err != nil {
		return err
	}
	s.Revision, s.CreatedAt, s.UpdatedAt = 1, now, now
	return audit(ctx, tx, s.ProjectKey, hookyard.Actor(ctx), "source.create", s.Name, s.Type)
}

// DeleteSource deletes a source. Its events stay.
func (db *DB) DeleteSource(ctx context.Context, projectKey int64, name string) error {
	return db.change(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, "delete from sources where project_key = $1 and name = $2", projectKey, name)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return hookyard.ErrNotFound
		}
		if _, err := tx.ExecContext(ctx, "delete from refused where project_key = $1 and source = $2", projectKey,
			name); err != nil {
			return err
		}
		return audit(ctx, tx, projectKey, hookyard.Actor(ctx), "source.delete", name, "")
	})
}

// refusedKept is how many refused requests of a source are kept, the newest.
const refusedKept = 100

// Refuse keeps a request that a source did not accept, and drops the oldest beyond a hundred of that source.
func (db *DB) Refuse(ctx context.Context, r *hookyard.Refusal) error {
	return db.txPlain(ctx, func(c conn) error {
		err := c.QueryRowContext(ctx, `insert into refused (project_key, source, time, reason, method, target, remote, header, body, size)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning key`,
			r.ProjectKey, r.Source, micros(r.Time), r.Reason, r.Method, r.Target, r.Remote, notNil(r.Header),
			notNil(r.Body), r.Size).Scan(&r.Key)
		if err != nil {
			return err
		}
		_, err = c.ExecContext(ctx, `delete from refused where project_key = $1 and source = $2 and key <= (
			select key from refused where project_key = $1 and source = $2 order by key desc limit 1 offset $3)`,
			r.ProjectKey, r.Source, refusedKept)
		return err
	})
}

// Refused lists the refused requests of a source, or of all when source is "", the newest first.
func (db *DB) Refused(ctx context.Context, projectKey int64, source string, limit int) ([]hookyard.Refusal, error) {
	rows, err := db.read.QueryContext(ctx, `select key, source, time, reason, method, target, remote, header, body, size from refused
		where project_key = $1 and ($2 = '' or source = $2) order by key desc limit $3`, projectKey, source, limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []hookyard.Refusal
	for rows.Next() {
		r := hookyard.Refusal{ProjectKey: projectKey}
		var at int64
		if err := rows.Scan(&r.Key, &r.Source, &at, &r.Reason, &r.Method, &r.Target, &r.Remote, &r.Header, &r.Body,
			&r.Size); err != nil {
			return nil, err
		}
		r.Time = fromMicros(at)
		out = append(out, r)
	}
	return out, rows.Err()
}
