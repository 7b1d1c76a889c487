package api

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/auth"
)

// Bounds on tokens.
const (
	webgmeTokenLife = 7 * 24 * time.Hour // as at WebGME
	webgmeTokenName = "GET /api/user/token"
	webgmeTokens    = 20 // of one user, the newest; the older ones go
	webgmeRenewal   = time.Hour
	renewEvery      = 5 * time.Minute
	maxTokenName    = 200
	maxTokenLife    = 10 * 365 * 24 * time.Hour
)

// makeUserToken answers WebGME's request for a token with a fresh one.
func makeUserToken(c *call) error {
	if err := c.mayMakeTokens(); err != nil {
		return err
	}
	secret, err := c.webgmeToken()
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, client.UserToken{WebgmeToken: secret})
}

func (c *call) webgmeToken() (string, error) {
	t := &hookyard.Token{UserKey: c.id.User.Key, User: c.id.User.Name, Name: webgmeTokenName,
		Scope: hookyard.ScopeManage, ExpiresAt: now().Add(webgmeTokenLife)}
	secret, hash := auth.NewToken()
	t.Hash = hash
	if err := c.dropWebgmeTokens(); err != nil {
		return "", err
	}
	return secret, c.a.o.Store.CreateToken(c.ctx(), t)
}

// renewals remembers which of WebGME's tokens were renewed of late. It is safe for concurrent use.
type renewals struct {
	mu sync.Mutex // guards at
	at map[int64]time.Time
}

// due says whether a token is to be renewed now: a client that does not take the new one is offered another only after
// a while.
func (r *renewals) due(key int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.at[key]) < renewEvery {
		return false
	}
	if len(r.at) > 1000 || r.at == nil {
		r.at = map[int64]time.Time{}
	}
	r.at[key] = time.Now()
	return true
}

// renew gives a client whose token of WebGME's ends within the hour a new one, in the header that is named as the
// cookie is, as WebGME does. The request does not depend on it.
func (c *call) renew() {
	t := c.id.Token
	if t == nil || t.Name != webgmeTokenName || time.Until(t.ExpiresAt) > webgmeRenewal || !c.a.renewals.due(t.Key) {
		return
	}
	secret, err := c.webgmeToken()
	if err != nil {
		c.a.o.Log.Warn("a token was not renewed", "user", c.id.User.Name, "error", err)
		return
	}
	c.w.Header().Set(auth.TokenCookie, secret)
}

// dropWebgmeTokens makes room: a client that asks every time must not fill the database.
func (c *call) dropWebgmeTokens() error {
	all, err := c.a.o.Store.Tokens(c.ctx(), c.id.User.Key, 0)
	if err != nil {
		return err
	}
	kept := 0
	for _, t := range all {
		if t.Name != webgmeTokenName {
			continue
		}
		if kept++; kept < webgmeTokens && t.ExpiresAt.After(now()) {
			continue
		}
		if err := c.a.o.Store.DeleteToken(c.ctx(), c.id.User.Key, t.ID); err != nil &&
			!errors.Is(err, hookyard.ErrNotFound) {
			return err
		}
	}
	return nil
}

func listTokens(c *call) error {
	if err := c.mayMakeTokens(); err != nil {
		return err
	}
	found, err := c.a.o.Store.Tokens(c.ctx(), c.id.User.Key, 0)
	if err != nil {
		return err
	}
	out := client.Tokens{Tokens: []hookyard.Token{}}
	for _, t := range found {
		out.Tokens = append(out.Tokens, *t)
	}
	return c.reply(http.StatusOK, out)
}

func createToken(c *call) error {
	if err := c.mayMakeTokens(); err != nil {
		return err
	}
	t, err := c.readToken()
	if err != nil {
		return err
	}
	secret, hash := auth.NewToken()
	t.Hash = hash
	if err := c.a.o.Store.CreateToken(c.ctx(), t); err != nil {
		return err
	}
	return c.reply(http.StatusCreated, client.NewToken{Token: *t, Secret: secret})
}

func removeToken(c *call) error {
	if err := c.mayMakeTokens(); err != nil {
		return err
	}
	err := c.a.o.Store.DeleteToken(c.ctx(), c.id.User.Key, c.param("id"))
	if errors.Is(err, hookyard.ErrNotFound) {
		return hookyard.Errorf(hookyard.NotFound, "no such token [%s]", hookyard.Clean(c.param("id"), 100))
	}
	if err != nil {
		return err
	}
	c.a.o.Auth.Forget()
	return c.nothing()
}

// mayMakeTokens keeps a token from making one that may do more than itself.
func (c *call) mayMakeTokens() error {
	switch t := c.id.Token; {
	case c.a.o.Dev:
		return &statusError{err: hookyard.Errorf(hookyard.NotFound, authOff), status: http.StatusNotFound,
			message: authOff}
	case c.id.Guest:
		return hookyard.Errorf(hookyard.Unauthenticated, "Authentication required")
	case t != nil && (t.Scope != hookyard.ScopeManage || t.ProjectKey != 0):
		return hookyard.Errorf(hookyard.Forbidden,
			"a token may do this only if its scope is manage and it is not bound to a project")
	}
	return nil
}

// authOff is WebGME's word for it: here the message, too, and not the one that is fixed for 404.
const authOff = "Authentication is turned off"

func (c *call) readToken() (*hookyard.Token, error) {
	var in client.TokenRequest
	body, err := c.object()
	if err != nil {
		return nil, err
	}
	err = body.read(map[string]field{"name": into(&in.Name), "scope": into(&in.Scope), "project": into(&in.Project),
		"expiresIn": into(&in.ExpiresIn)})
	if err != nil {
		return nil, err
	}
	t := &hookyard.Token{UserKey: c.id.User.Key, User: c.id.User.Name, Name: in.Name, Scope: in.Scope}
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
	if in.Project == "" {
		return t, nil
	}
	owner, name, ok := strings.Cut(in.Project, "/")
	if !ok {
		return nil, hookyard.FieldErrorf("project", "project must be owner/name")
	}
	if err := checkPath(in.Project); err != nil {
		return nil, named("project", err)
	}
	view, err := c.a.project(c.ctx(), owner, name)
	if err != nil {
		return nil, err
	}
	role, err := c.a.o.Auth.Role(c.ctx(), c.id, view.Project)
	if err != nil {
		return nil, err
	}
	if view.Project.Key == 0 || !role.Allows(hookyard.RoleRead) {
		return nil, notAuthorized(c.id, view.Project, hookyard.RoleRead)
	}
	t.ProjectKey, t.Project = view.Project.Key, view.Project.Path()
	return t, nil
}
