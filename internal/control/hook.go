package control

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/filter"
	"github.com/hookyard/hookyard/internal/format"
	"github.com/hookyard/hookyard/signature"
)

// HookPatch holds what to set of a hook. A setting that is not given stays as it is, or at its default where the hook
// is created.
type HookPatch struct {
	URL         Optional[string]              `json:"url"` // as shown, with *** for its password: as it is
	UID         Optional[string]              `json:"uid"`
	Events      Optional[hookyard.Selector]   `json:"events"`
	Channels    Optional[[]string]            `json:"channels"`
	Description Optional[string]              `json:"description"`
	Metadata    Optional[map[string]string]   `json:"metadata"`
	Active      Optional[bool]                `json:"active"` // null: true
	Format      Optional[string]              `json:"format"`
	ContentType Optional[string]              `json:"contentType"`
	Template    Optional[string]              `json:"template"`
	DataAsBody  Optional[bool]                `json:"dataAsBody"`
	Forward     Optional[hookyard.Forward]    `json:"forward"`
	Method      Optional[string]              `json:"method"`
	Signature   Optional[string]              `json:"signature"`
	Features    Optional[[]string]            `json:"features"`
	Secret      Optional[string]              `json:"secret"` // the only one; empty: none, ***: as it is
	Headers     Optional[HeaderPatch]         `json:"headers"`
	Schedule    Optional[[]hookyard.Duration] `json:"schedule"`
	Timeout     Optional[hookyard.Duration]   `json:"timeout"`
	InFlight    Optional[int]                 `json:"inFlight"`
	Rate        Optional[float64]             `json:"rate"`
	Ordered     Optional[bool]                `json:"ordered"`
	Filter      Optional[string]              `json:"filter"`
	Off         Optional[hookyard.OffPolicy]  `json:"off"`
	InsecureTLS Optional[bool]                `json:"insecureTls"`
	RabbitMQ    Optional[*hookyard.RabbitMQ]  `json:"rabbitmq"`
	ExpiresAt   Optional[time.Time]           `json:"expiresAt"`

	Revision int64 `json:"-"` // the hook must still be at this one; 0 is any

	// Another host gets the secrets and the headers there are with the hook's new URL. It is for callers who may read
	// them.
	KeepSecrets, KeepHeaders bool `json:"-"`
}

// HeaderPatch holds headers to set. It is merged with the headers there are: a value sets or replaces one, nil deletes
// it, and *** leaves the value of a header that is hidden as it is. An [Optional] null deletes all of them.
type HeaderPatch map[string]*string

// UnmarshalJSON reads an object of strings and nulls.
func (p *HeaderPatch) UnmarshalJSON(b []byte) error {
	var headers map[string]*string
	if err := json.Unmarshal(b, &headers); err != nil {
		return hookyard.FieldErrorf("headers", "headers must be an object of strings; null takes a header away")
	}
	*p = headers
	return nil
}

// Hooks lists the project's hooks with their health, as the database has them now, in the order of their creation. A
// caller who may only read gets them without credentials.
func (p *Project) Hooks(ctx context.Context) ([]*hookyard.Hook, error) {
	if err := p.allow(hookyard.RolePortalRead); err != nil {
		return nil, err
	}
	hooks, err := p.c.store.Hooks(ctx, p.Key())
	return p.shownHooks(hooks), err
}

// Hook returns a hook with its health, as the database has it now.
func (p *Project) Hook(ctx context.Context, id string) (*hookyard.Hook, error) {
	if err := p.allow(hookyard.RolePortalRead); err != nil {
		return nil, err
	}
	h, err := p.c.store.Hook(ctx, p.Key(), id)
	if errors.Is(err, hookyard.ErrNotFound) {
		return nil, noSuchHook(id)
	}
	return p.shownHook(h), err
}

// NewHook returns the hook that a patch describes, active unless the patch says otherwise. It is not checked yet.
func NewHook(id string, in HookPatch) (*hookyard.Hook, error) {
	h := &hookyard.Hook{ID: id, Active: true}
	return h, in.apply(h, nil)
}

// CreateHook creates a hook. It fails with Conflict when there is one of that id.
func (p *Project) CreateHook(ctx context.Context, id string, in HookPatch) (*hookyard.Hook, error) {
	ctx, err := p.change(ctx, hookyard.RolePortal)
	if err != nil {
		return nil, err
	}
	if p.Snapshot.Hook(id) != nil {
		return nil, hookExists(id)
	}
	if err := p.checkSettings(&in); err != nil {
		return nil, err
	}
	h, err := NewHook(id, in)
	if err != nil {
		return nil, err
	}
	return h, p.createHook(ctx, h)
}

