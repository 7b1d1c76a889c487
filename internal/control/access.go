package control

import (
	"context"
	"errors"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
)

// Access says who may use a route or a page. The zero value is none of these, so that a route which names no access can
// be refused when it is registered.
type Access int

// The kinds of access. Those of a project are checked by [Control.Project], the others by [Control.Admit].
const (
	_             Access = iota
	Public               // anyone, without saying who they are
	Anyone               // any caller the server lets in, guests included
	SignedIn             // no guests, and only tokens that may do all that their user may
	Enrolling            // likewise, and users who must set up a second factor before anything else
	Administrator        // of the whole server
	Read                 // role read in the project
	Write                // role write in the project
	Admin                // role admin in the project
	Own                  // role admin in a project that need not exist yet
	Custom               // the handler checks
	PortalRead           // role portal-read in the project: a portal session
	Portal               // role portal in the project: a portal session that may change something
)

// Valid reports whether a is one of the kinds of access.
func (a Access) Valid() bool { return Public <= a && a <= Portal }

// InProject reports whether the access is to a project, and so needs its name.
func (a Access) InProject() bool { return a == Read || a == Write || a == Admin || a == Own }

// Role is the least role that gives an access to a project.
func (a Access) Role() hookyard.Role {
	switch a {
	case Read:
		return hookyard.RoleRead
	case Write:
		return hookyard.RoleWrite
	case PortalRead:
		return hookyard.RolePortalRead
	case Portal:
		return hookyard.RolePortal
	}
	return hookyard.RoleAdmin
}

// Admit checks an access to the server. It fails with Unauthenticated for a guest who must sign in, and with Forbidden
// for a caller who is not an administrator, or whose token is limited in scope or to a project. Public, Anyone and
// Custom admit everyone.
func (c *Control) Admit(id *auth.Identity, a Access) error {
	if a != SignedIn && a != Enrolling && a != Administrator {
		return nil
	}
	if id.Guest {
		return authenticationRequired()
	}
	if t := id.Token; t != nil && (t.Scope != hookyard.ScopeManage || t.ProjectKey != 0) {
		return hookyard.Errorf(hookyard.Forbidden,
			"a token may do this only if its scope is manage and it is not bound to a project")
	}
	if a == Administrator && !id.IsAdmin() {
		return hookyard.Errorf(hookyard.Forbidden, "only an administrator may do this")
	}
	return nil
}

// Project is a project in the hands of one caller. Each operation checks the caller's role again, so a face that
// forgets to is refused and not obeyed. It belongs to one goroutine.
type Project struct {
	Snapshot *hookyard.Snapshot // as it was when the caller came; a change replaces it
	Role     hookyard.Role      // the caller's
	Caller   *auth.Identity

	asked string // owner+name as the caller spelled them: the spelling there is would tell that the project exists
	c     *Control
}

// Project returns a project to a caller whose role gives the access. It fails with Forbidden, or Unauthenticated for a
// guest, both when there is no such project and when the caller has no right to it; only a caller who would own the
// project is told that it does not exist.
func (c *Control) Project(ctx context.Context, id *auth.Identity, owner, name string, a Access) (*Project, error) {
	p, err := c.project(ctx, id, owner, name)
	if err != nil {
		return nil, err
	}
	if err := p.allow(a.Role()); err != nil {
		return nil, err
	}
	if p.Snapshot.Project.Key == 0 && a != Own {
		return nil, noSuchProject(p.Snapshot.Project)
	}
	return p, nil
}

