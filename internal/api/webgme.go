package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/internal/control"
)

// What stands here is WebGME's: its clients know these statuses, texts and defaults.

// noDescription is what WebGME gives a hook that was created without one.
const noDescription = "No description given"

// hookExists is WebGME's answer to the creation of a hook that there is, whatever the body.
func hookExists(id string) error {
	return withStatus(http.StatusForbidden, hookyard.Errorf(hookyard.Conflict, "hook already exists [%s]",
		hookyard.Clean(id, 200)))
}

// readHook reads the patch of a hook, which is created or changed. The members that only an answer has, and WebGME's
// options, mean nothing: clients send back what they got.
func readHook(body control.Object, creating bool) (in control.HookPatch, err error) {
	err = body.Decode(&in, "id", "options", "createdAt", "updatedAt", "health", "offReason", "revision")
	var e *hookyard.Error
	if errors.As(err, &e) {
		switch raw := body[e.Field]; {
		case e.Field == "url":
			return in, urlError(raw, creating)
		case e.Field == "events" && raw[0] != '[' && raw[0] != '"':
			return in, eventsError(raw)
		}
	}
	if err != nil {
		return in, err
	}
	return in, applyWebGME(body, &in, creating)
}

// applyWebGME checks what WebGME does not take, and gives a hook its description: an empty one keeps the one there is.
func applyWebGME(body control.Object, in *control.HookPatch, creating bool) error {
	url, given := in.URL.Get()
	switch {
	case !given && creating:
		return hookyard.FieldErrorf("url", "data.url empty or not a string [undefined]")
	case given && url == "":
		return urlError(body["url"], creating)
	case in.Events.IsNull():
		return eventsError(body["events"])
	}
	text, given := in.Description.Get()
	if given && text == "" && !in.Description.IsNull() {
		in.Description = control.Optional[string]{}
	}
	if in.Description.IsNull() || creating && !in.Description.Given() {
		in.Description = control.Value(noDescription)
	}
	return nil
}

func urlError(raw json.RawMessage, creating bool) error {
	text := "data.url empty or not a string [%s]"
	if !creating && raw[0] != '"' {
		text = "data.url not a string [%s]"
	}
	return hookyard.FieldErrorf("url", text, shortJSON(raw))
}

func eventsError(raw json.RawMessage) error {
	return hookyard.FieldErrorf("events", "Event [%s] is not an array and not \"all\"", shortJSON(raw))
}

// shortJSON is a piece of JSON for a message: a string without its quotes, as WebGME shows it.
func shortJSON(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil && string(raw) != "null" {
		return hookyard.Clean(s, 100)
	}
	return hookyard.Clean(string(raw), 100)
}

// ParseDefaultHooks reads the hooks that every new project gets: an object of hooks by id, each as PUT takes it. One
// without a url is configuration only, as in WebGME, and is left out. They come in the order of their ids.
func ParseDefaultHooks(b []byte) ([]hookyard.Hook, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("want a JSON object of hooks by id: %w", err)
	}
	var out []hookyard.Hook
	for id, raw := range all {
		h, err := parseDefaultHook(id, raw)
		if err != nil {
			return nil, fmt.Errorf("hook %s: %w", id, err)
		}
		if h != nil {
			out = append(out, *h)
		}
	}
	slices.SortFunc(out, func(a, b hookyard.Hook) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

// parseDefaultHook reads one default hook, nil when it has no url.
func parseDefaultHook(id string, raw json.RawMessage) (*hookyard.Hook, error) {
	body, err := control.ParseObject(raw)
	if err != nil || !body.Has("url") {
		return nil, err
	}
	in, err := readHook(body, true)
	if err != nil {
		return nil, err
	}
	return control.NewHook(id, in)
}
