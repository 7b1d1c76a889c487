package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/hookyard/hookyard/client"
)

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
			if err := m.add(file, text); err != nil {
				return nil, err
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

// manifestFile is a file that is being read into a manifest.
type manifestFile struct {
	path string
	into manifest
}

// errorf is an error at the place of a node.
func (f *manifestFile) errorf(n *yaml.Node, format string, args ...any) error {
	return usagef("%s:%d: %s", f.path, n.Line, fmt.Sprintf(format, args...))
}

// add adds the projects of all documents of a file.
func (m manifest) add(path string, text []byte) error {
	f := &manifestFile{path: path, into: m}
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var doc yaml.Node
		err := d.Decode(&doc)
		if err == io.EOF {
			return nil
		}
		var whole any
		if err == nil {
			err = doc.Decode(&whole) // finds keys that are there twice, and aliases without end
		}
		if err != nil {
			return f.invalid(err)
		}
		if whole == nil {
			continue
		}
		if err := f.document(doc.Content[0]); err != nil {
			return err
		}
	}
}

// invalid is the error of a file that is no YAML.
func (f *manifestFile) invalid(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if wrong := (*yaml.TypeError)(nil); errors.As(err, &wrong) {
		text = wrong.Errors[0]
	}
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		return usagef("%s:%s", f.path, rest)
	}
	return usagef("%s: %s", f.path, text)
}

// document reads one document.
func (f *manifestFile) document(root *yaml.Node) error {
	top, err := f.fields(root, "the file")
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(top)) {
		if name != "projects" {
			return f.errorf(top[name], "there is no %s in such a file, only projects", name)
		}
	}
	if top["projects"] == nil {
		return nil
	}
	projects, err := f.fields(top["projects"], "projects, by owner/name,")
	if err != nil {
		return err
	}
	for _, path := range slices.Sorted(maps.Keys(projects)) {
		if !isPath(path) {
			return f.errorf(projects[path], "project %q: use owner/name", path)
		}
		for other := range f.into {
			if strings.EqualFold(other, path) {
				return f.errorf(projects[path], "project %s is in the files twice: keep one", path)
			}
		}
		if f.into[path], err = f.project(path, projects[path]); err != nil {
			return err
		}
	}
	return nil
}

// fields returns the values of a map by their keys. One without a value is empty.
func (f *manifestFile) fields(n *yaml.Node, what string) (map[string]*yaml.Node, error) {
	var values map[string]yaml.Node
	if err := n.Decode(&values); err != nil {
		return nil, f.errorf(n, "%s must be a map", what)
	}
	out := map[string]*yaml.Node{}
	for name, value := range values {
		if out[name] = &value; value.Kind == yaml.AliasNode {
			out[name] = value.Alias
		}
	}
	return out, nil
}

func (f *manifestFile) project(path string, n *yaml.Node) (spec *projectSpec, err error) {
	own, err := f.fields(n, "project "+path)
	if err != nil {
		return nil, err
	}
	spec = &projectSpec{}
	for _, name := range []string{"defaultHooks", "members", "hooks", "sources"} {
		value := own[name]
		if value == nil {
			continue
		}
		delete(own, name)
		switch {
		case value.Tag == "!!null":
			err = f.errorf(value, "%s of %s has no value: write {} if it is empty", name, path)
		case name == "members":
			spec.members, err = f.members(path, value)
		case name == "hooks":
			spec.hooks, err = readThings[client.HookPatch](f, "hook", path, value)
		case name == "sources":
			spec.sources, err = readThings[client.SourcePatch](f, "source", path, value)
		case value.Decode(&spec.defaultHooks) != nil:
			err = f.errorf(value, "defaultHooks of %s must be true or false", path)
		}
		if err != nil {
			return nil, err
		}
	}
	spec.settings, err = readSettings[client.ProjectPatch](f, "project "+path, own)
	return spec, err
}

func (f *manifestFile) members(path string, n *yaml.Node) (map[string]string, error) {
	roles, err := f.fields(n, "members of "+path)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, user := range slices.Sorted(maps.Keys(roles)) {
		if role := roles[user]; role.Kind != yaml.ScalarNode || role.Tag == "!!null" {
			return nil, f.errorf(role, "member %s of %s must be read, write or admin", user, path)
		}
		out[user] = roles[user].Value
	}
	return out, nil
}

