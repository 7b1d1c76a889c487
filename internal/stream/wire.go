package stream

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/hookyard/hookyard"
)

// appendEvent writes an event as listeners get it, in one line. The names are those of client.Event; on top of that
// come "cursor", where to go on from; "data", the payload proper as JSON, digit for digit, when it is JSON; and always
// "base64", the body's bytes exactly as they came, for signatures are over bytes.
func appendEvent(b []byte, e *hookyard.Event, cursor string) []byte {
	b = slices.Grow(b, 512+4*int(e.Size)/3+len(e.Data()))
	b = append(b, `{"id":`...)
	b = hookyard.AppendJSONString(b, e.ID)
	b = appendText(b, "type", e.Type)
	b = appendText(b, "source", e.Source)
	b = append(b, `,"time":"`...)
	b = e.Time.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, '"')
	b = appendText(b, "cursor", cursor)
	b = appendText(b, "contentType", e.ContentType)
	b = append(b, `,"size":`...)
	b = strconv.AppendInt(b, e.Size, 10)
	for _, f := range [...][2]string{{"method", e.Method}, {"target", e.Target}, {"remote", e.Remote},
		{"verified", e.Verified}} {
		if f[1] != "" {
			b = appendText(b, f[0], f[1])
		}
	}
	b = appendHeader(b, e.Header)
	if e.Body == nil && e.Size > 0 {
		return append(b, `,"bodyLeftOut":"past retention"}`...)
	}
	b = appendData(b, hookyard.Text(e.ContentType, e.Data()))
	b = append(b, `,"base64":"`...)
	b = base64.StdEncoding.AppendEncode(b, e.Body)
	return append(b, `"}`...)
}

func appendText(b []byte, name, value string) []byte {
	b = append(b, `,"`...)
	b = append(b, name...)
	b = append(b, `":`...)
	return hookyard.AppendJSONString(b, value)
}

// appendData writes the payload when it is JSON. Line breaks between its tokens are left out, for they would end the
// line; its numbers and strings stay as they are.
func appendData(b, data []byte) []byte {
	if len(data) == 0 || !utf8.Valid(data) {
		return b
	}
	if bytes.IndexByte(data, '\n') < 0 && bytes.IndexByte(data, '\r') < 0 {
		if !json.Valid(data) {
			return b
		}
		b = append(b, `,"data":`...)
		return append(b, data...)
	}
	var compact bytes.Buffer
	if json.Compact(&compact, data) != nil {
		return b
	}
	b = append(b, `,"data":`...)
	return append(b, compact.Bytes()...)
}

func appendHeader(b []byte, h http.Header) []byte {
	if len(h) == 0 {
		return b
	}
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	b = append(b, `,"header":{`...)
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = hookyard.AppendJSONString(b, name)
		b = append(b, ":["...)
		for j, v := range h[name] {
			if j > 0 {
				b = append(b, ',')
			}
			b = hookyard.AppendJSONString(b, v)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

// appendGap writes the notice of a gap: what is missing, and where the listener goes on.
func appendGap(b []byte, projectKey int64, g *Gap) []byte {
	if g.Reset {
		b = append(b, `{"gap":{"reset":true,"resumeAt":"`...)
		b = append(b, Cursor(projectKey, g.Until)...)
		return append(b, `","message":"the cursor is of no event here: the database was restored from a backup. `+
			`Events since the backup may be missing; what comes from now on follows. Begin again with since=all for `+
			`all that is here"}}`...)
	}
	b = append(b, `{"gap":{"missingFrom":"`...)
	b = append(b, cursorOf(projectKey, g.From)...)
	b = append(b, `","missingUntil":"`...)
	b = append(b, Cursor(projectKey, g.Until)...)
	b = append(b, `","missingUntilTime":"`...)
	b = g.Time.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","resumeAt":"`...)
	b = append(b, Cursor(projectKey, g.Until)...)
	b = append(b,
		`","message":"events between missingFrom and missingUntil are past retention and cannot be sent any more `+
			`(setting: --retention, --retention-bytes); what is still here follows"}}`...)
	return b
}
