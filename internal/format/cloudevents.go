package format

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
)

// Limits on the attributes of a received CloudEvent that are passed on. In binary mode they become headers.
const (
	maxAttributes     = 64
	maxAttributeValue = 4096 // bytes
)

// cloudEvent is an event in terms of CloudEvents 1.0.
type cloudEvent struct {
	attributes map[string]string // includes specversion, but not datacontenttype
	dataType   string            // datacontenttype, or ""
	data       []byte
	structured bool // it was received in structured mode,
	same       bool // with the required attributes that it has now
}

// shapeCloudEvents formats an event in structured mode: one JSON object of attributes and data.
// An event that came in structured mode goes out with the bytes it came with, unless its source gave it another type:
// attributes that are numbers or booleans stay what they are.
func shapeCloudEvents(in Input) (Shaped, error) {
	c := newCloudEvent(in)
	if c.structured && c.same {
		return Shaped{Body: in.Event.Body, ContentType: hookyard.TypeCloudEvent}, nil
	}
	size := len(c.data)
	if !hookyard.IsJSONType(c.dataType) {
		size = base64.StdEncoding.EncodedLen(size)
	}
	b := make([]byte, 0, size+512)
	b = append(b, '{')
	for i, name := range attributeOrder(c.attributes) {
		if i > 0 {
			b = append(b, ',')
		}
		b = hookyard.AppendJSONString(b, name)
		b = hookyard.AppendJSONString(append(b, ':'), c.attributes[name])
	}
	if c.dataType != "" {
		b = hookyard.AppendJSONString(append(b, `,"datacontenttype":`...), c.dataType)
	}
	return Shaped{Body: append(c.appendData(b), '}'), ContentType: "application/cloudevents+json; charset=utf-8"}, nil
}

// appendData appends the member data: JSON unchanged, text as a string, anything else as data_base64. Data that has a
// JSON type but is not JSON is base64 as well, because a string would denote a JSON string.
func (c *cloudEvent) appendData(b []byte) []byte {
	isJSON := hookyard.IsJSONType(c.dataType)
	switch {
	case len(c.data) == 0:
		return b
	case isJSON && utf8.Valid(c.data) && json.Valid(c.data):
		return append(append(b, `,"data":`...), c.data...)
	case !isJSON && isTextType(c.dataType) && utf8.Valid(c.data):
		return hookyard.AppendJSONString(append(b, `,"data":`...), string(c.data))
	}
	b = append(b, `,"data_base64":"`...)
	b = base64.StdEncoding.AppendEncode(b, c.data)
	return append(b, '"')
}

// shapeCloudEventsBinary formats an event in binary mode: the data is the body, the attributes are ce- headers.
func shapeCloudEventsBinary(in Input) (Shaped, error) {
	c := newCloudEvent(in)
	h := make(http.Header, len(c.attributes))
	for name, value := range c.attributes {
		h.Set("ce-"+name, hookyard.EncodeAttribute(value))
	}
	t := hookyard.HeaderText(c.dataType)
	if t == "" {
		t = typeOctet // required with a body
	}
	return Shaped{Body: c.data, ContentType: t, Header: h}, nil
}

// newCloudEvent returns the event as a CloudEvent. One that was received as a CloudEvent keeps its source and id, which
// identify it, its subject, schema, time and extensions. Its type is that of the event, which the source may have set.
func newCloudEvent(in Input) *cloudEvent {
	e := in.Event
	c := &cloudEvent{data: e.Data(), dataType: e.ContentType}
	if e.DataOffset > 0 {
		c.dataType = typeJSON
	}
	received := c.unpack(e)
	c.attributes = map[string]string{
		"specversion": "1.0",
		"id":          e.ID,
		"source":      in.BaseURL + "/" + in.Project.Path(),
		"type":        e.Type,
		"time":        happened(e).UTC().Format(time.RFC3339Nano),
	}
	if t := received["type"]; t != "" && (e.Type == "" || e.Type == e.Source) {
		c.attributes["type"] = t // the event has none of its own, or that of a source that did not know CloudEvents
	} else if e.Type == "" {
		c.attributes["type"] = "hookyard.event"
	}
	if source := received["source"]; source != "" && isURIReference(source) {
		c.attributes["source"] = source
		if id := received["id"]; id != "" {
			c.attributes["id"] = id
		}
	}
	if _, err := time.Parse(time.RFC3339Nano, received["time"]); err == nil {
		c.attributes["time"] = received["time"]
	}
	c.same = true
	for _, name := range []string{"id", "source", "type"} {
		c.same = c.same && c.attributes[name] == received[name]
	}
	for _, name := range slices.Sorted(maps.Keys(received)) {
		if value := received[name]; len(c.attributes) < maxAttributes &&
			!slices.Contains([]string{"specversion", "id", "source", "type", "time", "datacontenttype"}, name) {
			c.attributes[name] = value
		}
	}
	return c
}

