package format

import (
	"bytes"
	"encoding/json"

	"github.com/hookyard/hookyard"
)

// shapeWebGME formats an event in WebGME's envelope, with its order of keys. The bytes of the data are unchanged,
// except that members of the publisher's session are removed.
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

// withoutSession removes the members socket and webgmeToken from the JSON object at b[at:]. WebGME adds them to events
// for its own use and removes them before it sends webhooks: the token is a credential.
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
			return b // impossible: the data was checked to be JSON
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
