package hookyard

import "time"

// EventQuery asks for events of a project. Zero fields do not restrict.
type EventQuery struct {
	ProjectKey int64
	Source     string
	Type       string // a name or a pattern with *
	Since      time.Time
	Until      time.Time
	HookKey    int64  // only events owed to this hook …
	State      State  // … or to any hook, in this state
	ID         string // this event
	Text       string // bytes that stand somewhere in the body, compared without ASCII case
	Path       string // JSON path into the body, as gjson has it (data.order.id) …
	Value      string // … and the value it must have there
	Before     int64  // only seq below, newest first; 0: from the newest
	After      int64  // with Ascending: only seq above, oldest first
	Ascending  bool
	Limit      int
	Bodies     bool // read bodies and headers, too
}

// EventPage is what a query found.
type EventPage struct {
	Events []*Event
	Counts []map[State]int // per event: its deliveries by state
	Next   int64           // seq to go on from (Before, or After when ascending); 0: that is all
	Cut    bool            // the search stopped at its bound on work; go on from Next
}

// Tail is what came into a project after some seq, oldest first.
type Tail struct {
	Events     []*Event  // without headers and bodies
	UpTo       int64     // nothing of the project that is not in Events will ever appear at or below it
	Pruned     int64     // highest seq of the project that is past retention, or 0
	PrunedTime time.Time // when that event came in
}

// DeliveryQuery asks for deliveries, the newest event first. Zero fields do not restrict.
type DeliveryQuery struct {
	ProjectKey int64
	HookKey    int64
	EventSeq   int64
	State      State
	Since      time.Time
	Until      time.Time
	Before     string // id of a delivery: only those after it in the list
	Limit      int
}
