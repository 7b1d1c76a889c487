package hookyard

import (
	"math"
	"time"
)

// The statuses of a [Replay].
const (
	ReplayPlanned  = "planned"  // nothing was started: it says what would be done
	ReplayRunning  = "running"  // it still examines events
	ReplayQueued   = "queued"   // it has examined all, and some of what it opened is still to be sent
	ReplayDone     = "done"     // nothing of it is still to be sent
	ReplayCanceled = "canceled" // what was not sent yet is not sent any more
)

// Ended reports whether nothing more comes of the replay.
func (r *Replay) Ended() bool {
	return r.Status == ReplayDone || r.Status == ReplayCanceled && r.Queued+r.Sending == 0
}

// Waiting is how many deliveries of the replay are still to be sent, or to be tried again.
func (r *Replay) Waiting() int64 { return r.Queued + r.Sending }

// Cancelable reports whether something of the replay can still be called back.
func (r *Replay) Cancelable() bool { return r.Status == ReplayRunning || r.Status == ReplayQueued }

// Replay is a bulk job that reopens deliveries, and creates those of a hook that did not exist when the events arrived.
type Replay struct {
	ID         string    `json:"id"` // rpl_…; "" if planned
	ProjectKey int64     `json:"-"`
	HookKey    int64     `json:"-"` // 0 means every hook that was owed the event
	Hook       string    `json:"hook,omitempty"`
	Since      time.Time `json:"since,omitzero"`
	Until      time.Time `json:"until,omitzero"`
	Type       string    `json:"type,omitempty"`  // a pattern
	State      State     `json:"state,omitempty"` // only deliveries in this state; "" also creates those of Hook
	Status     string    `json:"status"`          // one of the statuses of replays
	Total      int64     `json:"total"`           // events to examine, counted at the start
	Seen       int64     `json:"seen"`            // events examined
	Opened     int64     `json:"opened"`          // deliveries reopened or created: queued, sending and ended
	Queued     int64     `json:"queued"`          // still to be sent, or to be tried again
	Sending    int64     `json:"sending"`         // handed to a sender: the next to be sent, and under way
	Delivered  int64     `json:"delivered"`
	Failed     int64     `json:"failed"`
	Skipped    int64     `json:"skipped"` // the hook was off
	Canceled   int64     `json:"canceled"`
	TimeLeft   Duration  `json:"timeLeft,omitzero"` // estimated until all is sent; 0: not known, or nothing is left
	Key        int64     `json:"-"`
	Cursor     int64     `json:"-"` // seq up to which events have been examined
	Last       int64     `json:"-"` // seq of the last event to examine
	Actor      string    `json:"actor"`
	CreatedAt  time.Time `json:"createdAt"`
	UpdatedAt  time.Time `json:"updatedAt"`

	// Of a planned replay only.
	ByHook      map[string]int64 `json:"hooks,omitempty"`       // Opened by the ids of hooks
	Approximate bool             `json:"approximate,omitempty"` // Opened is projected from a part of the events
}

// EstimateLeft returns how long it takes to send what is left of a started replay if it goes on as it went so far. It
// returns 0 if that is not known yet, or nothing is left.
func (r *Replay) EstimateLeft(now time.Time) Duration {
	ended := r.Delivered + r.Failed + r.Skipped + r.Canceled
	if ended == 0 || r.Ended() || r.Status == ReplayCanceled {
		return 0
	}
	all := float64(r.Opened)
	if r.Status == ReplayRunning && r.Seen > 0 {
		all *= max(1, float64(r.Total)/float64(r.Seen))
	}
	return estimate(now.Sub(r.CreatedAt).Seconds() / float64(ended) * (all - float64(ended)))
}

// SendTime estimates how long the hook takes to send n deliveries if its receiver answers as it did recently: in the
// time that the figures are of. It returns 0 if they have no attempt, and the hook no rate.
func (h *Hook) SendTime(n int64, recent *Counts) Duration {
	each := 0.0
	timeouts := recent[CountTimeout]
	if attempts := recent.Responses() + timeouts; attempts > 0 {
		spent := time.Duration(recent[CountLatencySum]) * time.Microsecond
		each = (spent.Seconds() + float64(timeouts)*h.EffectiveTimeout().Seconds()) / float64(attempts) /
			float64(h.EffectiveInFlight())
	}
	if h.Rate > 0 {
		each = max(each, 1/h.Rate)
	}
	return estimate(each * float64(n))
}

// estimate is a number of seconds as a duration of whole seconds. What is less than a second counts as one, and what
// takes more than a year as a year.
func estimate(seconds float64) Duration {
	if seconds <= 0 {
		return 0
	}
	return Duration(math.Ceil(min(seconds, 365*24*3600))) * Duration(time.Second)
}
