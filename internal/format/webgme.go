package format

import (
	"bytes"
	"encoding/json"

	"github.com/hookyard/hookyard"
)

// shapeWebGME writes WebGME's envelope, keys in its order, with the data's bytes unchanged but for what belongs to the
// publisher's session.
func shapeWebGME(in Input) (Shaped, error) {
	e, p := in.Event, in.Project
	b := make([]byte, 0, len(e.Body)+len(e.Type)+2*len(p.Owner)+2*len(p.Name)+len(in.Hook.ID)+128)
	b = hookyard.AppendJSONString(append(b, `{"event":`...), e.Type)
	b = hookyard.AppendJSONString(append(b, `,"projectId":`...), p.ID())
	b = hookyard.AppendJSONString(append(b, `,"owner":`...), p.Owner)
	b = hookyard.AppendJSONString(append(b, `,"projectName":`...), p.Name)
	b = hookyard.AppendJSONString(append(b, `,"hookId":`...), in.Hook.ID)
	b = append(b, `,"data":`...)
	at := len(b)
	b = withoutSession(appendData(b, e), at)
	return Shaped{Body: append(b, '}'), ContentType: typeJSON}, nil
}

// withoutSession drops the members socket and webgmeToken of the JSON object that begins at b[at]. WebGME puts them
// into an event's data for itself, and its managers take them out before they send it: a token is no receiver's
// business.
func withoutSession(b []byte, at int) []byte {
	if !bytes.Contains(b[at:], []byte(`"socket"`)) && !bytes.Contains(b[at:], []byte(`"webgmeToken"`)) {
		return b
	}
	d := json.NewDecoder(bytes.NewReader(b[at:]))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return b
	}
	kept := []byte{'{'}
	for d.More() {
		var value json.RawMessage
		key, err := d.Token()
		if err != nil || d.Decode(&value) != nil {
			return b // cannot be: it was checked to be JSON
		}
		if key == "socket" || key == "webgmeToken" {
			continue
		}
		if len(kept) > 1 {
			kept = append(kept, ',')
		}
		kept = append(hookyard.AppendJSONString(kept, key.(string)), ':')
		kept = append(kept, value...)
	}
	return append(append(b[:at], kept...), '}')
}
