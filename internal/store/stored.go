package store

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/hookyard/hookyard"
)

// How projects, hooks and sources are stored. A row has three parts: columns for what SQL selects by, settings as
// JSON, and credentials as sealed JSON. Existing databases have these member names, so a member can be added, but not
// renamed or given another meaning without a migration. TestFieldsAreStored fails for a field that is in none of the
// three parts.

// storedProject is the settings column of a project. Owner, name, uid and retention have columns of their own.
type storedProject struct {
	Title         string            `json:"title,omitempty"`
	Description   string            `json:"description,omitempty"`
	Metadata      map[string]string `json:"metadata,omitempty"`
	Preset        string            `json:"preset,omitempty"`
	EventTypes    []string          `json:"eventTypes,omitzero"`
	Format        string            `json:"format,omitempty"`
	Relay         string            `json:"relay,omitempty"`
	ModelEvents   bool              `json:"modelEvents,omitempty"`
	Public        bool              `json:"public,omitempty"`
	AllowRequests bool              `json:"allowRequests,omitempty"`
	Rate          float64           `json:"rate,omitempty"`
	SearchFields  []string          `json:"searchFields,omitzero"`
}

func storeProject(p *hookyard.Project) storedProject {
	return storedProject{
		Title: p.Title, Description: p.Description, Metadata: p.Metadata, Preset: p.Preset,
		EventTypes: p.EventTypes, Format: p.Format, Relay: p.Relay, ModelEvents: p.ModelEvents, Public: p.Public,
		AllowRequests: p.AllowRequests, Rate: p.Rate, SearchFields: p.SearchFields,
	}
}

func (s *storedProject) fill(p *hookyard.Project) {
	p.Title, p.Metadata = s.Title, s.Metadata
	p.Description, p.Preset = s.Description, s.Preset
	p.EventTypes, p.Format = s.EventTypes, s.Format
	p.Relay, p.ModelEvents = s.Relay, s.ModelEvents
	p.Public, p.AllowRequests = s.Public, s.AllowRequests
	p.SearchFields, p.Rate = s.SearchFields, s.Rate
}

// storedHook is the settings column of a hook. Id, uid, state, health and expiry have columns of their own.
type storedHook struct {
	Events      hookyard.Selector  `json:"events"`
	Channels    []string           `json:"channels,omitempty"`
	Features    []string           `json:"features,omitzero"`
	Description string             `json:"description,omitempty"`
	Metadata    map[string]string  `json:"metadata,omitempty"`
	Format      string             `json:"format,omitempty"`
	ContentType string             `json:"contentType,omitempty"`
	Template    string             `json:"template,omitempty"`
	WholeBody   bool               `json:"wholeBody,omitempty"` // not DataAsBody, which hooks have without it
	Forward     hookyard.Forward   `json:"forward,omitzero"`
	Method      string             `json:"method,omitempty"`
	Signature   string             `json:"signature,omitempty"` // hooks without it sign in both ways
	Schedule    []time.Duration    `json:"schedule,omitzero"`   // ns
	Timeout     time.Duration      `json:"timeout,omitempty"`   // ns
	InFlight    int                `json:"inFlight,omitempty"`
	Rate        float64            `json:"rate,omitempty"` // attempts a second
	Ordered     bool               `json:"ordered,omitempty"`
	Filter      string             `json:"filter,omitempty"`
	Off         hookyard.OffPolicy `json:"off,omitzero"`
	InsecureTLS bool               `json:"insecureTls,omitempty"`
	RabbitMQ    *hookyard.RabbitMQ `json:"rabbitmq,omitempty"`
}

// signatureAuto is how [hookyard.Hook.Signature] is stored when it is empty.
const signatureAuto = "auto"

// hookSecrets is the sealed column of a hook. The URL is sealed as a whole: that of a chat is a credential.
type hookSecrets struct {
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitzero"`
	Secrets []storedSecret    `json:"secrets,omitempty"`
}

func storeHook(h *hookyard.Hook) (storedHook, hookSecrets) {
	return storedHook{
			Events: h.Events, Channels: h.Channels, Features: h.Features, Description: h.Description,
			Metadata: h.Metadata, Format: h.Format,
			ContentType: h.ContentType, Template: h.Template, WholeBody: !h.DataAsBody,
			Forward: h.Forward, Method: h.Method, Signature: cmp.Or(h.Signature, signatureAuto),
			Schedule: h.Schedule, Timeout: h.Timeout,
			InFlight: h.InFlight, Rate: h.Rate, Ordered: h.Ordered, Filter: h.Filter, Off: h.Off,
			InsecureTLS: h.InsecureTLS, RabbitMQ: h.RabbitMQ,
		}, hookSecrets{
			URL: h.URL, Headers: h.Headers, Secrets: storeSecrets(h.Secrets),
		}
}

