package api

import (
	"net/http"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/control"
)

func listProjects(c *call) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	after, err := readCursor(c.q.Get("cursor"), cursorProjects, 0)
	if err != nil {
		return err
	}
	found, next, err := c.a.o.Control.Projects(c.ctx(), c.id, after, limit)
	if err != nil {
		return err
	}
	out := client.ProjectPage{Projects: []client.Project{}}
	for _, p := range found {
		out.Projects = append(out.Projects, projectJSON(p))
	}
	if next != "" {
		out.Cursor = makeCursor(cursorProjects, 0, next)
	}
	return c.reply(http.StatusOK, out)
}

func putProject(c *call) error {
	in, err := c.projectPatch()
	if err != nil {
		return err
	}
	p, created, err := c.project.Put(c.ctx(), in)
	if err != nil {
		return c.stale(err, in.Revision)
	}
	if created {
		return c.reply(http.StatusCreated, projectJSON(p))
	}
	return c.reply(http.StatusOK, projectJSON(p))
}

func updateProject(c *call) error {
	in, err := c.projectPatch()
	if err != nil {
		return err
	}
	p, err := c.project.Update(c.ctx(), in)
	if err != nil {
		return c.stale(err, in.Revision)
	}
	return c.reply(http.StatusOK, projectJSON(p))
}

func listSearchFields(c *call) error {
	states, err := c.project.SearchFields(c.ctx())
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, client.SearchFields{Fields: append([]hookyard.SearchFieldState{}, states...)})
}

func removeProject(c *call) error {
	revision, err := c.revision(0)
	if err != nil {
		return err
	}
	if err := c.project.Delete(c.ctx(), revision); err != nil {
		return c.stale(err, revision)
	}
	return c.noContent()
}

func duplicateProject(c *call) error {
	body, err := c.object()
	if err != nil {
		return err
	}
	from := c.project.Snapshot.Project
	to := client.ProjectTarget{Owner: from.Owner, Name: from.Name}
	if err := body.Decode(&to); err != nil {
		return err
	}
	p, err := c.project.Duplicate(c.ctx(), to.Owner, to.Name)
	if err != nil {
		return err
	}
	return c.reply(http.StatusCreated, projectJSON(p))
}

func transferProject(c *call) error {
	body, err := c.object()
	if err != nil {
		return err
	}
	var to struct {
		Owner string `json:"owner"`
	}
	to.Owner = c.project.Snapshot.Project.Owner
	if err := body.Decode(&to); err != nil {
		return err
	}
	p, err := c.project.Transfer(c.ctx(), to.Owner)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, projectJSON(p))
}

func (c *call) projectPatch() (in control.ProjectPatch, err error) {
	if in.Revision, err = c.revision(0); err != nil {
		return in, err
	}
	body, err := c.object()
	if err != nil {
		return in, err
	}
	return in, body.Decode(&in, "id", "owner", "name", "createdAt", "updatedAt", "revision")
}

func projectJSON(p *hookyard.Project) client.Project {
	out := client.Project{
		ID: p.ID(), Owner: p.Owner, Name: p.Name, UID: p.UID, Title: p.Title, Description: p.Description,
		Metadata: p.Metadata, Preset: p.Preset,
		EventTypes: p.Catalogue(), Rate: p.Rate,
		Format: p.EffectiveFormat(&hookyard.Hook{}), Relay: p.Relay, ModelEvents: p.ModelEvents,
		Retention: hookyard.Duration(p.Retention),
		Public:    p.Public, AllowRequests: p.AllowRequests, SearchFields: p.SearchFields,
		CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
		Revision: p.Revision,
	}
	if out.EventTypes == nil {
		out.EventTypes = []string{}
	}
	if out.SearchFields == nil {
		out.SearchFields = []string{}
	}
	if out.Relay == "" {
		out.Relay = hookyard.RelayOff
	}
	if p.RelaySecret.Value != "" {
		out.RelaySecret = hookyard.Masked
	}
	return out
}
