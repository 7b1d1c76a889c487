package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"strings"
	"time"

	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"github.com/hookyard/hookyard"
)

// StepCookie is the cookie of a browser in which a user has given the right password and is to give a second factor.
const StepCookie = "hookyard_step"

// StepLife is how long the user has for that.
const StepLife = 10 * time.Minute

// stepHead is the length of what a step says: the key of the user and when it ends.
const stepHead = 16

// NewStep returns a value of [StepCookie], good for [StepLife] on every node. As that of a device, it is authenticated
// with the stored hash of the password.
func NewStep(user *hookyard.User, now time.Time) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(user.Key))
	b = binary.BigEndian.AppendUint64(b, uint64(now.Add(StepLife).Unix()))
	return base64.RawURLEncoding.EncodeToString(append(b, userMAC(user, "step", b)...))
}

// StepUser returns the user who gave the right password in the browser with a cookie. The error is Unauthenticated for
// a cookie that proves nothing, or the store's.
func (a *Auth) StepUser(ctx context.Context, cookie string) (*hookyard.User, error) {
	late := unauthenticated("Type your password again: the code came more than %d minutes after it.",
		int(StepLife/time.Minute))
	b, err := base64.RawURLEncoding.DecodeString(cookie)
	if err != nil || len(b) != stepHead+sha256.Size {
		return nil, late
	}
	head, mac := b[:stepHead], b[stepHead:]
	user, err := a.activeUser(ctx, int64(binary.BigEndian.Uint64(head)))
	if err != nil {
		return nil, err
	}
	if user.PasswordHash == "" || !hmac.Equal(mac, userMAC(user, "step", head)) ||
		uint64(a.now().Unix()) >= binary.BigEndian.Uint64(head[8:]) {
		return nil, late
	}
	return user, nil
}

// CodeRequest is a code that a user typed.
type CodeRequest struct {
	Code   string // of the authenticator app, or a recovery code
	Remote string // the caller's address, with or without a port
	Device string // value of the cookie [DeviceCookie]; may be empty
}

// CheckCode checks a code of a user whose password was checked before, and uses it up. The error is Unauthenticated for
// a wrong one; or TooMany, with the time to wait; or the store's. Wrong codes slow down those that follow, as wrong
// passwords do, and apart from them: the right password does not end the wait.
func (a *Auth) CheckCode(ctx context.Context, user *hookyard.User, r CodeRequest) error {
	limits := a.codeLimits(user, r)
	if err := limits.mayTry(a.now()); err != nil {
		a.logRefusal(user.Name, r.Remote)
		return err
	}
	// In one of the slots of passwords, so that codes sent at the same time cannot all be tried before one has failed.
	if err := a.acquire(ctx); err != nil {
		return err
	}
	defer func() { <-a.computing }()
	if err := limits.mayTry(a.now()); err != nil {
		return err
	}
	ok, err := a.useCode(ctx, user, r.Code)
	if err != nil {
		return err
	}
	if !ok {
		for _, l := range limits {
			l.slowdown.failed(l.key, a.now())
		}
		a.Refused(ctx, user.Name, "code", r.Remote)
		return unauthenticated("wrong code, or one that was used already")
	}
	a.byCode.forget(limits[0].key)
	return nil
}

// codeLimits returns the limits of a code: those of the device if it is one of the user's, else of user and address.
func (a *Auth) codeLimits(user *hookyard.User, r CodeRequest) limits {
	if device := deviceOf(user, r.Device, a.now()); device != "" {
		return limits{{a.byCode, device, "from this browser"}}
	}
	return limits{
		{a.byCode, strconv.FormatInt(user.Key, 10), "for this user"},
		{a.byAddress, addressKey(r.Remote), "from this address"},
	}
}

// useCode reports whether a code is good, and uses it up.
func (a *Auth) useCode(ctx context.Context, user *hookyard.User, code string) (bool, error) {
	var err error
	if code = plainCode(code); isTOTP(code) {
		err = a.useTOTP(ctx, user, code)
	} else {
		err = a.store.UseRecoveryCode(ctx, user.Key, HashToken(code))
	}
	if hookyard.CodeOf(err) == hookyard.NotFound {
		return false, nil
	}
	return err == nil, err
}

func (a *Auth) useTOTP(ctx context.Context, user *hookyard.User, code string) error {
	t, err := a.store.TOTP(ctx, user.Key)
	if err != nil {
		return err
	}
	step, ok := TOTPStep(t.Secret, code, a.now())
	if !ok {
		return hookyard.ErrNotFound
	}
	return a.store.UseTOTP(ctx, user.Key, step)
}

// plainCode returns a code as it is compared: without what people and apps put between groups of characters, and with
// the characters that look like others replaced, as in Crockford's base32.
func plainCode(code string) string {
	return strings.NewReplacer(" ", "", "-", "", "o", "0", "i", "1", "l", "1").Replace(
		strings.ToLower(strings.TrimSpace(code)))
}

const (
	totpDigits = 6
	totpPeriod = 30 // seconds
)

func isTOTP(code string) bool {
	return len(code) == totpDigits && strings.Trim(code, "0123456789") == ""
}

// NewTOTPSecret returns what a new authenticator app makes codes of: 160 random bits, as RFC 4226 recommends.
func NewTOTPSecret() []byte {
	b := make([]byte, 20)
	_, _ = rand.Read(b) // cannot fail
	return b
}

// EncodeTOTPSecret returns a secret as authenticator apps take it, in base32.
func EncodeTOTPSecret(secret []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
}

// TOTPURL returns the URL that authenticator apps read from a QR code.
func TOTPURL(server, user string, secret []byte) (string, error) {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: server, AccountName: user, Secret: secret})
	if err != nil {
		return "", err
	}
	return key.URL(), nil
}

// TOTPStep returns the time step of which a code is. It reports whether that is the current one, or the one before or
// after it: clocks differ, and people type.
func TOTPStep(secret []byte, code string, now time.Time) (step int64, ok bool) {
	current := now.Unix() / totpPeriod
	for step = current - 1; step <= current+1; step++ {
		want, err := hotp.GenerateCode(EncodeTOTPSecret(secret), uint64(step))
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(plainCode(code))) == 1 {
			return step, true
		}
	}
	return 0, false
}

// NewRecoveryCodes returns new recovery codes of 80 random bits, to be shown once, and their hashes, to be stored.
func NewRecoveryCodes() (codes []string, hashes [][]byte) {
	for range hookyard.RecoveryCodes {
		code := tokenEncoding().EncodeToString(random()[:10])
		hashes = append(hashes, HashToken(code))
		codes = append(codes, code[:4]+"-"+code[4:8]+"-"+code[8:12]+"-"+code[12:])
	}
	return codes, hashes
}
