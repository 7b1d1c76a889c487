package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/filter"
	"github.com/hookyard/hookyard/internal/format"
	"github.com/hookyard/hookyard/signature"
)

// noDescription is what WebGME gives a hook that was made without one.
const noDescription = "No description given"

// hookInput reads settings into a hook.
type hookInput struct {
	h      *hookyard.Hook
	before *hookyard.Hook // the hook as it was, when it is changed; nil when it is made
}

// read understands the members of a body. Those that only an answer has, and WebGME's options, are let pass: people
// send back what they got.
func (in *hookInput) read(body object) error {
	h := in.h
	timeout := hookyard.Duration(h.Timeout)
	var schedule []hookyard.Duration
	err := body.read(map[string]field{
		"url":         in.url,
		"events":      in.events,
		"description": in.description,
		"active":      in.active,
		"format":      into(&h.Format),
		"contentType": into(&h.ContentType),
		"template":    into(&h.Template),
		"features":    into(&h.Features),
		"secret":      in.secret,
		"headers":     in.headers,
		"schedule":    into(&schedule),
		"timeout":     into(&timeout),
		"inFlight":    into(&h.InFlight),
		"rate":        into(&h.Rate),
		"ordered":     into(&h.Ordered),
		"filter":      into(&h.Filter),
		"off":         into(&h.Off),
		"insecureTls": into(&h.InsecureTLS),
		"rabbitmq":    into(&h.RabbitMQ),
		"expiresAt":   into(&h.ExpiresAt),
	}, "id", "options", "createdAt", "updatedAt", "health", "offReason", "revision")
	if err != nil {
		return err
	}
	if in.before == nil && !body.has("url") {
		return hookyard.FieldErrorf("url", "data.url empty or not a string [undefined]")
	}
	h.Timeout = time.Duration(timeout)
	if body.has("schedule") {
		h.Schedule = nil
		if schedule != nil {
			h.Schedule = make([]time.Duration, len(schedule))
		}
		for i, wait := range schedule {
			h.Schedule[i] = time.Duration(wait)
		}
	}
	return nil
}

// url takes a string. The URL that an answer showed with its password hidden means the one there is.
func (in *hookInput) url(raw json.RawMessage) error {
	var s string
	if raw[0] != '"' || json.Unmarshal(raw, &s) != nil || s == "" {
		text := "data.url empty or not a string [%s]"
		if in.before != nil && raw[0] != '"' {
			text = "data.url not a string [%s]"
		}
		return hookyard.FieldErrorf("url", text, shortJSON(raw))
	}
	if in.before != nil && s == showURL(in.before.URL) {
		s = in.before.URL
	}
	in.h.URL = s
	return nil
}

// events takes a list of names or "all", with WebGME's words for what is neither.
func (in *hookInput) events(raw json.RawMessage) error {
	if raw[0] != '[' && raw[0] != '"' {
		return hookyard.FieldErrorf("events", "Event [%s] is not an array and not \"all\"", shortJSON(raw))
	}
	return json.Unmarshal(raw, &in.h.Events)
}

// description keeps what there is when it is empty, as at WebGME.
func (in *hookInput) description(raw json.RawMessage) error {
	var s string
	if err := into(&s)(raw); err != nil {
		return err
	}
	switch {
	case string(raw) == "null":
		in.h.Description = noDescription
	case s != "":
		in.h.Description = s
	}
	return nil
}

// active takes true and false; null means true, the default.
func (in *hookInput) active(raw json.RawMessage) error {
	if string(raw) == "null" {
		in.h.Active = true
		return nil
	}
	return into(&in.h.Active)(raw)
}

// secret sets the only secret; empty and null mean none. *** is what an answer shows, and changes nothing.
func (in *hookInput) secret(raw json.RawMessage) error {
	var s string
	if err := into(&s)(raw); err != nil {
		return err
	}
	switch {
	case s == hookyard.Masked && in.before != nil:
		return nil
	case s == hookyard.Masked:
		return hookyard.FieldErrorf("secret", "*** stands where a secret is hidden: give the secret itself")
	case s == "":
		in.h.Secrets = nil
		return nil
	}
	if err := signature.CheckSecret(s); err != nil {
		return hookyard.FieldErrorf("secret", "%v", err)
	}
	in.h.Secrets = []hookyard.Secret{{Value: s}}
	return nil
}

// headers merges: a value sets or replaces, null takes away, and *** leaves a hidden one as it is.
func (in *hookInput) headers(raw json.RawMessage) error {
	if string(raw) == "null" {
		in.h.Headers = nil
		return nil
	}
	var given map[string]*string
	if err := strict(raw, &given); err != nil {
		return hookyard.FieldErrorf("headers", "headers must be an object of strings; null takes a header away")
	}
	merged := make(map[string]string, len(in.h.Headers)+len(given))
	for name, value := range in.h.Headers {
		merged[name] = value
	}
	for name, value := range given {
		name = http.CanonicalHeaderKey(name)
		switch {
		case value == nil:
			delete(merged, name)
		case *value == hookyard.Masked && hookyard.IsSensitive(name):
			if _, ok := merged[name]; !ok {
				return hookyard.FieldErrorf("headers",
					"*** stands where the value of %s is hidden: give the value itself", hookyard.Clean(name, 200))
			}
		default:
			merged[name] = *value
		}
	}
	in.h.Headers = merged
	return nil
}

// settleHook follows a change of the URL, or of active, through: a new receiver begins with a clean record, and a
// person who switches a hook on overrules why hookyard had switched it off, except where only a changed URL may
// (NetBeans).
func settleHook(h, before *hookyard.Hook, activeGiven bool) error {
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

// checkHook refuses a hook that cannot work.
func (c *call) checkHook(h *hookyard.Hook) error {
	p := c.view.Project
	if err := h.Validate(p.Catalogue(), c.a.o.Limits); err != nil {
		return err
	}
	for _, s := range h.Secrets {
		if err := hookyard.CheckSecret(s.Value, c.a.o.Limits); err != nil {
			return err
		}
	}
	if err := format.Check(h, p.EffectiveFormat(h)); err != nil {
		return err
	}
	if h.Filter != "" {
		if _, err := filter.Compile(h.Filter); err != nil {
			return err
		}
	}
	if !h.ExpiresAt.IsZero() && !storable(h.ExpiresAt) {
		return hookyard.FieldErrorf("expiresAt", "expiresAt must be between the years 1 and 9999")
	}
	return c.checkTarget(h.URL)
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

// rotation reads what a new secret is to be; one that is not given is made.
func (c *call) rotation() (client.Rotation, error) {
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

// shortJSON is a piece of JSON for a message: a string without its quotes, as WebGME shows it.
func shortJSON(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil && string(raw) != "null" {
		return hookyard.Clean(s, 100)
	}
	return hookyard.Clean(string(raw), 100)
}
