package hookyard

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Hook is a way out of a project: where to send, which events, and how to format, sign and retry them. Loaded hooks are
// shared between goroutines and must not be modified.
type Hook struct {
	Key         int64 `json:"-"` // internal; never reused: a new hook with the id of a deleted one has another key
	ProjectKey  int64 `json:"-"`
	Project     string
	ID          string // chosen by the user, unique in the project
	UID         string // another name that the user chose, unique in the project and changeable; "" for none
	URL         string
	Events      Selector
	Channels    []string // only events with at least one of them; empty means all
	Features    []string // names of features to send, as in NetBeans; empty means all
	Description string
	Metadata    map[string]string // the user's own, which hookyard only keeps
	Active      bool

	Format      string // of the body; "" means the project's default, or else "raw"
	ContentType string // "json" (default), "form" or, for formats text and template, "text"
	Template    string // text of format "template"
	DataAsBody  bool   // .Body in Template is the data of the event, as before there was .Data, and not the whole body
	Forward     Forward
	Method      string // of the requests; "" means POST, or what Forward says
	Secrets     []Secret
	Signature   string // how requests are signed with Secrets, one of Signatures; "" means as the format wants
	Headers     map[string]string
	Schedule    []time.Duration // waits before each attempt; nil means DefaultSchedule
	Timeout     time.Duration   // for the whole exchange; 0 means DefaultTimeout
	InFlight    int             // concurrent deliveries; 0 means DefaultInFlight
	Rate        float64         // attempts per second; 0 means no limit
	Ordered     bool            // sends one at a time, in event order
	Filter      string          // expression over type, headers and body; "" accepts all
	Off         OffPolicy
	InsecureTLS bool      // do not verify the receiver's certificate
	RabbitMQ    *RabbitMQ // for amqp:// URLs
	ExpiresAt   time.Time // when the hook is deleted, unless it is renewed; zero means never

	Health    Health
	OffReason string // why hookyard set Active to false, or ""
	Deleted   bool   `json:"-"`
	// Unreadable says that the stored URL, headers and secrets cannot be opened. They are empty, and the hook is off
	// until they are given again.
	Unreadable bool  `json:"-"`
	Revision   int64 // counts changes, for If-Match
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// How a hook signs. Who can choose a body and see both signatures of it with one key can forge one of Standard
// Webhooks, because GitHub's covers nothing but the body: SignBoth is for the time in which a receiver is changed.
const (
	SignStandard = "standard" // Standard Webhooks
	SignGitHub   = "github"   // GitHub's X-Hub-Signature-256
	SignBoth     = "both"
	SignSvix     = "svix" // Standard Webhooks, with the same values in Svix's headers and under its name of the event
)

// Signatures returns the ways to sign.
func Signatures() []string { return []string{SignStandard, SignGitHub, SignBoth, SignSvix} }

// EffectiveSignature returns how the hook signs when it sends in a format.
func (h *Hook) EffectiveSignature(format string) string {
	switch {
	case h.Signature != "":
		return h.Signature
	case format == "github":
		return SignGitHub
	}
	return SignStandard
}

// RabbitMQ holds the settings of a hook with an amqp:// or amqps:// URL.
type RabbitMQ struct {
	Exchange   string         `json:"exchange,omitempty"`
	RoutingKey string         `json:"routingKey,omitempty"` // "" means the name of the queue, or else the event type
	Queue      string         `json:"queue,omitempty"`
	Declare    bool           `json:"declare,omitempty"`   // declare Queue durable before the first message
	Arguments  map[string]any `json:"arguments,omitempty"` // of the declaration, for example x-queue-type
}

// Health is the record of a hook's recent failures. It is stored and survives restarts.
type Health struct {
	// consecutive failed attempts, or with policy netbeans, failed connections
	Failures     int       `json:"failures"`
	FailingSince time.Time `json:"failingSince,omitzero"`  // start of the first of them
	RestUntil    time.Time `json:"restingUntil,omitzero"`  // nothing is sent before this time
	LastStatus   int       `json:"lastStatus,omitempty"`   // of the last attempt that changed the health
	LastError    string    `json:"lastError,omitempty"`    // likewise
	LastAttempt  time.Time `json:"lastAttemptAt,omitzero"` // likewise
}

// Few failures are no alarm: most receivers that fail once or for a moment recover without help.
const (
	troubleAfter = 3 // failures in a row
	troubleFor   = 5 * time.Minute
)

// Failing reports whether the hook has failed often enough, or for long enough, to alarm its owner.
func (n Health) Failing(now time.Time) bool {
	return n.Failures >= troubleAfter || n.Failures > 0 && now.Sub(n.FailingSince) >= troubleFor
}

// Streak says how often the hook failed in a row: "failed once", "failed 4 times in a row".
func (n Health) Streak() string {
	if n.Failures == 1 {
		return "failed once"
	}
	return fmt.Sprintf("failed %d times in a row", n.Failures)
}

// InTrouble reports whether someone must look after the hook: hookyard switched it off, or it fails and goes on
// failing.
func (h *Hook) InTrouble(now time.Time) bool {
	if h.Active {
		return h.Health.Failing(now)
	}
	return h.OffReason != ""
}

// The policies that decide when a failing hook is switched off or paused.
const (
	// off after After days (default 5) without success and at least 10 failed attempts
	OffSustained = "sustained"
	// off after After (default 10) consecutive connection failures; only a new URL switches it on again
	OffNetBeans = "netbeans"
	OffFailures = "failures" // off after After (default 10) consecutive failed attempts
	// pauses 1 minute after 4 consecutive failures, then twice as long after each, up to a day; off after After
	// (default 40)
	OffResting = "resting"
	OffNever   = "never"
)

// OffPolicy selects the policy for a failing hook. The zero value is [OffSustained] with its default.
type OffPolicy struct {
	Policy string `json:"policy"`
	After  int    `json:"after,omitempty"`
}

// Defaults of a hook.
const (
	DefaultTimeout  = 15 * time.Second
	DefaultInFlight = 8
	MaxInFlight     = 256
	maxRate         = 1_000_000
	FormatRaw       = "raw"
)

// DefaultSchedule returns the waits before each attempt. The first attempt is immediate, the last about three days
// later (Standard Webhooks 1.0, deliverability).
func DefaultSchedule() []time.Duration {
	return []time.Duration{
		0, 5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
		10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
}

// ListenerPrefix is the prefix of the ids of hooks that represent a running "hookyard listen".
const ListenerPrefix = "listen-"

// IsListener reports whether the hook represents a running "hookyard listen", which forwards events itself. Such a hook
// selects no events, so the server sends it nothing, and it expires.
func (h *Hook) IsListener() bool {
	return strings.HasPrefix(h.ID, ListenerPrefix) && !h.ExpiresAt.IsZero() && !h.Events.All && len(h.Events.Names) == 0
}

// EffectiveSchedule returns the hook's schedule, or the default one.
func (h *Hook) EffectiveSchedule() []time.Duration {
	if h.Schedule != nil {
		return h.Schedule
	}
	return DefaultSchedule()
}

// EffectiveTimeout returns the hook's timeout, or the default one.
func (h *Hook) EffectiveTimeout() time.Duration {
	if h.Timeout > 0 {
		return h.Timeout
	}
	return DefaultTimeout
}

// Limited reports whether the hook has a limit that its owner set, or an order. One node at a time sends to such a
// hook: several could not hold a limit together without asking each other before each attempt.
func (h *Hook) Limited() bool { return h.Ordered || h.Rate > 0 || h.InFlight > 0 }

// EffectiveInFlight returns how many deliveries to the hook may be in flight at once.
func (h *Hook) EffectiveInFlight() int {
	switch {
	case h.Ordered:
		return 1
	case h.InFlight > 0:
		return h.InFlight
	}
	return DefaultInFlight
}

// IsAMQP reports whether the hook publishes to a broker instead of sending HTTP requests.
func (h *Hook) IsAMQP() bool {
	return strings.HasPrefix(h.URL, "amqp://") || strings.HasPrefix(h.URL, "amqps://")
}

// IsOff reports whether the hook is off, and why.
func (h *Hook) IsOff() (reason string, off bool) {
	switch {
	case h.Deleted:
		return "hook was deleted", true
	case h.Unreadable:
		return "its URL and secrets cannot be opened with the server's key: give them again", true
	case h.Active:
		return "", false
	case h.OffReason != "":
		return h.OffReason, true
	}
	return "hook is not active", true
}

// Validate returns an [Invalid] error if the hook exceeds the limits or cannot work. The catalogue lists the project's
// event types; empty means any. Validate does not check the name of the format or the syntax of template and filter.
func (h *Hook) Validate(catalogue []string, limits Limits) error {
	if h.ID == "" {
		return FieldErrorf("id", "hookId empty or not a string")
	}
	if !printable(h.ID) || len(h.ID) > 200 || strings.ContainsAny(h.ID, "/?#") {
		return FieldErrorf("id", "hook id must be printable, at most 200 bytes, without / ? #")
	}
	if err := CheckURL(h.URL, limits); err != nil {
		return err
	}
	if err := h.Events.Check(catalogue, limits); err != nil {
		return err
	}
	if err := cmp.Or(CheckChannels(h.Channels), CheckUID(h.UID), CheckMetadata(h.Metadata)); err != nil {
		return err
	}
	switch {
	case len(h.Description) > limits.Description:
		return FieldErrorf("description",
			"description is %d bytes long, at most %d are allowed (setting: --max-description)", len(h.Description),
			limits.Description)
	case !printableText(h.Description):
		return FieldErrorf("description", "description holds control characters")
	case h.ContentType != "" && h.ContentType != "json" && h.ContentType != "form" && h.ContentType != "text":
		return FieldErrorf("contentType",
			"contentType must be \"json\", \"form\" or, for the formats text and template, \"text\"")
	case h.Method != "" && !slices.Contains(Methods(), h.Method):
		return FieldErrorf("method", "method must be one of %s", strings.Join(Methods(), ", "))
	case h.Signature != "" && !slices.Contains(Signatures(), h.Signature):
		return FieldErrorf("signature", "signature must be one of %s", strings.Join(Signatures(), ", "))
	case h.Timeout < 0 || h.Timeout > limits.Timeout:
		return FieldErrorf("timeout", "timeout must be between 1ms and %s (setting: --max-timeout)",
			FormatDuration(limits.Timeout))
	case h.InFlight < 0 || h.InFlight > MaxInFlight:
		return FieldErrorf("inFlight", "inFlight must be between 1 and %d", MaxInFlight)
	case h.Rate < 0 || h.Rate > maxRate || h.Rate != h.Rate:
		return FieldErrorf("rate", "rate must be between 0 (no limit) and %d attempts a second", maxRate)
	case len(h.Filter) > 10_000:
		return FieldErrorf("filter", "filter is %d bytes long, at most 10000 are allowed", len(h.Filter))
	case len(h.Template) > 64<<10:
		return FieldErrorf("template", "template is %d bytes long, at most 65536 are allowed", len(h.Template))
	case len(h.Schedule) > 100:
		return FieldErrorf("schedule", "schedule has %d waits, at most 100 are allowed", len(h.Schedule))
	case h.Schedule != nil && len(h.Schedule) == 0:
		return FieldErrorf("schedule", "schedule must hold at least one wait, for example [\"0s\"]")
	case len(h.Features) > 100:
		return FieldErrorf("features", "features holds %d names, at most 100 are allowed", len(h.Features))
	}
	for _, w := range h.Schedule {
		if w < 0 || w > 30*24*time.Hour {
			return FieldErrorf("schedule", "each wait of schedule must be between 0s and 720h")
		}
	}
	for _, s := range h.Secrets {
		if err := CheckSecret(s.Value, limits); err != nil {
			return err
		}
	}
	switch h.Off.Policy {
	case "", OffSustained, OffNetBeans, OffFailures, OffResting, OffNever:
	default:
		return FieldErrorf("off.policy", "off.policy must be one of sustained, netbeans, failures, resting, never")
	}
	if h.Off.After < 0 || h.Off.After > 100_000 {
		return FieldErrorf("off.after", "off.after must be between 0 (the policy's default) and 100000")
	}
	if h.RabbitMQ != nil && !h.IsAMQP() {
		return FieldErrorf("rabbitmq", "rabbitmq needs a url that begins with amqp:// or amqps://")
	}
	return CheckHeaders(h.Headers, limits)
}

// CheckURL returns an [Invalid] error if raw cannot be the URL of a hook. Whether its address is allowed is decided
// when it is dialed.
func CheckURL(raw string, limits Limits) error {
	if raw == "" {
		return FieldErrorf("url", "data.url empty or not a string")
	}
	if len(raw) > limits.URL {
		return FieldErrorf("url", "url is %d bytes long, at most %d are allowed (setting: --max-url)", len(raw),
			limits.URL)
	}
	if !printable(raw) {
		return FieldErrorf("url", "url holds spaces or control characters")
	}
	u, err := url.Parse(raw)
	if err != nil {
		return FieldErrorf("url", "url cannot be parsed: %v", err)
	}
	switch u.Scheme {
	case "http", "https", "amqp", "amqps":
	default:
		return FieldErrorf("url", "url must begin with http://, https://, amqp:// or amqps://")
	}
	if u.Hostname() == "" {
		return FieldErrorf("url", "url names no host")
	}
	return nil
}

// CheckSecret returns an [Invalid] error if s is too long or contains control characters.
func CheckSecret(s string, limits Limits) error {
	if len(s) > limits.Secret {
		return FieldErrorf("secret", "secret is %d bytes long, at most %d are allowed (setting: --max-secret)", len(s),
			limits.Secret)
	}
	if !printableText(s) || strings.ContainsAny(s, "\r\n") {
		return FieldErrorf("secret", "secret holds control characters")
	}
	return nil
}

// CheckHeaders returns an [Invalid] error for too many headers, for names that are not tokens or that belong to the
// connection or to hookyard, and for values that are too long or contain line breaks.
func CheckHeaders(headers map[string]string, limits Limits) error {
	if len(headers) > limits.Headers {
		return FieldErrorf("headers", "headers holds %d names, at most %d are allowed (setting: --max-headers)",
			len(headers), limits.Headers)
	}
	for name, value := range headers {
		if !IsToken(name) || len(name) > 200 {
			return FieldErrorf("headers", "header name %q is not a token", name)
		}
		canon := http.CanonicalHeaderKey(name)
		if IsFraming(name) || canon == "Proxy-Authenticate" || canon == "Content-Encoding" ||
			strings.HasPrefix(canon, "Webhook-") || strings.HasPrefix(canon, "X-Hub-Signature") ||
			strings.HasPrefix(canon, "X-Github-") {
			return FieldErrorf("headers", "header %s is set by hookyard and cannot be chosen", canon)
		}
		if len(value) > 4096 || strings.ContainsAny(value, "\r\n\x00") {
			return FieldErrorf("headers", "the value of header %s is over 4096 bytes or holds line breaks", canon)
		}
	}
	return nil
}
