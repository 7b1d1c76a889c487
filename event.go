package hookyard

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Names of the sources that every project has without making them.
const (
	SourceAPI  = "api"      // the publish API
	SourceMeta = "hookyard" // events of hookyard about hookyard
)

// Event is one immutable thing that came in. Its bytes are kept as they came and shaped only on the way out.
type Event struct {
	Seq         int64       // position in the order of commits; drawn by the store, the stuff of cursors
	ID          string      // evt_…; what receivers see as webhook-id
	ProjectKey  int64       // internal key of the project
	Project     string      // owner/name; filled by reads, not stored with the event
	Source      string      // name of the source it came by
	Type        string      // e.g. order.created; may be ""
	Time        time.Time   // when it came in, µs, UTC
	Method      string      // of the inbound request, or ""
	Target      string      // what followed the source in the inbound URL: path and ?query, or ""
	Remote      string      // address of the sender, or ""
	Verified    string      // how the sender was verified ("github", "basic", …), or "" when it was not
	Header      http.Header // of the inbound request, without credentials
	ContentType string      // of Body
	Body        []byte      // as it came; nil when its bytes are past retention (see Size)
	Size        int64       // of Body as it came
	DataOffset  int         // where a published event's data starts in Body; 0: the whole body is the data
	DedupKey    string      // duplicates' guard within project and source, or "": any event is new
}

// Data returns the payload proper: the "data" of a published event, digit for digit, else the whole body. The slice
// shares memory with Body and must not be changed.
func (e *Event) Data() []byte {
	if e.DataOffset > 0 && e.DataOffset < len(e.Body) {
		return e.Body[e.DataOffset : len(e.Body)-1]
	}
	return e.Body
}

// IsJSON says whether Data claims to be JSON by its content type. It does not parse it.
func (e *Event) IsJSON() bool {
	if e.DataOffset > 0 {
		return true
	}
	t, _, _ := strings.Cut(e.ContentType, ";")
	t = strings.ToLower(strings.TrimSpace(t))
	return t == "application/json" || strings.HasSuffix(t, "+json")
}

// Document returns what filters and searches look into: the body, or the JSON in the field payload or data of a form,
// where GitHub's form hooks have it. The slice must not be changed.
func (e *Event) Document() []byte {
	t, _, _ := strings.Cut(e.ContentType, ";")
	if e.DataOffset > 0 || !strings.EqualFold(strings.TrimSpace(t), "application/x-www-form-urlencoded") {
		return e.Body
	}
	form, err := url.ParseQuery(string(e.Body))
	if err != nil {
		return e.Body
	}
	for _, name := range []string{"payload", "data"} {
		if v := []byte(form.Get(name)); json.Valid(v) {
			return v
		}
	}
	return e.Body
}

// IsMeta says whether the event is hookyard's own, about a hook or a delivery.
func (e *Event) IsMeta() bool { return e.Source == SourceMeta }

// Publication is what a caller of the publish API gives for one event.
type Publication struct {
	ID        string    // the publisher's own id, or "": a duplicates' guard within the project
	Type      string    // required
	Timestamp time.Time // when it happened; zero means now
	Data      []byte    // JSON, required
	Header    http.Header
}

// Publish makes the event of a publication: its body is {"type","timestamp","data"} with the data's bytes unchanged
// (Standard Webhooks 1.0, payload structure). It fails with [Invalid] for what limits do not allow.
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
	e.ID, e.Source, e.Type, e.Time = newID("evt", now), SourceAPI, p.Type, now.UTC().Truncate(time.Microsecond)
	e.Header, e.DedupKey = p.Header, p.ID
	return e, nil
}

// envelope makes the body of a published event around its data.
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

// NewEvent makes the event of something that came in by a source, its bytes untouched. The caller fills what it knows
// of the request.
func NewEvent(source, eventType string, body []byte, now time.Time) *Event {
	return &Event{
		ID: newID("evt", now), Source: source, Type: eventType, Time: now.UTC().Truncate(time.Microsecond),
		Body: body, Size: int64(len(body)),
	}
}

// NewMeta makes one of hookyard's own events of a project, shaped as a published one. data must be JSON.
func NewMeta(projectKey int64, eventType string, data []byte, now time.Time) *Event {
	e := envelope(eventType, now, data)
	e.ID, e.Source, e.Type, e.ProjectKey, e.Time = newID("evt", now), SourceMeta, eventType, projectKey,
		now.UTC().Truncate(time.Microsecond)
	return e
}

// CheckType refuses event types that are empty, too long or not printable.
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
