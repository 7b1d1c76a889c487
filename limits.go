package hookyard

import "time"

// Limits are the sizes beyond which input is refused. Each is a setting; a refusal names it.
type Limits struct {
	Body            int64 // bytes of an event's body
	URL             int   // bytes of a hook's URL
	Secret          int   // bytes of a secret
	Description     int   // bytes of a hook's description
	Headers         int   // headers a hook may add
	HooksPerProject int
	EventType       int           // bytes of an event type
	ResponseBody    int           // bytes kept of a receiver's answer
	RequestHeader   int           // bytes of a request's header
	JSONDepth       int           // nesting of a published event
	Batch           int           // events in one publish request
	Timeout         time.Duration // longest exchange a hook may ask for
}

// DefaultLimits returns the limits as shipped.
func DefaultLimits() Limits {
	return Limits{
		Body:            25 << 20,
		URL:             2000,
		Secret:          250,
		Description:     1000,
		Headers:         20,
		HooksPerProject: 1000,
		EventType:       200,
		ResponseBody:    64 << 10,
		RequestHeader:   64 << 10,
		JSONDepth:       1000,
		Batch:           1000,
		Timeout:         2 * time.Minute,
	}
}
