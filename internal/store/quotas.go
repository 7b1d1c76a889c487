package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
)

// QuotaDefaults are the limits of projects and owners for which none are set.
type QuotaDefaults struct {
	Project hookyard.Quota
	Owner   hookyard.Quota
}

// tenant returns an owner with its limits, or a project if it is given.
func (db *DB) tenant(owner string, p *hookyard.Project, own hookyard.Quota) hookyard.Tenant {
	if p != nil {
		return hookyard.Tenant{TenantKey: hookyard.TenantKey{Project: p.Key}, Name: "project " + p.Path(), Own: own,
			Quota: own.Or(db.quotas.Project)}
	}
	return hookyard.Tenant{TenantKey: hookyard.TenantKey{Owner: strings.ToLower(owner)}, Name: "owner " + owner,
		Own: own, Quota: own.Or(db.quotas.Owner)}
}

// Tenants returns a project and its owner, with their limits.
func (db *DB) Tenants(ctx context.Context, p *hookyard.Project) (project, owner hookyard.Tenant, err error) {
	return db.tenants(ctx, db.read, p)
}

func (db *DB) tenants(ctx context.Context, c conn, p *hookyard.Project) (project, owner hookyard.Tenant, err error) {
	rows, err := c.QueryContext(ctx, tenantsQuery, tenantsArgs(p)...)
	if err != nil {
		return project, owner, err
	}
	found, err := collect(rows, scanQuota)
	project, owner = db.tenantsOf(p, found)
	return project, owner, err
}

const tenantsQuery = `select project_key, owner, data from quotas
	where project_key = $1 and owner = '' or project_key = 0 and owner = $2`

func tenantsArgs(p *hookyard.Project) []any { return []any{p.Key, strings.ToLower(p.Owner)} }

// tenantsOf returns a project and its owner with the limits that were found.
func (db *DB) tenantsOf(p *hookyard.Project, found []hookyard.Tenant) (project, owner hookyard.Tenant) {
	project, owner = db.tenant("", p, nil), db.tenant(p.Owner, nil, nil)
	for _, q := range found {
		if q.Project != 0 {
			project = db.tenant("", p, q.Own)
		} else {
			owner = db.tenant(p.Owner, nil, q.Own)
		}
	}
	return project, owner
}

// OwnerTenant returns an owner with its limits. It need not have a project.
func (db *DB) OwnerTenant(ctx context.Context, owner string) (hookyard.Tenant, error) {
	_, t, err := db.Tenants(ctx, &hookyard.Project{Key: -1, Owner: owner})
	return t, err
}

// Quotas returns the projects and owners for which limits are set, owners first, each with its limits.
func (db *DB) Quotas(ctx context.Context) ([]hookyard.Tenant, error) {
	rows, err := db.read.QueryContext(ctx, "select project_key, owner, data from quotas order by project_key, owner")
	if err != nil {
		return nil, err
	}
	found, err := collect(rows, scanQuota)
	if err != nil {
		return nil, err
	}
	var out []hookyard.Tenant
	for _, q := range found {
		if q.Project == 0 {
			out = append(out, db.tenant(q.Owner, nil, q.Own))
			continue
		}
		snapshot, err := db.SnapshotByKey(ctx, q.Project)
		if errors.Is(err, hookyard.ErrNotFound) {
			continue // deleted since
		}
		if err != nil {
			return nil, err
		}
		out = append(out, db.tenant("", snapshot.Project, q.Own))
	}
	return out, nil
}

func scanQuota(row scanner) (t hookyard.Tenant, err error) {
	var data string
	if err = row.Scan(&t.Project, &t.Owner, &data); err == nil {
		err = json.Unmarshal([]byte(data), &t.Own)
	}
	return t, err
}

// SetQuota changes limits of a project or an owner: nil means the default again, and what the patch does not name
// stays. The audit log has the old and the new values.
func (db *DB) SetQuota(ctx context.Context, t hookyard.Tenant, patch map[hookyard.LimitName]*int64) error {
	of := ofProject(t.Project)
	if t.Project == 0 {
		of = ofOwner(t.Owner)
	}
	return db.changeOf(ctx, func(tx *limitedTx) ([]Change, error) {
		return []Change{of}, db.setQuota(ctx, tx, t, patch)
	})
}

func (db *DB) setQuota(ctx context.Context, tx *limitedTx, t hookyard.Tenant,
	patch map[hookyard.LimitName]*int64) error {
	var before string
	err := tx.QueryRowContext(ctx, "select data from quotas where project_key = $1 and owner = $2"+
		db.dialect.forUpdate, t.Project, t.Owner).Scan(&before)
	if err != nil && err != sql.ErrNoRows {
		return err
	}
	own := hookyard.Quota{}
	if err == nil {
		if err := json.Unmarshal([]byte(before), &own); err != nil {
			return err
		}
	}
	for name, value := range patch {
		if value == nil {
			delete(own, name)
		} else {
			own[name] = *value
		}
	}
	after, err := json.Marshal(own)
	if err != nil {
		return err
	}
	if len(own) == 0 {
		_, err = tx.ExecContext(ctx, "delete from quotas where project_key = $1 and owner = $2", t.Project, t.Owner)
	} else {
		_, err = tx.ExecContext(ctx, `insert into quotas (project_key, owner, data) values ($1, $2, $3)
			on conflict (project_key, owner) do update set data = excluded.data`, t.Project, t.Owner, string(after))
	}
	if err != nil {
		return err
	}
	var what changes
	addMembers([]byte(before), after, what.add)
	if len(what) == 0 {
		return nil
	}
	return db.audit(ctx, tx, t.Project, hookyard.Actor(ctx), "limits.update", t.Name, what.String())
}

