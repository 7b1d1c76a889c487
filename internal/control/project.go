package control

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
	"github.com/hookyard/hookyard/internal/format"
)

// ProjectPatch holds what to set of a project. A setting that is not given stays as it is, or at its default where the
// project is created.
type ProjectPatch struct {
	UID           Optional[string]            `json:"uid"`
	Title         Optional[string]            `json:"title"`
	Description   Optional[string]            `json:"description"`
	Metadata      Optional[map[string]string] `json:"metadata"`
	Preset        Optional[string]            `json:"preset"`
	EventTypes    Optional[EventTypes]        `json:"eventTypes"`
	Rate          Optional[float64]           `json:"rate"`
	Format        Optional[string]            `json:"format"`
	Relay         Optional[string]            `json:"relay"`
	RelaySecret   Optional[string]            `json:"relaySecret"` // ***: as it is
	ModelEvents   Optional[bool]              `json:"modelEvents"`
	Retention     Optional[hookyard.Duration] `json:"retention"`
	Public        Optional[bool]              `json:"public"`
	AllowRequests Optional[bool]              `json:"allowRequests"`
	SearchFields  Optional[[]string]          `json:"searchFields"`

	Revision int64 `json:"-"` // the project must still be at this one; 0 is any
}

// EventTypes is a project's catalogue.
type EventTypes []string

// UnmarshalJSON reads a list of names, or the name of the preset whose list it is.
func (t *EventTypes) UnmarshalJSON(b []byte) error {
	var preset string
	if json.Unmarshal(b, &preset) != nil {
		return unmarshalStrict(b, (*[]string)(t))
	}
	p, ok := hookyard.Presets()[preset]
	if !ok {
		return hookyard.FieldErrorf("eventTypes", "eventTypes must be a list of names, or one of %s",
			strings.Join(slices.Sorted(maps.Keys(hookyard.Presets())), ", "))
	}
	*t = p.EventTypes
	return nil
}

// Projects lists up to limit projects that a caller may read, in the order of their paths, from the one after a path.
// next is the path to go on after, "" at the end of the list.
func (c *Control) Projects(ctx context.Context, id *auth.Identity, after string, limit int) (list []*hookyard.Project,
	next string, err error) {
	user := id.User
	if id.IsAdmin() || id.Guest {
		user = nil // all of them; the roles say what a guest may see
	}
	for {
		found, err := c.store.Projects(ctx, user, after, limit+1)
		if err != nil {
			return nil, "", err
		}
		for _, p := range found {
			role, err := c.auth.Role(ctx, id, p)
			if err != nil {
				return nil, "", err
			}
			if role.Allows(hookyard.RoleRead) {
				if len(list) == limit {
					return list, after, nil
				}
				list = append(list, p)
			}
			after = p.Path()
		}
		if len(found) <= limit {
			return list, "", nil
		}
	}
}

// Put creates the project, with the default hooks, or replaces its settings: those that are not given go back to their
// defaults. It needs role admin, which the caller has in a project that does not exist and would be the caller's. It
// fails with Conflict when the project is not at the patch's revision.
func (p *Project) Put(ctx context.Context, in ProjectPatch) (project *hookyard.Project, created bool, err error) {
	ctx, err = p.change(ctx, hookyard.RoleAdmin)
	if err != nil {
		return nil, false, err
	}
	err = p.retryOnStale(ctx, func() error {
		old := p.Snapshot.Project
		project = &hookyard.Project{Key: old.Key, Owner: old.Owner, Name: old.Name, Revision: old.Revision,
			CreatedAt: old.CreatedAt}
		if created = old.Key == 0; !created {
			return p.replace(ctx, project, &in)
		}
		if err := in.settle(project, old, p.c.limits); err != nil {
			return err
		}
		return p.c.createProject(ctx, project)
	})
	return project, created, err
}

// Update changes the project's settings. It needs role admin, and fails with Conflict when the project is not at the
// patch's revision any more.
func (p *Project) Update(ctx context.Context, in ProjectPatch) (*hookyard.Project, error) {
	ctx, err := p.change(ctx, hookyard.RoleAdmin)
	if err != nil {
		return nil, err
	}
	var project hookyard.Project
	err = p.retryOnStale(ctx, func() error {
		project = *p.Snapshot.Project
		return p.replace(ctx, &project, &in)
	})
	return &project, err
}

// replace applies the patch to the project and stores it.
func (p *Project) replace(ctx context.Context, project *hookyard.Project, in *ProjectPatch) error {
	if err := in.settle(project, p.Snapshot.Project, p.c.limits); err != nil {
		return err
	}
	if err := p.c.store.UpdateProject(ctx, project); err != nil {
		return err
	}
	if project.Rate != p.Snapshot.Project.Rate {
		for _, h := range p.Snapshot.Hooks {
			p.c.dispatcher.HookChanged(h.Key)
		}
	}
	return nil
}