// createHook checks and stores a new hook of the project.
func (p *Project) createHook(ctx context.Context, h *hookyard.Hook) error {
	h.ProjectKey, h.Project = p.Key(), p.Snapshot.Project.Path()
	if preset, ok := hookyard.Presets()[p.Snapshot.Project.Preset]; ok && h.Off.Policy == "" {
		h.Off = preset.Off
	}
	if err := p.CheckHook(ctx, h); err != nil {
		return err
	}
	err := p.c.store.CreateHook(ctx, h)
	if errors.Is(err, hookyard.ErrConflict) {
		return hookExists(h.ID)
	}
	return err
}

// UpdateHook changes a hook. A new URL, and a hook that is switched on, start with a clean health. It fails with
// Conflict when the hook is not at the patch's revision any more.
func (p *Project) UpdateHook(ctx context.Context, id string, in HookPatch) (*hookyard.Hook, error) {
	if err := p.checkSettings(&in); err != nil {
		return nil, err
	}
	return p.updateHook(ctx, hookChange{id, "hook.update", in.Revision}, func(h *hookyard.Hook) error {
		before := *h
		if err := in.apply(h, &before); err != nil {
			return err
		}
		if h.URL != before.URL {
			if err := p.CheckHook(ctx, h); err != nil { // what is wrong with the URL comes first
				return err
			}
			if err := in.checkMove(h, &before, p.Role == hookyard.RolePortal); err != nil {
				return err
			}
		}
		return restart(h, &before, in.Active.Given())
	})
}

// EnableHook switches a hook on and forgets its failures.
func (p *Project) EnableHook(ctx context.Context, id string) (*hookyard.Hook, error) {
	return p.updateHook(ctx, hookChange{id, "hook.enable", 0}, func(h *hookyard.Hook) error {
		before := *h
		h.Active, h.Health = true, hookyard.Health{}
		return restart(h, &before, true)
	})
}

// RotateHookSecret sets a new secret and returns it. The secrets there are sign along for the overlap.
func (p *Project) RotateHookSecret(ctx context.Context, id string, in Rotation) (secret string, err error) {
	if err := p.allow(hookyard.RolePortal); err != nil {
		return "", err
	}
	secret, overlap, err := in.settle(p.c.limits)
	if err != nil {
		return "", err
	}
	if err := checkSigning(secret); err != nil {
		return "", err
	}
	_, err = p.updateHook(ctx, hookChange{id, "hook.rotate-secret", 0}, func(h *hookyard.Hook) error {
		h.Secrets = hookyard.Rotate(h.Secrets, secret, overlap, now())
		return nil
	})
	return secret, err
}

// hookChange says which hook is changed, what the audit log calls it, and which revision is meant; 0 is any.
type hookChange struct {
	id       string
	action   string
	revision int64
}

// updateHook changes a hook in one transaction and tells the dispatcher.
func (p *Project) updateHook(ctx context.Context, u hookChange, change func(h *hookyard.Hook) error) (*hookyard.Hook,
	error) {
	ctx, err := p.change(ctx, hookyard.RolePortal)
	if err != nil {
		return nil, err
	}
	wasActive := false
	h, err := p.c.store.UpdateHook(ctx, p.Key(), u.id, u.revision, u.action, func(h *hookyard.Hook) error {
		wasActive = h.Active
		if err := change(h); err != nil {
			return err
		}
		return p.CheckHook(ctx, h)
	})
	if errors.Is(err, hookyard.ErrNotFound) {
		return nil, noSuchHook(u.id)
	}
	if err != nil {
		return nil, err
	}
	p.c.dispatcher.HookChanged(h.Key)
	if h.Active != wasActive {
		p.c.log.Info("hook switched "+map[bool]string{true: "on", false: "off"}[h.Active], "project",
			p.Snapshot.Project.Path(), "hook", h.ID, "by", hookyard.Actor(ctx))
	}
	return h, nil
}

