package api

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/textproto"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
)

// Bounds on what a CloudEvent carries beside its data.
const (
	maxAttributes = 64
	maxAttribute  = 2000 // bytes of a value
)

// attributes are a CloudEvent's, by name.
type attributes map[string]string

// cloudEvent reads structured mode: one JSON object.
func (a *API) cloudEvent(contentType string, body []byte, at time.Time) ([]*hookyard.Event, error) {
	if contentType != "application/cloudevents+json" && contentType != "application/cloudevents" {
		return nil, unknownFormat(contentType)
	}
	e, err := a.structured(body, at)
	return []*hookyard.Event{e}, err
}

// cloudEventBatch reads batched mode: a JSON array. When one is malformed, none is made.
func (a *API) cloudEventBatch(contentType string, body []byte, at time.Time) ([]*hookyard.Event, error) {
	if contentType != "application/cloudevents-batch+json" && contentType != "application/cloudevents-batch" {
		return nil, unknownFormat(contentType)
	}
	items, err := splitArray(body, a.o.Limits.JSONDepth, a.o.Limits.Batch)
	if err != nil {
		return nil, err
	}
	events := make([]*hookyard.Event, len(items))
	for i, item := range items {
		if events[i], err = a.structured(item, at); err != nil {
			return nil, atIndex(i, err)
		}
	}
	return events, nil
}

func unknownFormat(contentType string) error {
	return hookyard.Errorf(hookyard.Unsupported,
		"CloudEvents come as application/cloudevents+json, as application/cloudevents-batch+json or with ce- headers, "+
			"not as %s",
		hookyard.Clean(contentType, 100))
}

// structured makes the event of one CloudEvent in JSON (CloudEvents 1.0.2, JSON event format).
func (a *API) structured(body []byte, at time.Time) (*hookyard.Event, error) {
	if err := hookyard.CheckJSON(body, a.o.Limits.JSONDepth); err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil || members == nil {
		return nil, notJSON("a CloudEvent is a JSON object")
	}
	ce := attributes{}
	header := http.Header{}
	for name, raw := range members {
		if name == "data" || name == "data_base64" || string(raw) == "null" {
			continue
		}
		value := string(raw) // a number or a boolean is its own text
		if raw[0] == '"' {
			_ = json.Unmarshal(raw, &value) // it is part of a document that was checked
		} else if raw[0] == '{' || raw[0] == '[' {
			return nil, hookyard.FieldErrorf(hookyard.Clean(name, 100),
				"attribute %s must be a string, number or boolean", hookyard.Clean(name, 100))
		}
		if err := ce.add(name, value); err != nil {
			return nil, err
		}
		header["Ce-"+textproto.CanonicalMIMEHeaderKey(name)] = []string{hookyard.EncodeAttribute(value)}
	}
	delete(header, "Ce-Datacontenttype") // the data's content type is the event's
	data, contentType, err := structuredData(members, ce["datacontenttype"])
	if err != nil {
		return nil, err
	}
	return a.fromCloudEvent(ce, header, data, contentType, at)
}

// structuredData takes the data out of a JSON envelope; its bytes are JSON when contentType says so.
func structuredData(members map[string]json.RawMessage, contentType string) ([]byte, string, error) {
	if contentType == "" {
		contentType = "application/json"
	}
	data, encoded := members["data"], members["data_base64"]
	if encoded != nil && string(encoded) != "null" {
		var s string
		if data != nil {
			return nil, "", hookyard.FieldErrorf("data", "a CloudEvent has either data or data_base64")
		}
		if json.Unmarshal(encoded, &s) != nil {
			return nil, "", hookyard.FieldErrorf("data_base64", "data_base64 must be a string")
		}
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return nil, "", hookyard.FieldErrorf("data_base64", "data_base64 is not base64")
		}
		return b, contentType, nil
	}
	var s string
	if !hookyard.IsJSONType(contentType) && json.Unmarshal(data, &s) == nil && string(data) != "null" {
		return []byte(s), contentType, nil
	}
	if data == nil {
		return []byte("null"), "application/json", nil
	}
	return data, "application/json", nil
}

