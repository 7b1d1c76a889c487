package hookyard

import (
	"fmt"
	"time"
)

// Decision is the consequence of an attempt: the next state of the delivery and the health of the hook.
type Decision struct {
	State   State
	Reason  string
	Due     time.Time // of the next attempt, when State is Pending
	Health  Health    // of the hook after this attempt
	HookOff string    // if not "", why to switch the hook off
}

// maxRetryAfter bounds how long a receiver can postpone a delivery: a day, the longest wait of the default schedule.
const maxRetryAfter = 24 * time.Hour

// Decide turns the outcome of an attempt into what happens next. before is the health of the hook before the attempt.
// tries counts the attempts since the delivery was last opened, including this one; below 1, it was to be the only one.
// jitter, between 0 and 1, spreads waits by ±20 %, so that receivers that failed together are not retried all at once.
// Decide is a pure function.
func Decide(h *Hook, before Health, tries int, o Outcome, now time.Time, jitter float64) Decision {
	d := Decision{Health: nextHealth(h, before, o, now)}
	if o.OK() {
		d.State = Delivered
		return d
	}
	d.HookOff = switchOff(h, d.Health, o, now)
	what := o.Error
	if o.Kind == KindNone {
		what = fmt.Sprintf("answered %d", o.Status)
	}
	schedule := h.EffectiveSchedule()
	switch {
	case d.HookOff != "":
		d.State, d.Reason = Failed, what+"; the hook was switched off: "+d.HookOff
	case o.Kind == KindShape:
		d.State, d.Reason = Failed, what // it would fail the same way again
	case tries < 1:
		d.State, d.Reason = Failed, what+"; it was sent once more only"
	case tries >= len(schedule):
		d.State, d.Reason = Failed, what+"; given up after "+Count(tries, "attempt")
	default:
		wait := time.Duration(float64(schedule[tries]) * (0.8 + 0.4*jitter))
		if o.RetryAfter > 0 {
			wait = max(wait, min(o.RetryAfter, maxRetryAfter))
		}
		d.State, d.Reason = Pending, what
		d.Due = now.Add(wait)
	}
	return d
}

// nextHealth counts consecutive failures. For the policy netbeans only connection failures count, and any HTTP response
// resets the count; for the others only a 2xx does. A failure on our side (a blocked address, an event that cannot be
// formatted) says nothing about the receiver and changes nothing.
func nextHealth(h *Hook, n Health, o Outcome, now time.Time) Health {
	switch {
	case o.OK(), h.Off.Policy == OffNetBeans && o.Status != 0:
		return Health{}
	case o.Kind == KindBlocked || o.Kind == KindShape:
		return n
	}
	if n.Failures == 0 {
		n.FailingSince = now
	}
	n.Failures++
	n.LastStatus = o.Status
	n.LastError = o.Error
	n.LastAttempt = now
	n.RestUntil = time.Time{}
	if o.Status == 429 && o.RetryAfter > 0 {
		n.RestUntil = now.Add(min(o.RetryAfter, maxRetryAfter)) // pauses the hook, not just this delivery
	}
	if h.Off.Policy == OffResting && n.Failures >= restAfter {
		rest := time.Minute << min(n.Failures-restAfter, 11)
		n.RestUntil = now.Add(min(rest, 24*time.Hour))
	}
	return n
}

// restAfter is how many consecutive failures pause a hook with policy resting; 4 as in GitLab.
const restAfter = 4

// switchOff returns why the hook must be switched off, or "".
func switchOff(h *Hook, n Health, o Outcome, now time.Time) string {
	if o.Status == 410 && o.Kind == KindNone {
		return "the receiver answered 410 Gone"
	}
	after := func(def int) int {
		if h.Off.After > 0 {
			return h.Off.After
		}
		return def
	}
	switch h.Off.Policy {
	case OffNetBeans:
		if a := after(10); n.Failures >= a && o.ConnectionFailure() {
			return Count(a, "connection") + " failed in a row; change the URL to switch it on again"
		}
	case OffFailures:
		if a := after(10); n.Failures >= a {
			return Count(a, "attempt") + " failed in a row"
		}
	case OffResting:
		if a := after(40); n.Failures >= a {
			return Count(a, "attempt") + " failed in a row"
		}
	case "", OffSustained:
		days := after(5)
		if n.Failures >= 10 && now.Sub(n.FailingSince) >= time.Duration(days)*24*time.Hour {
			return "nothing has succeeded for " + Count(days, "day")
		}
	}
	return ""
}
