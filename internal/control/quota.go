package control

import (
	"context"
	"encoding/json"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
)

// Allowance is what a project or owner may use, and what it uses.
type Allowance struct {
	hookyard.Tenant
	Use hookyard.Use
}

// Limits returns the project's limits and what it uses of them.
func (p *Project) Limits(ctx context.Context) (Allowance, error) {
	if err := p.allow(hookyard.RoleRead); err != nil {
		return Allowance{}, err
	}
	t, _, err := p.c.store.Tenants(ctx, p.Snapshot.Project)
	if err != nil {
		return Allowance{}, err
	}
	return p.c.allowance(ctx, t)
}

// SetLimits changes limits of the project: null means the default again, and what the patch does not name stays. The
// caller must be an administrator of the server.
func (p *Project) SetLimits(ctx context.Context, patch Object) (Allowance, error) {
	ctx, err := p.change(ctx, hookyard.RoleAdmin)
	if err != nil {
		return Allowance{}, err
	}
	t, _, err := p.c.store.Tenants(ctx, p.Snapshot.Project)
	if err != nil {
		return Allowance{}, err
	}
	if err := p.c.setLimits(ctx, p.Caller, t, patch); err != nil {
		return Allowance{}, err
	}
	return p.Limits(ctx)
}

// OwnerLimits returns the limits of all projects of an owner together, and what they use of them. The caller must be
// the owner or an administrator.
func (c *Control) OwnerLimits(ctx context.Context, id *auth.Identity, owner string) (Allowance, error) {
	t, err := c.owner(ctx, id, owner)
	if err != nil {
		return Allowance{}, err
	}
	return c.allowance(ctx, t)
}

// SetOwnerLimits changes limits of an owner, as [Project.SetLimits] does of a project.
func (c *Control) SetOwnerLimits(ctx context.Context, id *auth.Identity, owner string, patch Object) (Allowance,
	error) {
	t, err := c.owner(ctx, id, owner)
	if err != nil {
		return Allowance{}, err
	}
	if err := c.setLimits(actor(ctx, id), id, t, patch); err != nil {
		return Allowance{}, err
	}
	return c.OwnerLimits(ctx, id, owner)
}

// AllLimits returns the owners and projects for which limits are set. The caller must be an administrator.
func (c *Control) AllLimits(ctx context.Context, id *auth.Identity) ([]Allowance, error) {
	if err := c.Admit(id, Administrator); err != nil {
		return nil, err
	}
	tenants, err := c.store.Quotas(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Allowance, len(tenants))
	for i, t := range tenants {
		if out[i], err = c.allowance(ctx, t); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// owner returns an owner to a caller who may see what only the owner and administrators may.
func (c *Control) owner(ctx context.Context, id *auth.Identity, owner string) (t hookyard.Tenant, err error) {
	p := &hookyard.Project{Owner: owner, Name: "any"}
	if err := c.Admit(id, SignedIn); err != nil {
		return t, err
	}
	if !id.IsAdmin() && !id.Owns(p) {
		return t, hookyard.Errorf(hookyard.Forbidden,
			"only the owner itself and an administrator of the server may do this")
	}
	if err := p.Validate(c.limits); err != nil {
		return t, err
	}
	return c.store.OwnerTenant(ctx, owner)
}

func (c *Control) allowance(ctx context.Context, t hookyard.Tenant) (Allowance, error) {
	use, err := c.store.FullUseOf(ctx, t.TenantKey, time.Now())
	use.Listeners = c.quotas.Listeners(t.TenantKey)
	return Allowance{Tenant: t, Use: use}, err
}

func (c *Control) setLimits(ctx context.Context, id *auth.Identity, t hookyard.Tenant, patch Object) error {
	values := map[hookyard.LimitName]*int64{}
	for name, raw := range patch {
		var value *int64
		if json.Unmarshal(raw, &value) != nil {
			return hookyard.FieldErrorf(name, "%s must be a whole number, or null for the default",
				hookyard.Clean(name, 50))
		}
		n := int64(0)
		if value != nil {
			n = *value
		}
		if err := (hookyard.Quota{}).Set(hookyard.LimitName(name), n); err != nil {
			return err
		}
		values[hookyard.LimitName(name)] = value
	}
	if err := c.Admit(id, Administrator); err != nil {
		return err
	}
	return c.store.SetQuota(ctx, t, values)
}

// within makes a change that uses something of the limits, unless it is beyond them.
func (p *Project) within(ctx context.Context, use hookyard.Use, change func() error) error {
	grant, err := p.c.quotas.Admit(ctx, p.Snapshot.Tenants, use.Events, use.Day)
	if err != nil {
		return err
	}
	var made hookyard.Use
	if err = grant.Open(ctx, use.Pending); err == nil {
		if err = change(); err == nil {
			made = use
		}
	}
	grant.End(made)
	return err
}
