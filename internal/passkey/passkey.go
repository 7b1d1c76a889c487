// Package passkey registers passkeys and verifies sign-ins with them (WebAuthn, level 3). It does not store anything:
// what a ceremony needs between its two halves is the caller's to keep, unchanged by the browser.
package passkey

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/hookyard/hookyard"
)

// Life is how long a ceremony may take.
const Life = 5 * time.Minute

// Passkeys registers and verifies the passkeys of one server. It is safe for concurrent use.
type Passkeys struct{ w *webauthn.WebAuthn }

// New returns the Passkeys of the server with a base URL. It returns nil if browsers offer no passkeys there: they need
// https, or the host localhost, and a name for the host.
func New(baseURL string) (*Passkeys, error) {
	u, err := url.Parse(baseURL)
	if err != nil {
		return nil, err
	}
	host := u.Hostname()
	if u.Scheme != "https" && host != "localhost" || net.ParseIP(host) != nil {
		return nil, nil
	}
	limit := webauthn.TimeoutConfig{Enforce: true, Timeout: Life, TimeoutUVD: Life}
	w, err := webauthn.New(&webauthn.Config{
		RPID: host, RPDisplayName: "hookyard", RPOrigins: []string{u.Scheme + "://" + u.Host},
		AttestationPreference: protocol.PreferNoAttestation,
		Timeouts:              webauthn.TimeoutsConfig{Login: limit, Registration: limit},
	})
	if err != nil {
		return nil, fmt.Errorf("passkeys for --base-url %s: %w", baseURL, err)
	}
	return &Passkeys{w}, nil
}

// Ceremony is what is kept between the two halves of a registration or a sign-in.
type Ceremony struct {
	State     webauthn.SessionData
	ExpiresAt time.Time
}

// Challenge is the random text that the device signs.
func (c *Ceremony) Challenge() string { return c.State.Challenge }

// account is a user as the library wants it.
type account struct {
	user *hookyard.User
	keys []webauthn.Credential
}

// newAccount returns the account of a user with passkeys. It fails if one of them cannot be read.
func newAccount(user *hookyard.User, passkeys []*hookyard.Passkey) (*account, error) {
	a := &account{user: user}
	for _, p := range passkeys {
		var c webauthn.Credential
		if err := json.Unmarshal(p.Record, &c); err != nil {
			return nil, fmt.Errorf("passkey %s: %w", p.ID, err)
		}
		c.Authenticator.SignCount = p.Count
		a.keys = append(a.keys, c)
	}
	return a, nil
}

// WebAuthnID is the user's handle, which devices keep and show to any server of the host. It tells nothing of the user,
// and differs between servers that follow each other under one name.
func (a *account) WebAuthnID() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(a.user.Key))
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(b, uint64(a.user.CreatedAt.UnixMicro())))
	return sum[:]
}

func (a *account) WebAuthnName() string                       { return a.user.Name }
func (a *account) WebAuthnDisplayName() string                { return a.user.Name }
func (a *account) WebAuthnCredentials() []webauthn.Credential { return a.keys }

// BeginRegistration returns the options for navigator.credentials.create, in JSON, for a user with those passkeys.
func (p *Passkeys) BeginRegistration(user *hookyard.User, has []*hookyard.Passkey) (options []byte, c *Ceremony,
	err error) {
	a, err := newAccount(user, has)
	if err != nil {
		return nil, nil, err
	}
	creation, state, err := p.w.BeginRegistration(a,
		webauthn.WithExclusions(webauthn.Credentials(a.keys).CredentialDescriptors()),
		webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{
			ResidentKey:        protocol.ResidentKeyRequirementRequired,
			RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification:   protocol.VerificationRequired,
		}))
	if err != nil {
		return nil, nil, err
	}
	return begin(creation, state)
}

