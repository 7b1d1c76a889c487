// Package auth says who sends a request and what they may do: users with passwords, bearer tokens, sessions of
// browsers, guests, and the role each has in a project.
//
// A credential that is given and wrong is refused, never taken for a guest: whoever sends one means to be somebody.
//
// Guessing is made slow and cheap to refuse: passwords are argon2id, two are computed at a time, and failures for a
// name or from an address are answered with a growing wait. What was right before stays quick, so a flood of wrong
// guesses at a name does not lock out the client that knows the password.
package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"time"

	"github.com/hookyard/hookyard"
)

// How long answers are believed without asking the store again. Another node's change is seen after that at the latest;
// this node's own at once, by [Auth.Forget].
const (
	tokenLife    = 5 * time.Second
	roleLife     = 5 * time.Second
	passwordLife = 5 * time.Minute
	touchEvery   = time.Minute // how often at most a time of last use is written
)

// Store is what auth asks of the store. Each method fails with hookyard.ErrNotFound when there is no such row, and
// must be safe for concurrent use.
type Store interface {
	UserByName(ctx context.Context, name string) (*hookyard.User, error)
	UserByKey(ctx context.Context, key int64) (*hookyard.User, error)
	TokenByHash(ctx context.Context, hash []byte) (*hookyard.Token, error)
	SessionByHash(ctx context.Context, hash []byte) (*hookyard.Session, error)
	RoleIn(ctx context.Context, userKey, projectKey int64) (hookyard.Role, error)
	// TouchToken and TouchSession note a use; each is called about once a minute for one token or session.
	TouchToken(ctx context.Context, key int64, at time.Time) error
	TouchSession(ctx context.Context, hash []byte, seen time.Time) error
}

// Options are the operator's choices.
type Options struct {
	Dev    bool             // no authentication: everybody is user guest and owns every project
	Guests bool             // who gives no credential may read public projects
	Now    func() time.Time // nil means time.Now
}

// Auth identifies the senders of requests. It is safe for concurrent use.
type Auth struct {
	store  Store
	dev    bool
	guests bool
	now    func() time.Time

	tokens    *cache[[sha256.Size]byte, *Identity] // by hash
	roles     *cache[roleKey, hookyard.Role]
	passwords *cache[[sha256.Size]byte, struct{}] // by proof: what was right
	touched   *cache[int64, struct{}]             // keys of tokens whose use was written of late

	key       []byte        // of proofs, drawn at start
	computing chan struct{} // one slot for each password being computed
	byName    *slowdown
	byAddress *slowdown
}

// New makes an Auth over a store.
func New(s Store, o Options) *Auth {
	a := &Auth{
		store: s, dev: o.Dev, guests: o.Guests, now: o.Now,
		tokens:    newCache[[sha256.Size]byte, *Identity](10_000, tokenLife),
		roles:     newCache[roleKey, hookyard.Role](10_000, roleLife),
		passwords: newCache[[sha256.Size]byte, struct{}](1_000, passwordLife),
		touched:   newCache[int64, struct{}](10_000, touchEvery),
		key:       make([]byte, sha256.Size),
		computing: make(chan struct{}, maxComputing),
		// A name's wait stays short, as anybody can cause it.
		byName:    newSlowdown(5, time.Minute),
		byAddress: newSlowdown(20, 15*time.Minute),
	}
	_, _ = rand.Read(a.key) // never fails (crypto/rand)
	if a.now == nil {
		a.now = time.Now
	}
	return a
}

// Forget drops what is remembered of users, tokens and members. Call it after every change to one of them; a lookup
// that began before the call is not remembered.
func (a *Auth) Forget() {
	a.tokens.clear()
	a.roles.clear()
	a.passwords.clear()
}

// Identify says who sends r. The first credential found counts: the Authorization header (Basic or Bearer), the query
// parameter token, the cookie hookyard_session, the cookie access_token (WebGME's, holding a token). Without one it is
// a guest if guests are let in. It fails with Unauthenticated, or TooMany when it is too early to try again.
//
// The sender's address is r.RemoteAddr: behind a proxy that is trusted, set it from the proxy's header before.
//
// The identity is shared with other requests and must not be changed.
func (a *Auth) Identify(r *http.Request) (*Identity, error) {
	if a.dev {
		return devIdentity(), nil
	}
	c, err := credentialOf(r)
	if err != nil {
		return nil, err
	}
	switch c.kind {
	case basic:
		user, err := a.SignIn(r.Context(), c.name, c.secret, r.RemoteAddr)
		if err != nil {
			return nil, err
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

// byToken is on the way of every published event: one hash and one look into a map when the token was seen of late.
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

// touchToken notes that a token was used. Its failure is nobody's concern: the next use is a minute away at most.
func (a *Auth) touchToken(ctx context.Context, token *hookyard.Token, now time.Time) {
	if now.Sub(token.LastUsedAt) < touchEvery || !a.touched.add(token.Key, now) {
		return
	}
	_ = a.store.TouchToken(ctx, token.Key, now)
}

// activeUser loads the user of a token or session and refuses one who is gone or disabled.
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
