package control

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/signature"
)

// TypeRabbitMQ is the type of sources that read a queue; no request comes in by them.
const TypeRabbitMQ = "rabbitmq"

// SourcePatch holds what to set of a source. A setting that is not given stays as it is, or at its default where the
// source is created or replaced.
type SourcePatch struct {
	Type        Optional[string]                `json:"type"`
	Description Optional[string]                `json:"description"`
	Active      Optional[bool]                  `json:"active"`
	Secret      Optional[string]                `json:"secret"`  // the only secret
	Secrets     Optional[[]string]              `json:"secrets"` // any of them is good; ***: the one in its place
	Scheme      Optional[json.RawMessage]       `json:"scheme"`
	EventType   Optional[string]                `json:"eventType"`
	TypeHeader  Optional[string]                `json:"typeHeader"`
	TypeField   Optional[string]                `json:"typeField"`
	DedupHeader Optional[string]                `json:"dedupHeader"`
	Rate        Optional[int64]                 `json:"rate"`
	Ack         Optional[string]                `json:"ack"`
	Answer      Optional[*hookyard.Answer]      `json:"answer"`
	RabbitMQ    Optional[*hookyard.QueueSource] `json:"rabbitmq"`

	// URL and Queue are the short way to write a queue's source that needs no more. The URL of a source of another type
	// is the server's to say and is ignored.
	URL   string `json:"url"`
	Queue string `json:"queue"`

	Revision int64 `json:"-"` // the source must still be at this one; 0 is any
}

// Sources lists the project's sources by name.
func (p *Project) Sources() ([]*hookyard.Source, error) {
	if err := p.allow(hookyard.RoleRead); err != nil {
		return nil, err
	}
	list := make([]*hookyard.Source, 0, len(p.Snapshot.Sources))
	for _, name := range slices.Sorted(maps.Keys(p.Snapshot.Sources)) {
		list = append(list, p.shownSource(p.Snapshot.Sources[name]))
	}
	return list, nil
}

// Source returns a source.
func (p *Project) Source(name string) (*hookyard.Source, error) {
	if err := p.allow(hookyard.RoleRead); err != nil {
		return nil, err
	}
	if s := p.Snapshot.Sources[name]; s != nil {
		return p.shownSource(s), nil
	}
	return nil, noSuchSource(name)
}

// PutSource creates a source, or replaces the one there is: what the patch does not give goes back to its default. It
// fails with Conflict when the source is not at the patch's revision.
func (p *Project) PutSource(ctx context.Context, name string, in SourcePatch) (s *hookyard.Source, created bool,
	err error) {
	ctx, err = p.change(ctx, hookyard.RoleWrite)
	if err != nil {
		return nil, false, err
	}
	err = p.retryOnStale(ctx, func() error {
		s = &hookyard.Source{ProjectKey: p.Key(), Project: p.Snapshot.Project.Path(), Name: name, Active: true}
		created, err = p.storeSource(ctx, s, &in)
		return err
	})
	return s, created, err
}

// CreateSource creates a source from its name, type, secrets and description, and fills the rest of s. It fails with
// Conflict when there is a source of that name.
func (p *Project) CreateSource(ctx context.Context, s *hookyard.Source) error {
	if p.Snapshot.Sources[s.Name] != nil {
		return hookyard.Errorf(hookyard.Conflict, "project %s has a source %s already", p.Path(), s.Name)
	}
	in := SourcePatch{Type: Value(s.Type), Description: Value(s.Description)}
	if len(s.Secrets) > 0 {
		in.Secret = Value(s.Secrets[0].Value)
	}
	created, _, err := p.PutSource(ctx, s.Name, in)
	if err == nil {
		*s = *created
	}
	return err
}

// UpdateSource changes a source. It fails with Conflict when the source is not at the patch's revision any more.
func (p *Project) UpdateSource(ctx context.Context, name string, in SourcePatch) (*hookyard.Source, error) {
	return p.updateSource(ctx, name, func(ctx context.Context, s *hookyard.Source) error {
		_, err := p.storeSource(ctx, s, &in)
		return err
	})
}

