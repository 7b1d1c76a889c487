package hookyard

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Source is a way into a project. Loaded sources are shared between goroutines and must not be modified.
type Source struct {
	Key         int64 `json:"-"`
	ProjectKey  int64 `json:"-"`
	Project     string
	Name        string // unique in the project; part of the inbound URL
	Type        string // how a sender is verified: none, token, basic, hmac, github, stripe, …; or rabbitmq
	Secrets     []Secret
	Scheme      json.RawMessage // a signature.Scheme; the package signature checks it
	EventType   string          // type of its events; "" means the provider's
	TypeHeader  string          // header that holds the event type
	TypeField   string          // JSON path of the event type in the body, for example event.name
	DedupHeader string          // header that identifies duplicates; "" means the provider's id
	Rate        int64           // events a second that are accepted, on each node; 0 means no limit
	Ack         string          // "after-commit"
	Answer      *Answer         // the response; nil means 200 and an empty JSON object
	RabbitMQ    *QueueSource    // for type rabbitmq
	Description string
	Active      bool
	Unreadable  bool // the stored secrets cannot be opened: they are empty, and requests are refused
	Revision    int64
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// Answer is the fixed response of a source or a bin.
type Answer struct {
	Status  int               `json:"status,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`
	Delay   Duration          `json:"delay,omitempty"`
}

// QueueSource describes the RabbitMQ queue that a source reads.
type QueueSource struct {
	URL       string         `json:"url"` // amqp:// or amqps://; shown with its password masked
	Queue     string         `json:"queue"`
	Declare   bool           `json:"declare,omitempty"`   // declare it durable with Arguments; otherwise it must exist
	Arguments map[string]any `json:"arguments,omitempty"` // for example {"x-queue-type": "quorum"}
	Prefetch  int            `json:"prefetch,omitempty"`  // unacknowledged messages at once; 0 means 500
	TypeFrom  string         `json:"typeFrom,omitempty"`  // routingKey, header:NAME or field:PATH; "" means EventType
	Exclusive bool           `json:"exclusive,omitempty"`
	// the messages accepted: "" for any, ExpectJSON or ExpectComments
	Expect string `json:"expect,omitempty"`
}

// The messages that a queue accepts. Others are refused.
const (
	ExpectJSON = "json"
	// ExpectComments accepts what the guestbook example publishes: a comment object, the same as JSON text in a JSON
	// string, or {"comment": …, "webhooks": [{"url": …}]}. The event is always the comment.
	ExpectComments = "comments"
)

// Validate returns an [Invalid] error if the settings cannot work. It does not check the URL.
func (q *QueueSource) Validate() error {
	switch q.Expect {
	case "", ExpectJSON, ExpectComments:
	default:
		return FieldErrorf("rabbitmq.expect", "rabbitmq.expect must be json, comments or nothing")
	}
	kind, name, named := strings.Cut(q.TypeFrom, ":")
	switch {
	case q.TypeFrom == "" || q.TypeFrom == "routingKey":
	case (kind == "header" || kind == "field") && named && name != "" && len(name) <= 200:
	default:
		return FieldErrorf("rabbitmq.typeFrom", "rabbitmq.typeFrom must be routingKey, header:NAME or field:PATH")
	}
	return nil
}

// AckAfterCommit acknowledges an event once it and its deliveries are committed. It is the only mode.
const AckAfterCommit = "after-commit"

// Validate returns an [Invalid] error if the source cannot work. It does not check Type, Scheme, and whether the
// secrets go with them; signature.New does.
func (s *Source) Validate(limits Limits) error {
	if s.Name == "" || len(s.Name) > 100 || !isName(s.Name) {
		return FieldErrorf("name", "source name must be 1 to 100 of the characters A-Z a-z 0-9 . _ -")
	}
	if s.Name == SourceAPI || s.Name == SourceMeta {
		return FieldErrorf("name", "source name %s is taken by hookyard itself", s.Name)
	}
	for _, sec := range s.Secrets {
		if err := CheckSecret(sec.Value, limits); err != nil {
			return err
		}
	}
	if s.EventType != "" {
		if err := CheckType(s.EventType, limits); err != nil {
			return FieldErrorf("eventType", "%s", strings.Replace(err.Error(), "type", "eventType", 1))
		}
	}
	for field, name := range map[string]string{"typeHeader": s.TypeHeader, "dedupHeader": s.DedupHeader} {
		if name != "" && (!IsToken(name) || len(name) > 200) {
			return FieldErrorf(field, "%s must be the name of a header", field)
		}
	}
	if s.Rate < 0 || s.Rate > maxLimit {
		return FieldErrorf("rate", "rate must be between 0, which is no limit, and %d events a second", int64(maxLimit))
	}
	if len(s.TypeField) > 200 {
		return FieldErrorf("typeField", "typeField is over 200 bytes")
	}
	if s.Ack != "" && s.Ack != AckAfterCommit {
		return FieldErrorf("ack",
			"ack must be \"after-commit\": an event is acknowledged once it is kept, and not before")
	}
	if len(s.Description) > limits.Description || !printableText(s.Description) {
		return FieldErrorf("description",
			"description is over %d bytes (setting: --max-description) or holds control characters", limits.Description)
	}
	if s.RabbitMQ != nil {
		if err := s.RabbitMQ.Validate(); err != nil {
			return err
		}
	}
	if s.Answer != nil {
		return s.Answer.Validate(limits)
	}
	return nil
}

// originHeaders lists response headers that affect the whole origin and not one URL: they end or fix sessions, pin
// browsers or ask for passwords. Others disable the protection against responses that a browser would run as a page.
var originHeaders = []string{
	"Set-Cookie", "Clear-Site-Data", "Strict-Transport-Security", "Service-Worker-Allowed", "Public-Key-Pins", "Nel",
	"Report-To", "Alt-Svc",
	"Www-Authenticate", "Content-Encoding", "Content-Security-Policy", "X-Content-Type-Options",
}

// Validate returns an [Invalid] error if the answer is not valid HTTP, delays the sender too long, or would affect the
// rest of the origin: its author owns a source or a bin, but not the server.
func (a *Answer) Validate(limits Limits) error {
	if a.Status != 0 && (a.Status < 200 || a.Status > 599) {
		return FieldErrorf("answer.status", "answer.status must be between 200 and 599")
	}
	if a.Delay < 0 || time.Duration(a.Delay) > 30*time.Second {
		return FieldErrorf("answer.delay", "answer.delay must be between 0s and 30s")
	}
	if len(a.Body) > 64<<10 {
		return FieldErrorf("answer.body", "answer.body is over 65536 bytes")
	}
	for name := range a.Headers {
		if canon := http.CanonicalHeaderKey(name); slices.Contains(originHeaders, canon) {
			return FieldErrorf("headers", "header %s cannot be chosen: it would act on more than this answer", canon)
		}
	}
	return CheckHeaders(a.Headers, limits)
}

// isName reports whether s may name a project, an owner or a source.
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-') {
			return false
		}
	}
	return s != "" && s != "." && s != ".."
}

// Refusal is a request that a source refused. It is stored apart from the events.
type Refusal struct {
	Key        int64     `json:"id"`
	ProjectKey int64     `json:"-"`
	Source     string    `json:"source"`
	Time       time.Time `json:"time"`
	Reason     string    `json:"reason"`
	Method     string    `json:"method"`
	Target     string    `json:"target"`
	Remote     string    `json:"remote"`
	Header     []byte    `json:"-"` // encoded by EncodeHeader
	Body       []byte    `json:"-"` // all of it up to LargeBody; of a larger one, and of a message, the first 64 KiB
	Size       int64     `json:"size"`
	Code       Code      `json:"-"`     // what it is counted as; not stored
	Whole      bool      `json:"whole"` // all of it is kept: it can be checked again

	// URI and Sent are path, query and header as they came, with credentials. They are kept of whole requests, and are
	// empty in lists.
	URI  string      `json:"-"`
	Sent http.Header `json:"-"`
}
