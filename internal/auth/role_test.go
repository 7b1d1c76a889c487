package auth

import (
	"context"
	"testing"

	"github.com/hookyard/hookyard"
)

func TestRole(t *testing.T) {
	t.Parallel()
	const (
		none  = hookyard.RoleNone
		read  = hookyard.RoleRead
		write = hookyard.RoleWrite
		admin = hookyard.RoleAdmin
	)
	private := &hookyard.Project{Key: 5, Owner: "Ann", Name: "shop"}
	public := &hookyard.Project{Key: 6, Owner: "ann", Name: "site", Public: true}
	lookalike := &hookyard.Project{Key: 7, Owner: "kim", Name: "x"}
	guestOwned := &hookyard.Project{Key: 8, Owner: "guest", Name: "x"}
	user := func(key int64, name string) *Identity { return &Identity{User: &hookyard.User{Key: key, Name: name}} }
	by := func(id *Identity, scope hookyard.Scope, project int64) *Identity {
		return &Identity{User: id.User, Token: &hookyard.Token{Scope: scope, ProjectKey: project}}
	}
	root := &Identity{User: &hookyard.User{Key: 1, Name: "root", Admin: true}}
	ann := user(2, "ann")
	wes := user(3, "wes")
	roy := user(4, "roy")
	eve := user(9, "eve")
	roles := map[roleKey]hookyard.Role{{3, 5}: write, {4, 5}: read, {3, 6}: write, {9, 7}: "owner"}
	tests := []struct {
		name    string
		id      *Identity
		project *hookyard.Project
		role    hookyard.Role
		publish bool
	}{
		{"admin", root, private, admin, true},
		{"owner, without case", ann, private, admin, true},
		{"writer", wes, private, write, true},
		{"reader", roy, private, read, false},
		{"stranger", eve, private, none, false},
		{"stranger, public", eve, public, read, false},
		{"writer, public", wes, public, write, true},
		{"unknown role", eve, lookalike, none, false},
		{"guest", guestIdentity(), private, none, false},
		{"guest, public", guestIdentity(), public, read, false},
		{"guest is not the user guest", guestIdentity(), guestOwned, none, false},
		{"look-alike of the owner", user(10, "\u212aim"), lookalike, none, false},
		{"user without a name", user(11, ""), &hookyard.Project{Key: 9}, none, false},
		{"dev", devIdentity(), private, admin, true},
		{"manage token", by(ann, hookyard.ScopeManage, 0), private, admin, true},
		{"manage token of a reader", by(roy, hookyard.ScopeManage, 0), private, read, false},
		{"manage token for this project", by(ann, hookyard.ScopeManage, 5), private, admin, true},
		{"manage token for another", by(ann, hookyard.ScopeManage, 6), private, none, false},
		{"read token", by(ann, hookyard.ScopeRead, 0), private, read, false},
		{"read token of a stranger", by(eve, hookyard.ScopeRead, 0), private, none, false},
		{"publish token", by(ann, hookyard.ScopePublish, 0), private, none, true},
		{"publish token of a writer", by(wes, hookyard.ScopePublish, 5), private, none, true},
		{"publish token of a reader", by(roy, hookyard.ScopePublish, 0), private, none, false},
		{"publish token for another", by(ann, hookyard.ScopePublish, 6), private, none, false},
		{"token of no known scope", by(ann, "everything", 0), private, none, false},
		{"admin's token for another", by(root, hookyard.ScopeManage, 6), private, none, false},
	}
	a := New(&memory{roles: roles}, Options{Guests: true})
	for _, tt := range tests {
		role, err := a.Role(t.Context(), tt.id, tt.project)
		publish, perr := a.MayPublish(t.Context(), tt.id, tt.project)
		if err != nil || perr != nil || role != tt.role || publish != tt.publish {
			t.Errorf("%s: %q %v, publish %v %v; want %q, %v", tt.name, role, err, publish, perr, tt.role, tt.publish)
		}
	}
	closed := New(&memory{roles: roles}, Options{})
	for _, id := range []*Identity{guestIdentity(), eve} {
		if role, err := closed.Role(t.Context(), id, public); role != none || err != nil {
			t.Errorf("public project without guests: %s has %q, %v; want none", id.User.Name, role, err)
		}
	}
}

func TestRoleIsRememberedAndForgotten(t *testing.T) {
	t.Parallel()
	m := &memory{roles: map[roleKey]hookyard.Role{{3, 5}: hookyard.RoleWrite}}
	a := New(m, Options{})
	id, p := &Identity{User: &hookyard.User{Key: 3, Name: "wes"}}, &hookyard.Project{Key: 5, Owner: "ann"}
	for range 3 {
		if role, err := a.Role(t.Context(), id, p); role != hookyard.RoleWrite || err != nil {
			t.Fatal(role, err)
		}
	}
	clear(m.roles)
	a.Forget()
	if role, err := a.Role(t.Context(), id, p); role != hookyard.RoleNone || err != nil {
		t.Errorf("after Forget: %q, %v; want none", role, err)
	}
	if n := m.lookups.Load(); n != 2 {
		t.Errorf("%d lookups, want 2", n)
	}
	a.Forget()
	m.broken = context.DeadlineExceeded
	if role, err := a.Role(t.Context(), id, p); role != hookyard.RoleNone || err == nil {
		t.Errorf("a store that fails: %q, %v; want its error", role, err)
	}
	if ok, err := a.MayPublish(t.Context(), id, p); ok || err == nil {
		t.Errorf("a store that fails: publish %v, %v; want its error", ok, err)
	}
}

func TestIsAdmin(t *testing.T) {
	t.Parallel()
	root := &hookyard.User{Name: "root", Admin: true}
	tests := []struct {
		id   *Identity
		want bool
	}{
		{&Identity{User: root}, true},
		{&Identity{User: &hookyard.User{Name: "ann"}}, false},
		{&Identity{User: root, Guest: true}, false},
		{&Identity{User: root, Token: &hookyard.Token{Scope: hookyard.ScopeManage}}, true},
		{&Identity{User: root, Token: &hookyard.Token{Scope: hookyard.ScopeManage, ProjectKey: 5}}, false},
		{&Identity{User: root, Token: &hookyard.Token{Scope: hookyard.ScopeRead}}, false},
	}
	for i, tt := range tests {
		if got := tt.id.IsAdmin(); got != tt.want {
			t.Errorf("%d: IsAdmin = %v, want %v", i, got, tt.want)
		}
	}
}
