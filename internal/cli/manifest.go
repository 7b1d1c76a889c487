package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// manifest is what files say about projects, by owner/name.
type manifest map[string]*projectSpec

// projectSpec is what a file says about a project. A nil map says nothing.
type projectSpec struct {
	settings     settings
	defaultHooks bool
	members      map[string]string // roles
	hooks        map[string]settings
	sources      map[string]settings
}

// settings are members of a patch in the API, as JSON has them, but for references to secrets.
type settings map[string]any

// reference says where a value is that is not in the file: {env: NAME} or {file: PATH}.
type reference struct{ env, file string }

func (r reference) String() string {
	if r.file != "" {
		return "file " + r.file
	}
	return "variable " + r.env
}

// remarshal converts a value by way of JSON.
func remarshal(from, to any) error {
	b, err := json.Marshal(from)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(to)
}

// patchFields returns the names of the members of a patch, without the revision.
func patchFields(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name != "revision" {
			names = append(names, name)
		}
	}
	return names
}

// findReferences replaces objects that are references.
func findReferences(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 1 {
			env, isEnv := v["env"].(string)
			file, isFile := v["file"].(string)
			if isEnv || isFile {
				return reference{env, file}
			}
		}
		out := map[string]any{}
		for name, value := range v {
			out[name] = findReferences(value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = findReferences(value)
		}
		return out
	}
	return v
}

// hasReference reports whether a value is a reference or holds one.
func hasReference(v any) bool {
	switch v := v.(type) {
	case reference:
		return true
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(v)), hasReference)
	case []any:
		return slices.ContainsFunc(v, hasReference)
	}
	return false
}

// hidden returns a value with *** for what a reference stands for in want, the value in the file.
func hidden(want, v any) any {
	if isZero(v) || !hasReference(want) {
		return v
	}
	switch want := want.(type) {
	case map[string]any:
		if fields, ok := v.(map[string]any); ok {
			out := maps.Clone(fields)
			for name := range out {
				out[name] = hidden(want[name], out[name])
			}
			return out
		}
	case []any:
		if items, ok := v.([]any); ok && len(items) == len(want) {
			out := slices.Clone(items)
			for i := range out {
				out[i] = hidden(want[i], out[i])
			}
			return out
		}
	}
	return hookyard.Masked
}

// resolver replaces references by what they stand for. Where that is missing, the value that the server shows, now,
// stays: its *** says to the server that nothing changes. With all, it must not be missing.
type resolver struct {
	*session
	all bool
}

func (r resolver) resolve(v, now any) (any, error) {
	switch v := v.(type) {
	case reference:
		text, found, err := r.dereference(v)
		if err == nil && !found && (now == nil || r.all) {
			err = fmt.Errorf("the %s is missing", v)
		}
		if found || err != nil {
			return text, err
		}
		return now, nil
	case map[string]any:
		shown, _ := now.(map[string]any)
		out := map[string]any{}
		for name, value := range v {
			var err error
			if out[name], err = r.resolve(value, shown[name]); err != nil {
				return nil, err
			}
		}
		return out, nil
	case []any:
		shown, _ := now.([]any)
		out := make([]any, len(v))
		for i, value := range v {
			var err error
			var at any
			if i < len(shown) {
				at = shown[i]
			}
			if out[i], err = r.resolve(value, at); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return v, nil
}

// dereference returns the value of a variable or the content of a file, without the line break at its end.
func (s *session) dereference(r reference) (text string, found bool, err error) {
	if r.file == "" {
		text, found = s.env(r.env)
		return text, found && text != "", nil
	}
	b, err := os.ReadFile(r.file)
	if os.IsNotExist(err) {
		return "", false, nil
	}
	return strings.TrimRight(string(b), "\r\n"), err == nil, err
}

// noDescription is the description of a hook that was created without one.
const noDescription = "No description given"

// hookDefaults returns the settings that a hook of a project has if they are not given, as the API shows them.
func hookDefaults(p *client.Project, format string) settings {
	if format == "" {
		format = p.Format
	}
	zero := hookyard.Hook{}
	off := hookyard.OffPolicy{Policy: hookyard.OffSustained}
	if preset, ok := hookyard.Presets()[p.Preset]; ok && preset.Off.Policy != "" {
		off = preset.Off
	}
	var schedule []hookyard.Duration
	for _, wait := range zero.EffectiveSchedule() {
		schedule = append(schedule, hookyard.Duration(wait))
	}
	return asSettings(client.Hook{Description: noDescription, Active: true, Format: p.Format, ContentType: "json",
		Off: off, Schedule: schedule,
		Forward: zero.Forward.Effective(format), Signature: zero.EffectiveSignature(format),
		Timeout: hookyard.Duration(zero.EffectiveTimeout()), InFlight: zero.EffectiveInFlight()})
}

// projectDefaults is hookDefaults for a project with a preset.
func projectDefaults(preset string) settings {
	p := hookyard.Project{Preset: preset}
	return asSettings(client.Project{EventTypes: p.Catalogue(), Format: p.EffectiveFormat(&hookyard.Hook{}),
		Relay: hookyard.RelayOff})
}

func sourceDefaults() settings {
	return asSettings(client.Source{Active: true, Ack: hookyard.AckAfterCommit})
}

// asSettings returns the JSON of a value as settings.
func asSettings(v any) settings {
	out := settings{}
	_ = remarshal(v, &out) // the types of the API have JSON
	return out
}

// ownHooks returns the hooks of a project without those of running listeners, which come and go by themselves.
func ownHooks(ctx context.Context, cl *client.Client, path string) (map[string]client.Hook, error) {
	hooks, err := cl.Hooks(ctx, path)
	maps.DeleteFunc(hooks, func(id string, h client.Hook) bool {
		as := hookyard.Hook{ID: id, Events: h.Events, ExpiresAt: h.ExpiresAt}
		return as.IsListener()
	})
	return hooks, err
}