// readThings reads the hooks or sources of a project.
func readThings[Patch any](f *manifestFile, kind, path string, n *yaml.Node) (map[string]settings, error) {
	things, err := f.fields(n, kind+"s of "+path)
	if err != nil {
		return nil, err
	}
	out := map[string]settings{}
	for _, name := range slices.Sorted(maps.Keys(things)) {
		what := kind + " " + name + " of " + path
		fields, err := f.fields(things[name], what)
		if err != nil {
			return nil, err
		}
		if out[name], err = readSettings[Patch](f, what, fields); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// readSettings checks the settings of a patch and finds the references. What is a reference is checked when it is known
// what it stands for.
func readSettings[Patch any](f *manifestFile, what string, in map[string]*yaml.Node) (settings, error) {
	known, out := patchFields(reflect.TypeFor[Patch]()), settings{}
	for _, name := range slices.Sorted(maps.Keys(in)) {
		n := in[name]
		fail := func(format string, args ...any) (settings, error) {
			return nil, f.errorf(n, "%s: %s", what, fmt.Sprintf(format, args...))
		}
		if !slices.Contains(known, name) {
			return fail("there is no setting %q%s", name, didYouMean(nearest(known, name)))
		}
		if n.Tag == "!!null" {
			return fail("%s has no value: leave it out to keep what it is", name)
		}
		value, err := f.value(name, n)
		if err != nil {
			return nil, err
		}
		value = findReferences(value)
		if _, whole := value.(reference); whole && name == "headers" {
			return fail("a reference is in place of the value of a header, not of all headers; " +
				"for a header of this name write its first letter as a capital one")
		}
		if !hasReference(value) {
			if _, err := normal[Patch](settings{name: value}); err != nil {
				return fail("%s", settingError(name, err))
			}
		}
		if headers, ok := value.(map[string]any); ok && name == "headers" {
			if value, err = canonicalHeaders(headers); err != nil {
				return fail("%v", err)
			}
		}
		out[name] = value
	}
	return out, nil
}

// value returns what JSON has for the value of a setting. A time stays as it is written.
func (f *manifestFile) value(name string, n *yaml.Node) (any, error) {
	switch n.Kind {
	case yaml.AliasNode:
		return f.value(name, n.Alias)
	case yaml.MappingNode:
		fields, err := f.fields(n, name)
		if err != nil {
			return nil, err
		}
		out := map[string]any{}
		for key, value := range fields {
			if out[key], err = f.value(name+"."+key, value); err != nil {
				return nil, err
			}
		}
		return out, nil
	case yaml.SequenceNode:
		out := []any{}
		for _, item := range n.Content {
			value, err := f.value(name, item)
			if err != nil {
				return nil, err
			}
			out = append(out, value)
		}
		return out, nil
	}
	if n.ShortTag() == "!!timestamp" && name != "expiresAt" {
		return n.Value, nil
	}
	var out any
	if err := n.Decode(&out); err != nil {
		return nil, f.errorf(n, "%s: %v", name, err)
	}
	if at, ok := out.(time.Time); ok {
		return at.Format(time.RFC3339Nano), nil
	}
	return out, nil
}

// canonicalHeaders returns headers with their names as the API shows them.
func canonicalHeaders(headers map[string]any) (map[string]any, error) {
	out := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		canonical := http.CanonicalHeaderKey(name)
		if _, twice := out[canonical]; twice {
			return nil, fmt.Errorf("headers has %s twice: case does not count", canonical)
		}
		if headers[name] == nil {
			return nil, fmt.Errorf("headers.%s has no value: leave the header out to remove it", name)
		}
		out[canonical] = headers[name]
	}
	return out, nil
}

// settingError says what is wrong with a setting that the types of the API do not take.
func settingError(name string, err error) string {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		text := strings.TrimPrefix(err.Error(), "json: ")
		if field, ok := strings.CutPrefix(text, "unknown field "); ok {
			text = "there is no " + field + " in it"
		}
		return name + ": " + text
	}
	has, _, _ := strings.Cut(wrong.Value, " ") // a number may follow
	want := jsonKinds[wrong.Type.Kind()]
	field := wrong.Field
	if field == "" {
		field = name
	}
	text := fmt.Sprintf("%s: %s is in place of %s", field, jsonWords[has], want)
	if want == jsonWords["string"] && (has == "number" || has == "bool") {
		text += ": quote it"
	}
	return text
}

// jsonWords names what encoding/json found, and jsonKinds what belongs there.
var (
	jsonWords = map[string]string{"string": "a text", "number": "a number", "bool": "true or false", "array": "a list",
		"object": "a map"}
	jsonKinds = map[reflect.Kind]string{reflect.String: "a text", reflect.Bool: "true or false",
		reflect.Int: "a whole number", reflect.Int64: "a whole number", reflect.Float64: "a number",
		reflect.Slice: "a list", reflect.Map: "a map", reflect.Struct: "a map"}
)