func (s *storedHook) fill(h *hookyard.Hook) {
	h.Events, h.Features = s.Events, s.Features
	h.Channels, h.Metadata = s.Channels, s.Metadata
	h.Description, h.Template = s.Description, s.Template
	h.DataAsBody = !s.WholeBody && s.Template != ""
	h.Format, h.ContentType = s.Format, s.ContentType
	h.Forward, h.Method = s.Forward, s.Method
	switch h.Signature = s.Signature; s.Signature {
	case signatureAuto:
		h.Signature = ""
	case "":
		h.Signature = hookyard.SignBoth
	}
	h.Schedule, h.Timeout = s.Schedule, s.Timeout
	h.InFlight, h.Rate = s.InFlight, s.Rate
	h.Ordered, h.Filter = s.Ordered, s.Filter
	h.Off, h.InsecureTLS = s.Off, s.InsecureTLS
	h.RabbitMQ = s.RabbitMQ
}

func (s *hookSecrets) fill(h *hookyard.Hook) {
	h.URL, h.Headers = s.URL, s.Headers
	h.Secrets = loadSecrets(s.Secrets)
}

// storedSource is the settings column of a source. Name and type have columns of their own.
type storedSource struct {
	EventType   string                `json:"eventType,omitempty"`
	TypeHeader  string                `json:"typeHeader,omitempty"`
	TypeField   string                `json:"typeField,omitempty"`
	DedupHeader string                `json:"dedupHeader,omitempty"`
	Rate        int64                 `json:"rate,omitempty"`
	Ack         string                `json:"ack,omitempty"`
	Answer      *hookyard.Answer      `json:"answer,omitempty"`   // without its headers
	RabbitMQ    *hookyard.QueueSource `json:"rabbitmq,omitempty"` // without its URL
	Description string                `json:"description,omitempty"`
	Active      bool                  `json:"active"`
}

// sourceSecrets is the sealed column of a source.
type sourceSecrets struct {
	RabbitMQURL   string            `json:"rabbitmqUrl,omitempty"`
	AnswerHeaders map[string]string `json:"answerHeaders,omitzero"`
	Scheme        json.RawMessage   `json:"scheme,omitempty"` // may hold a verify token
	Secrets       []storedSecret    `json:"secrets,omitempty"`
}

func storeSource(s *hookyard.Source) (storedSource, sourceSecrets) {
	secrets := sourceSecrets{Scheme: s.Scheme, Secrets: storeSecrets(s.Secrets)}
	settings := storedSource{
		EventType: s.EventType, TypeHeader: s.TypeHeader, TypeField: s.TypeField, DedupHeader: s.DedupHeader,
		Rate: s.Rate, Ack: s.Ack, Description: s.Description, Active: s.Active,
	}
	if s.Answer != nil {
		answer := *s.Answer
		secrets.AnswerHeaders, answer.Headers = answer.Headers, nil
		settings.Answer = &answer
	}
	if s.RabbitMQ != nil {
		queue := *s.RabbitMQ
		secrets.RabbitMQURL, queue.URL = queue.URL, ""
		settings.RabbitMQ = &queue
	}
	return settings, secrets
}

func (s *storedSource) fill(out *hookyard.Source) {
	out.EventType, out.TypeHeader = s.EventType, s.TypeHeader
	out.TypeField, out.DedupHeader = s.TypeField, s.DedupHeader
	out.Ack, out.Active = s.Ack, s.Active
	out.Rate = s.Rate
	out.Answer, out.RabbitMQ = s.Answer, s.RabbitMQ
	out.Description = s.Description
}

// fill completes the answer and the queue, which storedSource.fill must have set.
func (s *sourceSecrets) fill(out *hookyard.Source) {
	out.Scheme, out.Secrets = s.Scheme, loadSecrets(s.Secrets)
	if out.Answer != nil {
		out.Answer.Headers = s.AnswerHeaders
	}
	if out.RabbitMQ != nil {
		out.RabbitMQ.URL = s.RabbitMQURL
	}
}

// storedSecret is a hookyard.Secret, which itself marshals as ***.
type storedSecret struct {
	Value   string    `json:"v"`
	Expires time.Time `json:"e,omitzero"`
}

func storeSecrets(secrets []hookyard.Secret) []storedSecret {
	var out []storedSecret
	for _, s := range secrets {
		out = append(out, storedSecret(s))
	}
	return out
}

func loadSecrets(stored []storedSecret) []hookyard.Secret {
	var out []hookyard.Secret
	for _, s := range stored {
		out = append(out, hookyard.Secret(s))
	}
	return out
}
