package control

import (
	"context"
	"errors"
	"strings"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
	"github.com/hookyard/hookyard/internal/passkey"
	"github.com/hookyard/hookyard/internal/store"
)

// The purposes of the tickets of ceremonies with passkeys.
const (
	ticketAdd    = "add a passkey"
	ticketSignIn = "sign in with a passkey"
)

// PasskeyLife is how long a ticket of a ceremony with a passkey is good.
const PasskeyLife = passkey.Life

// maxPasskeyName is how long the name of a passkey may be, in bytes.
const maxPasskeyName = 100

// ceremony is what a browser carries, sealed, between the halves of a ceremony.
type ceremony struct {
	*passkey.Ceremony
	User int64  // its key; 0 for a sign-in that begins with the passkey
	Name string // of a passkey to add
}

// Passkeys reports whether passkeys can be used on this server.
func (c *Control) Passkeys() bool { return c.passkeys != nil }

var errNoPasskeys = hookyard.Errorf(hookyard.NotFound,
	"Passkeys need https, or the host localhost, and a name for the host (setting: --base-url).")

func errTooLate() error {
	return hookyard.Errorf(hookyard.Invalid,
		"That took more than %d minutes, or was begun in another browser. Try again.", int(PasskeyLife.Minutes()))
}

// BeginPasskey begins to add a passkey of the caller. It returns options for the browser, in JSON, and a ticket for
// [Control.FinishPasskey]. The face has asked for the password.
func (c *Control) BeginPasskey(ctx context.Context, id *auth.Identity, name string) (options []byte, ticket string,
	err error) {
	if err := c.Admit(id, SignedIn); err != nil {
		return nil, "", err
	}
	if c.passkeys == nil {
		return nil, "", errNoPasskeys
	}
	if name = strings.TrimSpace(name); name == "" || hookyard.CleanLine(name, maxPasskeyName) != name {
		return nil, "", hookyard.FieldErrorf("name", "Give the passkey a name of at most %d bytes, such as laptop.",
			maxPasskeyName)
	}
	if err := mayAddFactor(id.User); err != nil {
		return nil, "", err
	}
	has, err := c.store.Passkeys(ctx, id.User.Key)
	if err != nil {
		return nil, "", err
	}
	options, state, err := c.passkeys.BeginRegistration(id.User, has)
	if err != nil {
		return nil, "", err
	}
	ticket, err = c.store.SealTicket(ticketAdd, ceremony{state, id.User.Key, name}, state.ExpiresAt)
	return options, ticket, err
}

// FinishPasskey adds the passkey that the browser answered with, in JSON. It returns recovery codes and ends sessions
// as [Control.AddTOTP] does. It fails with Invalid if the answer does not belong to the ticket.
func (c *Control) FinishPasskey(ctx context.Context, id *auth.Identity, ticket string, answer []byte) (codes []string,
	err error) {
	if c.passkeys == nil {
		return nil, errNoPasskeys
	}
	var began ceremony
	if err := c.store.OpenTicket(ticketAdd, ticket, &began); err != nil || began.User != id.User.Key {
		return nil, errTooLate()
	}
	p, err := c.passkeys.FinishRegistration(id.User, began.Ceremony, answer)
	if err != nil {
		return nil, err
	}
	p.Name = began.Name
	return c.addFactor(ctx, id, func(ctx context.Context, n store.NewFactor) (first bool, err error) {
		return c.store.AddPasskey(ctx, n, p, mayAddFactor)
	})
}

// RemovePasskey removes a passkey of the caller's, as [Control.RemoveTOTP] does an app.
func (c *Control) RemovePasskey(ctx context.Context, id *auth.Identity, passkeyID string) error {
	if err := c.Admit(id, SignedIn); err != nil {
		return err
	}
	err := c.store.RemovePasskey(actor(ctx, id), id.User.Key, passkeyID)
	if errors.Is(err, hookyard.ErrNotFound) {
		return hookyard.Errorf(hookyard.NotFound, "there is no such passkey: it was removed")
	}
	if err != nil {
		return err
	}
	c.auth.Forget()
	return nil
}

// BeginPasskeySignIn begins a sign-in with a passkey, as the second step of a user who gave the right password, or of
// anybody if u is nil. It returns options for the browser, in JSON, and a ticket for [Control.FinishPasskeySignIn].
// It stores nothing: anyone may call it.
func (c *Control) BeginPasskeySignIn(ctx context.Context, u *hookyard.User) (options []byte, ticket string, err error) {
	if c.passkeys == nil {
		return nil, "", errNoPasskeys
	}
	var has []*hookyard.Passkey
	began := ceremony{}
	if u != nil {
		began.User = u.Key
		if has, err = c.store.Passkeys(ctx, u.Key); err != nil {
			return nil, "", err
		}
		if len(has) == 0 {
			return nil, "", hookyard.Errorf(hookyard.NotFound, "You have no passkey here. Type a code.")
		}
	}
	if options, began.Ceremony, err = c.passkeys.BeginSignIn(u, has); err != nil {
		return nil, "", err
	}
	ticket, err = c.store.SealTicket(ticketSignIn, began, began.ExpiresAt)
	return options, ticket, err
}

// FinishPasskeySignIn returns the user whose passkey the browser answered with, in JSON, and uses the ticket up. u is
// as for [Control.BeginPasskeySignIn]. The error is Invalid if the answer does not belong to the ticket,
// Unauthenticated for an unknown passkey or a user who may not sign in, and [passkey.ErrCopied]. An answer that a
// passkey which is known did not sign is entered into the log and the audit log, with the caller's address.
func (c *Control) FinishPasskeySignIn(ctx context.Context, u *hookyard.User, ticket string, answer []byte,
	remote string) (*hookyard.User, error) {
	if c.passkeys == nil {
		return nil, errNoPasskeys
	}
	var began ceremony
	if err := c.store.OpenTicket(ticketSignIn, ticket, &began); err != nil || u == nil && began.User != 0 ||
		u != nil && began.User != u.Key {
		return nil, errTooLate()
	}
	credential, err := passkey.CredentialOf(answer)
	if err != nil {
		return nil, err
	}
	owner, err := c.store.PasskeyUser(ctx, credential)
	if errors.Is(err, hookyard.ErrNotFound) || err == nil && (u != nil && owner.Key != u.Key || owner.Disabled ||
		owner.PasswordHash == "") {
		return nil, hookyard.Errorf(hookyard.Unauthenticated,
			"This passkey signs nobody in: it was removed here, or its user is disabled or has no password.")
	}
	if err != nil {
		return nil, err
	}
	has, err := c.store.Passkeys(ctx, owner.Key)
	if err != nil {
		return nil, err
	}
	used, err := c.passkeys.FinishSignIn(owner, has, began.Ceremony, answer)
	if err != nil {
		wrong := "passkey"
		if errors.Is(err, passkey.ErrCopied) {
			wrong = "count of a passkey, which may have been copied"
		}
		c.auth.Refused(ctx, owner.Name, wrong, remote)
		return nil, err
	}
	return owner, c.store.UsePasskey(ctx, used, auth.HashToken(began.Challenge()), began.ExpiresAt)
}