// begin returns the two halves of the beginning of a ceremony.
func begin(options any, state *webauthn.SessionData) ([]byte, *Ceremony, error) {
	b, err := json.Marshal(options)
	return b, &Ceremony{State: *state, ExpiresAt: time.Now().Add(Life)}, err
}

// FinishRegistration returns the passkey that a browser answered with, in JSON, without a name. The error is Invalid if
// the answer does not belong to the ceremony.
func (p *Passkeys) FinishRegistration(user *hookyard.User, c *Ceremony, answer []byte) (*hookyard.Passkey, error) {
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return nil, refused(err)
	}
	credential, err := p.w.CreateCredential(&account{user: user}, c.State, parsed)
	if err != nil {
		return nil, refused(err)
	}
	credential.Attestation = webauthn.CredentialAttestation{} // not asked for
	record, err := json.Marshal(credential)
	if err != nil {
		return nil, err
	}
	return &hookyard.Passkey{UserKey: user.Key, Credential: credential.ID, Record: record,
		Count: credential.Authenticator.SignCount}, nil
}

// refused is the error for an answer that cannot be accepted. The library's details are for its log only.
func refused(err error) error {
	return hookyard.Errorf(hookyard.Invalid, "the passkey was not accepted (%v): try again", err)
}

// BeginSignIn returns the options for navigator.credentials.get, in JSON. With a user, one of those passkeys is asked
// for, as a second step; with nil, any passkey for this server, whose device has to verify who uses it.
func (p *Passkeys) BeginSignIn(user *hookyard.User, has []*hookyard.Passkey) (options []byte, c *Ceremony, err error) {
	if user == nil {
		assertion, state, err := p.w.BeginDiscoverableLogin(
			webauthn.WithUserVerification(protocol.VerificationRequired))
		if err != nil {
			return nil, nil, err
		}
		return begin(assertion, state)
	}
	a, err := newAccount(user, has)
	if err != nil {
		return nil, nil, err
	}
	assertion, state, err := p.w.BeginLogin(a, webauthn.WithUserVerification(protocol.VerificationPreferred))
	if err != nil {
		return nil, nil, err
	}
	return begin(assertion, state)
}

// CredentialOf returns the id of the credential that an answer, in JSON, claims to be of.
func CredentialOf(answer []byte) ([]byte, error) {
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return nil, refused(err)
	}
	return parsed.RawID, nil
}

// FinishSignIn verifies the answer of a browser, in JSON, for the user who owns the credential, and returns what is to
// be stored of the passkey. The error is Invalid if the answer does not belong to the ceremony or the passkey, and
// Forbidden if the device's count shows that there are two of the passkey.
func (p *Passkeys) FinishSignIn(user *hookyard.User, has []*hookyard.Passkey, c *Ceremony,
	answer []byte) (*hookyard.Passkey, error) {
	a, err := newAccount(user, has)
	if err != nil {
		return nil, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return nil, refused(err)
	}
	var credential *webauthn.Credential
	if len(c.State.UserID) == 0 {
		_, credential, err = p.w.ValidatePasskeyLogin(
			func(_, _ []byte) (webauthn.User, error) { return a, nil }, c.State, parsed)
	} else {
		credential, err = p.w.ValidateLogin(a, c.State, parsed)
	}
	if err != nil {
		return nil, refused(err)
	}
	for _, one := range has {
		if !bytes.Equal(one.Credential, credential.ID) {
			continue
		}
		if credential.Authenticator.CloneWarning {
			return nil, ErrCopied
		}
		out := *one
		out.Count = credential.Authenticator.SignCount
		out.Record, err = json.Marshal(credential)
		return &out, err
	}
	return nil, refused(fmt.Errorf("no such credential"))
}

// ErrCopied is the error for a passkey of which there seem to be two.
var ErrCopied = &hookyard.Error{Code: hookyard.Forbidden, Message: "This passkey was not accepted: its device counts " +
	"signatures, and the count is not above the last one, as if there were a copy. Sign in another way, remove the " +
	"passkey on your profile page and add it again."}