// Delete deletes the project with everything in it, and tells its hooks before. It needs role admin, and fails with
// Conflict when the project is not at ifRevision, unless that is 0.
func (p *Project) Delete(ctx context.Context, ifRevision int64) error {
	ctx, err := p.change(ctx, hookyard.RoleAdmin)
	if err != nil {
		return err
	}
	if err := p.expectRevision(ifRevision); err != nil {
		return err
	}
	if err := p.notifyDeleted(ctx); err != nil {
		return err
	}
	return p.remove(ctx)
}

// Remove is [Project.Delete] without telling the hooks.
func (p *Project) Remove(ctx context.Context, ifRevision int64) error {
	ctx, err := p.change(ctx, hookyard.RoleAdmin)
	if err != nil {
		return err
	}
	if err := p.expectRevision(ifRevision); err != nil {
		return err
	}
	return p.remove(ctx)
}

func (p *Project) remove(ctx context.Context) error {
	if err := p.c.store.DeleteProject(ctx, p.Snapshot.Project); err != nil {
		return err
	}
	p.forget()
	return nil
}

// Duplicate copies settings, hooks and sources to another owner or name. It needs role write here, or role admin if
// there are secrets to copy, and the right to own the copy. It fails with Conflict when there is a project of that
// name.
func (p *Project) Duplicate(ctx context.Context, owner, name string) (*hookyard.Project, error) {
	ctx, err := p.change(ctx, hookyard.RoleWrite)
	if err != nil {
		return nil, err
	}
	if strings.EqualFold(owner+"/"+name, p.Snapshot.Project.Path()) {
		return nil, hookyard.FieldErrorf("owner", "the project is %s/%s already: name another owner or name", owner,
			name)
	}
	if !p.Role.Allows(hookyard.RoleAdmin) && p.hasSecrets() {
		return nil, hookyard.Errorf(hookyard.Forbidden,
			"the project has secrets, which only its administrators may copy: ask one of them for the copy")
	}
	to, err := p.target(ctx, owner, name)
	if err != nil {
		return nil, err
	}
	return to, p.c.store.CopyProject(ctx, p.Snapshot, to, false)
}

// hasSecrets reports whether the project holds anything that whoever may change it need not know.
func (p *Project) hasSecrets() bool {
	if p.Snapshot.Project.RelaySecret.Value != "" {
		return true
	}
	for _, s := range p.Snapshot.Sources {
		if len(s.Secrets) > 0 || s.RabbitMQ != nil {
			return true
		}
	}
	for _, h := range p.Snapshot.Hooks {
		if len(h.Secrets) > 0 || hookyard.MaskURL(h.URL) != h.URL {
			return true
		}
		for name := range h.Headers {
			if !hookyard.IsShown(name) {
				return true
			}
		}
	}
	return false
}

// Transfer gives the project to another owner. Its hooks, of which the new project has copies, are told that the old
// project is deleted. The caller must be the owner or an administrator of the server, and have the right to own the new
// project. It fails with Conflict when there is a project of that name.
func (p *Project) Transfer(ctx context.Context, owner string) (*hookyard.Project, error) {
	ctx, err := p.change(ctx, hookyard.RoleAdmin)
	if err != nil {
		return nil, err
	}
	if !p.Caller.Owns(p.Snapshot.Project) && !p.Caller.IsAdmin() {
		return nil, hookyard.Errorf(hookyard.Forbidden,
			"only the owner of a project or an administrator of the server may give it to another owner")
	}
	name := p.Snapshot.Project.Name
	if strings.EqualFold(owner, p.Snapshot.Project.Owner) {
		return nil, hookyard.FieldErrorf("owner", "the project is %s/%s already: name another owner", owner, name)
	}
	to, err := p.target(ctx, owner, name)
	if err != nil {
		return nil, err
	}
	if err := p.mustFit(ctx, owner); err != nil { // before the hooks are told that the project is gone
		return nil, err
	}
	if err := p.notifyDeleted(ctx); err != nil {
		return nil, err
	}
	if err := p.c.store.CopyProject(ctx, p.Snapshot, to, true); err != nil {
		return nil, err
	}
	p.forget()
	return to, nil
}

// mustFit fails with TooMany if the hooks of the project are more than another owner may have.
func (p *Project) mustFit(ctx context.Context, owner string) error {
	t, err := p.c.store.OwnerTenant(ctx, owner)
	if err != nil || t.Quota[hookyard.LimitHooks] == 0 {
		return err
	}
	used, err := p.c.store.FullUseOf(ctx, t.TenantKey, now())
	if err != nil {
		return err
	}
	return t.Check(hookyard.Use{Hooks: used.Hooks}, hookyard.Use{Hooks: int64(len(p.Snapshot.Hooks))}, now())
}

