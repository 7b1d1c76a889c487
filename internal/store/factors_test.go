package store_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/store"
	"github.com/hookyard/hookyard/internal/store/storetest"
)

func anyUser(*hookyard.User) error { return nil }

// TestCodesAreUsedOnce uses a code of an app and a recovery code in many places at the same moment.
func TestCodesAreUsedOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		ann := &hookyard.User{Name: "ann", PasswordHash: "x"}
		if err := db.CreateUser(ctx, ann); err != nil {
			t.Fatal(err)
		}
		n := store.NewFactor{UserKey: ann.Key, Codes: [][]byte{[]byte("one"), []byte("two")}}
		first, err := db.AddTOTP(ctx, n, &hookyard.TOTP{Secret: []byte("secret"), Step: 7}, anyUser)
		if !first || err != nil {
			t.Fatalf("the first factor: %t, %v", first, err)
		}
		if _, err := db.AddTOTP(ctx, n, &hookyard.TOTP{}, anyUser); hookyard.CodeOf(err) != hookyard.Conflict {
			t.Errorf("a second app: %v", err)
		}
		if got, err := db.TOTP(ctx, ann.Key); err != nil || string(got.Secret) != "secret" || got.Step != 7 {
			t.Errorf("%+v, %v", got, err)
		}
		for what, use := range map[string]func() error{
			"code":          func() error { return db.UseTOTP(ctx, ann.Key, 8) },
			"recovery code": func() error { return db.UseRecoveryCode(ctx, ann.Key, []byte("one")) },
		} {
			var good atomic.Int64
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					switch err := use(); hookyard.CodeOf(err) {
					case "":
						good.Add(1)
					case hookyard.NotFound:
					default:
						t.Error(err)
					}
				})
			}
			all.Wait()
			if good.Load() != 1 {
				t.Errorf("one %s was used %d times", what, good.Load())
			}
		}
		if err := db.UseTOTP(ctx, ann.Key, 7); hookyard.CodeOf(err) != hookyard.NotFound {
			t.Errorf("a code before the last one: %v", err)
		}
		if f, err := db.Factors(ctx, ann.Key); err != nil || !f.App || f.RecoveryCodes != 1 {
			t.Errorf("%+v, %v", f, err)
		}
	})
}

// TestFactorsAndSessions: with the first factor other sessions end, with a reset all; the last factor takes the
// recovery codes with it.
func TestFactorsAndSessions(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		ann := &hookyard.User{Name: "ann", PasswordHash: "x"}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(db.CreateUser(ctx, ann))
		now := time.Now()
		for _, hash := range []string{"here", "there"} {
			must(db.CreateSession(ctx, &hookyard.Session{Hash: []byte(hash), UserKey: ann.Key, CreatedAt: now,
				SeenAt: now, ExpiresAt: now.Add(time.Hour), Means: hookyard.MeansCode}))
		}
		have := func(factor bool, sessions, codes int) {
			t.Helper()
			u, err := db.UserByName(ctx, "ann")
			must(err)
			all, err := db.Sessions(ctx, ann.Key)
			must(err)
			f, err := db.Factors(ctx, ann.Key)
			must(err)
			if u.SecondFactor != factor || f.App != factor || len(all) != sessions || f.RecoveryCodes != codes {
				t.Errorf("factor %t, %d sessions, %+v; want %t, %d sessions, %d codes", u.SecondFactor, len(all), f,
					factor, sessions, codes)
			}
		}
		add := func() {
			t.Helper()
			n := store.NewFactor{UserKey: ann.Key, Session: []byte("here"), Codes: [][]byte{{1}, {2}}}
			_, err := db.AddTOTP(ctx, n, &hookyard.TOTP{Secret: []byte("s")}, anyUser)
			must(err)
		}
		have(false, 2, 0)
		add()
		have(true, 1, 2)
		must(db.SetRecoveryCodes(ctx, ann.Key, [][]byte{{3}}))
		have(true, 1, 1)
		must(db.RemoveTOTP(ctx, ann.Key))
		have(false, 1, 0)
		add()
		must(db.ResetFactors(ctx, ann.Key))
		have(false, 0, 0)
		must(db.ResetFactors(ctx, ann.Key))
		add()
		must(db.DeleteUser(ctx, ann.Key))
		if f, err := db.Factors(ctx, ann.Key); err != nil || f.App || f.RecoveryCodes != 0 {
			t.Errorf("a user who was deleted has %+v, %v", f, err)
		}
	})
}

// TestChallengesAreUsedOnce uses a signed challenge in many places at the same moment, with a device that counts and
// with one that does not.
func TestChallengesAreUsedOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		ann := &hookyard.User{Name: "ann", PasswordHash: "x"}
		if err := db.CreateUser(ctx, ann); err != nil {
			t.Fatal(err)
		}
		for name, counts := range map[string]uint32{"laptop": 0, "key": 1} {
			p := &hookyard.Passkey{Name: name, Credential: []byte(name), Record: []byte("public key"),
				Count: 4 * counts}
			if _, err := db.AddPasskey(ctx, store.NewFactor{UserKey: ann.Key}, p, anyUser); err != nil {
				t.Fatal(err)
			}
			if u, err := db.PasskeyUser(ctx, []byte(name)); err != nil || u.Key != ann.Key || !u.SecondFactor {
				t.Errorf("the user of %s is %+v, %v", name, u, err)
			}
			use := func(challenge string, count uint32) hookyard.Code {
				next := *p
				next.Count = count
				return hookyard.CodeOf(db.UsePasskey(ctx, &next, []byte(challenge), time.Now().Add(time.Minute)))
			}
			var good atomic.Int64
			var all sync.WaitGroup
			for i := range 8 {
				all.Go(func() {
					switch code := use("challenge of "+name, (5+uint32(i))*counts); code {
					case "":
						good.Add(1)
					case hookyard.Conflict:
					default:
						t.Error(code)
					}
				})
			}
			all.Wait()
			if good.Load() != 1 {
				t.Errorf("%s: one challenge was used %d times", name, good.Load())
			}
			if got := use("another of "+name, 20*counts); got != "" {
				t.Errorf("%s: another challenge: %s", name, got)
			}
			if got := use("a third of "+name, 20*counts); (got == hookyard.Conflict) != (counts > 0) {
				t.Errorf("%s: the same count again: %q", name, got)
			}
		}
		again := &hookyard.Passkey{Name: "again", Credential: []byte("key")}
		if _, err := db.AddPasskey(ctx, store.NewFactor{UserKey: ann.Key}, again,
			anyUser); hookyard.CodeOf(err) != hookyard.Conflict {
			t.Errorf("a credential that is known: %v", err)
		}
		if _, err := db.Prune(ctx, store.Retention{Seen: time.Hour}, time.Now().Add(2*time.Minute)); err != nil {
			t.Fatal(err)
		}
		if left := db.Blobs(t)["used_challenges.hash"]; len(left) != 0 {
			t.Errorf("%d challenges are kept that have expired", len(left))
		}
	})
}
