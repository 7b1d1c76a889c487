package api

import (
	"net/http"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

func listMembers(c *call) error {
	found, err := c.a.o.Store.Members(c.ctx(), c.key())
	if err != nil {
		return err
	}
	out := client.Members{Members: []hookyard.Member{}}
	out.Members = append(out.Members, found...)
	return c.reply(http.StatusOK, out)
}

func setMember(c *call) error {
	var in client.RoleGrant
	body, err := c.object()
	if err != nil {
		return err
	}
	if err := body.read(map[string]field{"role": into(&in.Role)}, "user"); err != nil {
		return err
	}
	if in.Role != hookyard.RoleRead && in.Role != hookyard.RoleWrite && in.Role != hookyard.RoleAdmin {
		return hookyard.FieldErrorf("role", "role must be read, write or admin")
	}
	u, err := c.user(c.param("user"))
	if err != nil {
		return err
	}
	if err := c.a.o.Store.SetMember(c.ctx(), c.view.Project, u, in.Role); err != nil {
		return err
	}
	c.a.o.Auth.Forget()
	return c.reply(http.StatusOK, hookyard.Member{User: u.Name, Role: in.Role})
}

func removeMember(c *call) error {
	u, err := c.user(c.param("user"))
	if err != nil {
		return err
	}
	if err := c.a.o.Store.SetMember(c.ctx(), c.view.Project, u, hookyard.RoleNone); err != nil {
		return err
	}
	c.a.o.Auth.Forget()
	return c.nothing()
}

func listAudit(c *call) error { return c.replyAudit(c.key()) }

func listServerAudit(c *call) error { return c.replyAudit(0) }

func (c *call) replyAudit(projectKey int64) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	before, err := readNumber(c.q.Get("cursor"), cursorAudit, projectKey)
	if err != nil {
		return err
	}
	found, err := c.a.o.Store.Audit(c.ctx(), projectKey, before, limit+1)
	if err != nil {
		return err
	}
	out := client.AuditPage{Audit: []hookyard.AuditEntry{}}
	if len(found) > limit {
		found = found[:limit]
		out.Cursor = makeCursor(cursorAudit, projectKey, position(found[limit-1].Key))
	}
	out.Audit = append(out.Audit, found...)
	for i := range out.Audit {
		if out.Audit[i].Action == "hook.create" {
			out.Audit[i].Detail = showURL(out.Audit[i].Detail)
		}
	}
	return c.reply(http.StatusOK, out)
}
