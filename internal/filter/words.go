package filter

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/common/types"
)

// variableNames returns the variables of CEL filters, sorted.
func variableNames() []string {
	env, err := environment()
	if err != nil {
		return nil
	}
	var names []string
	for _, v := range env.Variables() {
		if v.Type().Kind() != types.TypeKind { // CEL has its types as variables, too
			names = append(names, v.Name())
		}
	}
	slices.Sort(names)
	return names
}

// Messages of CEL's parser and type checker, with the parts of them that matter to the author of a filter.
var (
	atEnd       = regexp.MustCompile(`^Syntax error: (?:mismatched|extraneous) input '<EOF>' expecting (.*)$`)
	unexpected  = regexp.MustCompile(`^Syntax error: (?:mismatched|extraneous) input '(.*)' expecting .*$`)
	absent      = regexp.MustCompile(`^Syntax error: missing (.*) at '.*'$`)
	unsuitable  = regexp.MustCompile(`^Syntax error: no viable alternative at input '(.*)'$`)
	unreadable  = regexp.MustCompile(`^Syntax error: token recognition error at: '(.*)'$`)
	undeclared  = regexp.MustCompile(`^undeclared reference to '([^']*)'`)
	noOverload  = regexp.MustCompile(`^found no matching overload for '([^']*)' applied to '(.*)'$`)
	oneOperator = regexp.MustCompile(`^_(\S+)_$`)
)

// inWords returns what a message of CEL means. A message that it does not know stays as it is.
func inWords(text, message string) string {
	if m := atEnd.FindStringSubmatch(message); m != nil {
		if strings.HasPrefix(m[1], "{") {
			return "the expression ends too early: a value is missing"
		}
		return "the expression ends too early: " + m[1] + " is missing"
	}
	if m := unexpected.FindStringSubmatch(message); m != nil {
		switch strings.ToLower(m[1]) {
		case "and":
			return `CEL joins with && and not with "and"`
		case "or":
			return `CEL joins with || and not with "or"`
		}
		if strings.HasPrefix(strings.TrimSpace(text), "not ") {
			return "CEL negates with ! and not with \"not\""
		}
		return shorten(m[1]) + " cannot stand here"
	}
	if m := absent.FindStringSubmatch(message); m != nil {
		return m[1] + " is missing"
	}
	if m := unsuitable.FindStringSubmatch(message); m != nil {
		return shorten(m[1]) + " cannot stand here"
	}
	if m := unreadable.FindStringSubmatch(message); m != nil {
		if strings.HasPrefix(m[1], `"`) || strings.HasPrefix(m[1], "'") {
			return "the quote is not closed"
		}
		return shorten(m[1]) + " is no part of CEL"
	}
	if m := undeclared.FindStringSubmatch(message); m != nil {
		return noSuchName(m[1])
	}
	if m := noOverload.FindStringSubmatch(message); m != nil {
		return mistyped(m[1], m[2])
	}
	return strings.TrimPrefix(message, "Syntax error: ")
}

// noSuchName explains a name that CEL does not know. Most often it is a word without quotes, or a path of a pair.
func noSuchName(name string) string {
	switch name {
	case "data", "payload":
		return fmt.Sprintf("in CEL the body is called body: write body.%s (only pairs, with a single =, begin with %s)",
			name, name)
	case "header":
		return `in CEL headers are headers["x-name"], with the name in lower case`
	}
	names := variableNames()
	last := len(names) - 1
	return fmt.Sprintf("there is no %s; there are %s and %s, the body's members are body.…, and text stands in quotes",
		shorten(name), strings.Join(names[:last], ", "), names[last])
}

// mistyped explains an operator or function that does not take values of these types.
func mistyped(name, types string) string {
	operator := oneOperator.FindStringSubmatch(name)
	both := strings.Split(strings.Trim(types, "()"), ", ")
	if operator == nil || len(both) != 2 {
		return fmt.Sprintf("%s cannot be applied to %s", name, types)
	}
	for i, one := range both {
		if slices.Contains([]string{"int", "uint", "double"}, one) {
			both[i] = "number"
		}
	}
	return fmt.Sprintf("%s cannot stand between a %s and a %s", operator[1], both[0], both[1])
}
