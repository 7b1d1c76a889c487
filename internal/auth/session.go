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

// How long a session lasts: SessionIdle after it was last seen and SessionLife after it began, whichever is first.
const (
	SessionIdle = 14 * 24 * time.Hour
	SessionLife = 90 * 24 * time.Hour
)

// TokenPrefix begins every token, so that scanners for leaked secrets can know it.
const TokenPrefix = "hky_"

// tokenEncoding is Crockford's base32 in lower case, as in ids.
func tokenEncoding() *base32.Encoding {
	return base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)
}

// SetupToken is the name of the token in the link at which the first admin chooses a password.
const SetupToken = "first start"

// NewToken draws a token of 256 random bits. Show secret once and keep hash.
func NewToken() (secret string, hash []byte) {
	secret = TokenPrefix + tokenEncoding().EncodeToString(random())
	return secret, HashToken(secret)
}

// HashToken returns the SHA-256 of a token or of a session's cookie, under which both are stored. They have 256 random
// bits, so a slow hash would add nothing.
func HashToken(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// NewSession draws the value of a session's cookie, 256 random bits. Keep hash.
func NewSession() (cookie string, hash []byte) {
	cookie = base64.RawURLEncoding.EncodeToString(random())
	return cookie, HashToken(cookie)
}

func random() []byte {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return b
}

// bySession asks the store each time: a page is not a hot path, and a session that was ended is then ended everywhere.
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
		// A failure is left alone: the next page writes it, long before the session would be idle for too long.
		_ = a.store.TouchSession(ctx, hash, now)
	}
	return &Identity{User: user, Session: s}, nil
}

// sessionEnd returns when a session ends if it is not used again.
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
