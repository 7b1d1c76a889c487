package control

import (
	"context"

	"github.com/hookyard/hookyard"
)

// Members lists who has a role in the project, by name. The owner and administrators need none and are not listed.
func (p *Project) Members(ctx context.Context) ([]hookyard.Member, error) {
	if err := p.allow(hookyard.RoleRead); err != nil {
		return nil, err
	}
	return p.c.store.Members(ctx, p.Key())
}

// SetMember gives a user a role. It needs role admin.
func (p *Project) SetMember(ctx context.Context, user string, role hookyard.Role) (hookyard.Member, error) {
	if role != hookyard.RoleRead && role != hookyard.RoleWrite && role != hookyard.RoleAdmin {
		return hookyard.Member{}, hookyard.FieldErrorf("role", "role must be read, write or admin")
	}
	return p.setMember(ctx, user, role)
}

// RemoveMember takes a user's role away. It needs role admin.
func (p *Project) RemoveMember(ctx context.Context, user string) error {
	_, err := p.setMember(ctx, user, hookyard.RoleNone)
	return err
}

func (p *Project) setMember(ctx context.Context, user string, role hookyard.Role) (hookyard.Member, error) {
	ctx, err := p.change(ctx, hookyard.RoleAdmin)
	if err != nil {
		return hookyard.Member{}, err
	}
	u, err := p.c.user(ctx, user)
	if err != nil {
		return hookyard.Member{}, err
	}
	if err := p.c.store.SetMember(ctx, p.Snapshot.Project, u, role); err != nil {
		return hookyard.Member{}, err
	}
	p.c.auth.Forget()
	return hookyard.Member{User: u.Name, Role: role}, nil
}
