package api

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/signature"
)

// typeRabbitMQ is the type of sources that read a queue; no request comes in by them.
const typeRabbitMQ = "rabbitmq"

func listSources(c *call) error {
	out := client.Sources{Sources: []client.Source{}}
	for _, name := range slices.Sorted(maps.Keys(c.view.Sources)) {
		out.Sources = append(out.Sources, c.a.sourceJSON(c.view.Project, c.view.Sources[name]))
	}
	return c.reply(http.StatusOK, out)
}

func showSource(c *call) error {
	s, err := c.source()
	if err != nil {
		return err
	}
	return c.replySource(http.StatusOK, s)
}

// putSource makes a source, or replaces the one there is: what is not named goes back to its default.
func putSource(c *call) error { return c.afresh(func() error { return replaceSource(c) }) }

func replaceSource(c *call) error {
	s := &hookyard.Source{ProjectKey: c.key(), Project: c.view.Project.Path(), Name: c.param("name"), Active: true}
	return c.saveSource(s, c.view.Sources[s.Name])
}

func updateSource(c *call) error { return c.afresh(func() error { return patchSource(c) }) }

func patchSource(c *call) error {
	old, err := c.source()
	if err != nil {
		return err
	}
	s := *old
	return c.saveSource(&s, old)
}

func removeSource(c *call) error {
	s, err := c.source()
	if err != nil {
		return err
	}
	if err := c.expect("source "+s.Name, s.Revision); err != nil {
		return err
	}
	err = c.a.o.Store.DeleteSource(c.ctx(), c.key(), s.Name)
	if errors.Is(err, hookyard.ErrNotFound) {
		return noSuchSource(c.param("name"))
	}
	if err != nil {
		return err
	}
	return c.nothing()
}

func rotateSourceSecret(c *call) error {
	old, err := c.source()
	if err != nil {
		return err
	}
	in, err := c.oldRotation()
	if err != nil {
		return err
	}
	return c.afresh(func() error { return keepRotated(c, old.Name, in) })
}

func keepRotated(c *call, name string, in client.Rotation) error {
	old := c.view.Sources[name]
	if old == nil {
		return noSuchSource(name)
	}
	s := *old
	s.Secrets = hookyard.Rotate(s.Secrets, in.Secret, time.Duration(*in.Overlap), now())
	if err := c.checkSource(&s); err != nil {
		return err
	}
	if _, err := c.a.o.Store.PutSource(c.ctx(), &s); err != nil {
		return err
	}
	return c.reply(http.StatusOK, client.NewSecret{Secret: in.Secret})
}

func listRefused(c *call) error {
	s, err := c.source()
	if err != nil {
		return err
	}
	limit, err := c.limit()
	if err != nil {
		return err
	}
	found, err := c.a.o.Store.Refused(c.ctx(), c.key(), s.Name, limit)
	if err != nil {
		return err
	}
	out := client.Refusals{Refused: []client.Refusal{}}
	for _, r := range found {
		one := client.Refusal{Refusal: r, Header: hookyard.DecodeHeader(r.Header)}
		one.Text, one.Base64 = textOrBytes(r.Body)
		out.Refused = append(out.Refused, one)
	}
	return c.reply(http.StatusOK, out)
}

// source returns the source of the path.
func (c *call) source() (*hookyard.Source, error) {
	if s := c.view.Sources[c.param("name")]; s != nil {
		return s, nil
	}
	return nil, noSuchSource(c.param("name"))
}

func noSuchSource(name string) error {
	return hookyard.Errorf(hookyard.NotFound, "no such source [%s]", hookyard.Clean(name, 200))
}

