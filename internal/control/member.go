package control

import (
	"context"
	"strings"

	"github.com/hookyard/hookyard"
)

// Members lists who has a role in the project, users and then groups, by name. The owner and administrators need none
// and are not listed.
func (p *Project) Members(ctx context.Context) ([]hookyard.Member, error) {
	if err := p.allow(hookyard.RoleRead); err != nil {
		return nil, err
	}
	return p.c.store.Members(ctx, p.Key())
}

// maxGroup is how long the name of a group may be, in bytes.
const maxGroup = 200

// SetMember gives a role to a user, or to all users in a group of the OpenID provider, "group:NAME". It needs role
// admin.
func (p *Project) SetMember(ctx context.Context, user string, role hookyard.Role) (hookyard.Member, error) {
	if role != hookyard.RoleRead && role != hookyard.RoleWrite && role != hookyard.RoleAdmin {
		return hookyard.Member{}, hookyard.FieldErrorf("role", "role must be read, write or admin")
	}
	return p.setMember(ctx, user, role)
}

// RemoveMember takes the role of a user or a group away. It needs role admin.
func (p *Project) RemoveMember(ctx context.Context, user string) error {
	_, err := p.setMember(ctx, user, hookyard.RoleNone)
	return err
}

func (p *Project) setMember(ctx context.Context, user string, role hookyard.Role) (hookyard.Member, error) {
	ctx, err := p.change(ctx, hookyard.RoleAdmin)
	if err != nil {
		return hookyard.Member{}, err
	}
	if group, ok := strings.CutPrefix(user, hookyard.GroupPrefix); ok {
		if group == "" || hookyard.CleanLine(group, maxGroup) != group {
			return hookyard.Member{}, hookyard.FieldErrorf("user",
				"the name of a group must be 1 to %d bytes without control characters", maxGroup)
		}
		err = p.c.store.SetMemberGroup(ctx, p.Snapshot.Project, group, role)
	} else {
		var u *hookyard.User
		if u, err = p.c.user(ctx, user); err != nil {
			return hookyard.Member{}, err
		}
		user = u.Name
		err = p.c.store.SetMember(ctx, p.Snapshot.Project, u, role)
	}
	if err != nil {
		return hookyard.Member{}, err
	}
	p.c.auth.Forget()
	return hookyard.Member{User: user, Role: role}, nil
}
