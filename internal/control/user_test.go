package control_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// TestDisabledStaysDisabled has a user change the password while an administrator disables and demotes the user: the
// change must not store what the row was before.
func TestDisabledStaysDisabled(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		ctx := t.Context()
		root, alice := b.id["root"], b.id["alice"]
		for range 4 {
			back := control.UserPatch{Disabled: control.Value(false), Admin: control.Value(true)}
			if _, err := b.UpdateUser(ctx, root, "alice", back); err != nil {
				t.Fatal(err)
			}
			var both sync.WaitGroup
			both.Go(func() { _, _ = b.SetPassword(ctx, alice, "correct horse battery") })
			both.Go(func() {
				off := control.UserPatch{Disabled: control.Value(true), Admin: control.Value(false)}
				if _, err := b.UpdateUser(ctx, root, "alice", off); err != nil {
					t.Error(err)
				}
			})
			both.Wait()
			u, err := db.UserByName(ctx, "alice")
			if err != nil || !u.Disabled || u.Admin {
				t.Fatalf("user = %+v, %v; want it disabled and no administrator", u, err)
			}
		}
		if _, err := b.SetPassword(ctx, alice, "correct horse"); hookyard.CodeOf(err) != hookyard.Unauthenticated {
			t.Errorf("a disabled user sets a password: %v", err)
		}
	})
}

// TestLastAdministrators demote each other at the same moment: one stays.
func TestLastAdministrators(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		ctx := t.Context()
		root := b.id["root"]
		if _, err := b.UpdateUser(ctx, root, "alice", control.UserPatch{Admin: control.Value(true)}); err != nil {
			t.Fatal(err)
		}
		var both sync.WaitGroup
		for _, name := range []string{"root", "alice"} {
			both.Go(func() {
				_, err := b.UpdateUser(ctx, root, name, control.UserPatch{Admin: control.Value(false)})
				if err != nil && !errors.Is(err, hookyard.ErrConflict) {
					t.Error(err)
				}
			})
		}
		both.Wait()
		admins := 0
		all, err := db.Users(ctx)
		for _, u := range all {
			if u.Admin {
				admins++
			}
		}
		if err != nil || admins != 1 {
			t.Errorf("%d administrators are left, %v; want one", admins, err)
		}
	})
}
