package web

import (
	"cmp"
	"context"
	"net/http"
	"runtime"
	"slices"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/dispatch"
)

// statusPage shows how the server is doing.
type statusPage struct {
	base
	Nodes     []hookyard.Node
	Database  string // name and version
	Schema    int
	Go        string
	Size      int64
	Events    int64 // ever accepted
	Queues    dispatch.Stats
	Listeners int
	Late      []lateHook
	Behind    int // hooks with overdue deliveries
	Uptime    time.Duration
	Audit     []hookyard.AuditEntry
	Limits    hookyard.Limits
	Targets   []string
}

// lateHook is a hook with overdue deliveries.
type lateHook struct {
	Hook *hookyard.Hook
	By   time.Duration
}

// lateShown is how many late hooks are listed.
const lateShown = 20

func showStatus(v *visit) error {
	p := &statusPage{
		Queues: v.web.o.Stats(), Listeners: v.web.o.Listeners(), Uptime: time.Since(v.web.started),
		Limits: v.web.o.Limits, Targets: v.web.o.Targets, Go: runtime.Version(),
	}
	var err error
	if p.Database, p.Schema, err = v.web.o.Store.Version(v.ctx()); err != nil {
		return err
	}
	if _, p.Events, err = v.web.o.Store.Bounds(v.ctx(), 0); err != nil {
		return err
	}
	if p.Nodes, err = v.web.o.Store.Nodes(v.ctx()); err != nil {
		return err
	}
	if p.Size, err = v.web.o.Store.Size(v.ctx()); err != nil {
		return err
	}
	if err := v.fillLate(v.ctx(), p); err != nil {
		return err
	}
	if p.Audit, err = v.web.o.Control.Audit(v.ctx(), v.id, hookyard.AuditQuery{Limit: 20}); err != nil {
		return err
	}
	return v.show(http.StatusOK, "Status", p)
}

func (v *visit) fillLate(ctx context.Context, p *statusPage) error {
	lag, err := v.web.o.Store.Lag(ctx, time.Now())
	if err != nil {
		return err
	}
	p.Behind = len(lag)
	for key, by := range lag {
		p.Late = append(p.Late, lateHook{&hookyard.Hook{Key: key}, by})
	}
	slices.SortFunc(p.Late, func(a, b lateHook) int { return cmp.Compare(b.By, a.By) })
	p.Late = p.Late[:min(len(p.Late), lateShown)]
	for i := range p.Late {
		if p.Late[i].Hook, err = v.web.o.Store.HookByKey(ctx, p.Late[i].Hook.Key); err != nil {
			return err
		}
	}
	return nil
}
