package hookyard

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Source is a way in. Values are shared between goroutines once loaded and must not be changed.
type Source struct {
	Key         int64 `json:"-"`
	ProjectKey  int64 `json:"-"`
	Project     string
	Name        string // unique in the project; part of the inbound URL
	Type        string // how a sender is verified: none, token, basic, hmac, github, stripe, …; or rabbitmq
	Secrets     []Secret
	Scheme      json.RawMessage // settings of type hmac; signature defines and checks them
	EventType   string          // fixed type of its events; "" means as the provider does it
	TypeHeader  string          // header that holds the type
	TypeField   string          // JSON path into the body that holds the type, e.g. action or event.name
	DedupHeader string          // header that holds the provider's id; "" means as the provider does it
	Ack         string          // "after-commit"
	Answer      *Answer         // what to answer instead of 200 and an empty JSON object
	RabbitMQ    *QueueSource    // for type rabbitmq
	Description string
	Active      bool
	Revision    int64
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// Answer is a fixed reply of a source or a bin.
type Answer struct {
	Status  int               `json:"status,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`
	Delay   Duration          `json:"delay,omitempty"`
}

// QueueSource says which RabbitMQ queue a source reads.
type QueueSource struct {
	URL       string         `json:"url"` // amqp:// or amqps://; shown with its password masked
	Queue     string         `json:"queue"`
	Declare   bool           `json:"declare,omitempty"`   // declare it durable with Arguments; else it must exist
	Arguments map[string]any `json:"arguments,omitempty"` // e.g. {"x-queue-type": "quorum"}
	Prefetch  int            `json:"prefetch,omitempty"`  // unacknowledged messages at once; 0 means 500
	TypeFrom  string         `json:"typeFrom,omitempty"`  // routingKey, header:NAME or field:PATH; "" means EventType
	Exclusive bool           `json:"exclusive,omitempty"`
	// what a message must be: "" anything, json, or comments (see ExpectComments)
	Expect string `json:"expect,omitempty"`
}

// What a queue's messages must be; others are refused.
const (
	ExpectJSON = "json"
	// ExpectComments takes the messages of the guestbook's queue: a comment object, the same as JSON text in a JSON
	// string, or {"comment": …, "webhooks": [{"url": …}]}. The event is the comment, in each case.
	ExpectComments = "comments"
)

// Validate refuses settings that cannot work. The URL is checked by those who dial it.
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

// AckAfterCommit answers the sender once the event and its deliveries are committed; the only mode there is.
const AckAfterCommit = "after-commit"

// Validate refuses a source whose own fields cannot work. Type, Scheme and secrets are checked by signature.
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
		if name != "" && (!isToken(name) || len(name) > 200) {
			return FieldErrorf(field, "%s must be the name of a header", field)
		}
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

// originHeaders act on more of our origin than the URL that answers with them: they end or fix sessions, pin browsers,
// ask for passwords in our name; or they switch off what keeps an answer from being a page of ours.
var originHeaders = []string{
	"Set-Cookie", "Clear-Site-Data", "Strict-Transport-Security", "Service-Worker-Allowed", "Public-Key-Pins", "Nel",
	"Report-To", "Alt-Svc",
	"Www-Authenticate", "Content-Encoding", "Content-Security-Policy", "X-Content-Type-Options",
}

// Validate refuses answers that are not HTTP, would hold a sender for ever, or do something to the rest of our origin:
// who chooses an answer owns a source or a bin, and not the server.
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

func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-') {
			return false
		}
	}
	return s != "" && s != "." && s != ".."
}

// Refusal is a request that a source did not accept, kept apart from the events with its reason.
type Refusal struct {
	Key        int64     `json:"id"`
	ProjectKey int64     `json:"-"`
	Source     string    `json:"source"`
	Time       time.Time `json:"time"`
	Reason     string    `json:"reason"`
	Method     string    `json:"method"`
	Target     string    `json:"target"`
	Remote     string    `json:"remote"`
	Header     []byte    `json:"-"` // as EncodeHeader writes it
	Body       []byte    `json:"-"` // its first 64 KiB
	Size       int64     `json:"size"`
}
