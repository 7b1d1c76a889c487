// Package catalogue understands event types: it checks data against their JSON Schemas, makes examples from schemas,
// and reads and writes the documents in which APIs describe their webhooks. Schemas and documents are input of
// strangers: nothing that they refer to is fetched, and what they cost is bounded.
package catalogue

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/hookyard/hookyard"
)

const (
	// MaxSteps bounds what it costs to check the data of a request: a step is a value compared with a part of a schema.
	// That many take less than a second.
	MaxSteps = 1_000_000
	// maxPattern and maxPatterns bound the regular expressions of a schema, in instructions: each in itself and all
	// together.
	maxPattern  = 2_000
	maxPatterns = 20_000
	// maxExponent is the largest exponent of a number that is compared. The library computes with all digits.
	maxExponent = 400
)

// Schema is a compiled JSON Schema. It belongs to one goroutine at a time.
type Schema struct {
	compiled *jsonschema.Schema
	left     *int // steps that the check under way may take
}

// errCostly ends a check that takes too many steps.
var errCostly = errors.New("too many steps")

// Compile compiles a schema of draft 2020-12, or of the one that its $schema names. One without $schema that is not
// valid in 2020-12 may be of draft 7. Regular expressions are Go's, which take linear time. The error is
// [hookyard.Invalid] with field "schema".
func Compile(doc []byte) (*Schema, error) {
	s, err := compile(doc, jsonschema.Draft2020)
	if err != nil && !bytes.Contains(doc, []byte(`"$schema"`)) {
		if older, olderErr := compile(doc, jsonschema.Draft7); olderErr == nil {
			return older, nil
		}
	}
	return s, err
}

// where is the URL under which the library knows the schema.
const where = "schema:///"

func compile(doc []byte, draft *jsonschema.Draft) (*Schema, error) {
	value, err := decode(doc)
	if err != nil {
		return nil, invalidSchema(err)
	}
	if err := checkKeywords(value); err != nil {
		return nil, err
	}
	s := &Schema{}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(draft)
	c.UseLoader(noLoader{})
	patterns := 0
	c.UseRegexpEngine(func(text string) (jsonschema.Regexp, error) { return s.pattern(text, &patterns) })
	if err := c.AddResource(where, value); err != nil {
		return nil, invalidSchema(err)
	}
	if s.compiled, err = c.Compile(where); err != nil {
		return nil, invalidSchema(err)
	}
	s.count(s.compiled, map[*jsonschema.Schema]bool{})
	return s, nil
}

// noLoader refuses to fetch anything.
type noLoader struct{}

// Load returns an error.
func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s is not fetched: a schema may refer only to parts of itself", hookyard.Clean(url, 200))
}

// checkKeywords refuses references whose target depends on the way to them, because count would not see it.
func checkKeywords(v any) error {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range []string{"$dynamicRef", "$recursiveRef"} {
			if _, ok := v[name].(string); ok {
				return hookyard.FieldErrorf("schema", "schema: %s is not supported: use $ref", name)
			}
		}
		for _, member := range v {
			if err := checkKeywords(member); err != nil {
				return err
			}
		}
	case []any:
		for _, item := range v {
			if err := checkKeywords(item); err != nil {
				return err
			}
		}
	}
	return nil
}

func invalidSchema(err error) error {
	var own *hookyard.Error
	if errors.As(err, &own) {
		return err
	}
	var inner *jsonschema.SchemaValidationError
	var invalid *jsonschema.ValidationError
	if errors.As(err, &inner) && errors.As(inner.Err, &invalid) {
		path, what := firstFault(invalid)
		return hookyard.FieldErrorf("schema", "schema is not a JSON Schema: %s", named(join("schema", path), what))
	}
	text := strings.TrimPrefix(err.Error(), "jsonschema: ")
	text = strings.ReplaceAll(text, `"`+where+`#"`, "the schema")
	return hookyard.FieldErrorf("schema", "schema is not a JSON Schema: %s",
		hookyard.CleanLine(strings.ReplaceAll(text, where, ""), 300))
}

// Check returns an [hookyard.Unprocessable] error unless the data fits the schema. Its field is the path to the first
// value that does not, beginning with "data". It takes at most the given steps, and subtracts what it took.
func (s *Schema) Check(data []byte, steps *int) (err error) {
	value, err := decode(data)
	if err != nil {
		e := hookyard.Errorf(hookyard.Unprocessable, "data: it cannot be checked: %v", err)
		e.Field = "data"
		return e
	}
	s.left = steps
	defer func() {
		if r := recover(); r == errCostly {
			costly := hookyard.Errorf(hookyard.Unprocessable,
				"data: it takes too long to check: a request may take %d steps", MaxSteps)
			costly.Field = "data"
			err = costly
		} else if r != nil {
			panic(r)
		}
	}()
	var invalid *jsonschema.ValidationError
	if err := s.compiled.Validate(value); errors.As(err, &invalid) {
		path, what := firstFault(invalid)
		field := join("data", path)
		e := hookyard.Errorf(hookyard.Unprocessable, "%s", named(field, what))
		e.Field = field
		return e
	} else if err != nil {
		return err
	}
	return nil
}

