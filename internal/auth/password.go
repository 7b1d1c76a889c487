package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"net"
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
	maxName      = 200             // bytes of a name to look up
	maxComputing = 2               // concurrent hashes, 19 MiB each
	maxWaiting   = 2 * time.Second // for a slot
)

// parameters returns the parameters of argon2id: OWASP's second choice (Password Storage Cheat Sheet), 19 MiB, two
// passes, one lane.
func parameters() *argon2id.Params {
	return &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

// dummyHash is a hash with these parameters that no password has. It is compared with for names that do not exist, so
// that the time does not reveal whether they do.
const dummyHash = "$argon2id$v=19$m=19456,t=2,p=1$aG9va3lhcmQtbm9ib2R5IQ$bm8gcGFzc3dvcmQgaGFzIHRoaXMgYXMgaXRzIGhhc2g"

// HashPassword returns the argon2id hash of a new password in PHC form. The error is Invalid on field "password" if the
// password is shorter than [MinPassword], longer than [MaxPassword] or not text; TooMany if other passwords took all
// slots for too long; or the one of ctx. It takes tens of milliseconds and 19 MiB, in one of the slots of
// [Auth.SignIn].
func (a *Auth) HashPassword(ctx context.Context, pw string) (string, error) {
	if err := checkNew(pw); err != nil {
		return "", err
	}
	if err := a.acquire(ctx); err != nil {
		return "", err
	}
	defer func() { <-a.computing }()
	return argon2id.CreateHash(pw, parameters())
}

// checkNew refuses what cannot be a new password.
func checkNew(pw string) error {
	switch n := utf8.RuneCountInString(pw); {
	case !utf8.ValidString(pw):
		return hookyard.FieldErrorf("password", "password is not valid UTF-8")
	case n < MinPassword:
		return hookyard.FieldErrorf("password",
			"password has %d characters, at least %d are needed; a few words in a row make a good one", n, MinPassword)
	case n > MaxPassword:
		return hookyard.FieldErrorf("password", "password has %d characters, at most %d are allowed", n,
			MaxPassword)
	case strings.TrimSpace(pw) == "":
		return hookyard.FieldErrorf("password", "password must not be made of spaces only")
	}
	return nil
}

// checkPassword reports whether pw is the password of a hash. An empty hash, of a user with only tokens or single
// sign-on, has none. The error means that the hash is malformed. The caller holds a slot of a.computing.
func checkPassword(hash, pw string) (bool, error) {
	if hash == "" || utf8.RuneCountInString(pw) > MaxPassword {
		return false, nil
	}
	return argon2id.ComparePasswordAndHash(pw, hash)
}

// SignInRequest is a name and password that someone typed.
type SignInRequest struct {
	Name     string
	Password string
	Remote   string // the caller's address, with or without a port
	Device   string // value of the cookie [DeviceCookie]; may be empty
}

// SignIn returns the user with that name and password. The error is Unauthenticated, the same for a wrong name, a wrong
// password and a disabled user; or TooMany, with the time to wait; or the store's.
//
// Failures slow down those that follow for the name and from the address. A device on which the user has signed in
// before is slowed down by its own failures only, so that nobody else's guesses keep the user out.
//
// A verified password is cached for five minutes as a keyed hash, so that a client that sends Basic with every request
// does not pay for argon2id each time.
func (a *Auth) SignIn(ctx context.Context, r SignInRequest) (*hookyard.User, error) {
	user, err := a.userByName(ctx, r.Name)
	if err != nil {
		return nil, err
	}
	generation := a.passwords.generation()
	proof := a.proof(user, r.Password)
	if a.proved(user, proof) {
		return user, nil
	}
	limits := a.limitsOf(user, r)
	if err := limits.mayTry(a.now()); err != nil {
		a.logRefusal(r.Name, r.Remote)
		return nil, err
	}
	if err := a.acquire(ctx); err != nil {
		return nil, err
	}
	defer func() { <-a.computing }()

	// Another request may have verified the password, or failed too often, while this one waited.
	if a.proved(user, proof) {
		return user, nil
	}
	if err := limits.mayTry(a.now()); err != nil {
		return nil, err
	}
	ok, err := checkAlways(user, r.Password)
	if err != nil {
		return nil, err
	}
	if !ok {
		for _, l := range limits {
			l.slowdown.failed(l.key, a.now())
		}
		if user.Key == 0 { // the name may be a password that was typed into the wrong field
			a.logRefusal(r.Name, r.Remote)
		} else {
			a.Refused(ctx, user.Name, "password", r.Remote)
		}
		return nil, unauthenticated("wrong user name or password")
	}
	a.passwords.put(proof, struct{}{}, a.now(), generation)
	a.byName.forget(nameKey(r.Name)) // but not the address: an attacker may have an account and guess others
	return user, nil
}

// limit is a slowdown that applies to a sign-in.
type limit struct {
	slowdown *slowdown
	key      string
	what     string // is counted
}

type limits []limit

// limitsOf returns the limits of a sign-in: those of the device if it is one of the user's, else of name and address.
func (a *Auth) limitsOf(user *hookyard.User, r SignInRequest) limits {
	if device := deviceOf(user, r.Device, a.now()); device != "" {
		return limits{{a.byDevice, device, "from this browser"}}
	}
	return limits{
		{a.byName, nameKey(r.Name), "for this name"},
		{a.byAddress, addressKey(r.Remote), "from this address"},
	}
}

func nameKey(name string) string { return strings.ToLower(name[:min(len(name), maxName)]) }

// Refused records that somebody at an address gave something wrong for a user, such as a password: in the log and in
// the audit log. An error is ignored: that the audit log cannot be written must not look like a correct password.
func (a *Auth) Refused(ctx context.Context, user, wrong, remote string) {
	a.logRefusal(user, remote)
	_ = a.store.AuditRefusal(ctx, user, wrong, hostOf(remote))
}

// logRefusal writes the line that tools such as fail2ban read: its form is documented and must not change. The address
// stands before the name, which the caller chose.
func (a *Auth) logRefusal(name, remote string) {
	a.log.Info("sign-in refused", "address", hostOf(remote), "user", hookyard.CleanLine(name, maxName))
}

// hostOf returns an address without its port.
func hostOf(remote string) string {
	if host, _, err := net.SplitHostPort(remote); err == nil {
		return host
	}
	return remote
}

// userByName returns the named user, or a disabled one without a password if there is none. It does not look up names
// that no user can have: PostgreSQL fails on some, such as those with NUL.
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

// checkAlways computes argon2id even if the user has no password.
func checkAlways(user *hookyard.User, password string) (bool, error) {
	hash := user.PasswordHash
	if hash == "" {
		hash = dummyHash
	}
	if utf8.RuneCountInString(password) > MaxPassword {
		password = ""
	}
	ok, err := checkPassword(hash, password)
	return ok && password != "" && user.PasswordHash != "" && !user.Disabled, err
}

// proof returns a keyed hash of a user's password, for the cache. It covers the stored hash, so that it becomes invalid
// when any node changes the password.
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

// proved reports whether the proof is cached and the user is active.
func (a *Auth) proved(user *hookyard.User, proof [sha256.Size]byte) bool {
	_, ok := a.passwords.get(proof, a.now())
	return ok && !user.Disabled
}

// mayTry returns a TooMany error during the longest wait of the limits.
func (all limits) mayTry(now time.Time) error {
	var until time.Time
	var what string
	for _, l := range all {
		if t := l.slowdown.until(l.key); t.After(until) {
			until, what = t, l.what
		}
	}
	wait := until.Sub(now)
	if wait <= 0 {
		return nil
	}
	seconds := (wait + time.Second - 1) / time.Second
	return hookyard.Errorf(hookyard.TooMany, "too many failed sign-ins %s: try again in %d s (at %s)", what, seconds,
		until.UTC().Format(time.RFC3339)).After(wait)
}

// acquire waits for a slot to compute a hash. The caller must receive from a.computing to release it.
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
			"too many passwords are being checked or set: try again in a few seconds, or use a token, which needs no "+
				"such check").After(maxWaiting)
	}
}
