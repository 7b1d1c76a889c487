package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// auditList is [control.Project.Audit] or [control.Control.Audit].
type auditList func(ctx context.Context, q hookyard.AuditQuery) ([]hookyard.AuditEntry, error)

func (c *call) serverAudit(ctx context.Context, q hookyard.AuditQuery) ([]hookyard.AuditEntry, error) {
	return c.a.o.Control.Audit(ctx, c.id, q)
}

func listAudit(c *call) error { return c.replyAudit(c.project.Key(), c.project.Audit) }

func listServerAudit(c *call) error { return c.replyAudit(0, c.serverAudit) }

func exportAudit(c *call) error { return c.exportAudit(c.project.Audit) }

func exportServerAudit(c *call) error { return c.exportAudit(c.serverAudit) }

// auditQuery reads what selects entries.
func (c *call) auditQuery() (q hookyard.AuditQuery, err error) {
	q = hookyard.AuditQuery{Actor: c.q.Get("actor"), Action: c.q.Get("action")}
	if q.Everywhere, err = c.all(); err != nil {
		return q, err
	}
	if q.Since, err = timeOrAgo("since", c.q.Get("since")); err != nil {
		return q, err
	}
	q.Until, err = timeOrAgo("until", c.q.Get("until"))
	return q, err
}

// replyAudit answers a page of what list lists, of a project or, with key 0, of the server.
func (c *call) replyAudit(projectKey int64, list auditList) error {
	q, err := c.auditQuery()
	if err != nil {
		return err
	}
	limit, err := c.limit()
	if err != nil {
		return err
	}
	if q.Before, err = readNumber(c.q.Get("cursor"), cursorAudit, projectKey); err != nil {
		return err
	}
	q.Limit = limit + 1
	found, err := list(c.ctx(), q)
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

// exportAudit streams what list lists, an entry a line. An error after the first page breaks the connection, so that
// what the caller has does not look complete.
func (c *call) exportAudit(list auditList) error {
	q, err := c.auditQuery()
	if err != nil {
		return err
	}
	if v := c.q.Get("after"); v != "" {
		if q.After, err = strconv.ParseInt(v, 10, 64); err != nil || q.After < 0 {
			return hookyard.FieldErrorf("after", "after must be the id of an entry")
		}
	}
	begun := false
	err = c.a.o.Control.ExportAudit(c.ctx(), q, list, func(page []hookyard.AuditEntry) error {
		if !begun {
			begun = true
			c.w.Header().Set("Content-Type", "application/x-ndjson")
			c.w.Header().Set("Content-Disposition", `attachment; filename="audit.ndjson"`)
			c.w.Header().Set("Cache-Control", "no-store")
		}
		to := json.NewEncoder(c.w)
		to.SetEscapeHTML(false)
		for _, entry := range page {
			if err := to.Encode(entry); err != nil {
				return err
			}
		}
		return http.NewResponseController(c.w).Flush()
	})
	if err != nil && begun {
		panic(http.ErrAbortHandler)
	}
	return err
}
