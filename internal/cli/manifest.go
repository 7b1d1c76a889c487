package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

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

// readManifest reads files, all .yaml and .yml files of folders, or stdin for -.
func (s *session) readManifest(paths []string) (manifest, error) {
	m := manifest{}
	for _, path := range paths {
		files := []string{path}
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			yamls, _ := filepath.Glob(filepath.Join(path, "*.yaml")) // the pattern is valid
			ymls, _ := filepath.Glob(filepath.Join(path, "*.yml"))
			if files = append(yamls, ymls...); len(files) == 0 {
				return nil, usagef("%s has no .yaml file", path)
			}
		}
		for _, file := range files {
			text, err := s.readFile(file)
			if err != nil {
				return nil, usagef("%v", err)
			}
			if err := m.add(text); err != nil {
				return nil, usagef("%s: %v", file, err)
			}
		}
	}
	return m, nil
}

func (s *session) readFile(path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(s.in)
	}
	return os.ReadFile(path)
}

// add adds the projects of one file.
func (m manifest) add(text []byte) error {
	var file map[string]yaml.Node
	if err := yaml.Unmarshal(text, &file); err != nil {
		return fmt.Errorf("the file must be a YAML map with projects in it: %w", err)
	}
	for name, node := range file {
		if name != "projects" {
			return fmt.Errorf("line %d: there is no %s in such a file, only projects", node.Line, name)
		}
	}
	var projects map[string]map[string]any
	if node := file["projects"]; node.Decode(&projects) != nil {
		return fmt.Errorf("line %d: projects must be a map of owner/name to settings", node.Line)
	}
	for path, fields := range projects {
		if !isPath(path) {
			return fmt.Errorf("project %q: use owner/name", path)
		}
		if m[path] != nil {
			return fmt.Errorf("project %s is in two files: keep one", path)
		}
		spec, err := newProjectSpec(path, fields)
		if err != nil {
			return err
		}
		m[path] = spec
	}
	return nil
}

func newProjectSpec(path string, fields map[string]any) (*projectSpec, error) {
	spec := &projectSpec{}
	own := settings(maps.Clone(fields))
	for name, to := range map[string]any{"members": &spec.members, "defaultHooks": &spec.defaultHooks,
		"hooks": &spec.hooks, "sources": &spec.sources} {
		value, ok := own[name]
		if !ok {
			continue
		}
		delete(own, name)
		if value == nil {
			return nil, fmt.Errorf("%s of %s has no value: write {} if it is empty", name, path)
		}
		if err := remarshal(value, to); err != nil {
			return nil, fmt.Errorf("%s of %s: %w", name, path, err)
		}
	}
	var err error
	if spec.settings, err = readSettings[client.ProjectPatch]("project "+path, own); err != nil {
		return nil, err
	}
	for id := range spec.hooks {
		if spec.hooks[id], err = readSettings[client.HookPatch]("hook "+id+" of "+path, spec.hooks[id]); err != nil {
			return nil, err
		}
	}
	for name := range spec.sources {
		spec.sources[name], err = readSettings[client.SourcePatch]("source "+name+" of "+path, spec.sources[name])
		if err != nil {
			return nil, err
		}
	}
	return spec, nil
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

// readSettings checks the names of the settings of a patch and finds the references.
func readSettings[Patch any](what string, in settings) (settings, error) {
	known, out := patchFields(reflect.TypeFor[Patch]()), settings{}
	for name, value := range in {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("%s: there is no setting %q%s", what, name, didYouMean(nearest(known, name)))
		}
		if value == nil {
			return nil, fmt.Errorf("%s: %s has no value: leave it out to keep what it is", what, name)
		}
		out[name] = findReferences(value)
	}
	if headers, ok := out["headers"].(map[string]any); ok {
		canonical := map[string]any{}
		for name, value := range headers {
			canonical[http.CanonicalHeaderKey(name)] = value
		}
		out["headers"] = canonical
	}
	return out, nil
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

// resolve replaces references by what they stand for. Where that is missing, the value that the server shows, now,
// stays: its *** says to the server that nothing changes.
func (s *session) resolve(v, now any) (any, error) {
	switch v := v.(type) {
	case reference:
		text, found, err := s.dereference(v)
		if err == nil && !found && now == nil {
			err = usagef("the %s is missing", v)
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
			if out[name], err = s.resolve(value, shown[name]); err != nil {
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
			if out[i], err = s.resolve(value, at); err != nil {
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
