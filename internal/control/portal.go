package control

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/auth"
	"github.com/hookyard/hookyard/signature"
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

// checkSettings refuses a patch from a portal session that gives more than the URL, the events, the channels, the
// description, the secret and whether the hook is on, or a URL that is not of the web.
func (p *Project) checkSettings(in *HookPatch) error {
	if p.Role != hookyard.RolePortal {
		return nil
	}
	allowed := HookPatch{URL: in.URL, Events: in.Events, Channels: in.Channels, Description: in.Description,
		Active: in.Active, Secret: in.Secret, Revision: in.Revision}
	if !reflect.DeepEqual(*in, allowed) {
		return hookyard.Errorf(hookyard.Forbidden,
			"only url, events, channels, description, active and secret can be set here")
	}
	if u, ok := in.URL.Get(); ok && !strings.HasPrefix(u, "http://") && !strings.HasPrefix(u, "https://") {
		return hookyard.FieldErrorf("url", "url must begin with https:// or http://")
	}
	return nil
}

// SignedDelivery is a delivery, signed anew as if it were sent now, to try a receiver with.
type SignedDelivery struct {
	ID        string
	At        time.Time
	Signature string // of Standard Webhooks
	URL       string
	Body      []byte // text
	Plain     bool   // the key is the text of the secret, not what follows whsec_
}

const (
	maxExample    = 4 << 10 // bytes of the body
	examplesTried = 10      // deliveries that are looked at for one
)

// SignDelivery returns the newest delivery of a hook that can stand in a program, signed. It is nil if there is none,
// or if the hook does not sign by Standard Webhooks with a shared secret.
func (p *Project) SignDelivery(ctx context.Context, hook string) (*SignedDelivery, error) {
	if err := p.allow(hookyard.RolePortal); err != nil {
		return nil, err
	}
	h, err := p.Hook(ctx, hook)
	if err != nil {
		return nil, err
	}
	live := hookyard.Live(h.Secrets, now())
	how := h.EffectiveSignature(p.Snapshot.Project.EffectiveFormat(h))
	if len(live) == 0 || how == hookyard.SignGitHub || strings.HasPrefix(live[0], "whsk_") {
		return nil, nil
	}
	list, _, err := p.Deliveries(ctx, DeliverySearch{Hook: h.ID,
		DeliveryQuery: hookyard.DeliveryQuery{Limit: examplesTried}})
	if err != nil {
		return nil, err
	}
	for i := range list {
		out, err := p.example(ctx, &list[i])
		if err != nil {
			return nil, err
		}
		if out != nil {
			out.Plain = !strings.HasPrefix(live[0], "whsec_")
			out.Signature, err = signature.SignStandard(live[:1], out.ID, out.At, out.Body)
			return out, err
		}
	}
	return nil, nil
}

// example returns the last attempt of a delivery as an example that is not signed, or nil if it cannot be one.
func (p *Project) example(ctx context.Context, d *hookyard.Delivery) (*SignedDelivery, error) {
	attempts, err := p.Attempts(ctx, d)
	if err != nil || len(attempts) == 0 {
		return nil, err
	}
	a := attempts[len(attempts)-1]
	out := &SignedDelivery{ID: a.RequestHeader.Get("Webhook-Id"), At: now(), URL: a.URL, Body: a.RequestBody}
	if a.RequestSize == 0 || a.RequestSize > maxExample || a.RequestTruncated() || out.ID == "" {
		return nil, nil
	}
	if out.Body == nil { // it was the event's own bytes
		e, err := p.event(ctx, d.EventID)
		if err != nil {
			return nil, err
		}
		out.Body = e.Body
	}
	if int64(len(out.Body)) != a.RequestSize || !utf8.Valid(out.Body) || bytes.ContainsRune(out.Body, 0) {
		return nil, nil
	}
	return out, nil
}
