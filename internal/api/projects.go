package api

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/format"
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
	out := client.ProjectPage{Projects: []client.Project{}}
	user := c.id.User
	if c.id.IsAdmin() || c.id.Guest {
		user = nil // everything; roles sort out what a guest may see
	}
	for {
		found, err := c.a.o.Store.Projects(c.ctx(), user, after, limit+1)
		if err != nil {
			return err
		}
		for _, p := range found {
			role, err := c.a.o.Auth.Role(c.ctx(), c.id, p)
			if err != nil {
				return err
			}
			if !role.Allows(hookyard.RoleRead) {
				after = p.Path()
				continue
			}
			if len(out.Projects) == limit {
				out.Cursor = makeCursor(cursorProjects, 0, after)
				return c.reply(http.StatusOK, out)
			}
			out.Projects = append(out.Projects, projectJSON(p))
			after = p.Path()
		}
		if len(found) <= limit {
			return c.reply(http.StatusOK, out)
		}
	}
}

// putProject makes a project for whoever may own it, or replaces its settings for its admins.
func putProject(c *call) error { return c.afresh(func() error { return replaceProject(c) }) }

func replaceProject(c *call) error {
	view, err := c.a.project(c.ctx(), c.param("owner"), c.param("project"))
	if err != nil {
		return err
	}
	role, err := c.a.o.Auth.Role(c.ctx(), c.id, view.Project)
	if err != nil {
		return err
	}
	if !role.Allows(hookyard.RoleAdmin) {
		return notAuthorized(c.id, view.Project, hookyard.RoleAdmin)
	}
	old := view.Project
	if err := c.expectProject(old); err != nil {
		return err
	}
	p := &hookyard.Project{Key: old.Key, Owner: old.Owner, Name: old.Name, Revision: old.Revision,
		CreatedAt: old.CreatedAt}
	if err := c.readProject(p, old); err != nil {
		return err
	}
	if p.Key != 0 {
		if err := c.a.o.Store.UpdateProject(c.ctx(), p); err != nil {
			return err
		}
		return c.reply(http.StatusOK, projectJSON(p))
	}
	if err := c.a.createProject(c.ctx(), p); err != nil {
		return err
	}
	return c.reply(http.StatusCreated, projectJSON(p))
}

func updateProject(c *call) error { return c.afresh(func() error { return patchProject(c) }) }

func patchProject(c *call) error {
	p := *c.view.Project
	if err := c.expectProject(&p); err != nil {
		return err
	}
	if err := c.readProject(&p, c.view.Project); err != nil {
		return err
	}
	if err := c.a.o.Store.UpdateProject(c.ctx(), &p); err != nil {
		return err
	}
	return c.reply(http.StatusOK, projectJSON(&p))
}

// removeProject tells the project's hooks before it goes.
func removeProject(c *call) error {
	if err := c.expectProject(c.view.Project); err != nil {
		return err
	}
	if err := c.tellDeleted(); err != nil {
		return err
	}
	if err := c.a.o.Store.DeleteProject(c.ctx(), c.view.Project); err != nil {
		return err
	}
	c.afterProject()
	return c.nothing()
}

func (c *call) expectProject(p *hookyard.Project) error {
	return c.expect("project "+p.Path(), p.Revision)
}

func duplicateProject(c *call) error {
	to, err := c.target(true)
	if err != nil {
		return err
	}
	if err := c.a.o.Store.CopyProject(c.ctx(), c.view, to, false); err != nil {
		return err
	}
	return c.reply(http.StatusCreated, projectJSON(to))
}

// transferProject tells the hooks, which the new project has copies of, that the old project is no more.
func transferProject(c *call) error {
	to, err := c.target(false)
	if err != nil {
		return err
	}
	if err := c.tellDeleted(); err != nil {
		return err
	}
	if err := c.a.o.Store.CopyProject(c.ctx(), c.view, to, true); err != nil {
		return err
	}
	c.afterProject()
	return c.reply(http.StatusOK, projectJSON(to))
}

// createProject makes a project with the default hooks.
func (a *API) createProject(ctx context.Context, p *hookyard.Project) error {
	if err := a.o.Store.CreateProject(ctx, p, a.defaultHooks()); err != nil {
		return err
	}
	a.o.Auth.Forget()
	return nil
}

// target reads where a copy goes, and whether the caller may own something there.
func (c *call) target(withName bool) (*hookyard.Project, error) {
	body, err := c.object()
	if err != nil {
		return nil, err
	}
	to := *c.view.Project
	to.Key = 0
	fields := map[string]field{"owner": into(&to.Owner)}
	if withName {
		fields["name"] = into(&to.Name)
	}
	if err := body.read(fields); err != nil {
		return nil, err
	}
	if err := to.Validate(c.a.o.Limits); err != nil {
		return nil, err
	}
	if strings.EqualFold(to.Path(), c.view.Project.Path()) {
		return nil, hookyard.FieldErrorf("owner", "the project is %s already: name another owner%s", to.Path(),
			map[bool]string{true: " or name", false: ""}[withName])
	}
	role, err := c.a.o.Auth.Role(c.ctx(), c.id, &hookyard.Project{Owner: to.Owner, Name: to.Name})
	if err != nil {
		return nil, err
	}
	if !role.Allows(hookyard.RoleAdmin) {
		return nil, notAuthorized(c.id, &to, hookyard.RoleAdmin)
	}
	there, err := c.a.project(c.ctx(), to.Owner, to.Name)
	if err == nil && there.Project.Key != 0 { // before the old project's hooks are told that it is gone
		err = hookyard.Errorf(hookyard.Conflict, "project %s exists already", to.Path())
	}
	return &to, err
}

