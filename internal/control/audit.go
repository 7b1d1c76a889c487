package control

import (
	"context"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
)

// Audit lists up to limit changes of the project, the newest first, from the one before an entry's key; 0 is from the
// newest.
func (p *Project) Audit(ctx context.Context, before int64, limit int) ([]hookyard.AuditEntry, error) {
	if err := p.allow(hookyard.RoleRead); err != nil {
		return nil, err
	}
	return p.c.audit(ctx, p.Key(), before, limit)
}

// Audit lists changes outside of projects as [Project.Audit] does. The caller must be an administrator.
func (c *Control) Audit(ctx context.Context, id *auth.Identity, before int64, limit int) ([]hookyard.AuditEntry,
	error) {
	if err := c.Admit(id, Administrator); err != nil {
		return nil, err
	}
	return c.audit(ctx, 0, before, limit)
}

// audit hides the passwords in URLs.
func (c *Control) audit(ctx context.Context, projectKey, before int64, limit int) ([]hookyard.AuditEntry, error) {
	list, err := c.store.Audit(ctx, projectKey, before, limit)
	for i := range list {
		if list[i].Action == "hook.create" {
			list[i].Detail = hookyard.MaskURL(list[i].Detail)
		}
	}
	return list, err
}
