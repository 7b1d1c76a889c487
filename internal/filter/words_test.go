package filter

import (
	"strings"
	"testing"

	"cel.dev/cel-go/cel"
)

// TestWords holds that a filter that cannot be read is explained in words: no grammar, no names of CEL's parser.
func TestWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"((":                         "1:3: the expression ends too early: a value is missing;",
		"type ==":                    "1:8: the expression ends too early: a value is missing;",
		"a ? b":                      "1:6: the expression ends too early: ':' is missing;",
		"type in ['a',":              "1:14: ']' is missing;",
		"body[":                      "1:6: the expression ends too early: a value is missing;",
		"a b":                        "1:3: b cannot stand here;",
		`"x`:                         "1:1: the quote is not closed;",
		"#":                          "1:1: # is no part of CEL;",
		"type == 'a' and true":       `1:13: CEL joins with && and not with "and";`,
		"type == 'a' or true":        `1:13: CEL joins with || and not with "or";`,
		"not true":                   `1:5: CEL negates with ! and not with "not";`,
		"data.amount == 100":         "1:1: in CEL the body is called body: write body.data (only pairs",
		"header.X == 'a'":            `1:1: in CEL headers are headers["x-name"]`,
		"type == order.created":      "1:9: there is no order; there are body, headers, id,",
		"type > 5":                   "1:6: > cannot stand between a string and a number;",
		"type.startsWith(5)":         "1:16: startsWith cannot be applied to string.(int);",
		"body.list.map(x, x) == [1]": "1:5: map() is not available in filters;",
	} {
		_, err := Compile(text)
		if err == nil || !strings.HasPrefix(err.Error(), "filter "+want) {
			t.Errorf("%s: %v\nwant %s", text, err, want)
		}
		if err == nil {
			continue
		}
		for _, bad := range []string{"expecting", "EOF", "IDENTIFIER", "Syntax error", "undeclared", "overload"} {
			if strings.Contains(err.Error(), bad) {
				t.Errorf("%s: the message speaks of %s: %v", text, bad, err)
			}
		}
	}
}

// TestVariableNames holds that a message names the variables that there are.
func TestVariableNames(t *testing.T) {
	t.Parallel()
	env, err := environment()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range variableNames() {
		if _, issues := env.Compile(name); issues.Err() != nil {
			t.Errorf("%s is no variable: %v", name, issues.Err())
		}
	}
	known := map[string]bool{}
	for _, name := range variableNames() {
		known[name] = true
	}
	plain, err := cel.NewEnv()
	if err != nil {
		t.Fatal(err)
	}
	standard := map[string]bool{}
	for _, v := range plain.Variables() {
		standard[v.Name()] = true
	}
	for _, v := range env.Variables() {
		if !known[v.Name()] && !standard[v.Name()] {
			t.Errorf("variable %s is not named", v.Name())
		}
	}
}
