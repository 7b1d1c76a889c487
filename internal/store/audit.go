package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
)

// audit enters who changed what, in the transaction of the change.
func (db *DB) audit(ctx context.Context, c conn, projectKey int64, actor, action, subject, detail string) error {
	unsent := 0
	if db.auditEvents {
		unsent = 1
	}
	_, err := c.ExecContext(ctx, `insert into audit (time, project_key, actor, action, subject, detail, unsent)
		values ($1, $2, $3, $4, $5, $6, $7)`,
		time.Now().UnixMicro(), projectKey, actor, action, subject, detail, unsent)
	return err
}

// UnsentAudit returns entries of all audit logs that are to become events and have not, the oldest first, if
// [Options.AuditEvents] was set when they were written. Only one node at a time gets any.
func (db *DB) UnsentAudit(ctx context.Context, limit int) ([]hookyard.AuditEntry, error) {
	rows, err := db.read.QueryContext(ctx, "select "+auditColumns+` from audit
		where unsent = 1 and (select min(key) from nodes) = $1 order by key limit $2`, db.node, limit)
	if err != nil {
		return nil, err
	}
	return collect(rows, scanAudit)
}

// AuditSent records that the entry with a key is an event.
func (db *DB) AuditSent(ctx context.Context, key int64) error {
	return db.txPlain(ctx, func(c conn) error {
		_, err := c.ExecContext(ctx, "update audit set unsent = 0 where key = $1", key)
		return err
	})
}

const auditColumns = "key, time, project_key, coalesce((select owner || '/' || name from projects " +
	"where projects.key = project_key), ''), actor, action, subject, detail"

func scanAudit(row scanner) (a hookyard.AuditEntry, err error) {
	var at int64
	err = row.Scan(&a.Key, &at, &a.ProjectKey, &a.Project, &a.Actor, &a.Action, &a.Subject, &a.Detail)
	a.Time = fromMicros(at)
	return a, err
}

// Audit returns entries of the audit log.
func (db *DB) Audit(ctx context.Context, q hookyard.AuditQuery) ([]hookyard.AuditEntry, error) {
	var where []string
	var args []any
	add := func(condition string, arg any) {
		args = append(args, arg)
		where = append(where, fmt.Sprintf(condition, len(args)))
	}
	if !q.Everywhere {
		add("project_key = $%d", q.ProjectKey)
	}
	order := "desc"
	if q.Oldest {
		order = "asc"
	}
	if q.After > 0 {
		add("key > $%d", q.After)
	}
	if q.Before > 0 {
		add("key < $%d", q.Before)
	}
	if q.Actor != "" {
		add("actor = $%d", q.Actor)
	}
	if q.Action != "" {
		escaped := strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`, "*", "%").Replace(q.Action)
		add(`action like $%d escape '\'`, escaped)
	}
	if !q.Since.IsZero() {
		add("time >= $%d", micros(q.Since))
	}
	if !q.Until.IsZero() {
		add("time < $%d", micros(q.Until))
	}
	if len(where) == 0 {
		where = []string{"true"}
	}
	args = append(args, q.Limit)
	rows, err := db.read.QueryContext(ctx, fmt.Sprintf("select %s from audit where %s order by key %s limit $%d",
		auditColumns, strings.Join(where, " and "), order, len(args)), args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, scanAudit)
}

// AuditSettled returns the time before which the audit log does not change any more. Where several transactions write
// at a time, an entry with a lower key can be stored after one with a higher key, as long as transactions take.
func (db *DB) AuditSettled() time.Time {
	if db.dialect.oneWriter {
		return time.Time{}
	}
	return time.Now().Add(-patience - rollbackWait)
}
