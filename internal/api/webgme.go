package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/auth"
	"github.com/hookyard/hookyard/internal/control"
)

// What stands here is WebGME's: its clients know these statuses, texts and defaults.

// noDescription is what WebGME gives a hook that was created without one.
const noDescription = "No description given"

// webgmeMediaType is the header that every answer has.
const webgmeMediaType = "X-WebGME-Media-Type"

// isWebGMEs reports whether a route is below hooks, where WebGME answers 404 to a method that it does not know.
func isWebGMEs(path string) bool { return strings.Contains(path, "/hooks") }

// webgmeMessage is the text that WebGME has for a status, "" when it has none. The error's own text is beside it.
func webgmeMessage(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "Authentication required"
	case http.StatusForbidden:
		return "Forbidden"
	case http.StatusNotFound:
		return "Not found"
	}
	return ""
}

// hookExists is WebGME's answer to the creation of a hook that there is, whatever the body.
func hookExists(id string) error {
	return withStatus(http.StatusForbidden, hookyard.Errorf(hookyard.Conflict, "hook already exists [%s]",
		hookyard.Clean(id, 200)))
}

// readHook reads the patch of a hook, which is created or changed. The members that only an answer has, and WebGME's
// options, mean nothing: clients send back what they got. In a project p of preset webgme no unknown member means
// anything, as in WebGME. p may be nil.
func readHook(p *hookyard.Project, body control.Object, creating bool) (in control.HookPatch, err error) {
	if p != nil && p.Preset == "webgme" {
		body = body.Known(&in)
	}
	err = body.Decode(&in, "id", "options", "createdAt", "updatedAt", "health", "offReason", "revision")
	var e *hookyard.Error
	if errors.As(err, &e) {
		switch raw := body[e.Field]; {
		case e.Field == "url":
			return in, urlError(raw, creating)
		case e.Field == "events" && raw[0] != '[' && raw[0] != '"':
			return in, eventsError(raw)
		}
	}
	if err != nil {
		return in, err
	}
	return in, applyWebGME(body, &in, creating)
}

// applyWebGME checks what WebGME does not take, and gives a hook its description: an empty one keeps the one there is.
func applyWebGME(body control.Object, in *control.HookPatch, creating bool) error {
	url, given := in.URL.Get()
	switch {
	case !given && creating:
		return hookyard.FieldErrorf("url", "data.url empty or not a string [undefined]")
	case given && url == "":
		return urlError(body["url"], creating)
	case in.Events.IsNull():
		return eventsError(body["events"])
	}
	text, given := in.Description.Get()
	if given && text == "" && !in.Description.IsNull() {
		in.Description = control.Optional[string]{}
	}
	if in.Description.IsNull() || creating && !in.Description.Given() {
		in.Description = control.Value(noDescription)
	}
	return nil
}

func urlError(raw json.RawMessage, creating bool) error {
	text := "data.url empty or not a string [%s]"
	if !creating && raw[0] != '"' {
		text = "data.url not a string [%s]"
	}
	return hookyard.FieldErrorf("url", text, shortJSON(raw))
}

func eventsError(raw json.RawMessage) error {
	return hookyard.FieldErrorf("events", "Event [%s] is not an array and not \"all\"", shortJSON(raw))
}

// shortJSON is a piece of JSON for a message: a string without its quotes, as WebGME shows it.
func shortJSON(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil && string(raw) != "null" {
		return hookyard.Clean(s, 100)
	}
	return hookyard.Clean(string(raw), 100)
}

