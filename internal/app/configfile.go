package app

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/hookyard/hookyard"
)

// Origin is where the value of an option comes from. The first that has one counts.
type Origin string

// The origins, by precedence.
const (
	FromFlag    Origin = "flag"
	FromEnv     Origin = "env"
	FromFile    Origin = "file"
	FromDefault Origin = "default"
)

// fileSuffix makes the key of an option in the configuration file name a file that holds the value.
const fileSuffix = "_file"

// Load sets the options that were not given as flags from HOOKYARD_… variables, and those that are in neither from the
// YAML file that --config names. It returns the origins of those that are not at their default.
//
// In variables, --allow-target is HOOKYARD_ALLOW_TARGET and a list is separated by commas. HOOKYARD_…_FILE names a file
// that holds the value, for secrets that are mounted. An empty variable leaves the default.
//
// In the file, the key is the name of the flag, allow-target, and a list is one in YAML. allow-target_file names a file
// that holds the value. An unknown key is an [*UnknownOptionError]. Secrets and URLs with a password are refused there.
func Load(fs *pflag.FlagSet, lookup func(string) (string, bool)) (map[string]Origin, error) {
	from := map[string]Origin{}
	mark := func(o Origin) {
		fs.VisitAll(func(f *pflag.Flag) {
			if f.Changed && from[f.Name] == "" {
				from[f.Name] = o
			}
		})
	}
	mark(FromFlag)
	if err := loadEnv(fs, lookup); err != nil {
		return nil, err
	}
	mark(FromEnv)
	if path := fs.Lookup("config").Value.String(); path != "" {
		if err := loadFile(fs, path); err != nil {
			return nil, err
		}
	}
	mark(FromFile)
	return from, nil
}

// UnknownOptionError says that the configuration file has a key that is no option.
type UnknownOptionError struct {
	Path  string
	Line  int
	Key   string
	Known []string // the keys that there are
}

// Error names the file, the line and the key.
func (e *UnknownOptionError) Error() string {
	return fmt.Sprintf("%s:%d: there is no option %q", e.Path, e.Line, e.Key)
}

// options returns a set of all options at their defaults, in the order of their declaration.
func options() *pflag.FlagSet {
	fs, c := pflag.NewFlagSet("", pflag.ContinueOnError), DefaultConfig()
	fs.SortFlags = false
	c.Flags(fs)
	return fs
}

// fileKeys returns the keys that the configuration file can have.
func fileKeys() []string {
	var keys []string
	options().VisitAll(func(f *pflag.Flag) {
		if f.Name != "config" {
			keys = append(keys, f.Name, f.Name+fileSuffix)
		}
	})
	return keys
}

// IsSecret reports whether the value of an option is a secret as a whole.
func IsSecret(f *pflag.Flag) bool {
	return f.Value.Type() == "string" && (strings.HasSuffix(f.Name, "-secret") || strings.HasSuffix(f.Name, "-token"))
}

// loadFile sets the options of fs that are not set yet from the file at path.
func loadFile(fs *pflag.FlagSet, path string) error {
	entries, err := readEntries(path)
	if err != nil {
		return err
	}
	known, seen := fileKeys(), map[string]int{}
	for _, e := range entries {
		if !slices.Contains(known, e.key.Value) {
			return &UnknownOptionError{Path: path, Line: e.key.Line, Key: e.key.Value, Known: known}
		}
		name := strings.TrimSuffix(e.key.Value, fileSuffix)
		if line := seen[name]; line > 0 {
			return fmt.Errorf("%s:%d: %s is in line %d already: keep one", path, e.key.Line, name, line)
		}
		seen[name] = e.key.Line
		if err := e.set(fs.Lookup(name)); err != nil {
			return fmt.Errorf("%s:%d: %s: %w", path, e.value.Line, e.key.Value, err)
		}
	}
	return nil
}

// entry is a line of a configuration file.
type entry struct{ key, value *yaml.Node }

// readEntries reads a file that is one mapping, or empty.
func readEntries(path string) ([]entry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	defer func() { _ = f.Close() }()
	var doc yaml.Node
	d := yaml.NewDecoder(f)
	err = d.Decode(&doc)
	if err == io.EOF {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("--config %s: %w", path, err)
	}
	root := doc.Content[0]
	if more := d.Decode(&yaml.Node{}); more != io.EOF || root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("--config %s: write one option a line, such as listen: 127.0.0.1:8080", path)
	}
	var entries []entry
	for i := 0; i < len(root.Content); i += 2 {
		entries = append(entries, entry{root.Content[i], root.Content[i+1]})
	}
	return entries, nil
}

// set checks the value and sets the option, unless it is set already.
func (e *entry) set(f *pflag.Flag) error {
	text, list := e.value.Value, []string(nil)
	slice, isList := f.Value.(pflag.SliceValue)
	switch {
	case e.value.Kind == yaml.SequenceNode && isList:
		for _, item := range e.value.Content {
			if item.Kind != yaml.ScalarNode {
				return errors.New("write a list of texts")
			}
			list = append(list, item.Value)
		}
	case e.value.Kind != yaml.ScalarNode || e.value.Tag == "!!null":
		return errors.New("write one value")
	}
	if f.Name != e.key.Value {
		var err error
		if text, err = readValue(text); err != nil {
			return err
		}
	} else if IsSecret(f) && text != "" || hookyard.MaskPassword(text) != text {
		return fmt.Errorf("a secret does not belong into this file: write %s: PATH of a file that holds the value, or "+
			"set %s", f.Name+fileSuffix, EnvName(f.Name))
	}
	if f.Changed {
		return nil
	}
	f.Changed = true
	if list != nil {
		return slice.Replace(list)
	}
	if f.Value.Type() == "bool" {
		text = boolOf(text)
	}
	return f.Value.Set(text)
}

// readValue reads a value from a file that holds nothing else.
func readValue(path string) (string, error) {
	b, err := os.ReadFile(path)
	return strings.TrimRight(string(b), "\r\n"), err
}

// WriteConfig writes a configuration file in which every option is commented out, with its default.
func WriteConfig(w io.Writer) error {
	b := bufio.NewWriter(w)
	_, _ = b.WriteString(`# Options of hookyard serve --config FILE. Flags and HOOKYARD_… variables take
# precedence. In place of a value, OPTION_file names a file that holds it: secrets
# and URLs with a password must be there, or in a variable.
# To check this file: hookyard config check FILE
`)
	var failed error
	options().VisitAll(func(f *pflag.Flag) {
		if f.Name == "config" {
			return
		}
		var value any = f.Value.String()
		key := f.Name
		switch slice, isList := f.Value.(pflag.SliceValue); {
		case IsSecret(f):
			key, value = f.Name+fileSuffix, "/run/secrets/"+f.Name
		case isList:
			value = slice.GetSlice()
		case f.Value.Type() == "bool" || f.Value.Type() == "int":
			value = &yaml.Node{Kind: yaml.ScalarNode, Value: f.Value.String()}
		}
		line, err := yaml.Marshal(map[string]any{key: value})
		failed = errors.Join(failed, err)
		_, _ = fmt.Fprintf(b, "\n# %s\n# %s", f.Usage, line)
	})
	return errors.Join(failed, b.Flush())
}
