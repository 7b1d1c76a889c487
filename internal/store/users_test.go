package store_test

import (
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
