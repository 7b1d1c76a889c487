package web

import (
	"context"
	"net/http"
	"runtime"
	"slices"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/dispatch"
	"github.com/hookyard/hookyard/internal/store"
)

// statusPage is about the server.
type statusPage struct {
	base
	Nodes     []store.NodeInfo
	Database  string // with its version
	Schema    int
	Go        string
	Size      int64
	Events    int64 // that ever came
	Queues    dispatch.Stats
	Listeners int
	Late      []late
	Behind    int // hooks with something due
	Uptime    time.Duration
	Audit     []hookyard.AuditEntry
	Limits    hookyard.Limits
	Targets   []string
}

// late is a hook with something that should have been sent.
type late struct {
	Hook *hookyard.Hook
	By   time.Duration
}

// lateShown is how many of the late hooks are listed.
const lateShown = 20

func showStatus(v *visit) error {
	p := &statusPage{Queues: v.web.o.Stats(), Listeners: v.web.o.Listeners(), Uptime: time.Since(v.web.started),
		Limits:  v.web.o.Limits,
		Targets: v.web.o.Targets, Go: runtime.Version()}
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
	if p.Audit, err = v.web.o.Store.Audit(v.ctx(), 0, 0, 20); err != nil {
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
		p.Late = append(p.Late, late{&hookyard.Hook{Key: key}, by})
	}
	slices.SortFunc(p.Late, func(a, b late) int { return int(b.By/time.Millisecond) - int(a.By/time.Millisecond) })
	p.Late = p.Late[:min(len(p.Late), lateShown)]
	for i := range p.Late {
		if p.Late[i].Hook, err = v.web.o.Store.HookByKey(ctx, p.Late[i].Hook.Key); err != nil {
			return err
		}
	}
	return nil
}
