package hookyard

import (
	"net/http"
	"strings"
	"time"
)

// The sources that every project has from the start.
const (
	SourceAPI  = "api"      // the publish API
	SourceMeta = "hookyard" // events of hookyard itself
)

// Event is one received webhook or published event. It is immutable: its bytes are stored as received and formatted
// only when they are sent.
type Event struct {
	Seq         int64       // position in the order of commits, assigned by the store; cursors hold it
	ID          string      // evt_…; the webhook-id that receivers see
	ProjectKey  int64       // internal key of the project
	Project     string      // owner/name; set when read, not stored with the event
	Source      string      // name of the source that received it
	Type        string      // for example order.created; may be ""
	Channels    []string    // that hooks may select by, beside the type
	UID         string      // the publisher's own name of the event, by which it can be read; "" for none
	Time        time.Time   // of receipt, in microseconds, UTC
	Method      string      // of the inbound request, or ""
	Target      string      // path and ?query after the source in the inbound URL, or ""
	Remote      string      // address of the sender, or ""
	Verified    string      // how the sender was verified ("github hmac-sha256", "basic", …), or "" if it was not
	Header      http.Header // of the inbound request, without credentials
	Trace       Trace       // that the event belongs to: its sender's, or that of its acceptance
	ContentType string      // of Body
	Body        []byte      // as received; nil after its retention, when Size still holds its length
	Size        int64       // of the body as received, in bytes
	DataOffset  int         // where the data of a published event starts in Body; 0: the whole body is data
	DedupKey    string      // identifies duplicates within project and source; "" for none
	Decompress  Decompress  // for Plain; nil: bodies stay compressed
	plain       []byte      // set by SetPlain

	// What follows is set by a read of single events and of lists, and not stored with the event.
	Duplicates      int       // how often it came again and was not stored
	LastDuplicateAt time.Time // when it did last
}

// Data returns the payload: the bytes of "data" of a published event, or the whole body, decompressed (see Plain), of
// any other. The slice must not be modified.
func (e *Event) Data() []byte {
	if e.DataOffset > 0 && e.DataOffset < len(e.Body) {
		return e.Body[e.DataOffset : len(e.Body)-1]
	}
	return e.Plain()
}

// IsJSON reports whether the content type of Data is JSON. It does not parse Data.
func (e *Event) IsJSON() bool {
	return e.DataOffset > 0 || IsJSONType(e.ContentType)
}

// IsMeta reports whether the event is one of hookyard's own, about a hook or a delivery.
func (e *Event) IsMeta() bool { return e.Source == SourceMeta }

// Publication is one event as passed to the publish API.
type Publication struct {
	ID        string    // the publisher's id, which identifies duplicates within the project, or ""
	Type      string    // required
	Timestamp time.Time // when it happened; zero means now
	Channels  []string  // that hooks may select by
	Data      []byte    // JSON, required
	Header    http.Header
}

// Publish returns the event of a publication. Its body is {"type","timestamp","data"}, the payload structure of
// Standard Webhooks 1.0, with the bytes of the data unchanged. A publication beyond the limits is an [Invalid] error.
func Publish(p Publication, now time.Time, limits Limits) (*Event, error) {
	if err := CheckType(p.Type, limits); err != nil {
		return nil, err
	}
	if len(p.ID) > limits.EventType {
		return nil, FieldErrorf("id", "id is %d bytes long, at most %d are allowed (setting: --max-event-type)",
			len(p.ID), limits.EventType)
	}
	if !printable(p.ID) {
		return nil, FieldErrorf("id", "id must be printable text without control characters")
	}
	if err := CheckChannels(p.Channels); err != nil {
		return nil, err
	}
	if len(p.Data) == 0 {
		return nil, FieldErrorf("data", "data is missing: give any JSON value, for example {}")
	}
	if err := CheckJSON(p.Data, limits.JSONDepth); err != nil {
		return nil, err
	}
	happened := p.Timestamp
	if happened.IsZero() {
		happened = now
	}
	e := envelope(p.Type, happened, p.Data)
	e.ID = newID("evt", now)
	e.Source = SourceAPI
	e.Type = p.Type
	e.Time = now.UTC().Truncate(time.Microsecond)
	e.Channels = p.Channels
	e.Header = p.Header
	e.DedupKey = p.ID
	return e, nil
}

// envelope returns an event whose body wraps data, with the fields that describe the body.
func envelope(eventType string, happened time.Time, data []byte) *Event {
	body := make([]byte, 0, len(data)+len(eventType)+64)
	body = append(body, `{"type":`...)
	body = AppendJSONString(body, eventType)
	body = append(body, `,"timestamp":"`...)
	body = happened.UTC().AppendFormat(body, time.RFC3339Nano)
	body = append(body, `","data":`...)
	offset := len(body)
	body = append(body, data...)
	body = append(body, '}')
	return &Event{ContentType: "application/json", Body: body, Size: int64(len(body)), DataOffset: offset}
}

// NewEvent returns the event of a body received by a source. It does not copy the body. The caller sets the fields that
// describe the request.
func NewEvent(source, eventType string, body []byte, now time.Time) *Event {
	return &Event{
		ID: newID("evt", now), Source: source, Type: eventType, Time: now.UTC().Truncate(time.Microsecond),
		Body: body, Size: int64(len(body)),
	}
}

// NewMeta returns one of hookyard's own events in a project, in the form of a published one. data must be JSON.
func NewMeta(projectKey int64, eventType string, data []byte, now time.Time) *Event {
	e := envelope(eventType, now, data)
	e.ID = newID("evt", now)
	e.Source = SourceMeta
	e.Type = eventType
	e.ProjectKey = projectKey
	e.Time = now.UTC().Truncate(time.Microsecond)
	return e
}

// CheckType returns an [Invalid] error if t is empty, too long, not printable or one of hookyard's own event types.
func CheckType(t string, limits Limits) error {
	switch {
	case t == "":
		return FieldErrorf("type", "type is missing: name the event, for example order.created")
	case len(t) > limits.EventType:
		return FieldErrorf("type", "type is %d bytes long, at most %d are allowed (setting: --max-event-type)", len(t),
			limits.EventType)
	case !printable(t):
		return FieldErrorf("type", "type must be printable text without spaces or control characters")
	case strings.HasPrefix(t, "hookyard."):
		return FieldErrorf("type", "types that begin with hookyard. are hookyard's own")
	}
	return nil
}
