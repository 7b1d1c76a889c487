package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
)

// projectPage shows what is going on in a project.
type projectPage struct {
	base
	Events  hookyard.EventPage
	Rates   []rate
	Chart   chart
	Beside  []string         // what else there was in the span of the chart
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
	p.Empty = len(p.Events.Events) == 0
	if err := v.fillRates(p); err != nil {
		return err
	}
	return v.show(http.StatusOK, v.project.Snapshot.Project.Path(), p)
}

// fillRates fills what the page says of spans of time.
func (v *visit) fillRates(p *projectPage) error {
	for _, link := range v.spanLinks() {
		counts, err := v.web.periods(v.ctx(), v.key(), link.span)
		if err != nil {
			return err
		}
		one := rate{spanLink: link}
		rows := link.bars()
		var sum hookyard.Counts
		for i := range counts {
			sum.Add(&counts[i])
			rows[i].Parts = []int{int(counts[i][hookyard.CountEvents])}
		}
		one.N = int(sum[hookyard.CountEvents])
		if p.Rates = append(p.Rates, one); one.Shown {
			p.Chart = stacked("Events in the "+link.caption(), []string{"events"}, []string{"plain"}, rows)
			p.Beside = beside(&sum)
		}
	}
	return nil
}

// beside says what there was beside the events that came and the deliveries of them.
func beside(sum *hookyard.Counts) (out []string) {
	if n := sum[hookyard.CountRefused]; n > 0 {
		text := plural(int(n), "request") + " refused"
		var codes []string
		refusals := sum.Refusals()
		for _, code := range hookyard.RefusalCodes {
			if n := refusals[string(code)]; n > 0 {
				codes = append(codes, num(int(n))+" as "+string(code))
			}
		}
		if len(codes) > 0 {
			text += " (" + strings.Join(codes, ", ") + ")"
		}
		out = append(out, text)
	}
	if n := sum[hookyard.CountRepeated]; n > 0 {
		out = append(out, plural(int(n), "event")+" came again")
	}
	if n := sum[hookyard.CountResent]; n > 0 {
		out = append(out, plural(int(n), "delivery")+" sent again after a 2xx")
	}
	return out
}
