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
	spanLink
	N int
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
	for _, link := range v.spanLinks() {
		counts, err := v.web.rate(v.ctx(), v.key(), link.span)
		if err != nil {
			return err
		}
		one := rate{spanLink: link}
		rows := link.bars()
		for i, n := range counts {
			one.N += n
			rows[i].Parts = []int{n}
		}
		if p.Rates = append(p.Rates, one); one.Shown {
			p.Chart = stacked("Events in the "+link.caption(), []string{"events"}, []string{"plain"}, rows)
		}
	}
	return nil
}
