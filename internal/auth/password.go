package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"

	"github.com/hookyard/hookyard"
)

// Bounds on passwords, in characters.
const (
	MinPassword = 10
	MaxPassword = 200
)

const (
	maxName      = 200             // bytes of a name that is looked up
	maxComputing = 2               // passwords being computed at once, 19 MiB each
	maxWaiting   = 2 * time.Second // for one of those slots
)

// parameters of argon2id: OWASP's second choice (Password Storage Cheat Sheet), 19 MiB, two passes, one lane.
func parameters() *argon2id.Params {
	return &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

// nobody is a hash with our parameters that no password has: what is computed for a name that does not exist, so that
// the time taken does not tell whether it does.
const nobody = "$argon2id$v=19$m=19456,t=2,p=1$aG9va3lhcmQtbm9ib2R5IQ$bm8gcGFzc3dvcmQgaGFzIHRoaXMgYXMgaXRzIGhhc2g"

// HashPassword returns the argon2id hash of a new password in PHC form, or an Invalid error on field "password" when it
// is shorter than [MinPassword], longer than [MaxPassword] or not text. It takes tens of milliseconds and 19 MiB.
func HashPassword(pw string) (string, error) {
	switch n := utf8.RuneCountInString(pw); {
	case !utf8.ValidString(pw):
		return "", hookyard.FieldErrorf("password", "password is not valid UTF-8")
	case n < MinPassword:
		return "", hookyard.FieldErrorf("password",
			"password has %d characters, at least %d are needed; a few words in a row make a good one", n, MinPassword)
	case n > MaxPassword:
		return "", hookyard.FieldErrorf("password", "password has %d characters, at most %d are allowed", n,
			MaxPassword)
	case strings.TrimSpace(pw) == "":
		return "", hookyard.FieldErrorf("password", "password must not be made of spaces only")
	}
	return argon2id.CreateHash(pw, parameters())
}

// CheckPassword says whether pw is the password of a hash. An empty hash (tokens or single sign-on only) has none. The
// error means that the hash is damaged. Requests go through [Auth.SignIn], which bounds how often this runs.
func CheckPassword(hash, pw string) (bool, error) {
	if hash == "" || utf8.RuneCountInString(pw) > MaxPassword {
		return false, nil
	}
	return argon2id.ComparePasswordAndHash(pw, hash)
}

// SignIn returns the user whose name and password are given; remote is the sender's address, with or without a port.
// It fails with Unauthenticated, the same for a wrong name, a wrong password and a disabled user, or with TooMany,
// saying when to try again.
//
// A success is remembered for five minutes by a keyed hash, so that a client that sends Basic with every request pays
// for argon2id once.
func (a *Auth) SignIn(ctx context.Context, name, password, remote string) (*hookyard.User, error) {
	user, err := a.userByName(ctx, name)
	if err != nil {
		return nil, err
	}
	generation := a.passwords.generation()
	proof := a.proof(user, password)
	if a.proved(user, proof) {
		return user, nil
	}
	names, addresses := strings.ToLower(name[:min(len(name), maxName)]), addressKey(remote)
	if err := a.mayTry(names, addresses); err != nil {
		return nil, err
	}
	if err := a.acquire(ctx); err != nil {
		return nil, err
	}
	defer func() { <-a.computing }()

	// While this one waited, others may have proved the same password, or failed too often.
	if a.proved(user, proof) {
		return user, nil
	}
	if err := a.mayTry(names, addresses); err != nil {
		return nil, err
	}
	ok, err := checkAlways(user, password)
	if err != nil {
		return nil, err
	}
	if !ok {
		a.byName.failed(names, a.now())
		a.byAddress.failed(addresses, a.now())
		return nil, unauthenticated("wrong user name or password")
	}
	a.passwords.put(proof, struct{}{}, a.now(), generation)
	a.byName.forget(names) // but not the address: its owner may have an account here and guess at others
	return user, nil
}

// userByName loads a user; in the place of one who does not exist it returns one whom no password fits. Names that no
// user can have do not reach the database, which may choke on them (PostgreSQL takes no NUL).
func (a *Auth) userByName(ctx context.Context, name string) (*hookyard.User, error) {
	if name == "" || len(name) > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return &hookyard.User{Disabled: true}, nil
	}
	user, err := a.store.UserByName(ctx, name)
	if hookyard.CodeOf(err) == hookyard.NotFound {
		return &hookyard.User{Disabled: true}, nil
	}
	return user, err
}

// checkAlways computes argon2id whether or not there is something to compare with.
func checkAlways(user *hookyard.User, password string) (bool, error) {
	hash := user.PasswordHash
	if hash == "" {
		hash = nobody
	}
	if utf8.RuneCountInString(password) > MaxPassword {
		password = ""
	}
	ok, err := CheckPassword(hash, password)
	return ok && password != "" && user.PasswordHash != "" && !user.Disabled, err
}

// proof identifies a user's password in memory without being it. It covers the stored hash, so that a password that was
// changed, by any node, is no longer proved.
func (a *Auth) proof(user *hookyard.User, password string) (out [sha256.Size]byte) {
	mac := hmac.New(sha256.New, a.key)
	var lengths [16]byte
	binary.BigEndian.PutUint64(lengths[:], uint64(user.Key))
	binary.BigEndian.PutUint64(lengths[8:], uint64(len(user.PasswordHash)))
	mac.Write(lengths[:])
	mac.Write([]byte(user.PasswordHash))
	mac.Write([]byte(password))
	mac.Sum(out[:0])
	return out
}

func (a *Auth) proved(user *hookyard.User, proof [sha256.Size]byte) bool {
	_, ok := a.passwords.get(proof, a.now())
	return ok && !user.Disabled
}

// mayTry refuses a try that comes too early after failures for the name or from the address.
func (a *Auth) mayTry(name, address string) error {
	now := a.now()
	until, what := a.byName.until(name), "for this name"
	if t := a.byAddress.until(address); t.After(until) {
		until, what = t, "from this address"
	}
	wait := until.Sub(now)
	if wait <= 0 {
		return nil
	}
	seconds := (wait + time.Second - 1) / time.Second
	return hookyard.Errorf(hookyard.TooMany, "too many failed sign-ins %s: try again in %d s (at %s)", what, seconds,
		until.UTC().Format(time.RFC3339))
}

// acquire waits for a slot to compute in.
func (a *Auth) acquire(ctx context.Context) error {
	timer := time.NewTimer(maxWaiting)
	defer timer.Stop()
	select {
	case a.computing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return hookyard.Errorf(hookyard.TooMany,
			"too many passwords are being checked: try again in a few seconds, or use a token, which needs no such check")
	}
}
