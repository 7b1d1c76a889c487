package web

import (
	"net/http"
	"time"

	"github.com/hookyard/hookyard"
)

// projectPage shows what is going on in a project.
type projectPage struct {
	base
	Events  hookyard.EventPage
	Rates   []rate
	Chart   chart
	Failing []*hookyard.Hook // the first hooks in trouble
	More    int              // how many more there are
	Hooks   []*hookyard.Hook
	Sources []*hookyard.Source
	Empty   bool // the project has no events
}

// rate is how many events arrived in a span of time.
type rate struct {
	Name, Span string
	N          int
	Shown      bool
}

// span is a span of time that the chart of the project can show.
type span struct {
	name, label string
	step        time.Duration
	n           int
	layout      string
}

func spans() []span {
	return []span{
		{"1h", "last hour", 2 * time.Minute, 30, "15:04"},
		{"24h", "last 24 hours", 30 * time.Minute, 48, "2 Jan 15:04"},
		{"30d", "last 30 days", 24 * time.Hour, 30, "2 Jan"},
	}
}

func showProject(v *visit) error {
	p := &projectPage{}
	p.Tab, p.Live = "project", true
	var err error
	p.Events, err = v.web.o.Store.Events(v.ctx(), hookyard.EventQuery{ProjectKey: v.key(), Limit: 20})
	if err != nil {
		return err
	}
	if v.form.Get("part") != "" {
		return v.show(http.StatusOK, "", p)
	}
	if p.Hooks, err = v.project.Hooks(v.ctx()); err != nil {
		return err
	}
	for _, h := range p.Hooks {
		if h.InTrouble(time.Now()) {
			p.Failing = append(p.Failing, h)
		}
	}
	if p.More = len(p.Failing) - failingShown; p.More > 0 {
		p.Failing = p.Failing[:failingShown]
	}
	for _, s := range v.project.Snapshot.Sources {
		p.Sources = append(p.Sources, s)
	}
	if p.Empty = len(p.Events.Events) == 0; !p.Empty {
		if err := v.fillRates(p); err != nil {
			return err
		}
	}
	return v.show(http.StatusOK, v.project.Snapshot.Project.Path(), p)
}

func (v *visit) fillRates(p *projectPage) error {
	shown := v.get("span")
	if shown != "1h" && shown != "30d" {
		shown = "24h"
	}
	for _, s := range spans() {
		counts, err := v.web.rate(v.ctx(), v.key(), s.step, s.n)
		if err != nil {
			return err
		}
		one := rate{Name: s.name, Span: s.label, Shown: s.name == shown}
		end := time.Now().UTC().Truncate(s.step).Add(s.step)
		rows := make([]bucket, len(counts))
		for i, n := range counts {
			one.N += n
			rows[i] = bucket{Label: end.Add(-s.step * time.Duration(len(counts)-i)).Format(s.layout), Parts: []int{n}}
		}
		if p.Rates = append(p.Rates, one); one.Shown {
			p.Chart = stacked("Events in the "+s.label+", times in UTC", []string{"events"}, []string{"plain"}, rows)
		}
	}
	return nil
}
