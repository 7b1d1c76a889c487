package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"time"

	"github.com/hookyard/hookyard"
)

// A session ends SessionIdle after its last use or SessionLife after its start, whichever is first.
const (
	SessionIdle = 30 * 24 * time.Hour
	SessionLife = 90 * 24 * time.Hour
)

// TokenPrefix is the prefix of every token, for scanners that search for leaked secrets.
const TokenPrefix = "hky_"

// tokenEncoding is Crockford's base32 in lower case, as in ids.
func tokenEncoding() *base32.Encoding {
	return base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)
}

// NewToken returns a new token of 256 random bits, to be shown once, and its hash, to be stored.
func NewToken() (secret string, hash []byte) {
	secret = TokenPrefix + tokenEncoding().EncodeToString(random())
	return secret, HashToken(secret)
}

// LinkLife is how long a user has to follow a link and choose a password.
const LinkLife = 24 * time.Hour

// NewLink returns a new link for a user and the secret in it, to be shown once.
func NewLink(userKey int64, now time.Time) (secret string, l hookyard.Link) {
	secret = tokenEncoding().EncodeToString(random())
	return secret, hookyard.Link{UserKey: userKey, Hash: HashToken(secret), ExpiresAt: now.Add(LinkLife)}
}

// HashToken returns the SHA-256 of a token, a link or a session cookie, the form in which all are stored. They have 256
// random bits, so a slow hash would add nothing.
func HashToken(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// NewSession returns a new value of a session cookie, 256 random bits, and its hash, to be stored.
func NewSession() (cookie string, hash []byte) {
	cookie = base64.RawURLEncoding.EncodeToString(random())
	return cookie, HashToken(cookie)
}

func random() []byte {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // cannot fail
	return b
}

// bySession reads the store each time, so that a session that has been ended is ended on every node.
func (a *Auth) bySession(ctx context.Context, cookie string) (*Identity, error) {
	hash := HashToken(cookie)
	s, err := a.store.SessionByHash(ctx, hash)
	if hookyard.CodeOf(err) == hookyard.NotFound || err == nil && !hmac.Equal(s.Hash, hash) {
		return nil, unauthenticated("the session has ended; sign in again")
	}
	if err != nil {
		return nil, err
	}
	now := a.now()
	if !now.Before(sessionEnd(s)) {
		return nil, unauthenticated("the session has ended; sign in again")
	}
	user, err := a.activeUser(ctx, s.UserKey)
	if err != nil {
		return nil, err
	}
	if now.Sub(s.SeenAt) >= touchEvery {
		// An error is ignored: a later page will record its use long before the session expires.
		_ = a.store.TouchSession(ctx, hash, now)
	}
	id := &Identity{User: user, Session: s}
	if s.Means != hookyard.MeansProvider && a.policy.Lacks(user) {
		return id, ErrFactorMissing
	}
	return id, nil
}

// ErrFactorMissing says that the caller may do nothing before setting up a second factor.
var ErrFactorMissing = &hookyard.Error{Code: hookyard.Forbidden,
	Message: "this server requires a second factor of you: set one up on your profile page"}

// sessionEnd returns when the session ends unless it is used again.
func sessionEnd(s *hookyard.Session) time.Time {
	end := s.CreatedAt.Add(SessionLife)
	if idle := s.SeenAt.Add(SessionIdle); idle.Before(end) {
		end = idle
	}
	if !s.ExpiresAt.IsZero() && s.ExpiresAt.Before(end) {
		end = s.ExpiresAt
	}
	return end
}
