package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/hookyard/hookyard"
)

// listDefaultHooks shows what a new project gets, as this one would have it.
func listDefaultHooks(c *call) error {
	hooks := c.a.defaultHooks()
	for _, h := range hooks {
		h.ProjectKey, h.Project = c.key(), c.view.Project.Path()
	}
	return c.reply(http.StatusOK, hooksJSON(c.view.Project, hooks))
}

// addDefaultHooks makes those that the project lacks, and answers all its hooks. A project that was made before a
// default came, or that has lost one, gets it so.
func addDefaultHooks(c *call) error {
	for _, h := range c.a.defaultHooks() {
		h.ProjectKey, h.Project = c.key(), c.view.Project.Path()
		err := c.a.o.Store.CreateHook(c.ctx(), h, c.a.o.Limits.HooksPerProject)
		if err != nil && !errors.Is(err, hookyard.ErrConflict) {
			return err
		}
	}
	return listHooks(c)
}

// defaultHooks returns copies of the default hooks.
func (a *API) defaultHooks() []*hookyard.Hook {
	hooks := make([]*hookyard.Hook, len(a.o.DefaultHooks))
	for i := range a.o.DefaultHooks {
		h := a.o.DefaultHooks[i]
		hooks[i] = &h
	}
	return hooks
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
