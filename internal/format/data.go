package format

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
)

// jsonData returns the data of the event if it is JSON in UTF-8. Many senders omit the content type, so objects and
// arrays count with any type, but other values only with a JSON type: a text "42" is not JSON.
func jsonData(e *hookyard.Event) ([]byte, bool) {
	data := e.Data()
	if e.DataOffset > 0 {
		return data, true // checked when it was published
	}
	first := bytes.TrimLeft(data, " \t\r\n")
	if !e.IsJSON() && (len(first) == 0 || first[0] != '{' && first[0] != '[') {
		return nil, false
	}
	return data, utf8.Valid(data) && json.Valid(data)
}

// payload is jsonData, or the JSON in the field payload or data of a form, as GitHub and NetBeans send it.
func payload(e *hookyard.Event) ([]byte, bool) {
	if data, ok := jsonData(e); ok {
		return data, true
	}
	if !hookyard.IsFormType(e.ContentType) {
		return nil, false
	}
	data := hookyard.FormJSON(e.Data())
	return data, data != nil
}

// formData returns the fields of a form body.
func formData(e *hookyard.Event) (url.Values, bool) {
	if !hookyard.IsFormType(e.ContentType) {
		return nil, false
	}
	form, err := url.ParseQuery(string(e.Data()))
	return form, err == nil
}

// appendData appends the data of the event as one JSON value: JSON unchanged, text as a string, other bytes as base64
// in a string, and null for no data.
func appendData(b []byte, e *hookyard.Event) []byte {
	if data, ok := jsonData(e); ok {
		return append(b, data...)
	}
	switch data := e.Data(); {
	case len(data) == 0:
		return append(b, "null"...)
	case utf8.Valid(data):
		return hookyard.AppendJSONString(b, string(data))
	default:
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, data)
		return append(b, '"')
	}
}

// happened returns when the event happened: the timestamp of its publisher, or else the time of receipt.
func happened(e *hookyard.Event) time.Time {
	if e.DataOffset <= 0 || e.DataOffset > len(e.Body) {
		return e.Time
	}
	_, rest, ok := bytes.Cut(e.Body[:e.DataOffset], []byte(`,"timestamp":"`))
	if !ok {
		return e.Time
	}
	text, _, _ := bytes.Cut(rest, []byte{'"'})
	t, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil {
		return e.Time
	}
	return t
}