// unpack returns the attributes that the event was received with, from its ce- headers (binary mode) or its body
// (structured mode). In structured mode it also sets the data.
func (c *cloudEvent) unpack(e *hookyard.Event) map[string]string {
	received := map[string]string{}
	for name, values := range e.Header {
		attribute, ok := strings.CutPrefix(strings.ToLower(name), "ce-")
		if !ok || len(values) == 0 {
			continue
		}
		if v, ok := hookyard.DecodeAttribute(values[0]); ok {
			keepAttribute(received, attribute, v)
		}
	}
	if !isStructured(e) {
		return received
	}
	var members map[string]json.RawMessage
	body := hookyard.Text(e.ContentType, e.Data())
	if json.Unmarshal(body, &members) != nil || members["specversion"] == nil || !utf8.Valid(body) {
		return received
	}
	c.takeMembers(members, received)
	c.structured = len(body) == len(e.Data()) && received["specversion"] == "1.0"
	return received
}

// isStructured reports whether the event was received as a CloudEvent in structured mode.
func isStructured(e *hookyard.Event) bool {
	return e.DataOffset == 0 && hookyard.MediaType(e.ContentType) == hookyard.TypeCloudEvent
}

// takeMembers sets data and attributes from a CloudEvent in structured mode.
func (c *cloudEvent) takeMembers(members map[string]json.RawMessage, received map[string]string) {
	c.dataType, c.data = typeJSON, nil // the JSON format's default
	for name, raw := range members {
		if string(raw) == "null" {
			continue
		}
		value := string(raw) // of a number or a boolean
		if raw[0] == '"' {
			value = ""
			_ = json.Unmarshal(raw, &value) // valid, as part of a valid document
		}
		keepAttribute(received, name, value)
	}
	if t := received["datacontenttype"]; t != "" {
		c.dataType = t
	}
	var encoded []byte
	if json.Unmarshal(members["data_base64"], &encoded) == nil && len(encoded) > 0 {
		c.data = encoded
		return
	}
	c.data = members["data"]
	var text string
	if !hookyard.IsJSONType(c.dataType) && json.Unmarshal(c.data, &text) == nil {
		c.data = []byte(text)
	}
}

// keepAttribute stores an attribute if it may be passed on.
func keepAttribute(received map[string]string, name, value string) {
	if isAttributeName(name) && name != "data" && value != "" && len(value) <= maxAttributeValue {
		received[name] = value
	}
}

// attributeOrder returns the names of the attributes, well-known ones first and the others sorted, so that equal events
// give equal bytes.
func attributeOrder(attributes map[string]string) []string {
	known := []string{"specversion", "id", "source", "type", "subject", "time", "dataschema"}
	out := make([]string, 0, len(attributes))
	for _, name := range known {
		if _, ok := attributes[name]; ok {
			out = append(out, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		if !slices.Contains(known, name) {
			out = append(out, name)
		}
	}
	return out
}

// isAttributeName reports whether name may name an attribute: lower-case letters and digits. The limit on its length is
// ours; the standard recommends at most 20.
func isAttributeName(name string) bool {
	if name == "" || len(name) > 64 {
		return false
	}
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

func isURIReference(s string) bool {
	_, err := url.Parse(s)
	return err == nil && !strings.ContainsAny(s, " \"<>\\^`{|}\n\r\t")
}

func isTextType(contentType string) bool {
	t := hookyard.MediaType(contentType)
	return strings.HasPrefix(t, "text/") || t == "application/xml" || strings.HasSuffix(t, "+xml") || t == typeForm
}