// saveSource reads the body into s, checks it and keeps it. old is the source that was there, or nil.
func (c *call) saveSource(s, old *hookyard.Source) error {
	var at int64 // 0 when there is none, so that no revision fits
	if old != nil {
		at = old.Revision
	}
	s.Revision = at
	if err := c.expect("source "+s.Name, at); err != nil {
		return err
	}
	body, err := c.object()
	if err != nil {
		return err
	}
	if err := readSource(body, s, old); err != nil {
		return err
	}
	if err := c.checkSource(s); err != nil {
		return err
	}
	created, err := c.a.o.Store.PutSource(c.ctx(), s)
	if err != nil {
		return err
	}
	if created {
		return c.replySource(http.StatusCreated, s)
	}
	return c.replySource(http.StatusOK, s)
}

func readSource(body object, s, old *hookyard.Source) error {
	var secret, address, queue string
	var secrets []string
	err := body.read(map[string]field{
		"type":        into(&s.Type),
		"description": into(&s.Description),
		"active":      into(&s.Active),
		"secret":      into(&secret),
		"secrets":     into(&secrets),
		"scheme":      func(raw json.RawMessage) error { s.Scheme = notNull(raw); return nil },
		"eventType":   into(&s.EventType),
		"typeHeader":  into(&s.TypeHeader),
		"typeField":   into(&s.TypeField),
		"dedupHeader": into(&s.DedupHeader),
		"ack":         into(&s.Ack),
		"answer":      into(&s.Answer),
		"rabbitmq":    into(&s.RabbitMQ),
		"url":         into(&address), // of an inbound source it is ours to say
		"queue":       into(&queue),
	}, "name", "createdAt", "updatedAt", "revision")
	switch {
	case err != nil:
		return err
	case body.has("secret") && body.has("secrets"):
		return hookyard.FieldErrorf("secrets", "give either secret or secrets")
	case body.has("secret"):
		secrets = []string{secret}
		fallthrough
	case body.has("secrets"):
		if s.Secrets, err = newSecrets(secrets, old); err != nil {
			return err
		}
	}
	if s.Type == typeRabbitMQ && address != "" || queue != "" {
		s.RabbitMQ = withQueue(s.RabbitMQ, address, queue)
	}
	if s.RabbitMQ != nil && old != nil && old.RabbitMQ != nil && s.RabbitMQ.URL == showURL(old.RabbitMQ.URL) {
		q := *s.RabbitMQ
		q.URL = old.RabbitMQ.URL
		s.RabbitMQ = &q
	}
	return nil
}

// withQueue adds what stood beside the type instead of within rabbitmq: the short way to write a source that only needs
// url and queue.
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

// newSecrets makes secrets of what was given; *** means the one that was there in its place.
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

func notNull(raw json.RawMessage) json.RawMessage {
	if string(raw) == "null" {
		return nil
	}
	return raw
}

