package hookyard

import "time"

// Snapshot is a project with everything that routing needs, as one consistent read. It is shared and must not be
// changed.
type Snapshot struct {
	Project *Project
	Hooks   []*Hook
	Sources map[string]*Source
	Fields  SearchFields
	Tenants []Tenant // what the project's events count against: those that have limits other than of hooks

	Catalogue *Catalogue // the owner's, by which published events are checked; nil if they are not
}

// SearchFields are the search fields of a project, as the store knows them.
type SearchFields struct {
	Version int64 // counts the changes in all projects
	Fields  []SearchField
}

// SearchField is a field by whose values the events of a project are found.
type SearchField struct {
	Key  int64
	Path string
}

// Hook returns the hook with the given id, or nil.
func (s *Snapshot) Hook(id string) *Hook {
	for _, h := range s.Hooks {
		if h.ID == id {
			return h
		}
	}
	return nil
}

// RoutedEvent is an event with the deliveries it gives rise to. The store keeps both in one transaction before the
// sender gets its 2xx. [Route] makes it; [RoutedEvent.Add] adds to it.
type RoutedEvent struct {
	Event      *Event
	Deliveries []NewDelivery
	Fields     SearchFields // of the project; the store looks for newer ones
}

// NewDelivery is a delivery that has not been stored yet.
type NewDelivery struct {
	Delivery
	Hook     *Hook // shared; must not be changed
	InMemory bool  // the dispatcher of this node sends it from memory; otherwise it is claimed from its row
}

// Receipt is what the publisher is told of an event that was stored.
type Receipt struct {
	ID         string // of the event; of the earlier one when it was a duplicate
	Seq        int64
	Deliveries int
	Duplicate  bool
}

// LargeBody is the size in bytes beyond which a claim leaves the body of an event in the database.
const LargeBody = 256 << 10

// Work is a delivery claimed by this node, with the event to send. The body of the event is missing when it is larger
// than [LargeBody].
type Work struct {
	Delivery Delivery
	Event    *Event
}

// Result is the outcome of one attempt, as the store records it.
type Result struct {
	Work     *Work
	Attempt  *Attempt // nil: none was made (the hook was off, or the delivery is put back)
	Decision Decision
	Health   *Health        // not nil: the hook's health changed
	HookOff  string         // not "": switch the hook off
	OffEvent *RoutedEvent   // says so; stored only if this result switches the hook off, and no earlier one did
	Meta     []*RoutedEvent // events about this one, stored in the same transaction
}

// Lane is what a node does with the deliveries of a hook at this moment.
type Lane struct {
	Sending   map[int64]bool // seqs of the events that are being sent
	Held      bool           // the hook's rate holds back what is due
	RestUntil time.Time      // nothing is sent before
}

// DeliveryKey names a delivery's row.
type DeliveryKey struct{ EventSeq, HookKey int64 }

// HookDue is a hook with deliveries to be claimed, and when the first of them is due.
type HookDue struct {
	HookKey int64
	Due     time.Time
}