// firstFault returns where data is wrong, and why: of the faults that have no closer cause, the first by its path.
func firstFault(e *jsonschema.ValidationError) (path []string, what string) {
	var first *jsonschema.ValidationError
	var look func(e *jsonschema.ValidationError)
	look = func(e *jsonschema.ValidationError) {
		if len(e.Causes) > 0 && !isChoice(e) {
			for _, cause := range e.Causes {
				look(cause)
			}
			return
		}
		if first == nil || slices.Compare(e.InstanceLocation, first.InstanceLocation) < 0 {
			first = e
		}
	}
	look(e)
	if !isChoice(first) || len(first.Causes) == 0 {
		return first.InstanceLocation, first.ErrorKind.LocalizedString(printer)
	}
	var tries []string
	for _, cause := range first.Causes[:min(len(first.Causes), 3)] {
		at, what := firstFault(cause)
		if len(at) > len(first.InstanceLocation) {
			what = strings.Join(at[len(first.InstanceLocation):], ".") + ": " + what
		}
		tries = append(tries, what)
	}
	return first.InstanceLocation, "it fits none of the alternatives (" + strings.Join(tries, "; ") + ")"
}

// isChoice reports whether the causes of a fault are those of alternatives, of which any could have been meant.
func isChoice(e *jsonschema.ValidationError) bool {
	switch e.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf:
		return true
	}
	return false
}

func named(path, what string) string {
	return path + ": " + hookyard.CleanLine(strings.ReplaceAll(what, where, ""), 300)
}

func join(first string, path []string) string {
	return hookyard.Clean(strings.Join(append([]string{first}, path...), "."), 300)
}

// decode returns JSON as the library wants it, with numbers that cost little to compare.
func decode(doc []byte) (any, error) {
	if err := hookyard.CheckJSON(doc, hookyard.MaxSchemaDepth); err != nil {
		if hookyard.CodeOf(err) == hookyard.Invalid && strings.Contains(err.Error(), "deeper") {
			return nil, fmt.Errorf("it is nested deeper than %d levels", hookyard.MaxSchemaDepth)
		}
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	return value, checkNumbers(value)
}

func checkNumbers(v any) error {
	switch v := v.(type) {
	case json.Number:
		if n := exponentOf(v); len(v) > maxExponent || n > maxExponent {
			return fmt.Errorf("a number has more than %d digits or an exponent beyond ±%d", maxExponent, maxExponent)
		}
	case map[string]any:
		for _, member := range v {
			if err := checkNumbers(member); err != nil {
				return err
			}
		}
	case []any:
		for _, item := range v {
			if err := checkNumbers(item); err != nil {
				return err
			}
		}
	}
	return nil
}

// exponentOf returns the exponent of a number without its sign.
func exponentOf(n json.Number) int {
	at := strings.IndexAny(string(n), "eE")
	if at < 0 {
		return 0
	}
	exponent, err := strconv.Atoi(string(n[at+1:]))
	if err != nil {
		return math.MaxInt
	}
	return max(exponent, -exponent)
}

// spend counts steps of the check under way, and ends it when there are too many.
func (s *Schema) spend(n int) {
	if *s.left -= n; *s.left < 0 {
		panic(errCostly)
	}
}

// pattern is a regular expression whose matches count as steps.
type pattern struct {
	*regexp.Regexp
	s    *Schema
	size int // instructions
}

// MatchString reports whether the text matches. It takes at most a step for each 100 instructions and characters.
func (p *pattern) MatchString(text string) bool {
	p.s.spend(1 + p.size*(len(text)+1)/100)
	return p.Regexp.MatchString(text)
}

// pattern compiles a regular expression of the schema. patterns is the size of all so far.
func (s *Schema) pattern(text string, patterns *int) (jsonschema.Regexp, error) {
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("%w (in the syntax of Go)", err)
	}
	size := sizeOf(parsed)
	if size > maxPattern {
		return nil, fmt.Errorf("it needs more than %d instructions", maxPattern)
	}
	if *patterns += size; *patterns > maxPatterns {
		return nil, fmt.Errorf("all patterns together need more than %d instructions", maxPatterns)
	}
	compiled, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	return &pattern{Regexp: compiled, s: s, size: size}, nil
}

// sizeOf estimates the instructions of a regular expression without expanding its repetitions.
func sizeOf(re *syntax.Regexp) int {
	size := 1 + len(re.Rune)
	for _, sub := range re.Sub {
		size += sizeOf(sub)
	}
	if re.Op == syntax.OpRepeat {
		size *= max(1, re.Min, re.Max)
	}
	return min(size, maxPattern+1)
}
