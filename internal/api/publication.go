package api

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/tidwall/gjson"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
)

// parsePublication reads {"id","type","channels","timestamp","data"}. It finds where each member begins
// and ends, and leaves the data's bytes where they are: encoding/json would look at them twice more. What it accepts is
// JSON nonetheless: the data is checked by [hookyard.Publish], the other members are decoded.
func parsePublication(body []byte, depth int) (hookyard.Publication, error) {
	var p hookyard.Publication
	seen := 0
	at, err := eachMember(body, depth, func(name string, value []byte) error {
		bit := 0
		var err error
		switch name {
		case "id":
			bit = 1
			p.ID, err = text(name, value)
		case "type":
			bit = 2
			p.Type, err = text(name, value)
		case "timestamp":
			bit = 4
			p.Timestamp, err = timestamp(value)
		case "channels":
			bit = 16
			if json.Unmarshal(value, &p.Channels) != nil {
				err = hookyard.FieldErrorf(name, "channels must be a list of strings")
			}
		case "data":
			bit = 8
			p.Data = value
		default:
			name = hookyard.Clean(name, 100)
			return hookyard.FieldErrorf(name, "unknown field %q; an event has type, data and perhaps id, channels "+
				"and timestamp", name)
		}
		if seen&bit != 0 {
			return hookyard.FieldErrorf(name, "%s stands twice", name)
		}
		seen |= bit
		return err
	})
	if err != nil {
		return p, err
	}
	if hookyard.SkipJSONSpace(body, at) != len(body) {
		return p, notJSON("there is something after the event")
	}
	return p, nil
}

// parseNotification reads a notification as NetBeans' system sends it, {"event","time","project",…}, in a project of
// that preset. All of it is the event's data. ok is false for anything else.
func parseNotification(project *hookyard.Project, body []byte) (p hookyard.Publication, ok bool, err error) {
	if project.Preset != "netbeans" {
		return p, false, nil
	}
	found := gjson.GetManyBytes(body, "event", "time", "type")
	if found[0].Type != gjson.String || found[2].Exists() {
		return p, false, nil
	}
	at, err := time.Parse(time.RFC3339Nano, found[1].Str)
	if err != nil || !control.Storable(at) {
		return p, false, hookyard.FieldErrorf("time", "time must be a time such as 2026-01-31T12:00:00Z")
	}
	return hookyard.Publication{Type: found[0].Str, Timestamp: at, Data: bytes.TrimSpace(body)}, true, nil
}

func text(name string, value []byte) (string, error) {
	if bytes.Equal(value, []byte("null")) {
		return "", nil
	}
	if value[0] != '"' {
		return "", hookyard.FieldErrorf(name, "%s must be a string", name)
	}
	return unquote(value)
}

func timestamp(value []byte) (time.Time, error) {
	s, err := text("timestamp", value)
	if err != nil || s == "" {
		return time.Time{}, err
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || !control.Storable(t) {
		return time.Time{}, hookyard.FieldErrorf("timestamp", "timestamp must be a time such as 2026-01-31T12:00:00Z")
	}
	return t, nil
}

// memberName is unquote, without work for the names that are expected.
func memberName(b []byte) (string, error) {
	switch string(b) { // does not allocate
	case `"type"`:
		return "type", nil
	case `"data"`:
		return "data", nil
	case `"id"`:
		return "id", nil
	case `"timestamp"`:
		return "timestamp", nil
	}
	return unquote(b)
}

// unquote decodes a JSON string; plain ones without work.
func unquote(b []byte) (string, error) {
	inner := b[1 : len(b)-1]
	plain := true
	for _, c := range inner {
		if c == '\\' || c < 0x20 || c >= 0x80 {
			plain = false
			break
		}
	}
	if plain {
		return string(inner), nil
	}
	if err := hookyard.CheckJSON(b, 1); err != nil {
		return "", err
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return "", notJSON("a string is malformed")
	}
	return s, nil
}

// eachMember calls f for each member of the object at the start of b, and returns where the object ends. Values are
// delimited, not checked.
func eachMember(b []byte, depth int, f func(name string, value []byte) error) (end int, err error) {
	at := hookyard.SkipJSONSpace(b, 0)
	if at == len(b) || b[at] != '{' {
		return 0, notJSON("an event is a JSON object such as {\"type\":\"order.created\",\"data\":{}}")
	}
	if at = hookyard.SkipJSONSpace(b, at+1); at < len(b) && b[at] == '}' {
		return at + 1, nil
	}
	for {
		if at == len(b) || b[at] != '"' {
			return 0, notJSON("a name in quotes is missing")
		}
		stop := hookyard.JSONEnd(b, at, depth)
		if stop < 0 {
			return 0, notJSON("a name does not end")
		}
		name, err := memberName(b[at:stop])
		if err != nil {
			return 0, err
		}
		if at = hookyard.SkipJSONSpace(b, stop); at == len(b) || b[at] != ':' {
			return 0, notJSON("a colon is missing")
		}
		at = hookyard.SkipJSONSpace(b, at+1)
		if stop = hookyard.JSONEnd(b, at, depth); stop < 0 {
			return 0, valueFault(b, at, depth)
		}
		if err := f(name, b[at:stop]); err != nil {
			return 0, err
		}
		at = hookyard.SkipJSONSpace(b, stop)
		switch {
		case at < len(b) && b[at] == '}':
			return at + 1, nil
		case at == len(b) || b[at] != ',':
			return 0, notJSON("a comma or the closing brace is missing")
		}
		at = hookyard.SkipJSONSpace(b, at+1)
	}
}

// splitArray returns the elements of the array that b is, at most max of them.
func splitArray(b []byte, depth, max int) ([][]byte, error) {
	at := hookyard.SkipJSONSpace(b, 0)
	if at == len(b) || b[at] != '[' {
		return nil, notJSON("a batch is a JSON array of events")
	}
	var out [][]byte
	at = hookyard.SkipJSONSpace(b, at+1)
	for len(out) > 0 || at == len(b) || b[at] != ']' {
		stop := hookyard.JSONEnd(b, at, depth)
		if stop < 0 {
			return nil, valueFault(b, at, depth)
		}
		if len(out) == max {
			return nil, hookyard.Errorf(hookyard.TooLarge, "the list holds more than %d events (setting: --max-batch)",
				max)
		}
		out = append(out, b[at:stop])
		at = hookyard.SkipJSONSpace(b, stop)
		if at < len(b) && b[at] == ']' {
			break
		}
		if at == len(b) || b[at] != ',' {
			return nil, notJSON("a comma or the closing bracket is missing")
		}
		at = hookyard.SkipJSONSpace(b, at+1)
	}
	switch {
	case hookyard.SkipJSONSpace(b, at+1) != len(b):
		return nil, notJSON("there is something after the list")
	case len(out) == 0:
		return nil, hookyard.Errorf(hookyard.Invalid, "the list holds no events")
	}
	return out, nil
}

// valueFault says why the value at at has no end; where counts from the start of b.
func valueFault(b []byte, at, depth int) error {
	if err := hookyard.CheckJSONFrom(b, at, depth); hookyard.CodeOf(err) == hookyard.Invalid {
		return err
	}
	return notJSON("a value is missing")
}

func notJSON(what string) error { return hookyard.Errorf(hookyard.Invalid, "not valid JSON: %s", what) }