// readProject reads settings into p. A secret shown as *** stays what it is in old.
func (c *call) readProject(p, old *hookyard.Project) error {
	body, err := c.object()
	if err != nil {
		return err
	}
	retention := hookyard.Duration(p.Retention)
	secret := p.RelaySecret.Value
	err = body.read(map[string]field{
		"description":   into(&p.Description),
		"preset":        into(&p.Preset),
		"eventTypes":    typesField(&p.EventTypes),
		"format":        into(&p.Format),
		"relay":         into(&p.Relay),
		"relaySecret":   into(&secret),
		"modelEvents":   into(&p.ModelEvents),
		"retention":     into(&retention),
		"public":        into(&p.Public),
		"allowRequests": into(&p.AllowRequests),
	}, "id", "owner", "name", "createdAt", "updatedAt", "revision")
	if err != nil {
		return err
	}
	p.Retention = time.Duration(retention)
	if p.RelaySecret.Value = secret; secret == hookyard.Masked {
		p.RelaySecret = old.RelaySecret
	}
	if err := p.Validate(c.a.o.Limits); err != nil {
		return err
	}
	if p.Format != "" && !slices.Contains(format.Names(), p.Format) {
		return hookyard.FieldErrorf("format", "format %q is not known; it must be one of %s",
			hookyard.Clean(p.Format, 50), strings.Join(format.Names(), ", "))
	}
	if p.Relay == hookyard.RelaySigned && p.RelaySecret.Value == "" {
		return hookyard.FieldErrorf("relaySecret",
			"relay \"signed\" needs a relaySecret, the one that is set at GitHub")
	}
	return nil
}

// typesField reads a catalogue: a list, or the name of the preset whose list it is.
func typesField(dst *[]string) field {
	return func(raw json.RawMessage) error {
		var preset string
		if json.Unmarshal(raw, &preset) != nil || string(raw) == "null" {
			return into(dst)(raw)
		}
		p, ok := hookyard.Presets()[preset]
		if !ok {
			return hookyard.FieldErrorf("eventTypes", "eventTypes must be a list of names, or one of %s",
				strings.Join(slices.Sorted(maps.Keys(hookyard.Presets())), ", "))
		}
		*dst = p.EventTypes
		return nil
	}
}

const (
	projectDeleted = "PROJECT_DELETED"
	lastWords      = 5 * time.Second // how long a deletion waits for its hooks' first attempts
)

// tellDeleted publishes PROJECT_DELETED to the project's hooks and gives each of them a first attempt before the
// project goes: what is owed to a deleted hook is canceled.
func (c *call) tellDeleted() error {
	if types := c.view.Project.Catalogue(); len(types) > 0 && !slices.Contains(types, projectDeleted) {
		return nil
	}
	data, err := encode(struct {
		ProjectID string `json:"projectId"`
		UserID    string `json:"userId"`
	}{c.view.Project.ID(), c.id.User.Name})
	if err != nil {
		return err
	}
	e, err := hookyard.Publish(hookyard.Publication{Type: projectDeleted, Data: data}, now(), c.a.o.Limits)
	if err != nil {
		return err
	}
	receipt, err := c.a.o.Ingest.Accept(c.ctx(), c.view, e)
	if err != nil || receipt.Deliveries == 0 {
		return err
	}
	c.awaitAttempts(receipt.Seq)
	return nil
}

// awaitAttempts returns when every delivery of an event has been attempted or has ended, or after a while.
func (c *call) awaitAttempts(seq int64) {
	ctx, cancel := context.WithTimeout(c.ctx(), lastWords)
	defer cancel()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		list, _, err := c.a.o.Store.Deliveries(ctx,
			hookyard.DeliveryQuery{ProjectKey: c.key(), EventSeq: seq, State: hookyard.Pending, Limit: maxPage})
		if errors.Is(err, context.DeadlineExceeded) || err == nil &&
			!slices.ContainsFunc(list, func(d hookyard.Delivery) bool { return d.Attempts == 0 }) {
			return
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}

// afterProject follows the end of a project: nobody's role in it is remembered, and what its hooks are owed is
// canceled.
func (c *call) afterProject() {
	c.a.o.Auth.Forget()
	for _, h := range c.view.Hooks {
		c.a.o.Dispatcher.Renew(h.Key)
	}
}

func projectJSON(p *hookyard.Project) client.Project {
	out := client.Project{
		ID: p.ID(), Owner: p.Owner, Name: p.Name, Description: p.Description, Preset: p.Preset,
		EventTypes: p.Catalogue(),
		Format:     p.EffectiveFormat(&hookyard.Hook{}), Relay: p.Relay, ModelEvents: p.ModelEvents,
		Retention: hookyard.Duration(p.Retention),
		Public:    p.Public, AllowRequests: p.AllowRequests, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
		Revision: p.Revision,
	}
	if out.EventTypes == nil {
		out.EventTypes = []string{}
	}
	if out.Relay == "" {
		out.Relay = hookyard.RelayOff
	}
	if p.RelaySecret.Value != "" {
		out.RelaySecret = hookyard.Masked
	}
	return out
}

// defaultHooks returns copies of the default hooks.
func (a *API) defaultHooks() []*hookyard.Hook {
	hooks := make([]*hookyard.Hook, len(a.o.DefaultHooks))
	for i := range a.o.DefaultHooks {
		h := a.o.DefaultHooks[i]
		hooks[i] = &h
	}
	return hooks
}