// RotateSourceSecret sets a new secret and returns it. The secrets there are stay good for the overlap.
func (p *Project) RotateSourceSecret(ctx context.Context, name string, in Rotation) (secret string, err error) {
	if err := p.allow(hookyard.RoleWrite); err != nil {
		return "", err
	}
	if _, err := p.Source(name); err != nil {
		return "", err
	}
	secret, overlap, err := in.settle(p.c.limits)
	if err != nil {
		return "", err
	}
	_, err = p.updateSource(ctx, name, func(ctx context.Context, s *hookyard.Source) error {
		if err := checkEntered("secret", secret, s.Type, s.Scheme); err != nil {
			return err
		}
		s.Secrets = hookyard.Rotate(s.Secrets, secret, overlap, now())
		if err := p.CheckSource(ctx, s); err != nil {
			return err
		}
		_, err := p.c.store.PutSource(ctx, s)
		return err
	})
	return secret, err
}

// updateSource makes a change to a copy of a source, again when another change was first.
func (p *Project) updateSource(ctx context.Context, name string,
	change func(ctx context.Context, s *hookyard.Source) error) (*hookyard.Source, error) {
	ctx, err := p.change(ctx, hookyard.RoleWrite)
	if err != nil {
		return nil, err
	}
	var s hookyard.Source
	err = p.retryOnStale(ctx, func() error {
		old, err := p.Source(name)
		if err != nil {
			return err
		}
		s = *old
		return change(ctx, &s)
	})
	return &s, err
}

// DeleteSource deletes a source; its events stay. It fails with Conflict when the source is not at ifRevision, unless
// that is 0.
func (p *Project) DeleteSource(ctx context.Context, name string, ifRevision int64) error {
	ctx, err := p.change(ctx, hookyard.RoleWrite)
	if err != nil {
		return err
	}
	s, err := p.Source(name)
	if err != nil {
		return err
	}
	if err := expectRevision("source "+s.Name, s.Revision, ifRevision); err != nil {
		return err
	}
	err = p.c.store.DeleteSource(ctx, p.Key(), s.Name)
	if errors.Is(err, hookyard.ErrNotFound) {
		return noSuchSource(name)
	}
	return err
}

// Refused lists up to limit requests that a source did not accept, the newest first.
func (p *Project) Refused(ctx context.Context, name string, limit int) ([]hookyard.Refusal, error) {
	s, err := p.Source(name)
	if err != nil {
		return nil, err
	}
	return p.c.store.Refused(ctx, p.Key(), s.Name, limit)
}

// storeSource applies the patch to s, checks and stores it.
func (p *Project) storeSource(ctx context.Context, s *hookyard.Source, in *SourcePatch) (created bool, err error) {
	old := p.Snapshot.Sources[s.Name]
	if s.Revision = 0; old != nil {
		s.Revision = old.Revision
	}
	if err := expectRevision("source "+s.Name, s.Revision, in.Revision); err != nil {
		return false, err
	}
	if err := in.apply(s, old); err != nil {
		return false, err
	}
	if err := p.CheckSource(ctx, s); err != nil {
		return false, err
	}
	return p.c.store.PutSource(ctx, s)
}

// apply sets what the patch gives. old is the source there is, nil when there is none.
func (in *SourcePatch) apply(s, old *hookyard.Source) error {
	if in.Secret.Given() && in.Secrets.Given() {
		return hookyard.FieldErrorf("secrets", "give either secret or secrets")
	}
	in.Type.SetTo(&s.Type)
	in.Description.SetTo(&s.Description)
	in.Active.SetTo(&s.Active)
	in.Scheme.SetTo(&s.Scheme)
	in.EventType.SetTo(&s.EventType)
	in.TypeHeader.SetTo(&s.TypeHeader)
	in.TypeField.SetTo(&s.TypeField)
	in.DedupHeader.SetTo(&s.DedupHeader)
	in.Rate.SetTo(&s.Rate)
	in.Ack.SetTo(&s.Ack)
	in.Answer.SetTo(&s.Answer)
	in.RabbitMQ.SetTo(&s.RabbitMQ)
	if s.Type == TypeRabbitMQ && in.URL != "" || in.Queue != "" {
		s.RabbitMQ = withQueue(s.RabbitMQ, in.URL, in.Queue)
	}
	if q := s.RabbitMQ; q != nil && old != nil && old.RabbitMQ != nil && q.URL == hookyard.MaskURL(old.RabbitMQ.URL) {
		c := *q
		c.URL = old.RabbitMQ.URL
		s.RabbitMQ = &c
	}
	secrets, ok := in.Secrets.Get()
	if secret, one := in.Secret.Get(); one {
		secrets, ok = []string{secret}, true
	}
	if !ok {
		if s.Type == signature.None {
			s.Secrets = nil // of the type that it had before
		}
		return nil
	}
	var err error
	if s.Secrets, err = newSecrets(secrets, old); err != nil {
		return err
	}
	for _, secret := range secrets {
		if err := checkEntered("secret", secret, s.Type, s.Scheme); err != nil {
			return err
		}
	}
	return nil
}

