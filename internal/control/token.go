package control

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
	"github.com/hookyard/hookyard/internal/store"
)

// Bounds on tokens.
const (
	maxTokenName = 200 // bytes
	maxTokenLife = 10 * 365 * 24 * time.Hour
)

// TokenSpec says what a new token is.
type TokenSpec struct {
	Name      string            `json:"name"`
	Scope     hookyard.Scope    `json:"scope"`     // "" is read
	Project   string            `json:"project"`   // owner/name; "": every project of its user
	ExpiresIn hookyard.Duration `json:"expiresIn"` // 0: does not expire
}

// Tokens lists the caller's tokens, the newest first.
func (c *Control) Tokens(ctx context.Context, id *auth.Identity) ([]*hookyard.Token, error) {
	if err := c.MayManageTokens(id); err != nil {
		return nil, err
	}
	return c.store.Tokens(ctx, id.User.Key, 0)
}

// CreateToken creates a token of the caller's and returns it with its secret, which is not stored and cannot be shown
// again.
func (c *Control) CreateToken(ctx context.Context, id *auth.Identity, in TokenSpec) (t *hookyard.Token, secret string,
	err error) {
	if err := c.MayManageTokens(id); err != nil {
		return nil, "", err
	}
	if t, err = in.token(); err != nil {
		return nil, "", err
	}
	t.UserKey, t.User = id.User.Key, id.User.Name
	if in.Project != "" {
		if err := c.bindToken(ctx, id, t, in.Project); err != nil {
			return nil, "", err
		}
	}
	secret, t.Hash = auth.NewToken()
	return t, secret, c.store.CreateToken(actor(ctx, id), t)
}

// DeleteToken revokes a token of the caller's, or anybody's if the caller is an administrator.
func (c *Control) DeleteToken(ctx context.Context, id *auth.Identity, tokenID string) error {
	if err := c.MayManageTokens(id); err != nil {
		return err
	}
	of := store.TokenOf{User: id.User.Key}
	if id.IsAdmin() {
		of = store.TokenOf{}
	}
	return c.deleteToken(actor(ctx, id), of, tokenID)
}

// MayManageTokens reports, by an error, whether the caller may not list, create and delete tokens. It keeps a token
// from creating one that may do more than itself.
func (c *Control) MayManageTokens(id *auth.Identity) error {
	if c.dev {
		return hookyard.Errorf(hookyard.NotFound, "Authentication is turned off")
	}
	return c.Admit(id, SignedIn)
}

// AllTokens lists everybody's tokens, the newest first. The caller must be an administrator.
func (c *Control) AllTokens(ctx context.Context, id *auth.Identity) ([]*hookyard.Token, error) {
	if err := c.Admit(id, Administrator); err != nil {
		return nil, err
	}
	return c.store.Tokens(ctx, 0, 0)
}

// Tokens lists everybody's tokens that are bound to the project, the newest first.
func (p *Project) Tokens(ctx context.Context) ([]*hookyard.Token, error) {
	if err := p.allow(hookyard.RoleAdmin); err != nil {
		return nil, err
	}
	return p.c.store.Tokens(ctx, 0, p.Key())
}

// DeleteToken revokes a token that is bound to the project, whoever's it is.
func (p *Project) DeleteToken(ctx context.Context, tokenID string) error {
	ctx, err := p.change(ctx, hookyard.RoleAdmin)
	if err != nil {
		return err
	}
	return p.c.deleteToken(ctx, store.TokenOf{Project: p.Key()}, tokenID)
}

func (c *Control) deleteToken(ctx context.Context, of store.TokenOf, tokenID string) error {
	err := c.store.DeleteToken(ctx, of, tokenID)
	if errors.Is(err, hookyard.ErrNotFound) {
		return hookyard.Errorf(hookyard.NotFound, "no such token [%s]", hookyard.Clean(tokenID, 100))
	}
	if err != nil {
		return err
	}
	c.auth.Forget()
	return nil
}

// token returns the token of the spec, of no user and project yet.
func (in *TokenSpec) token() (*hookyard.Token, error) {
	t := &hookyard.Token{Name: in.Name, Scope: in.Scope}
	switch {
	case len(in.Name) > maxTokenName || hookyard.Clean(in.Name, maxTokenName) != in.Name:
		return nil, hookyard.FieldErrorf("name", "name must be printable text of at most %d bytes", maxTokenName)
	case in.Scope == "":
		t.Scope = hookyard.ScopeRead
	case in.Scope != hookyard.ScopePublish && in.Scope != hookyard.ScopeRead && in.Scope != hookyard.ScopeManage:
		return nil, hookyard.FieldErrorf("scope", "scope must be publish, read or manage")
	}
	if in.ExpiresIn < 0 || time.Duration(in.ExpiresIn) > maxTokenLife {
		return nil, hookyard.FieldErrorf("expiresIn", "expiresIn must be between 0s (does not expire) and 87600h")
	}
	if in.ExpiresIn > 0 {
		t.ExpiresAt = now().Add(time.Duration(in.ExpiresIn))
	}
	return t, nil
}

// bindToken binds a token to a project that the caller may read.
func (c *Control) bindToken(ctx context.Context, id *auth.Identity, t *hookyard.Token, path string) error {
	owner, name, ok := strings.Cut(path, "/")
	if !ok {
		return hookyard.FieldErrorf("project", "project must be owner/name")
	}
	p, err := c.project(ctx, id, owner, name)
	if err != nil {
		return inField("project", err)
	}
	if p.Key() == 0 || !p.Role.Allows(hookyard.RoleRead) {
		return notAuthorized(id, p.asked, hookyard.RoleRead)
	}
	t.ProjectKey, t.Project = p.Key(), p.Snapshot.Project.Path()
	return nil
}

// actor returns a context that names the caller to the audit log.
func actor(ctx context.Context, id *auth.Identity) context.Context {
	return hookyard.WithActor(ctx, id.User.Name)
}
