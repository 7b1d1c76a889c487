package hookyard

import (
	"bytes"
	"net/http"
	"time"
	"unicode/utf8"
)

// State is the state of a delivery.
type State string

// The states. All but Pending are final, but a user or a replay can reopen a delivery. One that was delivered stays
// Delivered when it is reopened: [Delivery.Resend] says what becomes of sending it again.
const (
	Pending   State = "pending"
	Delivered State = "delivered"
	Failed    State = "failed"   // gave up after the last attempt
	Skipped   State = "skipped"  // the hook was off
	Canceled  State = "canceled" // by a user, or with its hook
)

// Status says what happens to a delivery at this moment. That of a delivery that has ended is its state.
type Status string

// What a pending delivery waits for.
const (
	Queued    Status = "queued"    // its turn: Position
	Sending   Status = "sending"   // the end of the attempt that is under way
	Held      Status = "held"      // the hook's rate: Rate and Position
	Resting   Status = "resting"   // the hook rests after failures until Due
	Scheduled Status = "scheduled" // the next attempt, which is at Due
)

// MaxPosition is how far the positions of deliveries are counted: the position of those behind is MaxPosition + 1.
const MaxPosition = 10_000

// Delivery is one event owed to one hook. The pair is its identity: an event is owed to a hook at most once, and a
// replay reopens the same delivery.
type Delivery struct {
	ID         string    `json:"id"`
	EventSeq   int64     `json:"-"`
	HookKey    int64     `json:"-"`
	ProjectKey int64     `json:"-"`
	EventID    string    `json:"eventId"`
	EventType  string    `json:"eventType"`
	HookID     string    `json:"hookId"`
	State      State     `json:"state"`
	Reason     string    `json:"reason,omitempty"` // why it is in this state, or Resend in its, for people
	Attempts   int       `json:"attempts"`         // made so far
	Tries      int       `json:"-"`                // since it was last opened: where it is in the schedule, or TryOnce
	Due        time.Time `json:"nextAttemptAt,omitzero"`
	EventTime  time.Time `json:"eventTime"`
	UpdatedAt  time.Time `json:"updatedAt"`

	DeliveredAt time.Time `json:"deliveredAt,omitzero"` // of the first 2xx; set if State is Delivered
	Resend      State     `json:"resend,omitempty"`     // state of sending it again; "" if it was never reopened
	Replay      string    `json:"replayId,omitempty"`   // bulk replay that opened it last
	ReplayKey   int64     `json:"-"`

	// What follows is about the moment of a read, and zero elsewhere.
	Status   Status  `json:"status,omitempty"`   // "": a pending delivery that was not looked at
	Position int     `json:"position,omitempty"` // in the hook's queue; 1 is next
	Rate     float64 `json:"rate,omitempty"`     // attempts a second that the hook allows, if it holds the delivery
}

// TryOnce is the Tries of a delivery that was opened for one attempt, whatever comes of it.
const TryOnce = -1

// Reopened reports whether the delivery was opened again by a person or a program, for what will be its next attempt.
func (d *Delivery) Reopened() bool { return d.Attempts > d.Tries }

// Open reports whether the delivery is still to be sent, for the first time or again.
func (d *Delivery) Open() bool { return d.State == Pending || d.Resend == Pending }

// Attempt is one attempt to deliver, with its request and response.
type Attempt struct {
	EventSeq          int64
	HookKey           int64
	N                 int // 1 is the first
	StartedAt         time.Time
	Duration          time.Duration
	Method            string // of the request; "" means POST
	URL               string
	RequestHeader     http.Header // with secrets masked
	RequestBody       []byte      // its first bytes, made by [KeptBody]; nil when it equals the event's body
	RequestSize       int64
	Status            int // of the response; 0 when there was none
	ResponseHeader    http.Header
	ResponseBody      []byte // its first bytes, up to the limit
	ResponseTruncated bool
	Error             string // for people, or ""
	ErrorKind         ErrorKind
	Manual            bool   // of a delivery that was sent again, and not by its schedule
	Remote            string // address that was dialed
	Timing            Timing
}

// RequestTruncated reports whether RequestBody is only the beginning of what was sent.
func (a *Attempt) RequestTruncated() bool {
	return a.RequestBody != nil && int64(len(a.RequestBody)) < a.RequestSize
}

// KeptBody returns what an attempt keeps of a body that was made for it: at most [LargeBody] bytes, whole characters if
// it is UTF-8. A cut body is a copy, which does not hold the whole in memory.
func KeptBody(body []byte) []byte {
	if len(body) <= LargeBody {
		return body
	}
	n := LargeBody
	for range utf8.UTFMax - 1 {
		if utf8.RuneStart(body[n]) {
			break
		}
		n--
	}
	return bytes.Clone(body[:n])
}

// Timing breaks down the duration of an attempt. What did not happen, because the connection was reused, is zero.
type Timing struct {
	DNS     time.Duration
	Connect time.Duration
	TLS     time.Duration
	Wait    time.Duration // from the end of the request to the first byte of the response
}

// ErrorKind classifies failures that leave an attempt without a complete response.
type ErrorKind string

// The kinds. All but KindShape and KindBlocked count as connection failures.
const (
	KindNone     ErrorKind = ""
	KindDNS      ErrorKind = "dns"
	KindConnect  ErrorKind = "connect"
	KindTLS      ErrorKind = "tls"
	KindTimeout  ErrorKind = "timeout"
	KindProtocol ErrorKind = "protocol" // the response was not HTTP, or incomplete
	KindBlocked  ErrorKind = "blocked"  // the address is not allowed by the operator's settings
	KindShape    ErrorKind = "shape"    // the event cannot be formatted for the hook
	KindBroker   ErrorKind = "broker"   // RabbitMQ refused or returned the message
)

// Outcome is the outcome of one attempt.
type Outcome struct {
	Status     int           // of the response, or 0
	Kind       ErrorKind     // when there is no complete response
	Error      string        // for people
	RetryAfter time.Duration // requested by the receiver, or 0
}

// OK reports whether the receiver accepted the event: only a 2xx does (Standard Webhooks 1.0).
func (o Outcome) OK() bool { return o.Kind == KindNone && o.Status >= 200 && o.Status < 300 }

// ConnectionFailure reports whether the network or the receiver kept the attempt from getting any HTTP response.
func (o Outcome) ConnectionFailure() bool {
	switch o.Kind {
	case KindDNS, KindConnect, KindTLS, KindTimeout, KindProtocol:
		return o.Status == 0
	}
	return false
}
