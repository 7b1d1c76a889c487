package client

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/hookyard/hookyard"
)

// CurrentUser describes the caller.
type CurrentUser struct {
	Name  string          `json:"name"`
	Admin bool            `json:"admin" doc:"may administer the whole server"`
	Guest bool            `json:"guest,omitempty" doc:"not signed in"`
	Token *hookyard.Token `json:"token,omitempty" doc:"the token that was used"`
}

// UserToken is the response of WebGME to a request for a token.
type UserToken struct {
	WebgmeToken string `json:"webgmeToken"`
}

// UserPatch holds the settings to change. Nil leaves a setting as it is.
type UserPatch struct {
	Name     *string `json:"name,omitempty" doc:"of a new user; cannot be changed later"`
	Password *string `json:"password,omitempty" doc:"10 to 200 characters; empty allows only tokens and single sign-on"`
	Admin    *bool   `json:"admin,omitempty"`
	Disabled *bool   `json:"disabled,omitempty"`

	RevokeTokens bool `json:"revokeTokens,omitempty" doc:"revoke all tokens of the user, too"`
}

// Users lists users, sorted by name.
type Users struct {
	Users []hookyard.User `json:"users"`
}

// Invitation is the link by which a user without a password chooses one, once.
type Invitation struct {
	URL       string    `json:"url" doc:"whoever opens it becomes the user: send it by a way that others do not read"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// TokenRequest asks for a token.
type TokenRequest struct {
	Name      string            `json:"name,omitempty" doc:"the purpose of the token"`
	Scope     hookyard.Scope    `json:"scope,omitempty" doc:"publish, read or manage; default read"`
	Project   string            `json:"project,omitempty" doc:"owner/name; none means every project of its user"`
	ExpiresIn hookyard.Duration `json:"expiresIn,omitempty" doc:"none means never"`
}

// NewToken is a token that has just been created. No other response contains its secret.
type NewToken struct {
	hookyard.Token
	Secret string `json:"secret"`
}

// Tokens lists the tokens of a user, newest first.
type Tokens struct {
	Tokens []hookyard.Token `json:"tokens"`
}

// User returns the caller.
func (c *Client) User(ctx context.Context) (CurrentUser, error) {
	var out CurrentUser
	_, err := c.call(ctx, http.MethodGet, path("user"), nil, &out)
	return out, err
}

// UserToken creates a token of scope manage that expires after 7 days. It fails with status 404 if authentication is
// off.
func (c *Client) UserToken(ctx context.Context) (string, error) {
	var out UserToken
	_, err := c.call(ctx, http.MethodGet, path("user", "token"), nil, &out)
	return out.WebgmeToken, err
}

// Tokens lists the caller's tokens.
func (c *Client) Tokens(ctx context.Context) ([]hookyard.Token, error) {
	var out Tokens
	_, err := c.call(ctx, http.MethodGet, path("tokens"), nil, &out)
	return out.Tokens, err
}

// CreateToken creates a token of the caller.
func (c *Client) CreateToken(ctx context.Context, t TokenRequest) (NewToken, error) {
	var out NewToken
	_, err := c.call(ctx, http.MethodPost, path("tokens"), t, &out)
	return out, err
}

// AllTokens lists the tokens of all users. Only administrators may call it.
func (c *Client) AllTokens(ctx context.Context) ([]hookyard.Token, error) {
	var out Tokens
	_, err := c.call(ctx, http.MethodGet, path("tokens")+"?all=true", nil, &out)
	return out.Tokens, err
}

// ProjectTokens lists all users' tokens that are bound to a project. It needs role admin.
func (c *Client) ProjectTokens(ctx context.Context, project string) ([]hookyard.Token, error) {
	var out Tokens
	_, err := c.call(ctx, http.MethodGet, in(project, "tokens"), nil, &out)
	return out.Tokens, err
}

// DeleteProjectToken revokes a token that is bound to a project, whoever's it is. It needs role admin.
func (c *Client) DeleteProjectToken(ctx context.Context, project, id string) error {
	_, err := c.call(ctx, http.MethodDelete, in(project, "tokens", id), nil, nil)
	return err
}

// DeleteToken revokes one of the caller's tokens, or anyone's if the caller is an administrator.
func (c *Client) DeleteToken(ctx context.Context, id string) error {
	_, err := c.call(ctx, http.MethodDelete, path("tokens", id), nil, nil)
	return err
}

// Users lists all users. Only administrators may call it and the other methods that manage users.
func (c *Client) Users(ctx context.Context) ([]hookyard.User, error) {
	var out Users
	_, err := c.call(ctx, http.MethodGet, path("users"), nil, &out)
	return out.Users, err
}

// CreateUser creates a user.
func (c *Client) CreateUser(ctx context.Context, u UserPatch) (hookyard.User, error) {
	var out hookyard.User
	_, err := c.call(ctx, http.MethodPost, path("users"), u, &out)
	return out, err
}

// UpdateUser changes a user.
func (c *Client) UpdateUser(ctx context.Context, name string, u UserPatch) (hookyard.User, error) {
	var out hookyard.User
	_, err := c.call(ctx, http.MethodPatch, path("users", name), u, &out)
	return out, err
}

// DeleteUser deletes a user with all tokens, sessions and roles. Projects remain.
func (c *Client) DeleteUser(ctx context.Context, name string) error {
	_, err := c.call(ctx, http.MethodDelete, path("users", name), nil, nil)
	return err
}

// InviteUser creates the link by which a user without a password chooses one. It replaces the user's last link.
func (c *Client) InviteUser(ctx context.Context, name string) (Invitation, error) {
	var out Invitation
	_, err := c.call(ctx, http.MethodPost, path("users", name, "invite"), nil, &out)
	return out, err
}

// ResetSecondFactor removes the second factors of a user who has lost them, and ends the user's sessions. A
// user who has none is no error.
func (c *Client) ResetSecondFactor(ctx context.Context, name string) error {
	_, err := c.call(ctx, http.MethodDelete, path("users", name, "second-factor"), nil, nil)
	return err
}

// serverName is the name of every server in its [ServerInfo].
const serverName = "hookyard"

// ServerInfo describes the server.
type ServerInfo struct {
	Name    string    `json:"name"`
	Version string    `json:"version"`
	Time    time.Time `json:"time"`
	Dev     bool      `json:"dev,omitempty" doc:"authentication is off"`
	Limits  Limits    `json:"limits"`
}

// Limits are the limits beyond which the server refuses input, in bytes or by number.
type Limits struct {
	Body            int64 `json:"body"`
	URL             int   `json:"url"`
	Secret          int   `json:"secret"`
	Description     int   `json:"description"`
	Headers         int   `json:"headers"`
	HooksPerProject int   `json:"hooksPerProject"`
	EventType       int   `json:"eventType"`
	Batch           int   `json:"batch"`
}

// Info describes the server. It needs no credentials.
func (c *Client) Info(ctx context.Context) (ServerInfo, error) {
	var out ServerInfo
	_, err := c.call(ctx, http.MethodGet, path(), nil, &out)
	if err == nil && out.Name != serverName {
		return ServerInfo{}, notOurs(http.MethodGet, path(), errors.New("it has another name"))
	}
	return out, err
}

// Ready returns nil if the server is ready for requests: it answers /readyz with 200. It needs no credentials.
func (c *Client) Ready(ctx context.Context) error {
	resp, err := c.send(ctx, http.MethodGet, "/readyz", nil, nil)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
