package control

import (
	"context"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
)

// Audit returns entries of the project's audit log.
func (p *Project) Audit(ctx context.Context, q hookyard.AuditQuery) ([]hookyard.AuditEntry, error) {
	if err := p.allow(hookyard.RoleRead); err != nil {
		return nil, err
	}
	q.ProjectKey, q.Everywhere = p.Key(), false
	return p.c.store.Audit(ctx, q)
}

// Audit returns entries of the server's audit log, which has the changes outside of projects, or with q.Everywhere of
// all audit logs. The caller must be an administrator.
func (c *Control) Audit(ctx context.Context, id *auth.Identity, q hookyard.AuditQuery) ([]hookyard.AuditEntry, error) {
	if err := c.Admit(id, Administrator); err != nil {
		return nil, err
	}
	q.ProjectKey = 0
	return c.store.Audit(ctx, q)
}

// ExportAudit calls each with the entries of an audit log that list returns for q, to the last one, the oldest first.
// On PostgreSQL it leaves out those of the last seconds, so that an export can continue after the last entry of another
// without missing one. list is [Project.Audit] or [Control.Audit].
func (c *Control) ExportAudit(ctx context.Context, q hookyard.AuditQuery,
	list func(ctx context.Context, q hookyard.AuditQuery) ([]hookyard.AuditEntry, error),
	each func([]hookyard.AuditEntry) error) error {
	q.Oldest, q.Limit = true, MaxPage
	if settled := c.store.AuditSettled(); !settled.IsZero() && (q.Until.IsZero() || settled.Before(q.Until)) {
		q.Until = settled
	}
	for {
		page, err := list(ctx, q)
		if err != nil {
			return err
		}
		if err := each(page); err != nil || len(page) < q.Limit {
			return err
		}
		q.After = page[len(page)-1].Key
	}
}
