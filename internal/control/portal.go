package control

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
)

// PortalSpec asks for a link to the portal of a project.
type PortalSpec struct {
	TTL       Optional[hookyard.Duration] `json:"ttl"` // hookyard.DefaultPortalTTL unless given
	ReadOnly  bool                        `json:"readOnly"`
	ReturnURL string                      `json:"returnUrl"`
	Hide      []hookyard.PortalPart       `json:"hide"`
}

// PortalPath returns the path at which a link with a key opens the portal of a project.
func PortalPath(p *hookyard.Project, key string) string {
	return "/portal/" + p.Path() + "/open/" + key
}

// CreatePortalLink creates a link by which a customer opens the portal of the project, once, and returns the key in it,
// which is not stored. It needs role admin.
func (p *Project) CreatePortalLink(ctx context.Context, in PortalSpec) (key string, l *hookyard.PortalLink, err error) {
	if ctx, err = p.change(ctx, hookyard.RoleAdmin); err != nil {
		return "", nil, err
	}
	ttl := hookyard.Duration(hookyard.DefaultPortalTTL)
	if in.TTL.Given() && !in.TTL.IsNull() {
		in.TTL.SetTo(&ttl)
	}
	key, hash := auth.NewSession()
	l = &hookyard.PortalLink{Hash: hash, ProjectKey: p.Key(), ExpiresAt: now().Add(time.Duration(ttl)),
		PortalGrant: hookyard.PortalGrant{ReadOnly: in.ReadOnly, ReturnURL: in.ReturnURL, Hide: in.Hide, TTL: ttl,
			CreatedBy: p.Caller.User.Name}}
	if err := l.Validate(p.c.limits); err != nil {
		return "", nil, err
	}
	return key, l, p.c.store.CreatePortalLink(ctx, l)
}

// RevokePortal makes all links to the portal of the project useless and ends its sessions. It returns how many there
// were. It needs role admin.
func (p *Project) RevokePortal(ctx context.Context) (links, sessions int64, err error) {
	if ctx, err = p.change(ctx, hookyard.RoleAdmin); err != nil {
		return 0, 0, err
	}
	return p.c.store.RevokePortal(ctx, p.Key())
}

// OpenPortal uses up a link to the portal of a project, and starts a session. It returns the value of its cookie. It
// fails with Forbidden if the link was used, has expired, was revoked or is none of the project.
func (c *Control) OpenPortal(ctx context.Context, owner, name, key string, b Browser) (cookie string,
	s *hookyard.PortalSession, err error) {
	if err := checkName(owner + name); err != nil {
		return "", nil, err
	}
	snapshot, err := c.snapshot(ctx, owner, name)
	if err != nil {
		return "", nil, err
	}
	cookie, hash := auth.NewSession()
	s = &hookyard.PortalSession{Hash: hash, ProjectKey: snapshot.Project.Key}
	err = c.store.OpenPortal(ctx, auth.HashToken(key), s, hookyard.Clean(b.Remote, 100))
	if errors.Is(err, hookyard.ErrNotFound) {
		return "", nil, hookyard.Errorf(hookyard.Forbidden, "This link is not valid: it was used or has expired.")
	}
	return cookie, s, err
}

// PortalProject returns the project of a path in the hands of a portal session. It reads the session each time, so that
// one that was ended is ended on every node. It fails with Unauthenticated if the cookie is of no session of that
// project.
func (c *Control) PortalProject(ctx context.Context, owner, name, cookie string) (*Project, *hookyard.PortalSession,
	error) {
	ended := hookyard.Errorf(hookyard.Unauthenticated, "This session has ended.")
	if err := checkName(owner + name); err != nil || cookie == "" {
		return nil, nil, ended
	}
	s, err := c.store.PortalSession(ctx, auth.HashToken(cookie), now())
	if errors.Is(err, hookyard.ErrNotFound) {
		return nil, nil, ended
	}
	if err != nil {
		return nil, nil, err
	}
	snapshot, err := c.snapshot(ctx, owner, name)
	if err != nil {
		return nil, nil, err
	}
	if snapshot.Project.Key != s.ProjectKey {
		return nil, nil, ended
	}
	// A guest is nobody anywhere but here, where the role is that of the session.
	caller := &auth.Identity{User: &hookyard.User{Name: s.Actor()}, Guest: true}
	return &Project{Snapshot: snapshot, Role: s.Role(), Caller: caller, asked: owner + "+" + name, c: c}, s, nil
}

// ClosePortal ends a portal session. It is not an error if it has ended.
func (c *Control) ClosePortal(ctx context.Context, s *hookyard.PortalSession) error {
	return c.store.ClosePortal(ctx, s)
}

// ShowHookSecret returns the newest secret of a hook, "" if it has none. The audit log names the caller.
func (p *Project) ShowHookSecret(ctx context.Context, id string) (string, error) {
	ctx, err := p.change(ctx, hookyard.RolePortal)
	if err != nil {
		return "", err
	}
	h, err := p.Hook(ctx, id)
	if err != nil || len(h.Secrets) == 0 {
		return "", err
	}
	return h.Secrets[0].Value, p.c.store.AuditSecretShown(ctx, h)
}

// checkSettings refuses a patch from a portal session that gives more than the URL, the events, the description, the
// secret and whether the hook is on, or a URL that is not of the web.
func (p *Project) checkSettings(in *HookPatch) error {
	if p.Role != hookyard.RolePortal {
		return nil
	}
	allowed := HookPatch{URL: in.URL, Events: in.Events, Description: in.Description, Active: in.Active,
		Secret: in.Secret, Revision: in.Revision}
	if !reflect.DeepEqual(*in, allowed) {
		return hookyard.Errorf(hookyard.Forbidden,
			"only url, events, description, active and secret can be set here")
	}
	if u, ok := in.URL.Get(); ok && !strings.HasPrefix(u, "http://") && !strings.HasPrefix(u, "https://") {
		return hookyard.FieldErrorf("url", "url must begin with https:// or http://")
	}
	return nil
}
