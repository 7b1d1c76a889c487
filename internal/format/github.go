package format

import (
	"bytes"
	"net/http"
	"slices"
	"strings"

	"github.com/hookyard/hookyard"
)

// shapeGitHub formats an event as GitHub does: the body is the payload, and X-GitHub-Event names the event. Pushes to
// Git sources and events from GitHub already have this shape. Other objects are sent unchanged, under their own type.
func shapeGitHub(in Input) (Shaped, error) {
	data, ok := payload(in.Event)
	if !ok || !bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte{'{'}) {
		return Shaped{}, hookyard.Errorf(hookyard.Invalid,
			"event %s cannot be sent in format github: its data is not a JSON object (format raw sends any bytes)",
			in.Event.ID)
	}
	h := http.Header{"X-Github-Event": {gitHubEvent(in.Event)}}
	return Shaped{Body: data, ContentType: typeJSON, Header: h}, nil
}

// gitHubEvent returns GitHub's name of the event: the one it was received with, or its type without the action that a
// source may have appended (issues.opened).
func gitHubEvent(e *hookyard.Event) string {
	if name := e.Header.Get("X-Github-Event"); name != "" {
		return hookyard.HeaderText(name)
	}
	if name, _, ok := strings.Cut(e.Type, "."); ok && slices.Contains(hookyard.Presets()["github"].EventTypes, name) {
		return name
	}
	return hookyard.HeaderText(e.Type)
}
