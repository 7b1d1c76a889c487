package cli

import (
	"strings"
	"testing"
)

// TestManifestErrors reads files that are wrong. The error has the line and says what to write.
func TestManifestErrors(t *testing.T) {
	t.Parallel()
	hook := "projects:\n  guest/u:\n    hooks:\n      a:\n        "
	for _, tt := range []struct{ file, want string }{
		{"projects:\n  guest/u: {}\n  guest/u: {}\n", `f.yaml:3: mapping key "guest/u" already defined at line 2`},
		{"projects:\n  guest/u: {}\n  Guest/U: {}\n", "project guest/u is in the files twice: keep one"},
		{"projects: {}\n---\nprojects:\n  guest/u: {x: 1}\n", `f.yaml:4: project guest/u: there is no setting "x"`},
		{"projects: {guest/u: {}}\n---\nprojects: {guest/u: {}}\n", "f.yaml:3: project guest/u is in the files twice"},
		{"projects: [\n", "f.yaml:"},
		{"projects: [guest/u]\n", "f.yaml:1: projects, by owner/name, must be a map"},
		{"projects: {guest/u: 7}\n", "f.yaml:1: project guest/u must be a map"},
		{"projects:\n  guest/u:\n    members: {bob: null}\n",
			"f.yaml:3: member bob of guest/u must be read, write or admin"},
		{"projects:\n  guest/u:\n    description: 7\n",
			"f.yaml:3: project guest/u: description: a number is in place of a text: quote it"},
		{"projects:\n  guest/u:\n    hooks:\n", "f.yaml:3: hooks of guest/u has no value: write {} if it is empty"},
		{"projects:\n  guest/u:\n    defaultHooks: maybe\n", "f.yaml:3: defaultHooks of guest/u must be true or false"},
		{hook + "headers: {X-Count: 7}\n",
			"f.yaml:5: hook a of guest/u: headers: a number is in place of a text: quote it"},
		{hook + "headers: {env: prod}\n",
			"f.yaml:5: hook a of guest/u: a reference is in place of the value of a header"},
		{hook + "headers: {x-a: b, X-A: c}\n", "f.yaml:5: hook a of guest/u: headers has X-A twice"},
		{hook + "headers: {X-A: }\n", "f.yaml:5: hook a of guest/u: headers.X-A has no value"},
		{hook + "timeout: long\n", `f.yaml:5: hook a of guest/u: timeout: "long" is not a duration`},
		{hook + "inFlight: many\n", "f.yaml:5: hook a of guest/u: inFlight: a text is in place of a whole number"},
		{hook + "rabbitmq: {qeue: q}\n", `f.yaml:5: hook a of guest/u: rabbitmq: there is no "qeue" in it`},
		{hook + "a: &a {b: *a}\n", "f.yaml: anchor 'a' value contains itself"},
	} {
		err := manifest{}.add("f.yaml", []byte(tt.file))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v; want %s", tt.file, err, tt.want)
		}
	}
}

// TestManifestReads reads what is right: names that YAML takes for numbers, anchors, merges, and several documents.
func TestManifestReads(t *testing.T) {
	t.Parallel()
	m := manifest{}
	err := m.add("f.yaml", []byte(`---
projects:
  guest/one:
    description: 2024-05-06
    hooks:
      123: &base {url: "http://127.0.0.1:9/", events: all}
      b: {<<: *base, events: [push], expiresAt: 2099-01-02, headers: {1: one, Env: prod}}
---
projects:
  guest/two:
`))
	if err != nil || len(m) != 2 || m["guest/two"] == nil {
		t.Fatalf("%v, %v", m, err)
	}
	one := m["guest/one"]
	b := one.hooks["b"]
	if one.settings["description"] != "2024-05-06" || one.hooks["123"]["events"] != "all" ||
		b["url"] != "http://127.0.0.1:9/" || b["expiresAt"] != "2099-01-02T00:00:00Z" ||
		b["headers"].(map[string]any)["1"] != "one" || len(b["events"].([]any)) != 1 {
		t.Errorf("%+v", one)
	}
}
