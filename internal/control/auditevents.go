package control

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
)

const (
	auditEvery = time.Second
	auditBatch = 100
	auditWarn  = time.Minute
)

// PublishAudit makes an event of each entry of all audit logs in a project, until ctx ends. Entries wait in the
// database until it is stored, so that none is lost, and an entry becomes one event even if a crash lies between the
// two. It does nothing if project is "".
func (c *Control) PublishAudit(ctx context.Context, project string) error {
	if project == "" {
		return nil
	}
	tick := time.NewTicker(auditEvery)
	defer tick.Stop()
	var warned time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := c.publishAudit(ctx, project)
		if err != nil && ctx.Err() == nil && time.Since(warned) > auditWarn {
			warned = time.Now()
			c.log.Warn("entries of the audit log wait to become events", "project", project, "error", err)
		}
	}
}

// publishAudit is PublishAudit for what waits.
func (c *Control) publishAudit(ctx context.Context, project string) error {
	for {
		entries, err := c.store.UnsentAudit(ctx, auditBatch)
		if err != nil || len(entries) == 0 {
			return err
		}
		owner, name, _ := strings.Cut(project, "/")
		snapshot, err := c.store.Snapshot(ctx, owner, name)
		if errors.Is(err, hookyard.ErrNotFound) {
			return hookyard.Errorf(hookyard.NotFound, "there is no such project: create it (setting: --audit-project)")
		}
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if err := c.publishEntry(ctx, snapshot, &entry); err != nil {
				return err
			}
		}
	}
}

func (c *Control) publishEntry(ctx context.Context, snapshot *hookyard.Snapshot, entry *hookyard.AuditEntry) error {
	// What the server itself does in this project may be due to such an event, such as switching its hook off.
	if entry.ProjectKey != snapshot.Project.Key || entry.Actor != hookyard.Actor(context.Background()) {
		data, err := hookyard.EncodeJSON(entry)
		if err != nil {
			return err
		}
		e := hookyard.NewMeta(snapshot.Project.Key, hookyard.MetaAudit, data, entry.Time)
		e.DedupKey = "audit " + strconv.FormatInt(entry.Key, 10)
		if _, err := c.ingest.Accept(ctx, snapshot, e); err != nil {
			return err
		}
	}
	return c.store.AuditSent(ctx, entry.Key)
}
