// Package filter implements the filters of hooks: texts written by users that select events.
//
// # Pairs
//
// Most filters are one or more pairs, joined by "and" or "&&":
//
//	type = order.*
//	data.order.total = 100 and data.order.currency != "EUR"
//	header.X-GitHub-Event = push && commits.0.author.name = octocat
//
// The left side is "type" for the type of the event, "header.NAME" for the first value of a header, whose name is
// case-insensitive, or a dotted path into the JSON body, in which a number is the index of an array. The body is the
// event's document (hookyard.Event.Document): the stored body, or the JSON in a form or its fields. A published event
// is {"type","timestamp","data"}, so paths into its data begin with "data.". If a key is repeated, the first counts.
// Keys with unusual characters require CEL.
//
// Where the body has no member of that name, "method", "path" and "query.NAME" are those of the request that was
// received; path is what followed the source in the URL.
//
// The right side is
//
//   - a bare word: equals a JSON string; with *, a glob that matches a string, number or boolean
//   - text in "double" or 'single' quotes: equals a JSON string; * is literal, and \" \' and \\ stand for the character
//   - a number, true or false: equals that JSON value, but not a string such as "5"
//   - null: equals null and a missing value, so that "path != null" requires a value
//
// Types and headers are always text. != is the negation of =, even if the value is missing. Integers are compared by
// their digits, other numbers as doubles. In a body that is not JSON every path is missing. The body is searched but
// not validated, so a pair costs about a microsecond.
//
// # CEL
//
// Every other text is an expression in CEL (https://cel.dev) that must yield true or false:
//
//	type.startsWith("order.") && body.data.total > 100
//	has(body.data.coupon) && body.data.items.exists(i, i.sku == "A-1")
//	method == "GET" && query["hub.mode"] == "subscribe"
//	headers["x-github-event"] == "push" && body.ref.matches("^refs/heads/(main|release-.*)$")
//
// Its variables are type, source, id, method and path (strings), time (timestamp), headers (a map of lower-case names
// to first values), query (a map of names to first values) and body (the decoded body, or null if it is not JSON). A
// missing member is an error, and an error means no: test with has(body.x), or with "x-name" in headers. JSON numbers
// are doubles: body.n == 5 works, and arithmetic needs 2.0 or int(body.n). Integers beyond 2^53 that fit in 64 bits are
// integers, so they compare exactly. To bound the work of a filter, there is no map(), lists and maps may only contain
// literals, and the pattern of matches() must be a literal.
//
// A text with a single = is always pairs, because CEL has no such operator. A text with only != is CEL if it is valid
// CEL, and pairs otherwise.
//
// The work of a CEL filter is bounded: it fails after [MaxCost] steps or [MaxTime], and on a body that
// is larger than may be decoded (--max-decode).
package filter

import (
	"context"
	"unicode/utf8"

	"cel.dev/cel-go/cel"

	"github.com/hookyard/hookyard"
)

// Limits on the text of a filter.
const (
	MaxText  = 10_000 // bytes of a filter; hookyard.Hook.Validate checks it too
	MaxPairs = 20     // pairs in a filter; each searches the body once
	MaxGlob  = 200    // bytes of a pattern with *
)

// Decoding limits the bodies that are decoded. See internal/budget for the contract.
type Decoding interface {
	Limit() int64
	Acquire(ctx context.Context, n int64) (release func(), err error)
}

// Program is a compiled filter. It is immutable and safe for concurrent use.
type Program struct {
	pairs []pair
	expr  cel.Program // in place of pairs
}

// Compile compiles a filter. The error is a *[hookyard.Error], Invalid on field "filter". Its message says where
// (line:column) and what is wrong, and gives an example of a correct filter.
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

// Language returns the language of the filter: pairs or CEL.
func (p *Program) Language() string {
	if p.expr != nil {
		return "CEL"
	}
	return "pairs"
}

// Match reports whether the filter accepts e. An error, always a *[hookyard.Error], means that it could not decide: a
// missing member, a value of the wrong type, too much work, a body that is too large or was deleted after its
// retention. An expression waits for room within decoding.
func (p *Program) Match(e *hookyard.Event, decoding Decoding) (bool, error) {
	if p.expr != nil {
		return evalCEL(p.expr, e, decoding)
	}
	var body []byte // of a form it costs parsing the form, so it is read once
	var err error
	read := false
	bodyOnce := func() ([]byte, error) {
		if !read {
			read = true
			body, err = bodyOf(e)
		}
		return body, err
	}
	for i := range p.pairs {
		if ok, err := p.pairs[i].match(e, bodyOnce); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

// bodyOf returns the document of the event. It fails if the body has been deleted.
func bodyOf(e *hookyard.Event) ([]byte, error) {
	if e.Body == nil && e.Size > 0 {
		return nil, hookyard.Errorf(hookyard.Gone,
			"the event's body is past its retention, so a filter cannot look into it")
	}
	return e.Document(), nil
}
