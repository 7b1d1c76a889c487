package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
)

// timeFlag is a point in time that may be given as an age.
type timeFlag struct {
	t   time.Time
	now func() time.Time
}

func (f *timeFlag) Type() string { return "time" }

func (f *timeFlag) String() string {
	if f.t.IsZero() {
		return ""
	}
	return f.t.Format(time.RFC3339)
}

// Set reads an age such as 10m, 2h or 3d, a date, or an RFC 3339 time.
func (f *timeFlag) Set(text string) error {
	if age, err := hookyard.ParseDuration(text); err == nil {
		f.t = f.now().Add(-age)
		return nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04",
		"2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			f.t = t
			return nil
		}
	}
	return usagef("use an age such as 10m, 2h or 3d, or a time such as 2026-03-01T14:00:00Z")
}

// span holds --since and --until.
type span struct{ since, until timeFlag }

func (p *span) flags(fs *pflag.FlagSet) {
	p.since.now, p.until.now = time.Now, time.Now
	fs.Var(&p.since, "since", "start: an age (10m, 2h, 3d) or a time")
	fs.Var(&p.until, "until", "end: an age or a time")
}

// pageFlags declares --limit and --cursor.
func pageFlags(fs *pflag.FlagSet, p *client.Page) {
	limitVar(fs, &p.Limit, 50, "maximum number of entries")
	fs.StringVar(&p.Cursor, "cursor", "", "continue after the previous page: the cursor that it printed")
}

// countFlag is a positive number.
type countFlag int

// countOrNoneFlag is a number of at least 0.
type countOrNoneFlag int

func (f *countOrNoneFlag) Type() string   { return "int" }
func (f *countOrNoneFlag) String() string { return strconv.Itoa(int(*f)) }

func (f *countOrNoneFlag) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return usagef("use a number of at least 0")
	}
	*f = countOrNoneFlag(n)
	return nil
}

func (f *countFlag) Type() string   { return "int" }
func (f *countFlag) String() string { return strconv.Itoa(int(*f)) }

func (f *countFlag) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return usagef("use a number of at least 1")
	}
	*f = countFlag(n)
	return nil
}

// limitVar declares --limit, the maximum number of entries to show.
func limitVar(fs *pflag.FlagSet, n *int, preset int, usage string) {
	*n = preset
	fs.Var((*countFlag)(n), "limit", usage)
}

// stateFlag is the state of a delivery.
type stateFlag hookyard.State

func (f *stateFlag) Type() string   { return "state" }
func (f *stateFlag) String() string { return string(*f) }

func (f *stateFlag) Set(text string) error {
	switch hookyard.State(text) {
	case hookyard.Pending, hookyard.Delivered, hookyard.Failed, hookyard.Skipped, hookyard.Canceled:
		*f = stateFlag(text)
		return nil
	}
	return usagef("use pending, delivered, failed, skipped or canceled")
}

// changed returns a pointer to value if the flag was given and nil otherwise: a patch does not change what is nil.
func changed[T any](fs *pflag.FlagSet, name string, value T) *T {
	if !fs.Changed(name) {
		return nil
	}
	return &value
}

// durations parses a list such as 0s,5s,5m.
func durations(texts []string) ([]hookyard.Duration, error) {
	out := make([]hookyard.Duration, 0, len(texts))
	for _, text := range texts {
		d, err := hookyard.ParseDuration(strings.TrimSpace(text))
		if err != nil {
			return nil, usagef("%q is not a duration: use for example 0s,5s,5m", text)
		}
		out = append(out, hookyard.Duration(d))
	}
	return out, nil
}

// read returns the data that a -d flag stands for: the content of the file for @file, stdin for -, otherwise the text
// itself.
func (s *session) read(text string) ([]byte, error) {
	name, isFile := strings.CutPrefix(text, "@")
	switch {
	case text == "-" || text == "@-":
		return io.ReadAll(s.in)
	case isFile:
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, usagef("%v", err)
		}
		return b, nil
	}
	return []byte(text), nil
}

// readSecret returns the secret that the value of a flag stands for: the content of the file for @file, stdin for -,
// both without the line break at the end, otherwise the text itself.
func (s *session) readSecret(text string) (string, error) {
	b, err := s.read(text)
	if err != nil || text != "-" && !strings.HasPrefix(text, "@") {
		return string(b), err
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

// secretUsage ends the help of every flag for a secret.
const secretUsage = "; @file or - for stdin keeps it out of the process list"

// readJSON is like read and requires the data to be JSON.
func (s *session) readJSON(flag, text string) (json.RawMessage, error) {
	b, err := s.read(text)
	if err != nil {
		return nil, err
	}
	var v json.RawMessage
	if err := json.Unmarshal(b, &v); err != nil {
		return nil, usagef("%s is not JSON: %v", flag, err).then("a JSON string needs quotes: %s '\"text\"'", flag)
	}
	return v, nil
}

// readObject is like read and decodes a JSON object into a T. Unknown members are a usage error.
func readObject[T any](s *session, flag, text string) (*T, error) {
	b, err := s.read(text)
	if err != nil {
		return nil, err
	}
	var v T
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return nil, usagef("%s: %v", flag, err)
	}
	return &v, nil
}
