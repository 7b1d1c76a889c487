package hookyard

import (
	"net/http"
	"time"
)

// State is what is true of a delivery.
type State string

// The states. All but Pending are final, though a final delivery can be opened again by a person or a replay.
const (
	Pending   State = "pending"
	Delivered State = "delivered"
	Failed    State = "failed"   // given up
	Skipped   State = "skipped"  // the hook was off
	Canceled  State = "canceled" // by a person, or with its hook
)

// Delivery is one event owed to one hook. The pair is its identity: an event is owed to a hook at most once, and a
// replay opens the same delivery again.
type Delivery struct {
	ID         string    `json:"id"`
	EventSeq   int64     `json:"-"`
	HookKey    int64     `json:"-"`
	ProjectKey int64     `json:"-"`
	EventID    string    `json:"eventId"`
	EventType  string    `json:"eventType"`
	HookID     string    `json:"hookId"`
	State      State     `json:"state"`
	Reason     string    `json:"reason,omitempty"` // why it is in this state, in words
	Attempts   int       `json:"attempts"`         // made so far
	Tries      int       `json:"-"`                // of them since it was last opened: where in the schedule it is
	Due        time.Time `json:"nextAttemptAt,omitzero"`
	EventTime  time.Time `json:"eventTime"`
	UpdatedAt  time.Time `json:"updatedAt"`
}

// Attempt is one try of a delivery.
type Attempt struct {
	EventSeq          int64
	HookKey           int64
	N                 int // 1 is the first
	StartedAt         time.Time
	Duration          time.Duration
	URL               string
	RequestHeader     http.Header // with secrets masked
	RequestBody       []byte      // nil when it was the event's own bytes
	RequestSize       int64
	Status            int // 0 when no answer came
	ResponseHeader    http.Header
	ResponseBody      []byte // its first bytes, as far as the limit
	ResponseTruncated bool
	Error             string // in words, or ""
	ErrorKind         ErrorKind
	Remote            string // address that was dialled
	Timing            Timing
}

// Timing splits an attempt's duration; parts that did not happen (a reused connection) are zero.
type Timing struct {
	DNS     time.Duration
	Connect time.Duration
	TLS     time.Duration
	Wait    time.Duration // from the request's end to the answer's first byte
}

// ErrorKind groups what can go wrong before or instead of an answer.
type ErrorKind string

// The kinds. All but KindShape and KindBlocked count as connection failures.
const (
	KindNone     ErrorKind = ""
	KindDNS      ErrorKind = "dns"
	KindConnect  ErrorKind = "connect"
	KindTLS      ErrorKind = "tls"
	KindTimeout  ErrorKind = "timeout"
	KindProtocol ErrorKind = "protocol" // the answer was not HTTP, or broke off
	KindBlocked  ErrorKind = "blocked"  // the address is not allowed; an operator's setting would allow it
	KindShape    ErrorKind = "shape"    // the event cannot be shaped for the hook
	KindBroker   ErrorKind = "broker"   // RabbitMQ refused or returned the message
)

// Outcome is what one attempt came to.
type Outcome struct {
	Status     int           // of the answer, or 0
	Kind       ErrorKind     // when no whole answer came
	Error      string        // in words
	RetryAfter time.Duration // asked for by the receiver, or 0
}

// OK says whether the receiver took the event: a 2xx and nothing else (Standard Webhooks 1.0).
func (o Outcome) OK() bool { return o.Kind == KindNone && o.Status >= 200 && o.Status < 300 }

// ConnectionFailure says whether no HTTP answer came because of the network or the receiver.
func (o Outcome) ConnectionFailure() bool {
	switch o.Kind {
	case KindDNS, KindConnect, KindTLS, KindTimeout, KindProtocol:
		return o.Status == 0
	}
	return false
}
