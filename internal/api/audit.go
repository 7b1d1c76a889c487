package api

import (
	"context"
	"net/http"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

func listAudit(c *call) error { return c.replyAudit(c.project.Key(), c.project.Audit) }

func listServerAudit(c *call) error {
	return c.replyAudit(0, func(ctx context.Context, before int64, limit int) ([]hookyard.AuditEntry, error) {
		return c.a.o.Control.Audit(ctx, c.id, before, limit)
	})
}

// replyAudit answers a page of what list lists, of a project or, with key 0, of the server.
func (c *call) replyAudit(projectKey int64,
	list func(ctx context.Context, before int64, limit int) ([]hookyard.AuditEntry, error)) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	before, err := readNumber(c.q.Get("cursor"), cursorAudit, projectKey)
	if err != nil {
		return err
	}
	found, err := list(c.ctx(), before, limit+1)
	if err != nil {
		return err
	}
	var out client.AuditPage
	if len(found) > limit {
		found = found[:limit]
		out.Cursor = makeCursor(cursorAudit, projectKey, position(found[limit-1].Key))
	}
	out.Audit = append([]hookyard.AuditEntry{}, found...)
	return c.reply(http.StatusOK, out)
}
