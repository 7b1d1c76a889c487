package control

import (
	"context"
	"net/http"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/signature"
)

// SignEvent returns headers that sign a stored event as its provider would if it sent the event to rawURL now. Who may
// write may have the event sent to any receiver, so the right is the same; the secret stays here. It fails with Invalid
// when the event came by no source with a secret, or its provider signs in a way that only the provider can.
func (p *Project) SignEvent(ctx context.Context, id, rawURL string) (http.Header, error) {
	if err := p.allow(hookyard.RoleWrite); err != nil {
		return nil, err
	}
	if rawURL != "" {
		if err := mustBeHTTP(rawURL); err != nil {
			return nil, err
		}
	}
	e, _, err := p.Event(ctx, id)
	if err != nil {
		return nil, err
	}
	body, err := Body(e)
	if err != nil {
		return nil, err
	}
	s := p.Snapshot.Sources[e.Source]
	if s == nil || len(s.Secrets) == 0 || e.Method == "" {
		return nil, hookyard.Errorf(hookyard.Invalid,
			"event %s came by no source that has a secret to sign with (its source is %s)", e.ID, e.Source)
	}
	scheme, err := signature.ParseScheme(s.Scheme)
	if err != nil {
		return nil, err
	}
	v, err := signature.New(s.Type, hookyard.Live(s.Secrets, now()), scheme)
	if err != nil {
		return nil, hookyard.Errorf(hookyard.Invalid, "source %s: %v", s.Name, err)
	}
	out, err := v.Sign(&signature.Request{Method: e.Method, URL: rawURL, Header: e.Header, Body: body, Now: now()})
	if err != nil {
		return nil, hookyard.Errorf(hookyard.Invalid, "source %s of type %s: %v", s.Name, s.Type, err)
	}
	return out, nil
}
