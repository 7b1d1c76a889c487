// Package auth authenticates requests, by password, bearer token or browser session, and determines the role of the
// caller in a project.
//
// A wrong credential is an error. Its sender is never treated as a guest.
//
// Guessing passwords is slow, and refusing a guess is cheap: hashes are argon2id, at most two are computed at a time,
// and after failures for a name or from an address the caller must wait, longer each time. A password that has recently
// been verified is accepted at once, so a flood of wrong guesses does not lock out the user.
package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"log/slog"
	"net/http"
	"time"

	"github.com/hookyard/hookyard"
)

// How long lookups are cached, at most. A change takes effect at once, by [Auth.Forget], also one by another node of
// which this node has heard.
const (
	tokenLife    = 5 * time.Second
	roleLife     = 5 * time.Second
	passwordLife = 5 * time.Minute
	touchEvery   = time.Minute // minimum interval between writes of a time of last use
)

// Store reads users, tokens, sessions and roles. Its methods return hookyard.ErrNotFound if there is no such row, and
// are safe for concurrent use.
type Store interface {
	UserByName(ctx context.Context, name string) (*hookyard.User, error)
	UserByKey(ctx context.Context, key int64) (*hookyard.User, error)
	TokenByHash(ctx context.Context, hash []byte) (*hookyard.Token, error)
	SessionByHash(ctx context.Context, hash []byte) (*hookyard.Session, error)
	RoleIn(ctx context.Context, userKey, projectKey int64) (hookyard.Role, error)
	Factors
	Records
}

// Records is what happens with credentials.
type Records interface {
	// TouchToken and TouchSession record a use. They are called at most about once a minute for a token or session.
	TouchToken(ctx context.Context, key int64, at time.Time) error
	TouchSession(ctx context.Context, hash []byte, seen time.Time) error
	// AuditRefusal records that somebody at an address gave something wrong for a user, such as a password.
	AuditRefusal(ctx context.Context, user, wrong, address string) error
}

// Factors are the second factors of users. The methods return hookyard.ErrNotFound if there is no such row.
type Factors interface {
	TOTP(ctx context.Context, userKey int64) (*hookyard.TOTP, error)
	// UseTOTP uses up the code of a step and those of all earlier ones, unless one of them was used before.
	UseTOTP(ctx context.Context, userKey, step int64) error
	// UseRecoveryCode uses up the recovery code with a hash.
	UseRecoveryCode(ctx context.Context, userKey int64, hash []byte) error
}

// Options configure an [Auth].
type Options struct {
	Dev    bool             // no authentication: every caller is the user guest and owns every project
	Guests bool             // callers without a credential may read public projects
	Now    func() time.Time // nil means time.Now
	Cookie string           // name of the cookie of a session, see CookieName; empty: SessionCookie
	Log    *slog.Logger     // refused sign-ins; nil: none

	RequireFactor hookyard.FactorPolicy // who cannot do without a second factor; "": everybody can
}

// Auth authenticates and authorizes callers. It is safe for concurrent use.
type Auth struct {
	store  Store
	dev    bool
	guests bool
	now    func() time.Time
	log    *slog.Logger
	cookie string
	policy hookyard.FactorPolicy

	tokens    *cache[[sha256.Size]byte, *Identity] // by hash
	roles     *cache[roleKey, hookyard.Role]
	passwords *cache[[sha256.Size]byte, struct{}] // by proof: verified passwords
	touched   *cache[int64, struct{}]             // keys of tokens whose use was recorded recently

	key       []byte        // for proofs, random
	computing chan struct{} // a slot for each hash being computed
	byName    *slowdown
	byAddress *slowdown
	byDevice  *slowdown
	byCode    *slowdown // wrong codes, by user or device
}

