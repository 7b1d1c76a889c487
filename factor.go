package hookyard

import "time"

// Factors are what proves a user besides the password. A user who has one gives it at each sign-in with the password.
type Factors struct {
	App           bool // an authenticator app
	AppSince      time.Time
	RecoveryCodes int // that were not used yet
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
	MeansLink     = "link" // that an administrator sent; with a password that the user chose there
	MeansProvider = "provider"
)