// binaryCloudEvent reads binary mode: attributes as ce- headers, the body is the data.
func (a *API) binaryCloudEvent(h http.Header, body []byte, at time.Time) ([]*hookyard.Event, error) {
	ce := attributes{}
	header := http.Header{}
	for name, values := range h {
		attribute, ok := strings.CutPrefix(name, "Ce-")
		if !ok {
			continue
		}
		value, ok := hookyard.DecodeAttribute(values[0])
		if !ok || len(values) > 1 {
			return nil, hookyard.FieldErrorf(name, "header %s must stand once, percent-encoded UTF-8",
				hookyard.Clean(name, 100))
		}
		if err := ce.add(strings.ToLower(attribute), value); err != nil {
			return nil, err
		}
		header[name] = values
	}
	if _, ok := ce["datacontenttype"]; ok {
		return nil, hookyard.FieldErrorf("ce-datacontenttype",
			"in binary mode the data's type is the Content-Type, not ce-datacontenttype")
	}
	contentType := h.Get("Content-Type")
	if len(body) == 0 {
		body, contentType = []byte("null"), "application/json"
	}
	e, err := a.fromCloudEvent(ce, header, body, contentType, at)
	return []*hookyard.Event{e}, err
}

// fromCloudEvent makes the event. Data that is JSON becomes a published event like any other; other data keeps its
// bytes and content type.
func (a *API) fromCloudEvent(ce attributes, header http.Header, data []byte, contentType string,
	at time.Time) (*hookyard.Event, error) {
	happened, err := ce.check()
	if err != nil {
		return nil, err
	}
	var e *hookyard.Event
	if hookyard.IsJSONType(contentType) {
		e, err = hookyard.Publish(hookyard.Publication{Type: ce["type"], Timestamp: happened, Data: data,
			Header: header}, at, a.o.Limits)
	} else if err = hookyard.CheckType(ce["type"], a.o.Limits); err == nil {
		e = hookyard.NewEvent(hookyard.SourceAPI, ce["type"], data, at)
		e.ContentType, e.Header = hookyard.Clean(contentType, 200), header
	}
	if err != nil {
		return nil, err
	}
	e.DedupKey = "ce:" + ce["id"] + " " + ce["source"] // together they are its identity
	return e, nil
}

// add notes an attribute (CloudEvents 1.0.2, naming conventions and type system).
func (ce attributes) add(name, value string) error {
	shown := hookyard.Clean(name, 100)
	if len(name) > 64 || name == "" || strings.ContainsFunc(name,
		func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }) {
		return hookyard.FieldErrorf(shown, "attribute %q must be named with 1 to 64 of the characters a-z 0-9", shown)
	}
	if len(ce) == maxAttributes {
		return hookyard.Errorf(hookyard.Invalid, "the CloudEvent has more than %d attributes", maxAttributes)
	}
	if len(value) > maxAttribute || !utf8.ValidString(value) || strings.ContainsFunc(value, isControl) {
		return hookyard.FieldErrorf(shown, "attribute %s is over %d bytes or holds control characters", shown,
			maxAttribute)
	}
	ce[name] = value
	return nil
}

// check asks for the attributes that every CloudEvent has, and returns when it happened.
func (ce attributes) check() (time.Time, error) {
	if v := ce["specversion"]; v != "1.0" {
		return time.Time{}, hookyard.FieldErrorf("specversion", "specversion must be 1.0, not %q",
			hookyard.Clean(v, 20))
	}
	for _, name := range []string{"id", "source", "type"} {
		if ce[name] == "" {
			return time.Time{}, hookyard.FieldErrorf(name, "a CloudEvent must have the attribute %s", name)
		}
	}
	if len(ce["id"])+len(ce["source"]) > 1000 {
		return time.Time{}, hookyard.FieldErrorf("id", "id and source are over 1000 bytes together")
	}
	if ce["time"] == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, ce["time"])
	if err != nil || !control.Storable(t) {
		return time.Time{}, hookyard.FieldErrorf("time", "time must be RFC 3339, such as 2026-01-31T12:00:00Z")
	}
	return t, nil
}
