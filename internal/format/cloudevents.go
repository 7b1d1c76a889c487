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

// Bounds on what is passed on of a CloudEvent that came in: in binary mode it all becomes headers.
const (
	maxAttributes     = 64
	maxAttributeValue = 4096 // bytes
)

// cloudEvent is an event in the words of CloudEvents 1.0.
type cloudEvent struct {
	attributes map[string]string // all but datacontenttype, specversion included
	dataType   string            // datacontenttype, or ""
	data       []byte
}

// shapeCloudEvents writes structured mode: one JSON object, attributes and data.
func shapeCloudEvents(in Input) (Shaped, error) {
	c := newCloudEvent(in)
	b := make([]byte, 0, len(c.data)*4/3+512)
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

// appendData appends the data member: JSON as it is, text as a string, anything else as data_base64. Bytes that claim
// to be JSON and are not go as base64, because a string would mean a JSON string.
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

// shapeCloudEventsBinary writes binary mode: the data as body, the attributes as ce- headers.
func shapeCloudEventsBinary(in Input) (Shaped, error) {
	c := newCloudEvent(in)
	h := make(http.Header, len(c.attributes))
	for name, value := range c.attributes {
		h.Set("ce-"+name, percentEncode(value))
	}
	t := hookyard.HeaderText(c.dataType)
	if t == "" {
		t = typeOctet // a request with a body must have one
	}
	return Shaped{Body: c.data, ContentType: t, Header: h}, nil
}

// newCloudEvent describes the event. One that came as a CloudEvent keeps its source and id (together they are its
// identity), subject, schema, time and extensions; its type is the event's, which may have been chosen by its source.
func newCloudEvent(in Input) *cloudEvent {
	e := in.Event
	c := &cloudEvent{data: e.Data(), dataType: e.ContentType}
	if e.DataOffset > 0 {
		c.dataType = typeJSON
	}
	came := c.unpack(e)
	c.attributes = map[string]string{
		"specversion": "1.0",
		"id":          e.ID,
		"source":      in.BaseURL + "/" + in.Project.Path(),
		"type":        e.Type,
		"time":        happened(e).UTC().Format(time.RFC3339Nano),
	}
	if e.Type == "" {
		c.attributes["type"] = "hookyard.event"
		if t := came["type"]; t != "" {
			c.attributes["type"] = t
		}
	}
	if source := came["source"]; source != "" && isURIReference(source) {
		c.attributes["source"] = source
		if id := came["id"]; id != "" {
			c.attributes["id"] = id
		}
	}
	if _, err := time.Parse(time.RFC3339Nano, came["time"]); err == nil {
		c.attributes["time"] = came["time"]
	}
	for _, name := range slices.Sorted(maps.Keys(came)) {
		if value := came[name]; len(c.attributes) < maxAttributes &&
			!slices.Contains([]string{"specversion", "id", "source", "type", "time", "datacontenttype"}, name) {
			c.attributes[name] = value
		}
	}
	return c
}

// unpack returns the attributes with which the event came: those of its ce- headers (binary mode), or those of its body
// in structured mode, whose data it takes out.
func (c *cloudEvent) unpack(e *hookyard.Event) map[string]string {
	came := map[string]string{}
	for name, values := range e.Header {
		attribute, ok := strings.CutPrefix(strings.ToLower(name), "ce-")
		if !ok || len(values) == 0 {
			continue
		}
		if v, ok := percentDecode(values[0]); ok {
			keepAttribute(came, attribute, v)
		}
	}
	if e.DataOffset > 0 || hookyard.MediaType(e.ContentType) != "application/cloudevents+json" {
		return came
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(e.Body, &members) != nil || members["specversion"] == nil || !utf8.Valid(e.Body) {
		return came
	}
	c.takeMembers(members, came)
	return came
}

// takeMembers reads a CloudEvent in structured mode.
func (c *cloudEvent) takeMembers(members map[string]json.RawMessage, came map[string]string) {
	c.dataType, c.data = typeJSON, nil // the JSON format's default
	for name, raw := range members {
		if string(raw) == "null" {
			continue
		}
		value := string(raw) // a number or a boolean is its own text
		if raw[0] == '"' {
			value = ""
			_ = json.Unmarshal(raw, &value) // valid: it is part of a valid document
		}
		keepAttribute(came, name, value)
	}
	if t := came["datacontenttype"]; t != "" {
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

// keepAttribute notes an attribute that may be passed on.
func keepAttribute(came map[string]string, name, value string) {
	if isAttributeName(name) && name != "data" && value != "" && len(value) <= maxAttributeValue {
		came[name] = value
	}
}

// attributeOrder puts the well-known attributes first, then the rest by name, so that equal events give equal bytes.
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

// isAttributeName says whether name can be an attribute: lower-case letters and digits. The bound on its length is
// ours; the standard asks for at most 20.
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

// percentEncode writes an attribute as a header's value (HTTP binding 1.0.2, 3.1.3.2): space, double quote, percent and
// everything outside printable ASCII become %XX of their UTF-8 bytes.
func percentEncode(s string) string {
	const hex = "0123456789ABCDEF"
	s = strings.ToValidUTF8(s, "\uFFFD")
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || c == '"' || c == '%' {
			b = append(b, '%', hex[c>>4], hex[c&15])
			continue
		}
		b = append(b, c)
	}
	return string(b)
}

// percentDecode reads what percentEncode writes, and quoted strings, as the binding asks. What is not UTF-8 after that
// is refused.
func percentDecode(s string) (string, bool) {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		s = strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(s[1 : len(s)-1])
	}
	if v, err := url.PathUnescape(s); err == nil {
		s = v
	}
	return s, utf8.ValidString(s)
}
