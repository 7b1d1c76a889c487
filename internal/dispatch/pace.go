package dispatch

import (
	"time"

	"golang.org/x/time/rate"

	"github.com/hookyard/hookyard"
)

// pace is how fast a hook may be sent to: what is known of its health, its rate, and how many attempts may be under
// way. It reads no clock and takes no lock. The zero pace has not seen its hook yet.
type pace struct {
	known    bool  // refresh was called
	revision int64 // of the hook, at that time
	health   hookyard.Health
	varied   bool // the health was another since then: what is cached of the hook may be older
	window   int  // workers allowed now: halved by a failed connection, grown by a success
	inFlight int  // of the hook
	ordered  bool
	limiter  *rate.Limiter // nil: the hook has no rate
	paused   time.Time     // until then the rate allows nothing
	moved    time.Time     // when an attempt last ended
	vain     time.Time     // when there was last nothing to claim: another node has it, or lets the hook rest
}

// refresh takes over the hook as it is. The health is the hook's own only when the hook is new to pace or was changed:
// otherwise what pace counted since is newer than what the hook says.
func (p *pace) refresh(h *hookyard.Hook) {
	p.ordered = h.Ordered
	if p.known && p.revision == h.Revision {
		return
	}
	p.known, p.revision = true, h.Revision
	p.health, p.varied = h.Health, false
	p.inFlight = h.EffectiveInFlight()
	p.window = p.inFlight
	p.paused, p.limiter = time.Time{}, nil
	if h.Rate > 0 {
		p.limiter = rate.NewLimiter(rate.Limit(h.Rate), max(1, int(h.Rate)))
	}
}

// quietUntil is the time before which nothing may be sent, because the hook rests or its rate is used up.
func (p *pace) quietUntil() time.Time {
	if p.paused.After(p.health.RestUntil) {
		return p.paused
	}
	return p.health.RestUntil
}

// workers is how many workers there may be. One is always allowed: it finds out whether the hook works again.
func (p *pace) workers() int { return max(1, p.window) }

// admit takes one attempt from the hook's rate. If there is none it says no and pauses until there is.
func (p *pace) admit(now time.Time) bool {
	if p.limiter == nil {
		return true
	}
	token := p.limiter.ReserveN(now, 1)
	wait := token.DelayFrom(now)
	if wait <= 0 {
		return true
	}
	token.CancelAt(now)
	p.paused = now.Add(wait)
	return false
}

// recordOutcome notes how an attempt ended, with the health that was decided from it. inFlight is how many attempts the
// hook allows. grew says that another worker is allowed now.
func (p *pace) recordOutcome(o hookyard.Outcome, health hookyard.Health, inFlight int, now time.Time) (grew bool) {
	p.varied = p.varied || health != p.health
	p.health, p.moved = health, now
	switch {
	case o.ConnectionFailure():
		p.window = max(1, p.window/2)
	case p.window < inFlight:
		p.window++
		return true
	default:
		p.window = inFlight
	}
	return false
}

// mayBeIdle says whether there is a good reason for rows that have been due for so long.
func (p *pace) mayBeIdle(now time.Time, after time.Duration) bool {
	return p.health.RestUntil.After(now) || p.limiter != nil || now.Sub(p.moved) < after || now.Sub(p.vain) < after
}

// isIdle reports whether a new pace would be the same after its first refresh. A hook with a rate keeps its own: what
// is used of the rate is known nowhere else.
func (p *pace) isIdle(now time.Time) bool {
	return p.health == (hookyard.Health{}) && !p.varied && p.window == p.inFlight && p.limiter == nil &&
		now.Sub(p.moved) > laneIdle && now.Sub(p.vain) > laneIdle
}
