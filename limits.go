package hookyard

import "time"

// Limits are the limits beyond which input is refused. Each is a setting, which the refusal names.
type Limits struct {
	Body            int64 // bytes of an event's body
	Decode          int64 // bytes of a body that formats, templates and filters decode
	URL             int   // bytes of a hook's URL
	Secret          int   // bytes of a secret
	Description     int   // bytes of a hook's description
	Headers         int   // headers of a hook
	HooksPerProject int
	EventType       int           // bytes of an event type
	ResponseBody    int           // bytes of a response that are stored
	RequestHeader   int           // bytes of a request's header
	JSONDepth       int           // nesting of a published event
	Batch           int           // events in one publish request
	Timeout         time.Duration // longest timeout of a hook
}

// DefaultLimits returns the default limits.
func DefaultLimits() Limits {
	return Limits{
		Body:            25 << 20,
		Decode:          1 << 20,
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
