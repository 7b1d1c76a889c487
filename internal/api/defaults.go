package api

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/hookyard/hookyard"
)

// ParseDefaultHooks reads the hooks that every new project gets: an object of hooks by id, each as PUT takes it. One
// without a url is configuration only, as in WebGME, and is left out. They come in the order of their ids.
func ParseDefaultHooks(b []byte) ([]hookyard.Hook, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("want a JSON object of hooks by id: %w", err)
	}
	var out []hookyard.Hook
	for id, raw := range all {
		body, err := parseObject(raw)
		if err != nil {
			return nil, fmt.Errorf("hook %s: %w", id, err)
		}
		if !body.has("url") {
			continue
		}
		h := hookyard.Hook{ID: id, Active: true, Description: noDescription}
		in := hookInput{h: &h}
		if err := in.read(body); err != nil {
			return nil, fmt.Errorf("hook %s: %w", id, err)
		}
		out = append(out, h)
	}
	slices.SortFunc(out, func(a, b hookyard.Hook) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return out, nil
}
