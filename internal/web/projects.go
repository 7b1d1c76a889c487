package web

import (
	"context"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
)

// projectRow is a project with its health at a glance.
type projectRow struct {
	*hookyard.Project
	Hooks   int
	Trouble int // hooks that fail or that hookyard switched off
	results     // of all hooks
	Events  int // in the last hour
	Rate    template.HTML
}

// projectsPage is the first page. It lists the projects that the caller may read.
type projectsPage struct {
	base
	Projects []projectRow
	After    string // the project after which the next page begins, or ""
	Owner    string // this and what follows: the form of a new project
	Name     string
	Preset   string
	About    string
	Presets  []string
}

// Bounds on the work of the first page.
const (
	projectsShown = 25
	failingShown  = 5 // hooks in trouble on a project's page
)

// presets returns the names of the presets, sorted.
func presets() []string { return slices.Sorted(maps.Keys(hookyard.Presets())) }

func showProjects(v *visit) error { return v.projects(nil, &projectsPage{Owner: v.id.User.Name}) }

func (v *visit) projects(fault error, p *projectsPage) error {
	p.Presets = presets()
	list, next, err := v.web.o.Control.Projects(v.ctx(), v.id, v.get("after"), projectsShown)
	if err != nil {
		return err
	}
	p.After = next
	for _, one := range list {
		row, err := v.web.summarize(v.ctx(), one)
		if err != nil {
			return err
		}
		p.Projects = append(p.Projects, row)
	}
	if fault != nil {
		return v.showInvalid(fault, "Projects", p)
	}
	return v.show(http.StatusOK, "Projects", p)
}

// summarize counts what the list shows of a project.
func (w *Web) summarize(ctx context.Context, p *hookyard.Project) (projectRow, error) {
	row := projectRow{Project: p}
	hooks, err := w.o.Store.Hooks(ctx, p.Key)
	if err != nil {
		return row, err
	}
	row.Hooks = len(hooks)
	results, err := w.results(ctx, p.Key, hooks)
	if err != nil {
		return row, err
	}
	for _, h := range hooks {
		o := results[h.Key]
		if row.add(o); o.Failing {
			row.Trouble++
		}
	}
	counts, err := w.periods(ctx, p.Key, newSpan("", "", 5*time.Minute, 12))
	if err != nil {
		return row, err
	}
	heights := make([]int, len(counts))
	for i := range counts {
		heights[i] = int(counts[i][hookyard.CountEvents])
		row.Events += heights[i]
	}
	row.Rate = sparkline("Events in the last hour: "+num(row.Events), heights)
	return row, nil
}

func createProject(v *visit) error {
	p := &projectsPage{Owner: v.get("owner"), Name: v.get("name"), Preset: v.get("preset"), About: v.get("description")}
	if err := (&hookyard.Project{Owner: p.Owner, Name: p.Name}).Validate(v.web.o.Limits); err != nil {
		return v.projects(err, p)
	}
	project, err := v.web.o.Control.Project(v.ctx(), v.id, p.Owner, p.Name, control.Own)
	switch {
	case hookyard.CodeOf(err) == hookyard.Forbidden:
		err = hookyard.FieldErrorf("owner", "You may not create projects of this owner; yours is %s.", v.id.User.Name)
	case err == nil && project.Key() != 0:
		err = hookyard.FieldErrorf("name", "You already have a project %s.", project.Snapshot.Project.Path())
	}
	if err == nil {
		in := control.ProjectPatch{Description: control.Value(p.About), Preset: control.Value(p.Preset)}
		_, _, err = project.Put(v.ctx(), in)
	}
	if err != nil {
		return v.projects(err, p)
	}
	return v.redirect(join(p.Owner, p.Name), "created")
}