// ProjectOnUse is [Control.Project] for an operation that puts something into the project: a project that does not
// exist is created first, if the operator allows it.
func (c *Control) ProjectOnUse(ctx context.Context, id *auth.Identity, owner, name string, a Access) (*Project, error) {
	p, err := c.project(ctx, id, owner, name)
	if err != nil {
		return nil, err
	}
	if err := p.allow(a.Role()); err != nil {
		return nil, err
	}
	if p.Snapshot.Project.Key == 0 {
		if p.Snapshot, err = c.createOnFirstUse(hookyard.WithActor(ctx, id.User.Name), p.Snapshot.Project); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// EnsureProject returns a project to no caller in particular. One that does not exist is created, if the operator
// allows it; else the error is NotFound.
func (c *Control) EnsureProject(ctx context.Context, owner, name string) (*hookyard.Snapshot, error) {
	if err := checkName(owner + name); err != nil {
		return nil, err
	}
	snapshot, err := c.snapshot(ctx, owner, name)
	if err != nil || snapshot.Project.Key != 0 {
		return snapshot, err
	}
	return c.createOnFirstUse(ctx, snapshot.Project)
}

// Publish returns the project that a caller may publish events to, created on its first use if the operator allows it.
// It is on the path of every published event, so it does not check that owner and name are valid UTF-8 without control
// characters: the caller must have.
func (c *Control) Publish(ctx context.Context, id *auth.Identity, owner, name string) (*hookyard.Snapshot, error) {
	snapshot, err := c.PublishExisting(ctx, id, owner, name)
	if err == nil && snapshot.Project.Key == 0 {
		return c.createOnFirstUse(hookyard.WithActor(ctx, id.User.Name), snapshot.Project)
	}
	return snapshot, err
}

// PublishExisting is [Control.Publish], but a project that does not exist is returned with key 0.
func (c *Control) PublishExisting(ctx context.Context, id *auth.Identity, owner, name string) (*hookyard.Snapshot,
	error) {
	snapshot, err := c.snapshot(ctx, owner, name)
	if err != nil {
		return nil, err
	}
	may, err := c.auth.MayPublish(ctx, id, snapshot.Project)
	if err != nil {
		return nil, err
	}
	if !may {
		return nil, notAuthorized(id, owner+"+"+name, hookyard.RoleWrite)
	}
	return snapshot, nil
}

// project returns the project with the caller's role in it, or a project with key 0 when there is none of that name.
func (c *Control) project(ctx context.Context, id *auth.Identity, owner, name string) (*Project, error) {
	if err := checkName(owner + name); err != nil {
		return nil, err
	}
	snapshot, err := c.snapshot(ctx, owner, name)
	if err != nil {
		return nil, err
	}
	role, err := c.auth.Role(ctx, id, snapshot.Project)
	if err != nil {
		return nil, err
	}
	return &Project{Snapshot: snapshot, Role: role, Caller: id, asked: owner + "+" + name, c: c}, nil
}

// checkName refuses what no name may hold, before a database sees it.
func checkName(s string) error {
	if !hookyard.ValidPath(s) {
		return hookyard.Errorf(hookyard.Invalid, "the path holds control characters or is not UTF-8")
	}
	return nil
}

// snapshot returns a project, or one with key 0 when there is none of that name.
func (c *Control) snapshot(ctx context.Context, owner, name string) (*hookyard.Snapshot, error) {
	snapshot, err := c.store.Snapshot(ctx, owner, name)
	if errors.Is(err, hookyard.ErrNotFound) {
		return &hookyard.Snapshot{Project: &hookyard.Project{Owner: owner, Name: name}}, nil
	}
	return snapshot, err
}

// createOnFirstUse creates a project that something is put into, where the operator wants that.
func (c *Control) createOnFirstUse(ctx context.Context, p *hookyard.Project) (*hookyard.Snapshot, error) {
	if !c.createOnUse {
		return nil, noSuchProject(p)
	}
	if err := p.Validate(c.limits); err != nil {
		return nil, err
	}
	if err := c.createProject(ctx, p); err != nil && !errors.Is(err, hookyard.ErrConflict) {
		return nil, err
	}
	return c.store.Snapshot(ctx, p.Owner, p.Name)
}

// Path is the project's owner/name.
func (p *Project) Path() string { return p.Snapshot.Project.Path() }

// Key is the project's key in the store.
func (p *Project) Key() int64 { return p.Snapshot.Project.Key }

// allow fails unless the caller's role includes the one that is needed.
func (p *Project) allow(need hookyard.Role) error {
	if !p.Role.Allows(need) {
		return notAuthorized(p.Caller, p.asked, need)
	}
	return nil
}

// change starts an operation that needs a role and changes something: the context it returns names the caller to the
// audit log.
func (p *Project) change(ctx context.Context, need hookyard.Role) (context.Context, error) {
	if err := p.allow(need); err != nil {
		return nil, err
	}
	return hookyard.WithActor(ctx, p.Caller.User.Name), nil
}

// maxRetries is how often a change is made again because another one was committed first.
const maxRetries = 5

// retryOnStale makes a change that is stored only over the revision it was made from, and makes it again over the newer
// revision when another change was committed first. A caller who named a revision is refused by the change itself then.
func (p *Project) retryOnStale(ctx context.Context, change func() error) error {
	for tries := 1; ; tries++ {
		err := change()
		if !errors.Is(err, hookyard.ErrStale) || tries == maxRetries {
			return err
		}
		if err := p.Reload(ctx); err != nil {
			return err
		}
	}
}

// Reload reads the project again, with its hooks and sources. It fails with NotFound when the project was deleted.
func (p *Project) Reload(ctx context.Context) error {
	snapshot, err := p.c.store.Snapshot(ctx, p.Snapshot.Project.Owner, p.Snapshot.Project.Name)
	if errors.Is(err, hookyard.ErrNotFound) {
		return noSuchProject(p.Snapshot.Project)
	}
	if err != nil {
		return err
	}
	p.Snapshot = snapshot
	return nil
}

// Absent is the revision of what does not exist: a patch at it creates, and fails with Conflict if there is one.
const Absent = -1

// expectRevision refuses a change that is meant for another revision than the one there is. 0 is any.
func expectRevision(what string, current, wanted int64) error {
	switch {
	case wanted == 0 || wanted == current || wanted == Absent && current == 0:
		return nil
	case wanted == Absent:
		return hookyard.Errorf(hookyard.Conflict, "%s exists already", what)
	}
	return hookyard.Errorf(hookyard.Conflict, "%s was changed by somebody else: it is at revision %d, not %d", what,
		current, wanted)
}

func noSuchProject(p *hookyard.Project) error {
	return hookyard.Errorf(hookyard.NotFound, "no such project %s", hookyard.Clean(p.Path(), 200))
}

// notAuthorized says which right is missing in a project, or that the caller must sign in. It is also said of a project
// that does not exist, so it names the project as the caller did.
func notAuthorized(id *auth.Identity, asked string, need hookyard.Role) error {
	if id.Guest {
		return authenticationRequired()
	}
	verb := "modify"
	if need == hookyard.RoleRead || need == hookyard.RolePortalRead {
		verb = "read"
	}
	return hookyard.Errorf(hookyard.Forbidden, "Not authorized to %s project [%s]", verb, hookyard.Clean(asked, 200))
}

func authenticationRequired() error {
	return hookyard.Errorf(hookyard.Unauthenticated, "Authentication required")
}