// New returns an Auth that reads from s.
func New(s Store, o Options) *Auth {
	a := &Auth{
		store: s, dev: o.Dev, guests: o.Guests, now: o.Now, log: o.Log, cookie: o.Cookie, policy: o.RequireFactor,
		tokens:    newCache[[sha256.Size]byte, *Identity](10_000, tokenLife),
		roles:     newCache[roleKey, hookyard.Role](10_000, roleLife),
		passwords: newCache[[sha256.Size]byte, struct{}](1_000, passwordLife),
		touched:   newCache[int64, struct{}](10_000, touchEvery),
		key:       make([]byte, sha256.Size),
		computing: make(chan struct{}, maxComputing),
		// The wait for a name stays short, because anyone can cause it.
		byName:    newSlowdown(5, time.Minute),
		byAddress: newSlowdown(20, 15*time.Minute),
		byDevice:  newSlowdown(5, 15*time.Minute),
		byCode:    newSlowdown(5, 15*time.Minute), // only those who know the password can cause it
	}
	_, _ = rand.Read(a.key) // cannot fail
	if a.now == nil {
		a.now = time.Now
	}
	if a.cookie == "" {
		a.cookie = SessionCookie
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	return a
}

// Forget clears the caches of tokens and roles. Call it after every change of a user, token or member. The result of a
// lookup that began before the call is not cached. Verified passwords stay: the user is read each time.
func (a *Auth) Forget() {
	a.tokens.clear()
	a.roles.clear()
}

// Identify returns the identity of the caller. It uses the first credential of: the header Authorization (Basic or
// Bearer), the query parameter token, the cookie of a session, the cookie access_token (WebGME's, holding a token).
// A caller without one is a guest, if guests are allowed. The error is Unauthenticated, or TooMany if the caller must
// wait after failures, or the store's. It is [ErrFactorMissing] for a session whose user has to set up a second factor
// first; only then is the identity returned with an error.
//
// Basic is for users who sign in with a password alone: nobody can type a code for a program.
//
// The caller's address is r.RemoteAddr. Behind a trusted proxy, set it from the proxy's header first.
//
// The identity is shared between requests and must not be modified.
func (a *Auth) Identify(r *http.Request) (*Identity, error) {
	if a.dev {
		return devIdentity(), nil
	}
	c, err := credentialOf(r, a.cookie)
	if err != nil {
		return nil, err
	}
	switch c.kind {
	case basic:
		user, err := a.SignIn(r.Context(), SignInRequest{Name: c.name, Password: c.secret, Remote: r.RemoteAddr})
		if err != nil {
			return nil, err
		}
		if user.SecondFactor || a.policy.Lacks(user) {
			return nil, unauthenticated("a password alone does not sign %s in: programs use a token, "+
				"made on the profile page", user.Name)
		}
		return &Identity{User: user}, nil
	case bearer:
		return a.byToken(r.Context(), c.secret)
	case session:
		return a.bySession(r.Context(), c.secret)
	}
	if a.guests {
		return guestIdentity(), nil
	}
	return nil, unauthenticated("Authentication required")
}

// byToken runs for every published event. A cached token takes one hash and one map lookup.
func (a *Auth) byToken(ctx context.Context, secret string) (*Identity, error) {
	now := a.now()
	hash := sha256.Sum256([]byte(secret))
	id, known := a.tokens.get(hash, now)
	if !known {
		var err error
		if id, err = a.loadToken(ctx, hash, now); err != nil {
			return nil, err
		}
	}
	if t := id.Token.ExpiresAt; !t.IsZero() && !now.Before(t) {
		return nil, unauthenticated("the token expired at %s; make a new one", t.UTC().Format(time.RFC3339))
	}
	return id, nil
}

// loadToken reads a token and its user from the store and caches them.
func (a *Auth) loadToken(ctx context.Context, hash [sha256.Size]byte, now time.Time) (*Identity, error) {
	generation := a.tokens.generation()
	token, err := a.store.TokenByHash(ctx, hash[:])
	if hookyard.CodeOf(err) == hookyard.NotFound || err == nil && !hmac.Equal(token.Hash, hash[:]) {
		return nil, unauthenticated("the token is not valid: it was mistyped or revoked")
	}
	if err != nil {
		return nil, err
	}
	user, err := a.activeUser(ctx, token.UserKey)
	if err != nil {
		return nil, err
	}
	id := &Identity{User: user, Token: token}
	a.tokens.put(hash, id, now, generation)
	a.touchToken(ctx, token, now)
	return id, nil
}

// touchToken records the use of a token. It ignores errors: a later use will be recorded.
func (a *Auth) touchToken(ctx context.Context, token *hookyard.Token, now time.Time) {
	if now.Sub(token.LastUsedAt) < touchEvery || !a.touched.add(token.Key, now) {
		return
	}
	_ = a.store.TouchToken(ctx, token.Key, now)
}

// activeUser returns the user of a token or session, and an Unauthenticated error for a deleted or disabled user.
func (a *Auth) activeUser(ctx context.Context, key int64) (*hookyard.User, error) {
	user, err := a.store.UserByKey(ctx, key)
	if hookyard.CodeOf(err) == hookyard.NotFound {
		return nil, unauthenticated("the user no longer exists")
	}
	if err != nil {
		return nil, err
	}
	if user.Disabled {
		return nil, unauthenticated("the user is disabled; ask an administrator")
	}
	return user, nil
}

func unauthenticated(format string, args ...any) error {
	return hookyard.Errorf(hookyard.Unauthenticated, format, args...)
}
