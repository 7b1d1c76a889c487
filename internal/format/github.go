package format

import (
	"bytes"
	"net/http"
	"slices"
	"strings"

	"github.com/hookyard/hookyard"
)

// shapeGitHub sends the data as GitHub would: the payload itself, its event named in X-GitHub-Event. A push of a Git
// source and whatever came from GitHub have GitHub's shape already; other objects go as they are, under their own type.
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

// gitHubEvent returns GitHub's name of the event: the one it came with, or its type without the action that a source
// may have put behind it (issues.opened).
func gitHubEvent(e *hookyard.Event) string {
	if name := e.Header.Get("X-Github-Event"); name != "" {
		return hookyard.HeaderText(name)
	}
	if name, _, ok := strings.Cut(e.Type, "."); ok && slices.Contains(hookyard.Presets()["github"].EventTypes, name) {
		return name
	}
	return hookyard.HeaderText(e.Type)
}
