package receivers

import (
	"bytes"
	"encoding/json"
	"time"
)

// Notification is a received webhook.
type Notification struct {
	Seq      int64  // increases in the order of arrival; set by the inbox
	ID       string // webhook-id, the same on every attempt
	Received time.Time
	Body     json.RawMessage
}

// Text returns the text of the notification: its member message, text or comment, the latter with its author's name.
// The members may also be inside data. If there is none, Text returns the whole JSON.
func (n *Notification) Text() string {
	var outer struct {
		texts
		Data json.RawMessage `json:"data"`
	}
	if json.Unmarshal(n.Body, &outer) == nil && outer.text() != "" {
		return outer.text()
	}
	var inner texts
	if json.Unmarshal(outer.Data, &inner) == nil && inner.text() != "" {
		return inner.text()
	}
	var compact bytes.Buffer
	if json.Compact(&compact, n.Body) != nil {
		return string(n.Body)
	}
	return compact.String()
}

// texts holds members that may contain text. Their type is unknown, so they are decoded one by one.
type texts struct {
	Message json.RawMessage `json:"message"`
	Plain   json.RawMessage `json:"text"`
	Comment json.RawMessage `json:"comment"`
	Name    json.RawMessage `json:"name"`
}

func (t *texts) text() string {
	for _, raw := range []json.RawMessage{t.Message, t.Plain} {
		if s := words(raw); s != "" {
			return s
		}
	}
	comment, name := words(t.Comment), words(t.Name)
	if comment != "" && name != "" {
		return name + ": " + comment
	}
	return comment
}

// words returns the value of a JSON string, or "" for anything else.
func words(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}