// target returns the copy of the project's settings under another name, if the caller may own it and it does not exist.
func (p *Project) target(ctx context.Context, owner, name string) (*hookyard.Project, error) {
	to := *p.Snapshot.Project
	to.Key, to.Owner = 0, owner
	to.Name = name
	if strings.EqualFold(owner, p.Snapshot.Project.Owner) {
		to.UID = "" // one project of the owner has it
	}
	if err := to.Validate(p.c.limits); err != nil {
		return nil, err
	}
	there, err := p.c.Project(ctx, p.Caller, owner, name, Own)
	if err != nil {
		return nil, err
	}
	if there.Key() != 0 { // refused before the old project's hooks are told that it is gone
		return nil, hookyard.Errorf(hookyard.Conflict, "project %s exists already", to.Path())
	}
	return &to, nil
}

func (p *Project) expectRevision(wanted int64) error {
	return expectRevision("project "+p.Snapshot.Project.Path(), p.Snapshot.Project.Revision, wanted)
}

// createProject creates a project with the default hooks.
func (c *Control) createProject(ctx context.Context, p *hookyard.Project) error {
	if err := c.store.CreateProject(ctx, p, c.newDefaultHooks()); err != nil {
		return err
	}
	c.auth.Forget()
	return nil
}

// settle sets what the patch gives and checks the project. old is the project as it is, for a secret shown as ***.
func (in *ProjectPatch) settle(p, old *hookyard.Project, limits hookyard.Limits) error {
	if err := expectRevision("project "+old.Path(), old.Revision, in.Revision); err != nil {
		return err
	}
	in.UID.SetTo(&p.UID)
	in.Title.SetTo(&p.Title)
	in.Description.SetTo(&p.Description)
	in.Metadata.SetTo(&p.Metadata)
	in.Preset.SetTo(&p.Preset)
	in.EventTypes.SetTo((*EventTypes)(&p.EventTypes))
	in.Rate.SetTo(&p.Rate)
	in.Format.SetTo(&p.Format)
	in.Relay.SetTo(&p.Relay)
	if in.RelaySecret.SetTo(&p.RelaySecret.Value); p.RelaySecret.Value == hookyard.Masked {
		p.RelaySecret = old.RelaySecret
	} else if err := checkEntered("relaySecret", p.RelaySecret.Value, "", nil); in.RelaySecret.Given() && err != nil {
		return err
	}
	in.ModelEvents.SetTo(&p.ModelEvents)
	if retention, ok := in.Retention.Get(); ok {
		p.Retention = time.Duration(retention)
	}
	in.Public.SetTo(&p.Public)
	in.AllowRequests.SetTo(&p.AllowRequests)
	in.SearchFields.SetTo(&p.SearchFields)
	if err := p.Validate(limits); err != nil {
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

const (
	projectDeleted       = "PROJECT_DELETED"
	finalDeliveryTimeout = 5 * time.Second // how long a deletion waits for the first attempts of its last event
)

// notifyDeleted publishes PROJECT_DELETED to the project's hooks and gives each of them a first attempt before the
// project goes: what is pending for a deleted hook is canceled.
func (p *Project) notifyDeleted(ctx context.Context) error {
	if types := p.Snapshot.Project.Catalogue(); len(types) > 0 && !slices.Contains(types, projectDeleted) {
		return nil
	}
	data, err := hookyard.EncodeJSON(struct {
		ProjectID string `json:"projectId"`
		UserID    string `json:"userId"`
	}{p.Snapshot.Project.ID(), p.Caller.User.Name})
	if err != nil {
		return err
	}
	e, err := hookyard.Publish(hookyard.Publication{Type: projectDeleted, Data: data}, now(), p.c.limits)
	if err != nil {
		return err
	}
	receipt, err := p.c.ingest.Accept(ctx, p.Snapshot, e)
	if hookyard.CodeOf(err) == hookyard.TooMany {
		return nil // a limit keeps nobody from deleting the project
	}
	if err != nil || receipt.Deliveries == 0 {
		return err
	}
	p.awaitAttempts(ctx, receipt.Seq)
	return nil
}

// awaitAttempts returns when every delivery of an event was attempted or has ended, or after finalDeliveryTimeout.
func (p *Project) awaitAttempts(ctx context.Context, seq int64) {
	ctx, cancel := context.WithTimeout(ctx, finalDeliveryTimeout)
	defer cancel()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		list, _, err := p.c.store.Deliveries(ctx,
			hookyard.DeliveryQuery{ProjectKey: p.Key(), EventSeq: seq, Open: true, Limit: MaxPage})
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

// forget follows the end of the project: no role in it is remembered, and the dispatcher cancels what is pending for
// its hooks.
func (p *Project) forget() {
	p.c.auth.Forget()
	for _, h := range p.Snapshot.Hooks {
		p.c.dispatcher.HookChanged(h.Key)
	}
}