// checkSource refuses a source that cannot work.
func (c *call) checkSource(s *hookyard.Source) error {
	if err := s.Validate(c.a.o.Limits); err != nil {
		return err
	}
	if s.Type == typeRabbitMQ || s.RabbitMQ != nil {
		return c.checkQueue(s)
	}
	if s.Type == "" {
		return hookyard.FieldErrorf("type", "type is missing: it must be one of %s, %s",
			strings.Join(signature.Names(), ", "), typeRabbitMQ)
	}
	if !slices.Contains(signature.Names(), s.Type) {
		return hookyard.FieldErrorf("type", "type %q is not known; it must be one of %s, %s",
			hookyard.Clean(s.Type, 50), strings.Join(signature.Names(), ", "), typeRabbitMQ)
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
func (c *call) checkQueue(s *hookyard.Source) error {
	q := s.RabbitMQ
	switch {
	case s.Type != typeRabbitMQ || q == nil:
		return hookyard.FieldErrorf("rabbitmq",
			"a source of type rabbitmq needs rabbitmq with url and queue, and no other type may have it")
	case q.Queue == "" || len(q.Queue) > 255 || !utf8.ValidString(q.Queue):
		return hookyard.FieldErrorf("rabbitmq.queue", "rabbitmq.queue must be a name of 1 to 255 bytes")
	case q.Prefetch < 0 || q.Prefetch > 10_000:
		return hookyard.FieldErrorf("rabbitmq.prefetch", "rabbitmq.prefetch must be between 1 and 10000")
	}
	if err := hookyard.CheckURL(q.URL, c.a.o.Limits); err != nil {
		return named("rabbitmq", err)
	}
	if u, err := url.Parse(q.URL); err != nil || !strings.HasPrefix(u.Scheme, "amqp") {
		return hookyard.FieldErrorf("rabbitmq.url", "rabbitmq.url must begin with amqp:// or amqps://")
	}
	return named("rabbitmq", c.checkTarget(q.URL))
}

func (c *call) replySource(status int, s *hookyard.Source) error {
	c.w.Header().Set("ETag", etag(s.Revision))
	return c.reply(status, c.a.sourceJSON(c.view.Project, s))
}

func (a *API) sourceJSON(p *hookyard.Project, s *hookyard.Source) client.Source {
	out := client.Source{
		Name: s.Name, Type: s.Type, Description: s.Description, Active: s.Active, Scheme: notNull(s.Scheme),
		EventType:  s.EventType,
		TypeHeader: s.TypeHeader, TypeField: s.TypeField, DedupHeader: s.DedupHeader, Ack: hookyard.AckAfterCommit,
		Answer:    s.Answer,
		CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt, Revision: s.Revision,
	}
	for range hookyard.Live(s.Secrets, now()) {
		out.Secrets = append(out.Secrets, hookyard.Masked)
	}
	if s.RabbitMQ == nil {
		out.URL = a.o.BaseURL + "/in/" + url.PathEscape(p.Owner) + "/" + url.PathEscape(p.Name) + "/" +
			url.PathEscape(s.Name)
		return out
	}
	q := *s.RabbitMQ
	q.URL = showURL(q.URL)
	out.RabbitMQ = &q
	return out
}

// textOrBytes is a body as JSON can hold it: as text when it is text, else as bytes.
func textOrBytes(b []byte) (string, []byte) {
	if utf8.Valid(b) {
		return string(b), nil
	}
	return "", b
}

// showURL hides the user and password in a URL.
func showURL(raw string) string {
	scheme, rest, ok := strings.Cut(raw, "://")
	host, path := rest, ""
	if at := strings.IndexAny(rest, "/?#"); at >= 0 {
		host, path = rest[:at], rest[at:]
	}
	at := strings.LastIndexByte(host, '@')
	if !ok || at < 0 {
		return raw
	}
	return scheme + "://" + hookyard.Masked + host[at:] + path
}

// checkTarget refuses addresses that would be refused when they are dialled, as far as that can be told without the
// DNS.
func (c *call) checkTarget(raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return hookyard.FieldErrorf("url", "url cannot be parsed: %v", err)
	}
	if strings.HasPrefix(u.Scheme, "amqp") {
		raw = "http://" + u.Host
	}
	if err := c.a.o.Targets.CheckURL(c.ctx(), raw); err != nil {
		return hookyard.FieldErrorf("url", "%v", err)
	}
	return nil
}

// oldRotation reads what a new secret is to be; one that is not given is made.
func (c *call) oldRotation() (client.Rotation, error) {
	overlap := hookyard.Duration(24 * time.Hour)
	in := client.Rotation{Overlap: &overlap}
	body, err := c.object()
	if err != nil {
		return in, err
	}
	if err := body.read(map[string]field{"secret": into(&in.Secret), "overlap": into(&overlap)}); err != nil {
		return in, err
	}
	if overlap < 0 || time.Duration(overlap) > 30*24*time.Hour {
		return in, hookyard.FieldErrorf("overlap", "overlap must be between 0s and 720h")
	}
	if in.Secret == hookyard.Masked {
		return in, hookyard.FieldErrorf("secret",
			"*** stands where a secret is hidden: give the secret itself, or none to have one made")
	}
	if in.Secret == "" {
		in.Secret = signature.NewSecret()
	}
	return in, hookyard.CheckSecret(in.Secret, c.a.o.Limits)
}
