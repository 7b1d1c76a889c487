package control_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
	"github.com/hookyard/hookyard/internal/control"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

// TestLinks holds what a link to choose a password is good for: once, for a day, for a user who has no other way in,
// and nothing else.
func TestLinks(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := setup(t, db)
		ctx := t.Context()
		refused := func(what, secret string) {
			t.Helper()
			if _, err := b.UseLink(ctx, secret, "correct horse battery"); hookyard.CodeOf(err) != hookyard.Forbidden {
				t.Errorf("%s: %v; want it refused", what, err)
			}
		}
		invite := func() string {
			t.Helper()
			secret, until, err := b.InviteUser(ctx, b.id["root"], "alice")
			if err != nil || time.Until(until) > 24*time.Hour || time.Until(until) < 23*time.Hour {
				t.Fatalf("the link is good until %v, %v", until, err)
			}
			return secret
		}
		if _, _, err := b.InviteUser(ctx, b.id["alice"], "alice"); hookyard.CodeOf(err) != hookyard.Forbidden {
			t.Errorf("a user makes a link: %v", err)
		}
		// The name of the token that was once taken for a link.
		_, token, err := b.CreateToken(ctx, b.id["alice"], control.TokenSpec{Name: "first start"})
		if err != nil {
			t.Fatal(err)
		}
		refused("a token", token)

		first := invite()
		second := invite()
		refused("the link before", first)
		if _, err := db.TokenByHash(ctx, auth.HashToken(second)); hookyard.CodeOf(err) != hookyard.NotFound {
			t.Errorf("a link is a token: %v", err)
		}
		for _, disabled := range []bool{true, false} {
			in := control.UserPatch{Disabled: control.Value(disabled)}
			if _, err := b.UpdateUser(ctx, b.id["root"], "alice", in); err != nil {
				t.Fatal(err)
			}
			refused("the link of a user who was disabled", second)
		}
		secret, expired := auth.NewLink(b.id["alice"].User.Key, time.Now().Add(-25*time.Hour))
		if err := db.CreateLink(ctx, expired, func(*hookyard.User) error { return nil }); err != nil {
			t.Fatal(err)
		}
		refused("an expired link", secret)

		last := invite()
		var used atomic.Int32
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if _, err := b.UseLink(ctx, last, "correct horse battery"); err == nil {
					used.Add(1)
				}
			})
		}
		all.Wait()
		if used.Load() != 1 {
			t.Errorf("the link was used %d times, want once", used.Load())
		}
		refused("the used link", last)
		if _, _, err := b.InviteUser(ctx, b.id["root"], "alice"); hookyard.CodeOf(err) != hookyard.Conflict {
			t.Errorf("a link for a user with a password: %v", err)
		}
	})
}
