package hookyard

import (
	"strings"
	"time"
)

// EventQuery selects events of a project. A zero field does not restrict the result.
type EventQuery struct {
	ProjectKey int64
	Source     string
	Type       string   // a name or a pattern with *
	Types      []string // one of these names
	Channel    string   // only with this channel
	NoMeta     bool     // without hookyard's own
	Since      time.Time
	Until      time.Time
	HookKey    int64        // only events owed to this hook;
	State      State        // with a delivery, to HookKey or any hook, in this state
	Tried      bool         // with a delivery, to HookKey or any hook, that was attempted
	ID         string       // only this event
	Text       string       // only if the body contains it, ignoring ASCII case
	Fields     []FieldMatch // all of them
	Before     int64        // only lower seq, newest first; 0 starts at the newest
	After      int64        // with Ascending: only higher seq, oldest first
	Ascending  bool
	Limit      int
	Bodies     bool // also read bodies and headers
}

// FieldMatch requires a value in the document of an event ([Event.Document]): a text, true, false, null, a number,
// however it is written, or the JSON of an object or an array.
type FieldMatch struct {
	Path  string // names of members and positions in arrays: data.order.id, data.items.0.sku; "": any search field
	Value string
}

// The bounds of a [FieldMatch], in bytes.
const (
	MaxFieldPath  = 200
	MaxFieldValue = 1000
)

// CheckFieldPath returns an [Invalid] error for the field of a request unless path is one of a [FieldMatch].
func CheckFieldPath(field, path string) error {
	switch {
	case len(path) > MaxFieldPath:
		return FieldErrorf(field, "the path is %d bytes long, at most %d are allowed", len(path), MaxFieldPath)
	case strings.ContainsAny(path, "#@|*?") || !printableText(path):
		return FieldErrorf(field, "path names members and positions only, such as data.items.0.sku")
	case path == "" || path[0] == '.' || path[len(path)-1] == '.' || strings.Contains(path, ".."):
		return FieldErrorf(field, "the path has an empty part: write it as in data.order.id")
	}
	return nil
}

// EventPage is one page of the result of an [EventQuery].
type EventPage struct {
	Events []*Event
	Counts []map[State]int // for each event, its deliveries by state
	Next   int64           // Before, or After when ascending, of the next page; 0 after the last page
	Cut    bool            // the search reached its limit on work; continue from Next

	TooLarge int64 // events that were left out because their bodies are too large for search fields
}

// Tail is the events of a project after some seq, oldest first.
type Tail struct {
	Events     []*Event  // without headers and bodies
	UpTo       int64     // the project has no further event at or below this seq, and will get none
	Pruned     int64     // highest seq of the project deleted after its retention, or 0
	PrunedTime time.Time // when that event arrived
}

// DeliveryQuery selects deliveries, newest event first. A zero field does not restrict the result.
type DeliveryQuery struct {
	ProjectKey int64
	HookKey    int64
	EventSeq   int64
	ReplayKey  int64 // bulk replay that opened them last; State is then what became of them in it
	State      State
	Open       bool // only those that are still to be sent: pending, or sent again
	Since      time.Time
	Until      time.Time
	Before     string // id of a delivery: only those that follow it
	Limit      int
}

// AttemptKey identifies an attempt.
type AttemptKey struct {
	EventSeq int64
	HookKey  int64
	N        int
}

// AttemptQuery selects attempts to a hook, those of its newest event first, or attempts for an event, the latest first.
// A zero field does not restrict the result.
type AttemptQuery struct {
	ProjectKey int64
	HookKey    int64 // this, or EventSeq, or both
	EventSeq   int64
	Succeeded  bool
	Failed     bool
	Class      int // of the status: 1 to 5, or -1 for attempts without a response
	Types      []string
	Channel    string
	Since      time.Time // when the attempt began
	Until      time.Time
	From       *AttemptKey // only those after it in the order of the list
	Backward   bool        // the list is the other way round
	Limit      int
}

// FoundAttempt is the result of an [AttemptQuery].
type FoundAttempt struct {
	Attempt
	EventID string
	HookID  string
}
