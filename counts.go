package hookyard

import (
	"slices"
	"time"
)

// Counter names one figure of [Counts].
type Counter int

// The counters. All count what happened, except CountWaiting and CountKept, which also fall.
const (
	CountEvents  Counter = iota // events stored; of a project only
	CountRefused                // requests that a source refused; of a project only
	CountOpened                 // deliveries created or reopened
	CountWaiting                // the change of the number of pending deliveries
	CountDelivered
	CountFailed
	CountSkipped
	CountCanceled
	CountStatus2xx // attempts whose receiver answered so
	CountStatus3xx
	CountStatus4xx
	CountStatus5xx
	CountStatusOther
	CountDNS // attempts without a complete response, by ErrorKind
	CountConnect
	CountTLS
	CountTimeout
	CountProtocol
	CountBlocked
	CountShape
	CountBroker
	CountLatencySum                     // of the attempts with a response, in µs
	CountLatency                        // the first of the buckets: those of LatencyBounds, and one without a bound
	CountResent     = CountLatency + 13 // deliveries that were sent again after a 2xx, whatever came of it
	CountBytes      = CountResent + 1   // of the bodies of the events stored; of a project only
	CountKept       = CountBytes + 1    // the change of the bytes kept, as KeptBytes has them; of a project only
	CountRepeated   = CountKept + 1     // events that came again and were not stored; of a project only
	CountRefusedFor = CountRepeated + 1 // the first of the requests refused by code: those of RefusalCodes
	counterEnd      = CountRefusedFor + 7
)

// RefusalCodes are the codes for which sources refuse requests, in the order of their counters.
var RefusalCodes = [...]Code{Unauthenticated, Forbidden, Invalid, TooLarge, Unsupported, TooMany, Unavailable}

// LatencyBounds are the upper bounds of all latency buckets but the last, which has none.
var LatencyBounds = [...]time.Duration{
	5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond, 5 * time.Second,
	10 * time.Second, 30 * time.Second,
}

// ErrorKinds are the kinds of attempts without a complete response, in the order of their counters.
var ErrorKinds = [...]ErrorKind{KindDNS, KindConnect, KindTLS, KindTimeout, KindProtocol, KindBlocked, KindShape,
	KindBroker}

// Counts are the figures of a project or a hook over some time.
type Counts [counterEnd]int64

// Add adds the figures of another period, or of another hook.
func (c *Counts) Add(other *Counts) {
	for i, n := range other {
		c[i] += n
	}
}

// Sub subtracts figures that c contains.
func (c *Counts) Sub(other *Counts) {
	for i, n := range other {
		c[i] -= n
	}
}

// Attempt counts an attempt by its outcome and, if it got a response, by its duration.
func (c *Counts) Attempt(a *Attempt) {
	for i, kind := range ErrorKinds {
		if a.ErrorKind == kind {
			c[CountDNS+Counter(i)]++
			return
		}
	}
	class := CountStatusOther
	if a.Status >= 200 && a.Status < 600 {
		class = CountStatus2xx + Counter(a.Status/100-2)
	}
	c[class]++
	c[CountLatencySum] += a.Duration.Microseconds()
	bucket := 0
	for bucket < len(LatencyBounds) && a.Duration > LatencyBounds[bucket] {
		bucket++
	}
	c[CountLatency+Counter(bucket)]++
}

// Refuse counts a request that a source refused. Codes that are not of [RefusalCodes] are in CountRefused only.
func (c *Counts) Refuse(code Code) {
	c[CountRefused]++
	if i := slices.Index(RefusalCodes[:], code); i >= 0 {
		c[CountRefusedFor+Counter(i)]++
	}
}

// Open counts deliveries that became pending.
func (c *Counts) Open(n int64) {
	c[CountOpened] += n
	c[CountWaiting] += n
}

// End counts pending deliveries that came into a final state.
func (c *Counts) End(s State, n int64) {
	c[CountWaiting] -= n
	switch s {
	case Delivered:
		c[CountDelivered] += n
	case Failed:
		c[CountFailed] += n
	case Skipped:
		c[CountSkipped] += n
	case Canceled:
		c[CountCanceled] += n
	}
}

// EndResend counts deliveries with a 2xx that were pending again and no longer are. They count as delivered already.
func (c *Counts) EndResend(n int64) {
	c[CountWaiting] -= n
	c[CountResent] += n
}

// Responses is the number of attempts that got a response, whatever its status.
func (c *Counts) Responses() int64 { return c.sum(CountStatus2xx, CountStatusOther) }

// NoResponses is the number of attempts without a complete response.
func (c *Counts) NoResponses() int64 { return c.sum(CountDNS, CountBroker) }

// Attempts is the number of attempts.
func (c *Counts) Attempts() int64 { return c.Responses() + c.NoResponses() }

// AnswerClasses are the classes of the status of attempts with a response, in the order of their counters.
var AnswerClasses = [...]string{"2xx", "3xx", "4xx", "5xx", "other"}

// Answers returns the attempts with a response by the class of the status. Classes without any are missing.
func (c *Counts) Answers() map[string]int64 {
	out := map[string]int64{}
	for i, class := range AnswerClasses {
		if n := c[CountStatus2xx+Counter(i)]; n != 0 {
			out[class] = n
		}
	}
	return out
}

// NoAnswers returns the attempts without a complete response by kind. Kinds without any are missing.
func (c *Counts) NoAnswers() map[string]int64 {
	out := map[string]int64{}
	for i, kind := range ErrorKinds {
		if n := c[CountDNS+Counter(i)]; n != 0 {
			out[string(kind)] = n
		}
	}
	return out
}

// Refusals returns the refused requests by the code of the error. Those of codes that are not of [RefusalCodes], and
// codes without any, are missing.
func (c *Counts) Refusals() map[string]int64 {
	out := map[string]int64{}
	for i, code := range RefusalCodes {
		if n := c[CountRefusedFor+Counter(i)]; n != 0 {
			out[string(code)] = n
		}
	}
	return out
}

// Buckets returns the number of responses in each latency bucket. It shares memory with c.
func (c *Counts) Buckets() []int64 {
	return c[CountLatency : CountLatency+Counter(len(LatencyBounds))+1]
}

// Ended is the number of deliveries that were delivered or given up. Those that were skipped or canceled say nothing
// about the receiver.
func (c *Counts) Ended() int64 { return c[CountDelivered] + c[CountFailed] }

// Quantile estimates the duration that the given share of the responses did not exceed: 0.5 is the median. It
// interpolates within a bucket of LatencyBounds, as Prometheus does. A response slower than the last bound counts as
// that bound. ok is false if there was no response.
func (c *Counts) Quantile(share float64) (d time.Duration, ok bool) {
	all := c.Responses()
	if all == 0 {
		return 0, false
	}
	rank, seen := share*float64(all), 0.0
	lower := time.Duration(0)
	for i, upper := range LatencyBounds {
		n := float64(c[CountLatency+Counter(i)])
		if n > 0 && seen+n >= rank {
			return lower + time.Duration(float64(upper-lower)*max(0, rank-seen)/n), true
		}
		seen += n
		lower = upper
	}
	return lower, true
}

// Mean is the average duration of the responses, 0 if there was none.
func (c *Counts) Mean() time.Duration {
	all := c.Responses()
	if all == 0 {
		return 0
	}
	return time.Duration(c[CountLatencySum]/all) * time.Microsecond
}

func (c *Counts) sum(first, last Counter) int64 {
	n := int64(0)
	for i := first; i <= last; i++ {
		n += c[i]
	}
	return n
}