// ParseDefaultHooks reads the hooks that every new project gets: an object of hooks by id, each as PUT takes it. One
// without a url is configuration only, as in WebGME, and is left out. They come in the order of their ids.
func ParseDefaultHooks(b []byte) ([]hookyard.Hook, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("want a JSON object of hooks by id: %w", err)
	}
	var out []hookyard.Hook
	for id, raw := range all {
		h, err := parseDefaultHook(id, raw)
		if err != nil {
			return nil, fmt.Errorf("hook %s: %w", id, err)
		}
		if h != nil {
			out = append(out, *h)
		}
	}
	slices.SortFunc(out, func(a, b hookyard.Hook) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

// parseDefaultHook reads one default hook, nil when it has no url.
func parseDefaultHook(id string, raw json.RawMessage) (*hookyard.Hook, error) {
	body, err := control.ParseObject(raw)
	if err != nil || !body.Has("url") {
		return nil, err
	}
	in, err := readHook(nil, body, true)
	if err != nil {
		return nil, err
	}
	return control.NewHook(id, in)
}

// Tokens of GET /user/token.
const (
	userTokenName   = "GET /api/user/token"
	userTokenLife   = 7 * 24 * time.Hour // as at WebGME
	userTokensKept  = 20                 // of one user, the newest; older ones are deleted
	renewWithin     = time.Hour          // of the end of a token
	renewAgainAfter = 5 * time.Minute
)

// makeUserToken answers WebGME's request for a token with a new one.
func makeUserToken(c *call) error {
	secret, err := c.newUserToken()
	if err != nil {
		return c.tokenError(err)
	}
	return c.reply(http.StatusOK, client.UserToken{WebgmeToken: secret})
}

func (c *call) newUserToken() (string, error) {
	if err := c.deleteUserTokens(); err != nil {
		return "", err
	}
	_, secret, err := c.a.o.Control.CreateToken(c.ctx(), c.id, control.TokenSpec{Name: userTokenName,
		Scope: hookyard.ScopeManage, ExpiresIn: hookyard.Duration(userTokenLife)})
	return secret, err
}

// deleteUserTokens makes room for a token: a client that asks for one each time must not fill the database.
func (c *call) deleteUserTokens() error {
	all, err := c.a.o.Control.Tokens(c.ctx(), c.id)
	if err != nil {
		return err
	}
	kept := 0
	for _, t := range all {
		if t.Name != userTokenName {
			continue
		}
		if kept++; kept < userTokensKept && t.ExpiresAt.After(now()) {
			continue
		}
		err := c.a.o.Control.DeleteToken(c.ctx(), c.id, t.ID)
		if err != nil && !errors.Is(err, hookyard.ErrNotFound) {
			return err
		}
	}
	return nil
}

// renewToken gives a client whose token of WebGME's is about to end a new one, in the header that is named as the
// cookie is, as WebGME does. The request does not depend on it.
func (c *call) renewToken() {
	t := c.id.Token
	if t == nil || t.Name != userTokenName || c.a.o.Control.MayManageTokens(c.id) != nil {
		return // any token may have that name
	}
	if time.Until(t.ExpiresAt) > renewWithin || !c.a.renewals.due(t.Key) {
		return
	}
	secret, err := c.newUserToken()
	if err != nil {
		c.a.o.Log.Warn("a token was not renewed", "user", c.id.User.Name, "error", err)
		return
	}
	c.w.Header().Set(auth.TokenCookie, secret)
}

// renewals remembers which of WebGME's tokens were renewed recently. It is safe for concurrent use.
type renewals struct {
	mu sync.Mutex // guards at
	at map[int64]time.Time
}

// due reports whether a token is to be renewed now: a client that does not take the new one is offered another only
// after a while.
func (r *renewals) due(key int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.at[key]) < renewAgainAfter {
		return false
	}
	if len(r.at) > 1000 || r.at == nil {
		r.at = map[int64]time.Time{}
	}
	r.at[key] = time.Now()
	return true
}

// tokenError gives an error about tokens its text as the message, too, where authentication is off: it is WebGME's.
func (c *call) tokenError(err error) error {
	var e *hookyard.Error
	if !c.a.o.Dev || !errors.As(err, &e) || e.Code != hookyard.NotFound {
		return err
	}
	return &statusError{err: e, status: http.StatusNotFound, message: e.Message}
}
