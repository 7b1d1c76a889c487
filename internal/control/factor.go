package control

import (
	"context"
	"errors"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
	"github.com/hookyard/hookyard/internal/store"
)

// Factors returns the caller's second factors.
func (c *Control) Factors(ctx context.Context, id *auth.Identity) (*hookyard.Factors, error) {
	if err := c.Admit(id, SignedIn); err != nil {
		return nil, err
	}
	return c.store.Factors(ctx, id.User.Key)
}

// StepFactors returns the second factors of a user who gave the right password and is to give one of them.
func (c *Control) StepFactors(ctx context.Context, u *hookyard.User) (*hookyard.Factors, error) {
	return c.store.Factors(ctx, u.Key)
}

// AddTOTP connects an authenticator app with the caller, who shows by a code that the app has the secret. With the
// caller's first factor it returns recovery codes, which are not stored, and ends the caller's other sessions. The face
// has asked for the password. It fails with Conflict if the caller has an app already, and with Invalid for a wrong
// code or a caller without a password.
func (c *Control) AddTOTP(ctx context.Context, id *auth.Identity, secret []byte, code string) (codes []string,
	err error) {
	step, ok := auth.TOTPStep(secret, code, now())
	if !ok {
		return nil, hookyard.FieldErrorf("code",
			"That is not the app's code for this secret. Type the one that it shows now, and check the app's clock.")
	}
	return c.addFactor(ctx, id, func(ctx context.Context, n store.NewFactor) (first bool, err error) {
		return c.store.AddTOTP(ctx, n, &hookyard.TOTP{Secret: secret, Step: step}, mayAddFactor)
	})
}

// addFactor adds a factor of the caller, and returns recovery codes with the first one.
func (c *Control) addFactor(ctx context.Context, id *auth.Identity,
	add func(ctx context.Context, n store.NewFactor) (first bool, err error)) ([]string, error) {
	if err := c.Admit(id, SignedIn); err != nil {
		return nil, err
	}
	codes, hashes := auth.NewRecoveryCodes()
	n := store.NewFactor{UserKey: id.User.Key, Codes: hashes}
	if id.Session != nil {
		n.Session = id.Session.Hash
	}
	first, err := add(actor(ctx, id), n)
	if err != nil {
		return nil, err
	}
	c.auth.Forget()
	if !first {
		codes = nil
	}
	return codes, nil
}

func mayAddFactor(u *hookyard.User) error {
	switch {
	case u.Disabled:
		return hookyard.Errorf(hookyard.Unauthenticated, "the user is disabled; ask an administrator")
	case u.PasswordHash == "":
		return hookyard.FieldErrorf("code", "A second factor goes with a password, and you have none.")
	}
	return nil
}

// RemoveTOTP disconnects the caller's authenticator app; with the last factor the recovery codes go. The face has asked
// for the password and a code. It fails with NotFound if there is none.
func (c *Control) RemoveTOTP(ctx context.Context, id *auth.Identity) error {
	if err := c.Admit(id, SignedIn); err != nil {
		return err
	}
	if err := c.store.RemoveTOTP(actor(ctx, id), id.User.Key); err != nil {
		return err
	}
	c.auth.Forget()
	return nil
}

// NewRecoveryCodes replaces the caller's recovery codes and returns the new ones, which are not stored. The face has
// asked for the password and a code. It fails with Conflict for a caller without a second factor.
func (c *Control) NewRecoveryCodes(ctx context.Context, id *auth.Identity) ([]string, error) {
	if err := c.Admit(id, SignedIn); err != nil {
		return nil, err
	}
	if !id.User.SecondFactor {
		return nil, hookyard.Errorf(hookyard.Conflict, "recovery codes go with a second factor, and you have none")
	}
	codes, hashes := auth.NewRecoveryCodes()
	return codes, c.store.SetRecoveryCodes(actor(ctx, id), id.User.Key, hashes)
}

// ResetFactors removes the second factors of a user who has lost them, with the recovery codes, and ends the user's
// sessions. The caller must be an administrator. A user who has none is no error.
func (c *Control) ResetFactors(ctx context.Context, id *auth.Identity, name string) error {
	if err := c.Admit(id, Administrator); err != nil {
		return err
	}
	u, err := c.user(ctx, name)
	if err != nil {
		return err
	}
	err = c.store.ResetFactors(actor(ctx, id), u.Key)
	if errors.Is(err, hookyard.ErrNotFound) {
		return hookyard.Errorf(hookyard.NotFound, "no such user: it was deleted")
	}
	if err != nil {
		return err
	}
	c.auth.Forget()
	return nil
}
