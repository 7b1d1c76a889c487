package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
)

const projectColumns = "key, owner, name, uid, settings, secret, retention, revision, created, updated"

func (db *DB) scanProject(row scanner) (*hookyard.Project, error) {
	p := &hookyard.Project{}
	var created, updated int64
	var settings string
	var sealed []byte
	err := row.Scan(&p.Key, &p.Owner, &p.Name, &p.UID, &settings, &sealed, &p.Retention, &p.Revision, &created,
		&updated)
	if err != nil {
		return nil, db.translate(err)
	}
	var stored storedProject
	if err := json.Unmarshal([]byte(settings), &stored); err != nil {
		return nil, err
	}
	stored.fill(p)
	secret, err := db.seal.open(sealed)
	p.Unreadable = err != nil
	p.RelaySecret.Value = string(secret)
	p.CreatedAt, p.UpdatedAt = fromMicros(created), fromMicros(updated)
	return p, nil
}

// encodeProject returns the settings and the sealed column of a project.
func (db *DB) encodeProject(p *hookyard.Project) (settings string, sealed []byte, err error) {
	if p.RelaySecret.Value != "" {
		sealed = db.seal.seal([]byte(p.RelaySecret.Value))
	}
	b, err := json.Marshal(storeProject(p))
	return string(b), sealed, err
}

func (db *DB) projectWhere(ctx context.Context, where string, args ...any) (*hookyard.Project, error) {
	return db.scanProject(db.read.QueryRowContext(ctx,
		"select "+projectColumns+" from projects where deleted = 0 and "+where, args...))
}

// Projects returns at most limit projects by path, beginning after a path that is compared in lower case. With a user
// it returns only the projects that the user owns or is a member of.
func (db *DB) Projects(ctx context.Context, user *hookyard.User, after string, limit int) ([]*hookyard.Project, error) {
	after = strings.ToLower(after)
	if user == nil {
		return db.projectsWhere(ctx, "path > $1 order by path limit $2", after, limit)
	}
	// Two queries, each of which finds its rows by an index: one walks past the projects of all others.
	first, last := pathsOf(user.Name)
	all, err := db.projectsWhere(ctx, "path > $1 and path < $2 order by path limit $3", max(after, first), last, limit)
	if err != nil {
		return nil, err
	}
	shared, err := db.projectsWhere(ctx, `path > $1 and key in (select project_key from members where user_key = $2
			union select m.project_key from user_groups g join member_groups m on m.name = g.name where g.user_key = $2)
		order by path limit $3`, after, user.Key, limit)
	if err != nil {
		return nil, err
	}
	all = append(all, shared...)
	slices.SortFunc(all, func(a, b *hookyard.Project) int {
		return strings.Compare(strings.ToLower(a.Path()), strings.ToLower(b.Path()))
	})
	all = slices.CompactFunc(all, func(a, b *hookyard.Project) bool { return a.Key == b.Key })
	return all[:min(len(all), limit)], nil
}

// projectsWhere returns the projects that where selects and orders.
func (db *DB) projectsWhere(ctx context.Context, where string, args ...any) ([]*hookyard.Project, error) {
	rows, err := db.read.QueryContext(ctx, "select "+projectColumns+" from projects where deleted = 0 and "+where,
		args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, db.scanProject)
}

// pathsOf returns the bounds of the paths of an owner's projects, which are between them.
func pathsOf(owner string) (first, last string) {
	owner = strings.ToLower(owner)
	return owner + "/", owner + "0" // the character after the slash
}

// CreateProject creates a project and its hooks in one transaction, and sets their keys, revisions and times. It fails
// with [hookyard.Conflict] if there is a project of that name, and with [hookyard.TooMany] beyond the hooks that the
// project or its owner may have.
func (db *DB) CreateProject(ctx context.Context, p *hookyard.Project, hooks []*hookyard.Hook) error {
	return db.changeOf(ctx, func(tx *limitedTx) ([]Change, error) {
		if err := db.insertProject(ctx, tx, p); err != nil { // of which nothing is cached
			return nil, err
		}
		if err := db.createHooks(ctx, tx, p, hooks); err != nil {
			return nil, err
		}
		return []Change{ofProject(p.Key)}, db.setSearchFields(ctx, tx, p.Key, p.SearchFields)
	})
}