// checkHooks returns an error if the project or its owner may not have as many hooks as there are with those that the
// transaction has added. No other transaction adds one until this one ends.
func (db *DB) checkHooks(ctx context.Context, tx *limitedTx, projectKey int64, added int) error {
	if added == 0 {
		return nil
	}
	if err := db.lockConfig(ctx, tx); err != nil {
		return err
	}
	p := &hookyard.Project{Key: projectKey}
	err := tx.QueryRowContext(ctx, "select owner, name from projects where key = $1", projectKey).Scan(&p.Owner,
		&p.Name)
	if err != nil {
		return err
	}
	project, owner, err := db.tenants(ctx, tx, p)
	if err != nil {
		return err
	}
	for _, t := range []hookyard.Tenant{project, owner} {
		if t.Quota[hookyard.LimitHooks] == 0 {
			continue
		}
		n, err := countHooks(ctx, tx, t.TenantKey)
		if err != nil {
			return err
		}
		more := int64(added)
		if err := t.Check(hookyard.Use{Hooks: n - more}, hookyard.Use{Hooks: more}, time.Now()); err != nil {
			return err
		}
	}
	return nil
}

func countHooks(ctx context.Context, c conn, t hookyard.TenantKey) (n int64, err error) {
	which, args := projectKeysOf(t, 1)
	err = c.QueryRowContext(ctx, "select count(*) from hooks where deleted = 0 and project_key in ("+which+")",
		args...).Scan(&n)
	return n, err
}

// projectKeysOf returns a subselect of the keys of a tenant's projects, deleted ones among them, whose parameters begin
// with $first. Paths begin with the owner, those of deleted projects too.
func projectKeysOf(t hookyard.TenantKey, first int) (query string, args []any) {
	if t.Project != 0 {
		return "select cast(" + placeholdersFrom(first, 1) + " as bigint)", []any{t.Project}
	}
	from, to := pathsOf(t.Owner)
	return "select key from projects where path >= " + placeholdersFrom(first, 1) + " and path < " +
		placeholdersFrom(first+1, 1), []any{from, to}
}

// UseOf returns what a tenant uses now: bytes accepted since midnight UTC, bytes kept and pending deliveries. It is
// exact, and its cost depends on the number of projects and not of events.
func (db *DB) UseOf(ctx context.Context, t hookyard.TenantKey, now time.Time) (hookyard.Use, error) {
	total, day, err := db.tenantCounts(ctx, t, 24*time.Hour, now)
	return hookyard.Use{Day: day[hookyard.CountBytes], Kept: max(0, total[hookyard.CountKept]),
		Pending: total[hookyard.CountWaiting]}, err
}

// FullUseOf is [DB.UseOf] with the number of hooks, and the events a second over the last whole minute.
func (db *DB) FullUseOf(ctx context.Context, t hookyard.TenantKey, now time.Time) (hookyard.Use, error) {
	use, err := db.UseOf(ctx, t, now)
	if err != nil {
		return use, err
	}
	if use.Hooks, err = countHooks(ctx, db.read, t); err != nil {
		return use, err
	}
	_, last, err := db.tenantCounts(ctx, t, time.Minute, now.Add(-time.Minute))
	use.Events = (last[hookyard.CountEvents] + 59) / 60
	return use, err
}

// tenantCounts returns the figures of all time of a tenant, and those of the period of a step that contains a time.
func (db *DB) tenantCounts(ctx context.Context, t hookyard.TenantKey, step time.Duration,
	at time.Time) (total, period hookyard.Counts, err error) {
	which, args := projectKeysOf(t, 1)
	mine := map[int64]bool{t.Project: true}
	if t.Project == 0 {
		rows, err := db.read.QueryContext(ctx, which, args...)
		if err != nil {
			return total, period, err
		}
		_, err = collect(rows, func(row scanner) (key int64, err error) {
			err = row.Scan(&key)
			mine[key] = true
			return key, err
		})
		if err != nil {
			return total, period, err
		}
	}
	start := periodStart(micros(at), step)
	n := len(args) + 1
	args = append(args, int64(step/time.Second), start)
	where := "hook_key = 0 and project_key in (" + which + ") and (step = 0 or step = " + placeholdersFrom(n, 1) +
		" and at = " + placeholdersFrom(n+1, 1) + ")"
	err = db.eachCount(ctx, where, args, func(key CountKey, at int64, c *hookyard.Counts) {
		switch {
		case key.Hook != 0 || !mine[key.Project]:
			return
		case at == 0:
			total.Add(c)
			return
		case at == start:
			period.Add(c)
			return
		}
		total.Add(c) // not folded yet
		if at > start && at < start+step.Microseconds() {
			period.Add(c)
		}
	})
	return total, period, err
}
