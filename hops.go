package hookyard

import (
	"net/http"
	"strconv"
)

// HeaderHops counts how often an event was sent on by a hookyard server. It ends loops, such as a hook that sends to
// the source its events come from.
const HeaderHops = "Hookyard-Hops"

// MaxHops is how often an event may be sent on.
const MaxHops = 8

// Hops returns how often what came with the header was sent on. A value that is not a number counts as 0.
func Hops(h http.Header) int {
	values := h[HeaderHops]
	if len(values) == 0 {
		return 0
	}
	n, err := strconv.ParseUint(values[0], 10, 31)
	if err != nil {
		return 0
	}
	return int(n)
}

// SetHops sets the header in out for an event that is sent on and came with the header came.
func SetHops(out, came http.Header) { out[HeaderHops] = []string{strconv.Itoa(Hops(came) + 1)} }

// CheckHops returns an [Invalid] error if the event was sent on more than [MaxHops] times.
func CheckHops(e *Event) error {
	if n := Hops(e.Header); n > MaxHops {
		return FieldErrorf(HeaderHops, "hookyard sent this event on %d times, at most %d are allowed: "+
			"hooks send to each other in a loop; remove the one that leads back", n, MaxHops)
	}
	return nil
}