// insertProject creates a project without hooks and search fields.
func (db *DB) insertProject(ctx context.Context, tx *limitedTx, p *hookyard.Project) error {
	now := stamp()
	settings, secret, err := db.encodeProject(p)
	if err != nil {
		return err
	}
	err = tx.QueryRowContext(ctx, `insert into projects (path, owner, name, settings, secret, retention, revision,
			created, updated, deleted, uid)
		values ($1, $2, $3, $4, $5, $6, 1, $7, $7, 0, $8) returning key`,
		strings.ToLower(p.Path()), p.Owner, p.Name, settings, secret, int64(p.Retention), micros(now),
		p.UID).Scan(&p.Key)
	if err != nil {
		if db.dialect.isDuplicate(err) {
			if p.UID != "" {
				return hookyard.Errorf(hookyard.Conflict, "project %s, or another one with uid %s, exists already",
					p.Path(), p.UID)
			}
			return hookyard.Errorf(hookyard.Conflict, "project %s exists already", p.Path())
		}
		return err
	}
	p.Revision = 1
	p.CreatedAt, p.UpdatedAt = now, now
	var what changes
	zero, _, err := db.encodeProject(&hookyard.Project{})
	if err != nil {
		return err
	}
	addMembers([]byte(zero), []byte(settings), what.add)
	what.add("uid", "", p.UID)
	what.addHidden("relaySecret", "", p.RelaySecret.Value)
	return db.audit(ctx, tx, p.Key, hookyard.Actor(ctx), "project.create", p.Path(), what.String())
}

// createHooks creates the hooks of a new project, or fails with [hookyard.TooMany].
func (db *DB) createHooks(ctx context.Context, tx *limitedTx, p *hookyard.Project, hooks []*hookyard.Hook) error {
	for _, h := range hooks {
		h.ProjectKey, h.Project = p.Key, p.Path()
		if err := db.createHook(ctx, tx, h); err != nil {
			return err
		}
	}
	return db.checkHooks(ctx, tx, p.Key, len(hooks))
}

// UpdateProject stores the settings of a project, but not its owner and name, and sets its new revision. It fails with
// [hookyard.ErrStale] if the stored project is not at p.Revision.
func (db *DB) UpdateProject(ctx context.Context, p *hookyard.Project) error {
	return db.changeOf(ctx, func(tx *limitedTx) ([]Change, error) {
		was, err := db.updateProject(ctx, tx, p)
		if err == nil {
			err = db.setSearchFields(ctx, tx, p.Key, p.SearchFields)
		}
		return []Change{{Project: p.Key, Roles: was.Public != p.Public}}, err
	})
}

// updateProject returns the settings that were stored before.
func (db *DB) updateProject(ctx context.Context, tx *limitedTx, p *hookyard.Project) (before storedProject, err error) {
	settings, secret, err := db.encodeProject(p)
	if err != nil {
		return before, err
	}
	p.UpdatedAt = stamp()
	var old storedRow
	var retention int64
	var uid string
	err = tx.QueryRowContext(ctx, "select settings, secret, retention, uid from projects where key = $1"+
		db.dialect.forUpdate, p.Key).Scan(&old.settings, &old.sealed, &retention, &uid)
	if err == sql.ErrNoRows {
		return before, hookyard.ErrStale
	}
	if err != nil {
		return before, err
	}
	if err := json.Unmarshal([]byte(old.settings), &before); err != nil {
		return before, err
	}
	err = tx.QueryRowContext(ctx, `update projects set settings = $1, secret = $2, retention = $3,
			revision = revision + 1, updated = $4, uid = $7
		where key = $5 and deleted = 0 and revision = $6 returning revision`,
		settings, secret, int64(p.Retention), micros(p.UpdatedAt), p.Key, p.Revision, p.UID).Scan(&p.Revision)
	if err == sql.ErrNoRows {
		return before, hookyard.ErrStale
	}
	if db.dialect.isDuplicate(err) {
		return before, hookyard.Errorf(hookyard.Conflict, "another project of %s has uid %s", p.Owner, p.UID)
	}
	if err != nil {
		return before, err
	}
	var what changes
	addMembers([]byte(old.settings), []byte(settings), what.add)
	what.add("uid", uid, p.UID)
	what.add("retention", hookyard.FormatDuration(time.Duration(retention)), hookyard.FormatDuration(p.Retention))
	was, _ := db.seal.open(old.sealed)
	what.addHidden("relaySecret", string(was), p.RelaySecret.Value)
	return before, db.audit(ctx, tx, p.Key, hookyard.Actor(ctx), "project.update", p.Path(), what.String())
}

// DeleteProject deletes a project with its hooks, sources, members and tokens, or fails with [hookyard.ErrNotFound].
// Its name can be used again at once. The pruner deletes its events, and the dispatcher cancels its pending
// deliveries.
func (db *DB) DeleteProject(ctx context.Context, p *hookyard.Project) error {
	return db.changeOf(ctx, func(tx *limitedTx) ([]Change, error) {
		return []Change{ofDeleted(p.Key)}, db.deleteProject(ctx, tx, p, "")
	})
}

