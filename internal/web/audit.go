package web

import (
	"net/http"
	"strconv"

	"github.com/hookyard/hookyard"
)

// auditPage lists who changed what in a project.
type auditPage struct {
	base
	Entries []hookyard.AuditEntry
	Older   string
}

func showAudit(v *visit) error {
	p := &auditPage{}
	p.Tab = "audit"
	before, _ := strconv.ParseInt(v.get("before"), 10, 64)
	var err error
	q := hookyard.AuditQuery{Before: before, Limit: eventsShown + 1}
	if p.Entries, err = v.project.Audit(v.ctx(), q); err != nil {
		return err
	}
	if len(p.Entries) > eventsShown {
		p.Entries = p.Entries[:eventsShown]
		p.Older = "?before=" + strconv.FormatInt(p.Entries[eventsShown-1].Key, 10)
	}
	return v.show(http.StatusOK, "Audit log", p)
}