// DeleteHook deletes a hook; its pending deliveries are canceled. It fails with Conflict when the hook is not at
// ifRevision, unless that is 0.
func (p *Project) DeleteHook(ctx context.Context, id string, ifRevision int64) error {
	ctx, err := p.change(ctx, hookyard.RolePortal)
	if err != nil {
		return err
	}
	h, err := p.Hook(ctx, id)
	if err != nil {
		return err
	}
	if err := expectRevision("hook "+h.ID, h.Revision, ifRevision); err != nil {
		return err
	}
	err = p.c.store.DeleteHook(ctx, p.Key(), h.ID)
	if errors.Is(err, hookyard.ErrNotFound) {
		return noSuchHook(h.ID)
	}
	if err != nil {
		return err
	}
	p.c.dispatcher.HookChanged(h.Key)
	return nil
}

// DefaultHooks returns the hooks that every new project gets, as this project would have them.
func (p *Project) DefaultHooks() ([]*hookyard.Hook, error) {
	if err := p.allow(hookyard.RoleRead); err != nil {
		return nil, err
	}
	hooks := p.c.newDefaultHooks()
	for _, h := range hooks {
		h.ProjectKey, h.Project = p.Key(), p.Snapshot.Project.Path()
	}
	return p.shownHooks(hooks), nil
}

// AddDefaultHooks creates the default hooks that the project lacks.
func (p *Project) AddDefaultHooks(ctx context.Context) error {
	ctx, err := p.change(ctx, hookyard.RoleWrite)
	if err != nil {
		return err
	}
	hooks, err := p.DefaultHooks()
	if err != nil {
		return err
	}
	for _, h := range hooks {
		err := p.c.store.CreateHook(ctx, h)
		if err != nil && !errors.Is(err, hookyard.ErrConflict) {
			return err
		}
	}
	return nil
}

// newDefaultHooks returns copies of the default hooks.
func (c *Control) newDefaultHooks() []*hookyard.Hook {
	hooks := make([]*hookyard.Hook, len(c.defaultHooks))
	for i := range c.defaultHooks {
		h := c.defaultHooks[i]
		hooks[i] = &h
	}
	return hooks
}

// apply sets what the patch gives. before is the hook as it was, nil when it is created.
func (in *HookPatch) apply(h, before *hookyard.Hook) error {
	if err := in.applySecrets(h, before); err != nil {
		return err
	}
	in.URL.SetTo(&h.URL)
	if before != nil && h.URL == hookyard.MaskURL(before.URL) {
		h.URL = before.URL
	}
	in.UID.SetTo(&h.UID)
	in.Events.SetTo(&h.Events)
	in.Channels.SetTo(&h.Channels)
	in.Metadata.SetTo(&h.Metadata)
	in.Description.SetTo(&h.Description)
	in.Active.SetTo(&h.Active)
	h.Active = h.Active || in.Active.IsNull()
	in.Format.SetTo(&h.Format)
	in.ContentType.SetTo(&h.ContentType)
	in.Template.SetTo(&h.Template)
	in.DataAsBody.SetTo(&h.DataAsBody)
	in.Forward.SetTo(&h.Forward)
	in.Method.SetTo(&h.Method)
	in.Signature.SetTo(&h.Signature)
	in.Features.SetTo(&h.Features)
	if schedule, ok := in.Schedule.Get(); ok {
		h.Schedule = waits(schedule)
	}
	if timeout, ok := in.Timeout.Get(); ok {
		h.Timeout = time.Duration(timeout)
	}
	in.InFlight.SetTo(&h.InFlight)
	in.Rate.SetTo(&h.Rate)
	in.Ordered.SetTo(&h.Ordered)
	in.Filter.SetTo(&h.Filter)
	in.Off.SetTo(&h.Off)
	in.InsecureTLS.SetTo(&h.InsecureTLS)
	in.RabbitMQ.SetTo(&h.RabbitMQ)
	in.ExpiresAt.SetTo(&h.ExpiresAt)
	return nil
}

// applySecrets sets the secret and the headers, where *** stands for what is hidden.
func (in *HookPatch) applySecrets(h, before *hookyard.Hook) error {
	var err error
	if in.Headers.IsNull() {
		h.Headers = nil
	} else if headers, ok := in.Headers.Get(); ok {
		if h.Headers, err = headers.mergedWith(h.Headers); err != nil {
			return err
		}
	}
	secret, ok := in.Secret.Get()
	switch {
	case !ok, secret == hookyard.Masked && before != nil:
		return nil
	case secret == hookyard.Masked:
		return hookyard.FieldErrorf("secret", "*** stands where a secret is hidden: give the secret itself")
	case secret == "":
		h.Secrets = nil
		return nil
	}
	if err := checkSigning(secret); err != nil {
		return err
	}
	h.Secrets = []hookyard.Secret{{Value: secret}}
	return nil
}