// deleteProject logs the deletion, and the reason, in the server's audit log: the log of a deleted project cannot be
// read.
func (db *DB) deleteProject(ctx context.Context, tx *limitedTx, p *hookyard.Project, why string) error {
	now := time.Now().UnixMicro()
	res, err := tx.ExecContext(ctx,
		"update projects set deleted = $1, path = path || '#' || key where key = $2 and deleted = 0", now, p.Key)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return hookyard.ErrNotFound
	}
	_, err = tx.ExecContext(ctx, `update hooks set deleted = $1, active = false, revision = revision + 1
		where project_key = $2 and deleted = 0`, now, p.Key)
	if err != nil {
		return err
	}
	for _, table := range []string{"sources", "members", "member_groups", "tokens", "refused", "replays", "quotas",
		"portal_links", "portal_sessions"} {
		if _, err := tx.ExecContext(ctx, "delete from "+table+" where project_key = $1", p.Key); err != nil {
			return err
		}
	}
	if err := db.audit(ctx, tx, 0, hookyard.Actor(ctx), "project.delete", p.Path(), why); err != nil {
		return err
	}
	return db.setSearchFields(ctx, tx, p.Key, nil)
}

// CopyProject creates a project with copies of the hooks and sources of another, which keep their ids and secrets, but
// for the hooks of running listeners. The settings are those of to. Events are not copied. With move the members and
// limits of the other project become those of the new one, and the other project is deleted, in the same transaction.
// It fails as [DB.CreateProject] does.
func (db *DB) CopyProject(ctx context.Context, from *hookyard.Snapshot, to *hookyard.Project, move bool) error {
	return db.changeOf(ctx, func(tx *limitedTx) ([]Change, error) {
		if err := db.insertProject(ctx, tx, to); err != nil {
			return nil, err
		}
		changes := []Change{{Project: to.Key, Sources: len(from.Sources) > 0}}
		if move { // first: the hooks of one project count, against its own limits
			changes = append(changes, ofDeleted(from.Project.Key))
			if err := db.moveProject(ctx, tx, from.Project, to); err != nil {
				return nil, err
			}
		}
		var hooks []*hookyard.Hook
		for _, h := range from.Hooks {
			if h.IsListener() {
				continue
			}
			c := *h
			c.Health = hookyard.Health{}
			if c.Rate == from.Project.Rate {
				c.Rate = 0 // the project's
			}
			hooks = append(hooks, &c)
		}
		if err := db.createHooks(ctx, tx, to, hooks); err != nil {
			return nil, err
		}
		for _, s := range from.Sources {
			c := *s
			c.ProjectKey, c.Project = to.Key, to.Path()
			if err := db.createSource(ctx, tx, &c); err != nil {
				return nil, err
			}
		}
		return changes, db.setSearchFields(ctx, tx, to.Key, to.SearchFields)
	})
}

// moveProject gives a project the members and limits of another, which it deletes.
func (db *DB) moveProject(ctx context.Context, tx *limitedTx, from, to *hookyard.Project) error {
	for _, query := range []string{
		`insert into members (project_key, user_key, role)
			select $1, user_key, role from members where project_key = $2`,
		`insert into member_groups (project_key, name, role)
			select $1, name, role from member_groups where project_key = $2`,
		"update quotas set project_key = $1 where project_key = $2 and owner = ''",
	} {
		if _, err := tx.ExecContext(ctx, query, to.Key, from.Key); err != nil {
			return err
		}
	}
	return db.deleteProject(ctx, tx, from, "transferred to "+to.Path())
}

// ProjectByUID returns the owner's project with a uid, or [hookyard.ErrNotFound].
func (db *DB) ProjectByUID(ctx context.Context, owner, uid string) (*hookyard.Project, error) {
	return db.projectWhere(ctx, "lower(owner) = $1 and uid = $2 and uid <> ''", strings.ToLower(owner), uid)
}

// ProjectsOf returns at most limit projects of an owner by name, beginning after one, or backward before one; "" is
// before the first or after the last.
func (db *DB) ProjectsOf(ctx context.Context, owner, from string, backward bool, limit int) ([]*hookyard.Project,
	error) {
	first, last := pathsOf(owner)
	order := "path"
	switch {
	case backward && from != "":
		last = first + strings.ToLower(from)
	case from != "":
		first += strings.ToLower(from)
	}
	if backward {
		order = "path desc"
	}
	return db.projectsWhere(ctx, "path > $1 and path < $2 order by "+order+" limit $3", first, last, limit)
}
