package store_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// TestPasswordEndsSessions: who knew the old password is out, whoever set the new one; tokens stay.
func TestPasswordEndsSessions(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		ann, bob := &hookyard.User{Name: "ann", PasswordHash: "old"}, &hookyard.User{Name: "bob", PasswordHash: "b"}
		now := time.Now()
		for _, u := range []*hookyard.User{ann, bob} {
			if err := db.CreateUser(ctx, u); err != nil {
				t.Fatal(err)
			}
			if err := db.CreateToken(ctx, &hookyard.Token{UserKey: u.Key, Hash: []byte("t" + u.Name),
				Scope: hookyard.ScopeManage}); err != nil {
				t.Fatal(err)
			}
			for _, n := range []string{"1", "2"} {
				s := &hookyard.Session{Hash: []byte(n + u.Name), UserKey: u.Key, CreatedAt: now, SeenAt: now,
					ExpiresAt: now.Add(time.Hour)}
				if err := db.CreateSession(ctx, s); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, c := range []struct {
			what   string
			change func(u *hookyard.User) error
			want   int
		}{
			{"rights", func(u *hookyard.User) error { u.Admin = true; return nil }, 2},
			{"password", func(u *hookyard.User) error { u.PasswordHash = "new"; return nil }, 0},
		} {
			if _, err := db.UpdateUser(ctx, ann.Key, c.change); err != nil {
				t.Fatal(err)
			}
			if got, err := db.Sessions(ctx, ann.Key); err != nil || len(got) != c.want {
				t.Errorf("another %s leaves %d sessions, want %d (%v)", c.what, len(got), c.want, err)
			}
		}
		if got, err := db.Sessions(ctx, bob.Key); err != nil || len(got) != 2 {
			t.Errorf("another user has %d sessions, %v", len(got), err)
		}
		if got, err := db.Tokens(ctx, ann.Key, 0); err != nil || len(got) != 1 {
			t.Errorf("%d tokens are left, %v", len(got), err)
		}
		if _, err := db.UpdateUser(ctx, 99, nil); hookyard.CodeOf(err) != hookyard.NotFound {
			t.Errorf("a user who is not there: %v", err)
		}
	})
}

// TestProjectsOfUser lists the projects that a user owns, is a member of or reaches by a group, each once, page by
// page.
func TestProjectsOfUser(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		ann := &hookyard.User{Name: "Ann", Subject: "https://id.test 1"}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(db.CreateUser(ctx, ann))
		must(db.SetUserGroups(ctx, ann.Key, []string{"dev"}))
		for _, path := range []string{"aa/one", "ann/b", "ann/A", "anna/x", "zoe/shop", "zoe/other", "bob/mine"} {
			owner, name, _ := strings.Cut(path, "/")
			p := storetest.Project(t, db, owner, name).Project
			switch path {
			case "aa/one", "ann/b":
				must(db.SetMember(ctx, p, ann, hookyard.RoleRead))
			case "zoe/shop":
				must(db.SetMember(ctx, p, ann, hookyard.RoleRead))
				must(db.SetMemberGroup(ctx, p, "dev", hookyard.RoleRead))
			case "bob/mine":
				must(db.SetMemberGroup(ctx, p, "dev", hookyard.RoleRead))
			}
		}
		want := []string{"aa/one", "ann/A", "ann/b", "bob/mine", "zoe/shop"}
		for size := 1; size <= len(want)+1; size++ {
			var got []string
			for after := ""; ; after = got[len(got)-1] {
				page, err := db.Projects(ctx, ann, after, size)
				must(err)
				for _, p := range page {
					got = append(got, p.Path())
				}
				if len(page) < size {
					break
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("pages of %d: %q, want %q", size, got, want)
			}
		}
	})
}

// TestGroupRoles gives a role to groups, and takes it away with the group, the project and the account.
func TestGroupRoles(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		ann := &hookyard.User{Name: "ann", Subject: "https://id.test 1"}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(db.CreateUser(ctx, ann))
		shop := storetest.Project(t, db, "acme", "shop")
		p := shop.Project
		role := func(want hookyard.Role) {
			t.Helper()
			if got, err := db.RoleIn(ctx, ann.Key, p.Key); got != want || err != nil {
				t.Errorf("role %q, %v; want %q", got, err, want)
			}
			mine, err := db.Projects(ctx, ann, "", 10)
			if (len(mine) > 0) != (want != hookyard.RoleNone) || err != nil {
				t.Errorf("with role %q there are %d projects, %v", want, len(mine), err)
			}
		}
		role(hookyard.RoleNone)
		must(db.SetMemberGroup(ctx, p, "dev", hookyard.RoleWrite))
		must(db.SetMemberGroup(ctx, p, "all", hookyard.RoleRead))
		role(hookyard.RoleNone)
		must(db.SetUserGroups(ctx, ann.Key, []string{"dev", "all", "dev"}))
		role(hookyard.RoleWrite)
		must(db.SetMember(ctx, p, ann, hookyard.RoleAdmin))
		role(hookyard.RoleAdmin)
		want := []hookyard.Member{{User: "ann", Role: "admin"}, {User: "group:all", Role: "read"},
			{User: "group:dev", Role: "write"}}
		if got, err := db.Members(ctx, p.Key); !slices.Equal(got, want) || err != nil {
			t.Errorf("members %v, %v; want %v", got, err, want)
		}
		must(db.SetMember(ctx, p, ann, hookyard.RoleNone))
		must(db.SetUserGroups(ctx, ann.Key, []string{"all"}))
		role(hookyard.RoleRead)
		p = &hookyard.Project{Owner: "acme", Name: "moved"}
		must(db.CopyProject(ctx, shop, p, true))
		role(hookyard.RoleRead)
		must(db.SetMemberGroup(ctx, p, "all", hookyard.RoleNone))
		role(hookyard.RoleNone)

		_, err := db.UpdateUser(ctx, ann.Key, func(u *hookyard.User) error { u.Subject = ""; return nil })
		must(err)
		if got, err := db.UserGroups(ctx, ann.Key); len(got) != 0 || err != nil {
			t.Errorf("without the account the user is still in %q, %v", got, err)
		}
		must(db.DeleteUser(ctx, ann.Key))
		if err := db.SetUserGroups(ctx, ann.Key, []string{"dev"}); hookyard.CodeOf(err) != hookyard.NotFound {
			t.Errorf("groups of a user who was deleted: %v", err)
		}
	})
}
