// Package filter decides whether a hook wants an event, by the text that its owner wrote.
//
// # Pairs
//
// Most filters are one or more pairs, joined by "and" or "&&":
//
//	type = order.*
//	data.order.total = 100 and data.order.currency != "EUR"
//	header.X-GitHub-Event = push && commits.0.author.name = octocat
//
// The left side is "type" (the event's), "header.NAME" (its first value; the name's case does not matter) or a dotted
// path into the JSON body, where a number counts elements of an array from 0. The body is the whole body as stored and
// as format raw sends it (of a form, the JSON in its field payload or data): a published event is
// {"type","timestamp","data"}, so its own members begin with "data.". Of a key that stands twice the first counts. Keys
// with unusual characters need CEL.
//
// The right side is
//
//   - a bare word: the text of a JSON string; with *, a glob over the text of a string, number or boolean
//   - "quoted" or 'quoted' text: the text of a JSON string, * meaning itself; \" \' and \\ stand for the character
//   - a number, true or false: that JSON value, and not the string that looks like it (write "5" for that)
//   - null: null, or nothing there; so "path != null" asks that there is something
//
// Types and headers are always text. != is true exactly when = is not, also when the path leads nowhere. Integers are
// compared digit for digit, other numbers as doubles. A body path finds nothing in a body that is not JSON; the body is
// searched and not validated, which is what makes pairs cost about a microsecond.
//
// # CEL
//
// Every other text is an expression in CEL (https://cel.dev) that must yield true or false:
//
//	type.startsWith("order.") && body.data.total > 100
//	has(body.data.coupon) && body.data.items.exists(i, i.sku == "A-1")
//	headers["x-github-event"] == "push" && body.ref.matches("^refs/heads/(main|release-.*)$")
//
// Its variables are type, source and id (strings), time (timestamp), headers (map of strings; names in lower case,
// first values) and body (the whole body decoded, or null when it is not JSON). A member that is missing is an error,
// and an error means no: ask with has(body.x), or with "x-name" in headers. JSON numbers are doubles: body.n == 5
// works, integers beyond 2^53 lose digits (pairs do not), arithmetic needs 2.0 or int(body.n). So that a filter cannot
// keep the server busy there is no map(), lists and maps hold literals only, and the pattern of matches() is a literal.
//
// A lone = never occurs in CEL and always marks pairs. A text with != only is CEL if it is valid CEL, else pairs.
//
// Work is bounded: a CEL filter ends with an error after [MaxCost] steps or [MaxTime], and decodes no body beyond
// [MaxBody].
package filter

import (
	"unicode/utf8"

	"cel.dev/cel-go/cel"

	"github.com/hookyard/hookyard"
)

// Bounds on what a filter may hold.
const (
	MaxText  = 10_000 // bytes of a filter, as hookyard.Hook.Validate has it
	MaxPairs = 20     // pairs of one filter: each searches the body once
	MaxGlob  = 200    // bytes of a pattern with *
)

// Program is a compiled filter. It is immutable and safe for concurrent use.
type Program struct {
	pairs []pair      // when the filter is pairs
	expr  cel.Program // else
}

// Compile reads a filter. Its error is a *[hookyard.Error], Invalid on field "filter", whose message says where
// (line:column), what is wrong and what would be right.
func Compile(text string) (*Program, error) {
	if len(text) > MaxText {
		return nil, hookyard.FieldErrorf("filter", "filter is %d bytes long, at most %d are allowed", len(text),
			MaxText)
	}
	if !utf8.ValidString(text) {
		return nil, hookyard.FieldErrorf("filter", "filter is not valid UTF-8")
	}
	if hasLoneEquals(text) {
		pairs, err := parsePairs(text)
		if err != nil {
			return nil, err
		}
		return &Program{pairs: pairs}, nil
	}
	expr, err := compileCEL(text)
	if err == nil {
		return &Program{expr: expr}, nil
	}
	if pairs, perr := parsePairs(text); perr == nil {
		return &Program{pairs: pairs}, nil
	}
	return nil, err
}

// Match says whether the filter accepts e. An error, always a *[hookyard.Error], means that it could not decide: a
// missing member, a value of the wrong kind, too much work, a body too large or past its retention.
func (p *Program) Match(e *hookyard.Event) (bool, error) {
	if p.expr != nil {
		return evalCEL(p.expr, e)
	}
	for i := range p.pairs {
		if ok, err := p.pairs[i].match(e); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

// bodyOf returns the event's body, of a form the JSON in it, or an error when its bytes are gone: to filter without
// them would be to guess.
func bodyOf(e *hookyard.Event) ([]byte, error) {
	if e.Body == nil && e.Size > 0 {
		return nil, hookyard.Errorf(hookyard.Gone,
			"the event's body is past its retention, so a filter cannot look into it")
	}
	if len(e.Body) > MaxBody { // a form is parsed for every pair
		return e.Body, nil
	}
	return e.Document(), nil
}