// checkSigning refuses a secret that was just entered and cannot be what was meant, or cannot sign.
func checkSigning(secret string) error {
	if err := checkEntered("secret", secret, "", nil); err != nil {
		return err
	}
	if err := signature.CheckSecret(secret); err != nil {
		return hookyard.FieldErrorf("secret", "%v", err)
	}
	return nil
}

// mergedWith returns the headers there are with the patch's.
func (p HeaderPatch) mergedWith(old map[string]string) (map[string]string, error) {
	merged := make(map[string]string, len(old)+len(p))
	maps.Copy(merged, old)
	for name, value := range p {
		name = http.CanonicalHeaderKey(name)
		switch {
		case value == nil:
			delete(merged, name)
		case *value == hookyard.Masked && !hookyard.IsShown(name):
			if _, ok := merged[name]; !ok {
				return nil, hookyard.FieldErrorf("headers",
					"*** stands where the value of %s is hidden: give the value itself", hookyard.Clean(name, 200))
			}
		default:
			merged[name] = *value
		}
	}
	return merged, nil
}

func waits(schedule []hookyard.Duration) []time.Duration {
	if schedule == nil {
		return nil
	}
	out := make([]time.Duration, len(schedule))
	for i, wait := range schedule {
		out[i] = time.Duration(wait)
	}
	return out
}

// restart follows a change of the URL, or of active, through: a new receiver starts with a clean health, and a person
// who switches a hook on overrules why hookyard had switched it off, except where only a changed URL may (NetBeans).
func restart(h, before *hookyard.Hook, activeGiven bool) error {
	moved := h.URL != before.URL
	if moved {
		h.Health = hookyard.Health{}
	}
	byPolicy := !before.Active && before.OffReason != "" && before.Off.Policy == hookyard.OffNetBeans
	switch {
	case byPolicy && moved && !activeGiven:
		h.Active = true
	case byPolicy && !moved && h.Active:
		return hookyard.FieldErrorf("active",
			"the hook was switched off (%s): by policy netbeans only a changed url switches it on again",
			before.OffReason)
	}
	if h.Active {
		h.OffReason = ""
		if !before.Active {
			h.Health = hookyard.Health{}
		}
	}
	return nil
}

// CheckHook refuses a hook that cannot work in the project. The error joins those of several settings, each Invalid,
// with the setting as its field.
func (p *Project) CheckHook(ctx context.Context, h *hookyard.Hook) error {
	faults := []error{
		h.Validate(p.Snapshot.Project.Catalogue(), p.c.limits),
		format.Check(h, p.Snapshot.Project.EffectiveFormat(h)),
	}
	if h.Filter != "" {
		_, err := filter.Compile(h.Filter)
		faults = append(faults, err)
	}
	if !h.ExpiresAt.IsZero() && !Storable(h.ExpiresAt) {
		faults = append(faults, hookyard.FieldErrorf("expiresAt", "expiresAt must be between the years 1 and 9999"))
	}
	if hookyard.CheckURL(h.URL, p.c.limits) == nil {
		if err := p.checkLoop(h.URL); err != nil {
			faults = append(faults, err)
		} else {
			faults = append(faults, p.c.checkTarget(ctx, h.URL))
		}
	}
	return errors.Join(faults...)
}

// checkTarget refuses addresses that would be refused when they are dialed, as far as that is known without the DNS.
func (c *Control) checkTarget(ctx context.Context, raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return hookyard.FieldErrorf("url", "url cannot be parsed: %v", err)
	}
	if strings.HasPrefix(u.Scheme, "amqp") {
		raw = "http://" + u.Host
	}
	if err := c.targets.CheckURL(ctx, raw); err != nil {
		return hookyard.FieldErrorf("url", "%v", err)
	}
	return nil
}

// hook returns the project's hook of that id, without its health.
func (p *Project) hook(id string) (*hookyard.Hook, error) {
	if h := p.Snapshot.Hook(id); h != nil {
		return h, nil
	}
	return nil, noSuchHook(id)
}

func noSuchHook(id string) error {
	return hookyard.Errorf(hookyard.NotFound, "no such hook [%s]", hookyard.Clean(id, 200))
}

func hookExists(id string) error {
	return hookyard.Errorf(hookyard.Conflict, "hook already exists [%s]", hookyard.Clean(id, 200))
}
