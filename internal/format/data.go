package format

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
)

// jsonData returns the data of the event if it is JSON in UTF-8. Many senders omit the content type, so objects and
// arrays count with any type, but other values only with a JSON type: a text "42" is not JSON.
func jsonData(e *hookyard.Event) ([]byte, bool) {
	if e.DataOffset > 0 {
		return e.Data(), true // checked when it was published
	}
	data := hookyard.Text(e.ContentType, e.Data())
	first := bytes.TrimLeft(data, " \t\r\n")
	if !e.IsJSON() && (len(first) == 0 || first[0] != '{' && first[0] != '[') {
		return nil, false
	}
	return data, utf8.Valid(data) && json.Valid(data)
}

// payload is jsonData, or the JSON in a form, as GitHub, Slack and NetBeans send it.
func payload(e *hookyard.Event) ([]byte, bool) {
	if data, ok := jsonData(e); ok {
		return data, true
	}
	data := hookyard.FormJSON(e.ContentType, e.Data())
	return data, data != nil
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

// isForm reports whether the body of the event is a form.
func isForm(e *hookyard.Event) bool {
	return e.DataOffset == 0 && (hookyard.IsFormType(e.ContentType) ||
		hookyard.MediaType(e.ContentType) == hookyard.TypeMultipart)
}
