package hookyard

import "time"

// Factors are what proves a user besides the password. A user who has one gives it at each sign-in with the password.
type Factors struct {
	App           bool // an authenticator app
	AppSince      time.Time
	RecoveryCodes int // that were not used yet
	Passkeys      []*Passkey
}

// Has reports whether there is any factor.
func (f *Factors) Has() bool { return f.App || len(f.Passkeys) > 0 }

// MaxPasskeys is how many passkeys a user may have.
const MaxPasskeys = 20

// Passkey is a key pair of a user's device or password manager (WebAuthn), of which the server has the public key. It
// signs its user in, alone or after the password.
type Passkey struct {
	Key        int64
	ID         string // psk_…
	UserKey    int64
	Name       string // that the user gave it
	Credential []byte // id of the credential, chosen by the device
	Record     []byte // what internal/passkey needs to verify it: the public key and more
	Count      uint32 // signatures so far, as the device says; 0 if it does not count
	CreatedAt  time.Time
	LastUsedAt time.Time
}

// RecoveryCodes is how many recovery codes a user gets with the first factor. Each is good once, in place of a factor.
const RecoveryCodes = 10

// TOTP is what an authenticator app and the server make codes of (RFC 6238): SHA-1, six digits, 30 seconds.
type TOTP struct {
	Secret []byte
	Step   int64 // of the last code that was used: codes up to it are not accepted again
}

// FactorPolicy says which users with a password need a second factor.
type FactorPolicy string

// The policies.
const (
	FactorOptional  FactorPolicy = "none"
	FactorForAdmins FactorPolicy = "admins"
	FactorForAll    FactorPolicy = "all"
)

// Lacks reports whether a user has to set up a second factor. Users without a password sign in through a provider,
// which has rules of its own.
func (p FactorPolicy) Lacks(u *User) bool {
	return (p == FactorForAll || p == FactorForAdmins && u.Admin) && u.PasswordHash != "" && !u.SecondFactor
}

// How a user proved who they are when a session began.
const (
	MeansPassword = "password"
	MeansCode     = "password and code"
	MeansPasskey  = "passkey"
	MeansBoth     = "password and passkey"
	MeansLink     = "link" // that an administrator sent; with a password that the user chose there
	MeansProvider = "provider"
)