// withQueue returns the settings of a queue with another URL and queue where they are given.
func withQueue(old *hookyard.QueueSource, address, queue string) *hookyard.QueueSource {
	var q hookyard.QueueSource
	if old != nil {
		q = *old
	}
	if address != "" {
		q.URL = address
	}
	if queue != "" {
		q.Queue = queue
	}
	return &q
}

// newSecrets returns the secrets that were given; *** is the one that was there in its place.
func newSecrets(given []string, old *hookyard.Source) ([]hookyard.Secret, error) {
	if len(given) > hookyard.MaxSecrets {
		return nil, hookyard.FieldErrorf("secrets", "secrets holds %d, at most %d are allowed", len(given),
			hookyard.MaxSecrets)
	}
	var out []hookyard.Secret
	for i, v := range given {
		switch {
		case v == hookyard.Masked && old != nil && i < len(old.Secrets):
			out = append(out, old.Secrets[i])
		case v == hookyard.Masked:
			return nil, hookyard.FieldErrorf("secrets", "*** stands where a secret is hidden: give the secret itself")
		case v != "":
			out = append(out, hookyard.Secret{Value: v})
		}
	}
	return out, nil
}

// CheckSource refuses a source that cannot work: Invalid, with the setting as its field.
func (p *Project) CheckSource(ctx context.Context, s *hookyard.Source) error {
	if err := s.Validate(p.c.limits); err != nil {
		return err
	}
	if s.Type == TypeRabbitMQ || s.RabbitMQ != nil {
		return p.c.checkQueue(ctx, s)
	}
	types := signature.Names()
	if s.Type == "" {
		return hookyard.FieldErrorf("type", "type is missing: it must be one of %s, %s", strings.Join(types, ", "),
			TypeRabbitMQ)
	}
	if !slices.Contains(types, s.Type) {
		return hookyard.FieldErrorf("type", "type %q is not known; it must be one of %s, %s",
			hookyard.Clean(s.Type, 50), strings.Join(types, ", "), TypeRabbitMQ)
	}
	if s.Type == signature.None && len(s.Secrets) > 0 {
		return hookyard.FieldErrorf("secret", "type none verifies nothing, so it takes no secret; to verify requests, "+
			"use type token, basic, hmac or the sender's own")
	}
	scheme, err := signature.ParseScheme(s.Scheme)
	if err == nil {
		_, err = signature.New(s.Type, hookyard.Live(s.Secrets, now()), scheme)
	}
	if err != nil {
		field, _, _ := strings.Cut(err.Error(), " ")
		if !strings.HasPrefix(field, "scheme") {
			field = "secret"
		}
		return hookyard.FieldErrorf(strings.TrimSuffix(field, ":"), "%v", err)
	}
	return nil
}

// checkQueue refuses a queue that cannot be read.
func (c *Control) checkQueue(ctx context.Context, s *hookyard.Source) error {
	q := s.RabbitMQ
	switch {
	case s.Type != TypeRabbitMQ || q == nil:
		return hookyard.FieldErrorf("rabbitmq",
			"a source of type rabbitmq needs rabbitmq with url and queue, and no other type may have it")
	case q.Queue == "" || len(q.Queue) > 255 || !utf8.ValidString(q.Queue):
		return hookyard.FieldErrorf("rabbitmq.queue", "rabbitmq.queue must be a name of 1 to 255 bytes")
	case q.Prefetch < 0 || q.Prefetch > 10_000:
		return hookyard.FieldErrorf("rabbitmq.prefetch", "rabbitmq.prefetch must be between 1 and 10000")
	}
	if err := hookyard.CheckURL(q.URL, c.limits); err != nil {
		return inField("rabbitmq", err)
	}
	if u, err := url.Parse(q.URL); err != nil || !strings.HasPrefix(u.Scheme, "amqp") {
		return hookyard.FieldErrorf("rabbitmq.url", "rabbitmq.url must begin with amqp:// or amqps://")
	}
	return inField("rabbitmq", c.checkTarget(ctx, q.URL))
}

func noSuchSource(name string) error {
	return hookyard.Errorf(hookyard.NotFound, "no such source [%s]", hookyard.Clean(name, 200))
}
